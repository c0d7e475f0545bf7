// Graphs of inference as ONNX models (github.com/onnx/onnx, operator set 17) in the form that PyTorch's exporter gives them:
// maps stand as [n,c,h,w] where convolutions and pools work, as [n,h,w,c] where layer norms and linear layers do.
#pragma once
#include <functional>
#include <map>
#include <string>

#include "ir/graph.h"

namespace fovea {

inline constexpr int64_t kLargestOnnx = (int64_t{1} << 31) - 1;  // bytes of a protocol buffer

struct OnnxModel {
  std::string head, nodes, weights;  // one after the other they are the file
  int operators = 0;
  int64_t bytes() const { return static_cast<int64_t>(head.size() + nodes.size() + weights.size()); }
};

// What computes a parameter's value from others must be gone (see freeze()); composites without a mapping are opened within
// g. values: of a parameter, in the graph's order. Unsupported error, naming operator and layer, if a primitive has no
// mapping, or if the model is larger than a protocol buffer may be.
OnnxModel to_onnx(Graph& g, const std::function<const float*(const std::string& param)>& values,
                  const std::map<std::string, std::string>& metadata = {});

}  // namespace fovea
