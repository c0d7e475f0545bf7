// What others build on: the maps of a network without its head, as timm's feature_info and features_only have them; and
// the pooled values that its classifier reads, as timm has them for num_classes = 0.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace fovea {

struct Feature {
  std::string name;  // the module that makes it: layer2
  int node;
  int stride;    // pixels of the picture for one of the map, along a side
  int channels;  // of [n,h,w,c], or of tokens [n,t,c]
};

// The ends of blocks (Scope::out), without those inside of other blocks.
std::vector<std::pair<std::string, int>> outer_taps(const Graph& g);
// The last end of a block of each size, the largest map first; all of them where there is one size only (a plain
// transformer). What the network itself calls features of a size (Scope::feature) comes in their place.
std::vector<Feature> feature_info(const Graph& g);
// A graph whose outputs are these, by name, and that computes nothing else. None: unsupported.
std::unique_ptr<Graph> features(const Graph& g);

// A graph whose output "pooled" is what the last layers with weights before the logits read. Several of them (a distilled
// network's) are combined as their logits are, or side by side where they differ in width. None: unsupported.
std::unique_ptr<Graph> headless(const Graph& g);

}  // namespace fovea
