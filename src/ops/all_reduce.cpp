#include "ops/all_reduce.h"

#include "base/error.h"
#include "ops/pointwise.h"

namespace fovea {

Tensor all_reduce(Tensor x, int processes) { return processes == 1 ? x : record(AllReduce{processes}, {x}); }

static Type infer(const AllReduce& a, Types in) {
  if (a.processes < 1) fail(Code::usage, "a sum over {} processes", a.processes);
  return in[0];
}
static void vjp(const AllReduce& a, Vjp& g) { g.add(0, all_reduce(g.grad, a.processes)); }
static void reference(const AllReduce& a, Views in, View out) {
  for (int64_t i = 0; i < out.shape->numel(); i++) out.data[i] = in[0].data[i] * a.processes;
}
static Cases cases() {
  return {{"of_three", {{2, 3, 5}}, [](auto in) { return square(all_reduce(square(in[0]), 3)) + in[0]; }}};
}

FOVEA_OP(AllReduce, "all_reduce", cases)
FOVEA_OPS(all_reduce, &AllReduce::op)

}  // namespace fovea
