#include "passes/fold_scale.h"

#include "ir/rewrite.h"
#include "ops/conv2d.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"
#include "passes/pass.h"

namespace fovea {
namespace {

const Node& at(const Rewriter& r, int id) { return r.from.node(id); }
bool is(const Node& n, BinaryKind kind) { return n.op == &Binary::op && n.attr.as<Binary>().kind == kind; }

bool is_vector(const Rewriter& r, int id, int channels) {
  const Shape& s = at(r, id).type.shape;
  return r.from.param_of(id) && s.rank == 1 && s[0] == channels;
}

// The layer that makes `id`, once more, its weights multiplied by scale [channels]; none if it is no layer or has other
// readers.
Tensor scaled_layer(Rewriter& r, int id, Tensor scale) {
  const Node& n = at(r, id);
  if (r.uses(id) != 1) return {};
  if (n.op == &Conv2d::op)
    return conv2d(r(n.inputs[0]), r(n.inputs[1]) * reshape(scale, {-1, 1, 1, 1}), n.attr.as<Conv2d>());
  if (n.op == &Reshape::op) {  // a linear layer on pixels
    Tensor y = scaled_layer(r, n.inputs[0], scale);
    return y ? reshape(y, n.type.shape) : y;
  }
  if (n.op != &Matmul::op || n.type.shape.rank != 2 || !(n.attr.as<Matmul>() == Matmul{.tb = true})) return {};
  return matmul(r(n.inputs[0]), r(n.inputs[1]) * reshape(scale, {-1, 1}), {.tb = true});
}

// value * scale, if value is a layer with or without a bias.
Tensor folded(Rewriter& r, int value, Tensor scale) {
  const Node& n = at(r, value);
  if (!is(n, BinaryKind::add)) return scaled_layer(r, value, scale);
  const int layer = n.inputs[0], bias = n.inputs[1];
  if (!is_vector(r, bias, scale.dim(0)) || r.uses(value) != 1) return {};
  Tensor y = scaled_layer(r, layer, scale);
  return y ? y + r(bias) * scale : y;
}

}  // namespace

std::unique_ptr<Graph> fold_scale(const Graph& g) {
  return rewrite(g, [](Rewriter& r, int, const Node& n, std::span<const Tensor>) -> Tensor {
    if (!is(n, BinaryKind::mul)) return {};
    for (size_t k : {1, 0})
      if (is_vector(r, n.inputs[k], n.type.shape[-1]))
        if (Tensor y = folded(r, n.inputs[1 - k], r(n.inputs[k]))) return y;
    return {};
  });
}

FOVEA_PASS(fold_scale, "a factor for each channel after a linear layer or convolution becomes part of its weights", 1e-5)

}  // namespace fovea
