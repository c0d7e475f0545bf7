#include "ops/pool.h"

#include "io/onnx/emitter.h"

namespace fovea::onnx {

static Attributes attributes(const Window& w) {
  return {{"kernel_shape", std::vector<int64_t>{w.size.h, w.size.w}},
          {"strides", std::vector<int64_t>{w.stride.h, w.stride.w}},
          {"pads", std::vector<int64_t>{w.pad.top, w.pad.left, w.pad.bottom, w.pad.right}}};
}

static std::optional<Value> max_pool(Emitter& e, int id) {
  const Node n = e.node(id);
  std::string x = e.in_order(n.inputs[0], kChannelsFirst);
  return Value{e.add("MaxPool", {x}, attributes(n.attr.as<MaxPool>().window)), kChannelsFirst};
}

static std::optional<Value> avg_pool(Emitter& e, int id) {
  const Node n = e.node(id);
  const AvgPool& a = n.attr.as<AvgPool>();
  const Pad& p = a.window.pad;
  if (a.count_pad && (p.bottom > p.top || p.right > p.left)) return {};  // our divisor leaves the surplus out
  Attributes all = attributes(a.window);
  all.push_back({"count_include_pad", int64_t{a.count_pad}});
  return Value{e.add("AveragePool", {e.in_order(n.inputs[0], kChannelsFirst)}, all), kChannelsFirst};
}

FOVEA_ONNX(pool, {&MaxPool::op, max_pool}, {&AvgPool::op, avg_pool})

}  // namespace fovea::onnx
