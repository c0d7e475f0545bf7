// Matrix products. One matrix of weights [n, k] is packed as those of a 1x1 convolution of a 1 x m image, once if it is
// constant. A gradient of weights, a^T b, is that of such a convolution, whose long sums are divided among the threads.
// Everything else multiplies where it lies.
#include "ops/matmul.h"
#include "kernels/conv_gather.h"
#include "kernels/conv_weight.h"
#include "kernels/gemm.h"
#include "plan/rows/rows.h"

namespace fovea {
namespace {

struct Sizes {
  int64_t batch;
  int m, n, k;
};
Sizes sizes(const Query& q) {
  const Shape &s = q.out(), &a = q.in(0);
  int m = s[-2], n = s[-1];
  return {s.numel() / (int64_t{m} * n), m, n, q.node.attr.as<Matmul>().ta ? a[-2] : a[-1]};
}
kernels::ConvShape image(int pixels, int in, int out) {
  return {.n = 1, .h = 1, .w = pixels, .c = in, .o = out, .kh = 1, .kw = 1};
}

template <bool ta, bool tb>
std::string refuse(const Query& q) {
  const auto& a = q.node.attr.as<Matmul>();
  return a.ta != ta || a.tb != tb ? "other transposition" : sizes(q).batch > 1 ? "several matrices" : "";
}

Bound bind_weights(const Query& q) {
  Sizes s = sizes(q);
  const auto precision = q.precision_with(1, s.k);
  auto k =
      std::make_shared<kernels::GatherConv>(image(s.m, s.k, s.n), kernels::Direction::forward, q.isa, q.threads, precision);
  Bound b;
  if (precision == kernels::Precision::bf16) b.name = "matmul_weights bf16";
  b.packs = 1, b.packed_floats = k->packed_floats(), b.workspace_bytes = k->workspace_bytes(), b.takes_epilogue = true;
  b.pack = [k](const float* w, float* packed, Pool& pool) { k->pack(w, packed, pool); };
  b.run = [k](const Call& c) { k->run(c.in[0], c.packed, c.out[0], c.work, *c.pool, c.epilogue); };
  b.band =
      std::make_shared<Banded>(Banded{.in_floats = s.k, .out_floats = s.n, .workspace_bytes = k->part_workspace_bytes()});
  b.band->run = [k](const Call& c, int64_t first, int64_t count) {
    k->run_part(c.in[0], c.packed, c.out[0], c.work, first, count, c.epilogue);
  };
  return b;
}

Bound bind_weight_grad(const Query& q) {
  Sizes s = sizes(q);
  auto k = std::make_shared<kernels::WeightConv>(image(s.k, s.n, s.m), q.isa, q.threads);
  Bound b;
  b.workspace_bytes = k->workspace_bytes();
  b.run = [k](const Call& c) { k->run(c.in[1], c.in[0], c.out[0], c.work, *c.pool); };
  return b;
}

Bound bind_product(const Query& q) {
  Sizes s = sizes(q);
  const auto& a = q.node.attr.as<Matmul>();
  auto shape = kernels::MatmulShape::dense(s.m, s.n, s.k, a.ta, a.tb, s.batch);
  auto k = std::make_shared<kernels::Matmul>(shape, q.isa, q.threads);
  Bound b;
  b.workspace_bytes = k->workspace_bytes(), b.takes_epilogue = true;
  b.run = [k](const Call& c) { k->run(c.in[0], c.in[1], c.out[0], c.work, *c.pool, c.epilogue); };
  return b;
}

const Row rows[] = {
    {&Matmul::op, "matmul_weights", refuse<false, true>, bind_weights},
    {&Matmul::op, "matmul_weight_grad", refuse<true, false>, bind_weight_grad},
    {&Matmul::op, "matmul", takes_all, bind_product},
};

}  // namespace

std::span<const Row> matmul_rows() { return rows; }

}  // namespace fovea
