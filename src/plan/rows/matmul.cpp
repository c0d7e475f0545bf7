// Matrix products are 1x1 convolutions of a 1 x m image: x w^T forward, x w as the gradient of the image, x^T w as that of
// the weights. Batches go one after the other.
#include "ops/matmul.h"
#include "base/error.h"
#include "kernels/conv.h"
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
  return a.ta == ta && a.tb == tb ? "" : "other transposition";
}

// b as weights: packed once if there is one matrix, for each matrix of a batch otherwise.
template <class Kernel>
Bound bind_packed(const Query& q, std::shared_ptr<Kernel> k, bool epilogue) {
  Sizes s = sizes(q);
  Bound b;
  auto run = [k](const float* x, const float* packed, const Call& c, float* y, const kernels::Epilogue* e) {
    if constexpr (std::is_same_v<Kernel, kernels::ConvForward>)
      k->run(x, packed, y, c.work, *c.pool, e);
    else
      (void)e, k->run(x, packed, y, c.work, *c.pool);
  };
  if (s.batch == 1) {
    b.packs = 1, b.packed_floats = k->packed_floats(), b.workspace_bytes = k->workspace_bytes(), b.takes_epilogue = epilogue;
    b.pack = [k](const float* w, float* packed, Pool& pool) { k->pack(w, packed, pool); };
    b.run = [run](const Call& c) { run(c.in[0], c.packed, c, c.out[0], c.epilogue); };
    if constexpr (std::is_same_v<Kernel, kernels::ConvForward>) {
      b.band = std::make_shared<Banded>(
          Banded{.in_floats = s.k, .out_floats = s.n, .workspace_bytes = k->part_workspace_bytes()});
      b.band->run = [k](const Call& c, int64_t first, int64_t count) {
        k->run_part(c.in[0], c.packed, c.out[0], c.work, first, count, c.epilogue);
      };
    }
    return b;
  }
  size_t work = (k->workspace_bytes() + 63) / 64 * 64;
  b.workspace_bytes = work + k->packed_floats() * sizeof(float);
  b.run = [k, run, s, work](const Call& c) {
    float* packed = reinterpret_cast<float*>(static_cast<char*>(c.work) + work);
    for (int64_t i = 0; i < s.batch; i++) {
      k->pack(c.in[1] + i * s.k * s.n, packed, *c.pool);
      run(c.in[0] + i * s.m * s.k, packed, c, c.out[0] + i * s.m * s.n, nullptr);
    }
  };
  return b;
}

Bound bind_nt(const Query& q) {
  Sizes s = sizes(q);
  return bind_packed<kernels::ConvForward>(q, kernels::ConvForward::make(image(s.m, s.k, s.n), q.isa, q.threads), true);
}
Bound bind_nn(const Query& q) {
  Sizes s = sizes(q);
  return bind_packed<kernels::ConvBackwardData>(q, kernels::ConvBackwardData::make(image(s.m, s.n, s.k), q.isa, q.threads),
                                                false);
}
Bound bind_tn(const Query& q) {
  Sizes s = sizes(q);
  std::shared_ptr<kernels::ConvBackwardWeight> k = kernels::ConvBackwardWeight::make(image(s.k, s.n, s.m), q.isa, q.threads);
  Bound b;
  b.workspace_bytes = k->workspace_bytes();
  b.run = [k, s](const Call& c) {
    for (int64_t i = 0; i < s.batch; i++)
      k->run(c.in[1] + i * s.k * s.n, c.in[0] + i * s.k * s.m, c.out[0] + i * s.m * s.n, c.work, *c.pool);
  };
  return b;
}

const Row rows[] = {
    {&Matmul::op, "matmul_nt", refuse<false, true>, bind_nt},
    {&Matmul::op, "matmul_nn", refuse<false, false>, bind_nn},
    {&Matmul::op, "matmul_tn", refuse<true, false>, bind_tn},
};

}  // namespace

std::span<const Row> matmul_rows() { return rows; }

}  // namespace fovea
