#include "ops/barrier.h"

#include <algorithm>

#include "ops/pointwise.h"

namespace fovea {

Tensor barrier(Tensor x) { return record(Barrier{}, {x}); }

static Type infer(const Barrier&, Types in) { return in[0]; }
static void vjp(const Barrier&, Vjp& g) { g.add(0, g.grad); }
static void reference(const Barrier&, Views in, View out) { std::copy_n(in[0].data, out.shape->numel(), out.data); }
static Cases cases() {
  return {{"between", {{2, 3, 5}}, [](auto in) { return square(barrier(square(in[0]))) + square(in[0]); }}};
}

FOVEA_OP(Barrier, "barrier", cases)
FOVEA_OPS(barrier, &Barrier::op)

}  // namespace fovea
