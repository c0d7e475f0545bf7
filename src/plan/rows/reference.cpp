// The last row: every primitive by its reference, in double. Slow, always there.
#include <bit>

#include "plan/rows/rows.h"

namespace fovea {
namespace {

std::vector<double> widen(const float* p, const Type& t) {
  std::vector<double> r(static_cast<size_t>(t.shape.numel()));
  for (size_t i = 0; i < r.size(); i++)
    r[i] = t.dtype == DType::u32 ? static_cast<double>(std::bit_cast<uint32_t>(p[i])) : static_cast<double>(p[i]);
  return r;
}

std::string refuse(const Query& q) { return q.node.op->composite() ? "a composite without a kernel is opened" : ""; }

Bound bind(const Query& q) {
  Bound b;
  std::vector<Type> types;
  for (int in : q.node.inputs) types.push_back(q.graph.node(in).type);
  b.run = [op = q.node.op, attr = q.node.attr, types, out = q.node.type](const Call& c) {
    std::vector<std::vector<double>> values;
    std::vector<View> views;
    for (size_t i = 0; i < types.size(); i++) values.push_back(widen(c.in[i], types[i]));
    for (size_t i = 0; i < types.size(); i++) views.push_back({&types[i].shape, values[i].data()});
    std::vector<double> result(static_cast<size_t>(out.shape.numel()));
    op->reference(attr, views, View{&out.shape, result.data()});
    for (size_t i = 0; i < result.size(); i++) c.out[0][i] = static_cast<float>(result[i]);
  };
  return b;
}

const Row rows[] = {{nullptr, "reference", refuse, bind}};

}  // namespace

std::span<const Row> reference_rows() { return rows; }

}  // namespace fovea
