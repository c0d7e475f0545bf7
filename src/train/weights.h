// Weights between files and states: what fits, what does not, and files that say what they are.
#pragma once
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/tensor_file.h"
#include "models/registry.h"
#include "run/state.h"

namespace fovea {

// What a weight file of ours knows about its network, so that `fovea predict FILE` needs nothing else.
struct ModelInfo {
  std::string model;
  ModelOptions options;  // classes, channels, height, width
  Card card;
  std::vector<std::string> classes;  // names, possibly none
};
using Metadata = std::map<std::string, std::string>;
void describe(const ModelInfo& info, Metadata& metadata);
// None in files of others; bad_file if it is there and damaged.
std::optional<ModelInfo> model_info(const TensorFile& file, const std::string& path);

using Renames = std::vector<std::pair<std::string, std::string>>;
// What the model calls a parameter that others call `name`; see Model::renames.
std::string renamed(const std::string& name, const Graph& g, const Renames& renames);

struct LoadOptions {
  int classes = 0;  // > 0: a parameter of so many rows keeps its initial value where the file's has another number of rows
  Renames renames = {};
};
struct Loaded {
  int tensors = 0;
  std::vector<std::string> replaced;  // parameters of the new head
  std::string note;                   // what the user should hear, or ""
  std::string warning;                // numbers that are not finite: how many, and where first; or ""
};
// How much of a file's table of names and shapes is g's: tensors that both have over those that either has.
double agreement(const Graph& g, const TensorFile& file, const LoadOptions& options = {});
// The models that agree most with a file, if any does by more than half: "It fits A, B" or "Nearest: A, B".
std::string nearest_models(const TensorFile& file);
// bad_file if the file's tensors are not g's parameters; reads none of them.
void check_fit(const Graph& g, const TensorFile& file, const std::string& path, const LoadOptions& options = {});
// Fills g's parameters. Checks every name and shape before it reads anything; one error names what does not fit.
Loaded load_weights(State& state, const Graph& g, const TensorFile& file, const std::string& path,
                    const LoadOptions& options = {});

// An array and the parameter whose layout it has; name: in the file.
struct Saved {
  std::string name;
  const Param* param;
  const Array* array;
};
// In the order of files, with a checksum over names, numbers and metadata.
void write_params(const std::string& path, std::span<const Saved> params, Metadata metadata);
// Reads everything; bad_file if the file's checksum is not its content's. Files of others have none.
void verify_checksum(const TensorFile& file, const std::string& path, bool required = false);

// The parameters of g; prefix "ema.": their averages.
void save_weights(const std::string& path, const State& state, const Graph& g, const ModelInfo& info,
                  const std::string& prefix = "");

}  // namespace fovea
