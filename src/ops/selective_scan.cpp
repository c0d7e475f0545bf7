#include "ops/selective_scan.h"

#include "base/error.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

Tensor selective_scan(Tensor u, Tensor delta, Tensor a, Tensor b, Tensor c, bool reverse) {
  return record(SelectiveScan{reverse}, {u, delta, a, b, c});
}

static Type infer(const SelectiveScan&, Types in) {
  const Shape &u = in[0].shape, &a = in[2].shape;
  bool fits = u.rank == 3 && in[1].shape == u && a.rank == 2 && a[0] == u[2];
  if (!fits || !(in[3].shape == Shape{u[0], u[1], a[1]}) || !(in[4].shape == in[3].shape))
    fail(Code::usage, "a selective scan takes u and delta [n,t,d], a [d,s], b and c [n,t,s]");
  return in[0];
}
static Type infer(const SelectiveScanGrad&, Types in) {
  int64_t size = 0;
  for (size_t i = 0; i < 5; i++) size += in[i].shape.numel();
  return {{static_cast<int>(size)}};
}

// Decay, input, read-out.
static int64_t macs(const SelectiveScan&, Types in, const Shape& y) { return 3 * y.numel() * in[2].shape[1]; }
// The states again, then the gradients of both and of their four factors.
static int64_t macs(const SelectiveScanGrad&, Types in, const Shape&) { return 10 * in[0].shape.numel() * in[2].shape[1]; }

namespace {

// Every token gets what is `by` tokens before it, the first ones zeros; reverse: what is behind it.
Tensor shift(Tensor x, int by, bool reverse) {
  if (by == x.dim(1)) return full(*x.graph, x.shape(), 0);
  Dims none, some;
  for (int i = 0; i < x.rank(); i++) none.push(0), some.push(i == 1 ? by : 0);
  Tensor rest = slice(x, 1, reverse ? by : 0, x.dim(1) - by);
  return reverse ? pad(rest, none, some) : pad(rest, some, none);
}

// h[t] = decay[t] h[t-1] + x[t], for all tokens at once: each step doubles the number of tokens that are summed.
Tensor recurrence(Tensor decay, Tensor x, bool reverse) {
  for (int reach = 1; reach < x.dim(1); reach *= 2) {
    x = x + decay * shift(x, reach, reverse);
    decay = decay * shift(decay, reach, reverse);
  }
  return x;
}

// All operands with axes [n,t,d,s].
struct Scan {
  Tensor u, delta, a, b, c, decay, h;
};
Tensor channels(Tensor x) { return reshape(x, {x.dim(0), x.dim(1), x.dim(2), 1}); }
Tensor states(Tensor x) { return reshape(x, {x.dim(0), x.dim(1), 1, x.dim(2)}); }
Tensor tokens(Tensor x) { return reshape(x, {x.dim(0), x.dim(1), -1}); }  // and back, where one axis has a single element

Scan scan(std::span<const Tensor> in, bool reverse) {
  Scan r{channels(in[0]), channels(in[1]), in[2], states(in[3]), states(in[4]), {}, {}};
  r.decay = exp(r.delta * r.a);
  r.h = recurrence(r.decay, r.delta * r.u * r.b, reverse);
  return r;
}

}  // namespace

static Tensor body(const SelectiveScan& attr, std::span<const Tensor> in) {
  Scan s = scan(in, attr.reverse);
  return tokens(reduce_sum(s.h * s.c, {3}));
}

static Tensor body(const SelectiveScanGrad& attr, std::span<const Tensor> in) {
  Scan s = scan(in, attr.reverse);
  Tensor dy = channels(in[5]);
  Tensor dh = recurrence(shift(s.decay, 1, !attr.reverse), dy * s.c, !attr.reverse);  // what later tokens made of it
  Tensor input = reduce_sum(dh * s.b, {3}), slope = dh * shift(s.h, 1, attr.reverse) * s.decay;
  Tensor ddelta = s.u * input + reduce_sum(slope * s.a, {3});
  Tensor parts[] = {s.delta * input, ddelta, reduce_sum(slope * s.delta, {0, 1}), reduce_sum(dh * s.delta * s.u, {2}),
                    reduce_sum(dy * s.h, {2})};
  for (Tensor& t : parts) t = reshape(t, {-1});
  return concat(parts, 0);
}

static void vjp(const SelectiveScan& a, Vjp& g) {
  Tensor flat = record(SelectiveScanGrad{a.reverse}, {g.in[0], g.in[1], g.in[2], g.in[3], g.in[4], g.grad});
  int at = 0;
  for (int i = 0; i < 5; i++) {
    Shape s = g.in[static_cast<size_t>(i)].shape();  // a copy: recording moves the nodes
    int size = static_cast<int>(s.numel());
    g.add(i, reshape(slice(flat, 0, at, size), s));
    at += size;
  }
}

// Decays below 1, as in networks. More tokens than the kernel keeps states of, channels that fill no vectors.
static Cases cases() {
  auto build = [](bool reverse) {
    return [=](auto in) { return selective_scan(in[0], exp(in[1] - 1.0f), -exp(in[2]), in[3], in[4], reverse); };
  };
  return {{"forward", {{2, 5, 3}, {2, 5, 3}, {3, 2}, {2, 5, 2}, {2, 5, 2}}, build(false)},
          {"reverse", {{2, 4, 3}, {2, 4, 3}, {3, 2}, {2, 4, 2}, {2, 4, 2}}, build(true)},
          {"long", {{1, 37, 19}, {1, 37, 19}, {19, 3}, {1, 37, 3}, {1, 37, 3}}, build(false)},
          {"wide", {{2, 21, 53}, {2, 21, 53}, {53, 1}, {2, 21, 1}, {2, 21, 1}}, build(true)},
          {"one_token", {{1, 1, 3}, {1, 1, 3}, {3, 2}, {1, 1, 2}, {1, 1, 2}}, build(false)}};
}
static Cases grad_cases() {
  auto build = [](bool reverse) {
    return [=](auto in) {
      return record(SelectiveScanGrad{reverse}, {in[0], exp(in[1] - 1.0f), -exp(in[2]), in[3], in[4], in[5]});
    };
  };
  return {{"forward", {{2, 3, 3}, {2, 3, 3}, {3, 2}, {2, 3, 2}, {2, 3, 2}, {2, 3, 3}}, build(false)},
          {"reverse", {{1, 18, 5}, {1, 18, 5}, {5, 2}, {1, 18, 2}, {1, 18, 2}, {1, 18, 5}}, build(true)}};
}

FOVEA_OP(SelectiveScan, "selective_scan", cases)
FOVEA_OP(SelectiveScanGrad, "selective_scan_grad", grad_cases)
FOVEA_OPS(selective_scan, &SelectiveScan::op, &SelectiveScanGrad::op)

}  // namespace fovea
