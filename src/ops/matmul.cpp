#include "ops/matmul.h"

#include "base/error.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

Tensor matmul(Tensor a, Tensor b, Matmul attr) { return record(attr, {a, b}); }

Tensor linear(Tensor x, Tensor w) {
  Shape s = x.shape();
  s[-1] = w.dim(0);
  return reshape(matmul(reshape(x, {-1, x.c()}), w, {.tb = true}), s);
}

static Type infer(const Matmul& a, Types in) {
  const Shape &x = in[0].shape, &y = in[1].shape;
  bool ok = x.rank == y.rank && x.rank >= 2;
  for (int i = 0; ok && i < x.rank - 2; i++) ok = x[i] == y[i];
  if (!ok || (a.ta ? x[-2] : x[-1]) != (a.tb ? y[-1] : y[-2]))
    fail(Code::usage, "matrices {} and {} do not multiply", x.str(), y.str());
  Shape r = x;
  r[-2] = a.ta ? x[-1] : x[-2];
  r[-1] = a.tb ? y[-2] : y[-1];
  return {r};
}

static int64_t macs(const Matmul& a, Types in, const Shape& y) { return y.numel() * in[0].shape[a.ta ? -2 : -1]; }

static void vjp(const Matmul& a, Vjp& g) {
  Tensor x = g.in[0], y = g.in[1], d = g.grad;
  if (g.wants(0)) g.add(0, a.ta ? matmul(y, d, {a.tb, true}) : matmul(d, y, {false, !a.tb}));
  if (g.wants(1)) g.add(1, a.tb ? matmul(d, x, {true, a.ta}) : matmul(x, d, {!a.ta, false}));
}

static void reference(const Matmul& a, Views in, View out) {
  const Shape& s = *out.shape;
  int64_t m = s[-2], n = s[-1], k = a.ta ? (*in[0].shape)[-2] : (*in[0].shape)[-1], batch = s.numel() / (m * n);
  for (int64_t b = 0; b < batch; b++)
    for (int64_t i = 0; i < m; i++)
      for (int64_t j = 0; j < n; j++) {
        double sum = 0;
        for (int64_t t = 0; t < k; t++)
          sum += in[0].data[b * m * k + (a.ta ? t * m + i : i * k + t)] *
                 in[1].data[b * k * n + (a.tb ? j * k + t : t * n + j)];
        out.data[(b * m + i) * n + j] = sum;
      }
}

static Cases cases() {
  Cases r;
  for (bool ta : {false, true})
    for (bool tb : {false, true}) {
      Shape x = ta ? Shape{2, 5, 7} : Shape{2, 7, 5}, y = tb ? Shape{2, 9, 5} : Shape{2, 5, 9};
      r.push_back({std::string("batched") + (ta ? "_ta" : "") + (tb ? "_tb" : ""), {x, y}, [=](auto in) {
                     return matmul(in[0], in[1], {ta, tb});
                   }});
    }
  r.push_back({"times", {{2, 7, 5}, {2, 5, 9}, {2, 7, 9}}, [](auto in) { return matmul(in[0], in[1]) * in[2]; }});
  r.push_back({"matrices", {{7, 5}, {5, 9}}, [](auto in) { return matmul(in[0], in[1]); }});
  r.push_back({"vector", {{1, 33}, {10, 33}}, [](auto in) { return linear(in[0], in[1]); }});
  r.push_back({"tokens", {{2, 5, 12}, {17, 12}}, [](auto in) { return linear(in[0], in[1]); }});
  return r;
}

FOVEA_OP(Matmul, "matmul", cases)
FOVEA_OPS(matmul, &Matmul::op)

}  // namespace fovea
