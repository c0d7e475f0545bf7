// Kernels along rows, and moments down the columns.
#include "ops/norm.h"
#include "kernels/rows.h"
#include "ops/softmax.h"
#include "plan/rows/rows.h"

namespace fovea {
namespace {

struct Matrix {
  int64_t rows, cols;
};
Matrix matrix(const Shape& s) { return {s.numel() / s[-1], s[-1]}; }

Bound bind_layer_norm(const Query& q) {
  Bound b;
  const int64_t channels = q.out()[-1];
  b.band = std::make_shared<Banded>(Banded{.in_floats = channels, .out_floats = channels});
  b.band->run = [k = kernels::Rows(q.isa), channels, eps = q.node.attr.as<LayerNorm>().eps](const Call& c, int64_t first,
                                                                                            int64_t count) {
    k.layer_norm(c.in[0] + first * channels, c.in[1], c.in[2], eps, c.out[0] + first * channels, count, channels, *c.pool);
  };
  b.run = [k = kernels::Rows(q.isa), m = matrix(q.out()), eps = q.node.attr.as<LayerNorm>().eps](const Call& c) {
    k.layer_norm(c.in[0], c.in[1], c.in[2], eps, c.out[0], m.rows, m.cols, *c.pool);
  };
  return b;
}
Bound bind_layer_norm_grad(const Query& q) {
  Bound b;
  b.run = [k = kernels::Rows(q.isa), m = matrix(q.out()), eps = q.node.attr.as<LayerNormGrad>().eps](const Call& c) {
    k.layer_norm_backward(c.in[2], c.in[0], c.in[1], eps, c.out[0], m.rows, m.cols, *c.pool);
  };
  return b;
}
Bound bind_layer_norm_sums(const Query& q) {
  Bound b;
  const Matrix m = matrix(q.in(0));
  b.workspace_bytes = kernels::Rows::layer_norm_sums_workspace(m.rows, m.cols);
  b.run = [k = kernels::Rows(q.isa), m, eps = q.node.attr.as<LayerNormSums>().eps](const Call& c) {
    k.layer_norm_sums(c.in[1], c.in[0], eps, c.out[0], c.out[0] + m.cols, m.rows, m.cols, c.work, *c.pool);
  };
  return b;
}
Bound bind_softmax(const Query& q) {
  Bound b;
  b.run = [k = kernels::Rows(q.isa), m = matrix(q.out())](const Call& c) {
    k.softmax(c.in[0], c.out[0], m.rows, m.cols, *c.pool);
  };
  return b;
}
Bound bind_log_softmax(const Query& q) {
  Bound b;
  b.run = [k = kernels::Rows(q.isa), m = matrix(q.out())](const Call& c) {
    k.log_softmax(c.in[0], c.out[0], m.rows, m.cols, *c.pool);
  };
  return b;
}
Bound bind_moments(const Query& q) {
  Matrix m = matrix(q.in(0));
  Bound b;
  b.workspace_bytes = kernels::Rows::moments_workspace(m.rows, m.cols);
  b.run = [k = kernels::Rows(q.isa), m](const Call& c) {
    k.moments(c.in[0], c.out[0], c.out[0] + m.cols, m.rows, m.cols, c.work, *c.pool);
  };
  return b;
}

const Row rows[] = {
    {&LayerNorm::op, "layer_norm", takes_all, bind_layer_norm},
    {&LayerNormGrad::op, "layer_norm_grad", takes_all, bind_layer_norm_grad},
    {&LayerNormSums::op, "layer_norm_sums", takes_all, bind_layer_norm_sums},
    {&Softmax::op, "softmax", takes_all, bind_softmax},
    {&LogSoftmax::op, "log_softmax", takes_all, bind_log_softmax},
    {&Moments::op, "moments", takes_all, bind_moments},
};

}  // namespace

std::span<const Row> norm_rows() { return rows; }

}  // namespace fovea
