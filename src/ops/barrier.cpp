#include "ops/barrier.h"

#include <algorithm>

#include "ops/pointwise.h"

namespace fovea {

Tensor barrier(Tensor x) { return record(Barrier{}, {x}); }
Tensor detach(Tensor x) { return record(Detach{}, {x}); }

static Type infer(const Barrier&, Types in) { return in[0]; }
static void vjp(const Barrier&, Vjp& g) { g.add(0, g.grad); }
static void reference(const Barrier&, Views in, View out) { std::copy_n(in[0].data, out.shape->numel(), out.data); }
static Type infer(const Detach&, Types in) { return in[0]; }
static Tensor body(const Detach&, std::span<const Tensor> in) { return in[0]; }
static void vjp(const Detach&, Vjp&) {}

static Cases cases() {
  return {{"between", {{2, 3, 5}}, [](auto in) { return square(barrier(square(in[0]))) + square(in[0]); }}};
}

static Cases detach_cases() {
  auto build = [](auto in) { return in[0] * detach(in[0]); };
  return {{"half", {{2, 3, 5}}, build, -1, 1, false}};
}

FOVEA_OP(Barrier, "barrier", cases)
FOVEA_OP(Detach, "detach", detach_cases)
FOVEA_OPS(barrier, &Barrier::op, &Detach::op)

}  // namespace fovea
