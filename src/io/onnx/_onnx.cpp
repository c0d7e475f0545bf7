#include "io/onnx/onnx.h"

#include "base/error.h"
#include "io/onnx/emitter.h"

namespace fovea {
namespace {

using onnx::Message;

constexpr int kVersion = 8, kOperatorSet = 17;

Message text_pair(const std::string& key, const std::string& value) {
  Message m;
  m.text(1, key), m.text(2, value);
  return m;
}

// ValueInfoProto: a name and a TypeProto of a tensor of 32-bit floats.
Message value_info(const std::string& name, const Shape& s) {
  Message dims, tensor, type, info;
  for (int d : s) {
    Message dim;
    dim.integer(1, d);
    dims.message(1, dim);
  }
  tensor.integer(1, 1), tensor.message(2, dims);
  type.message(1, tensor);
  info.text(1, name), info.message(2, type);
  return info;
}

}  // namespace

OnnxModel to_onnx(Graph& g, const std::function<const float*(const std::string& param)>& values,
                  const std::map<std::string, std::string>& metadata) {
  onnx::Emitter e(g, values);
  Message signature, head, opset;
  signature.text(2, "fovea");
  for (auto& [name, id] : g.inputs())
    signature.message(11, value_info(name, onnx::permuted(e.shape(id), e.value(id).order)));
  for (auto& [name, id] : std::vector(g.outputs())) {
    e.output(name, id);
    signature.message(12, value_info(name, e.shape(id)));
  }
  head.integer(1, kVersion), head.text(2, "fovea");
  opset.text(1, ""), opset.integer(2, kOperatorSet);
  head.message(8, opset);
  for (auto& [key, value] : metadata) head.message(14, text_pair(key, value));
  std::string nodes = e.nodes() + signature.bytes;
  head.open(7, nodes.size() + e.weights.bytes.size());
  OnnxModel r{std::move(head.bytes), std::move(nodes), std::move(e.weights.bytes), e.operators()};
  if (r.bytes() > kLargestOnnx)
    fail(Code::unsupported, "the model takes {} bytes, an ONNX file holds at most 2 GiB", r.bytes());
  return r;
}

}  // namespace fovea
