#include "passes/fold_norm.h"

#include "ir/rewrite.h"
#include "ops/conv2d.h"
#include "ops/norm.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"
#include "passes/pass.h"

namespace fovea {

std::unique_ptr<Graph> fold_norm(const Graph& g) {
  return rewrite(g, [](Rewriter& r, int, const Node& n, std::span<const Tensor> in) -> Tensor {
    if (n.op != &BatchNorm::op) return {};
    const Node& conv = r.from.node(n.inputs[0]);
    if (conv.op != &Conv2d::op || r.uses(n.inputs[0]) != 1) return {};
    auto [scale, shift] = batch_norm_affine(in[1], in[2], in[3], in[4], n.attr.as<BatchNorm>().eps);
    Tensor w = r(conv.inputs[1]) * reshape(scale, {scale.dim(0), 1, 1, 1});
    return conv2d(r(conv.inputs[0]), w, conv.attr.as<Conv2d>()) + shift;
  });
}

FOVEA_PASS(fold_norm, "batch norm after a convolution becomes part of its weights", 1e-5)

}  // namespace fovea
