#include "ops/conv2d.h"

#include "io/onnx/emitter.h"

namespace fovea::onnx {

static std::optional<Value> convolution(Emitter& e, int id, int bias) {
  const Node n = e.node(id);
  const Conv2d& a = n.attr.as<Conv2d>();
  const Shape w = e.shape(n.inputs[1]);
  Inputs in{e.in_order(n.inputs[0], kChannelsFirst), e.in_order(n.inputs[1], kChannelsFirst)};
  if (bias >= 0) in.push_back(e.plain(bias));
  e.enter(n.inputs[1]);  // the layer that the weights belong to, not the norm that was folded
  std::string y = e.add("Conv", in,
                        {{"kernel_shape", std::vector<int64_t>{w[1], w[2]}},
                         {"strides", std::vector<int64_t>{a.stride.h, a.stride.w}},
                         {"pads", std::vector<int64_t>{a.pad.top, a.pad.left, a.pad.bottom, a.pad.right}},
                         {"dilations", std::vector<int64_t>{a.dilation.h, a.dilation.w}},
                         {"group", int64_t{a.groups}}});
  return Value{y, kChannelsFirst};
}

static std::optional<Value> conv2d(Emitter& e, int id) { return convolution(e, id, -1); }

static std::optional<Value> conv2d_bias(Emitter& e, int id) {
  const Node n = e.node(id);
  if (!is(n, BinaryKind::add) || e.node(n.inputs[0]).op != &Conv2d::op || !e.once(n.inputs[0])) return {};
  if (!e.constant(n.inputs[1]) || !(e.shape(n.inputs[1]) == Shape{n.type.shape[-1]})) return {};
  return convolution(e, n.inputs[0], n.inputs[1]);
}

FOVEA_ONNX(conv2d, {&Conv2d::op, conv2d}, {&Binary::op, conv2d_bias, 2})

}  // namespace fovea::onnx
