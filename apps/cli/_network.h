// Which network a verb works with: the flags that say it, and how they become one.
#pragma once
#include "_verb.h"
#include "train/classifier.h"

namespace fovea::cli {

struct NetworkFlags {
  std::string model, weights, key, classes;
  CardChanges card;
  bool no_winograd = false;
  std::string precision = "f32";

  // MODEL is an architecture, a weight file that says what it is, or a network within this program.
  void add(Flags& o);
  void add_card(Flags& o);
  // How it is to be computed.
  PlanOptions plan(int threads) const;
  // The weights; `needed`: usage error if there are none.
  NetworkFile open(bool needed) const;
  // What they are, with the changes and the class names that were asked for.
  ModelInfo identify(const NetworkFile& file) const;
};

// Which part of a network: its maps, or what its classifier reads, in place of the logits.
struct PartFlags {
  bool features = false, no_head = false;

  void add(Flags& o);
  std::unique_ptr<Graph> of(std::unique_ptr<Graph> network) const;
};

void add_precision(Flags& o, std::string& precision);
kernels::Precision precision_of(const std::string& name);  // of those that add_precision allows

bool is_file(const std::string& path);

}  // namespace fovea::cli
