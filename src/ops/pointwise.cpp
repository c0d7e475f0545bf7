#include "ops/pointwise.h"

#include <cmath>

#include "base/error.h"
#include "ops/loops.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

const char* enum_name(UnaryKind k) {
  static const char* const names[] = {"neg",  "abs", "sign",    "exp",  "log",   "sqrt",  "rsqrt", "recip", "square",
                                      "tanh", "erf", "sigmoid", "relu", "floor", "round", "sin",   "cos"};
  return names[static_cast<int>(k)];
}
const char* enum_name(BinaryKind k) {
  static const char* const names[] = {"add", "sub", "mul", "div", "max", "min", "pow", "gt", "ge", "eq"};
  return names[static_cast<int>(k)];
}

double apply(UnaryKind k, double x) {
  switch (k) {
    case UnaryKind::neg: return -x;
    case UnaryKind::abs: return std::fabs(x);
    case UnaryKind::sign: return x > 0 ? 1 : x < 0 ? -1 : x;
    case UnaryKind::exp: return std::exp(x);
    case UnaryKind::log: return std::log(x);
    case UnaryKind::sqrt: return std::sqrt(x);
    case UnaryKind::rsqrt: return 1 / std::sqrt(x);
    case UnaryKind::recip: return 1 / x;
    case UnaryKind::square: return x * x;
    case UnaryKind::tanh: return std::tanh(x);
    case UnaryKind::erf: return std::erf(x);
    case UnaryKind::sigmoid: return 1 / (1 + std::exp(-x));
    case UnaryKind::relu: return x > 0 || std::isnan(x) ? x : 0;
    case UnaryKind::floor: return std::floor(x);
    case UnaryKind::round: return std::nearbyint(x);
    case UnaryKind::sin: return std::sin(x);
    case UnaryKind::cos: return std::cos(x);
  }
  return 0;
}

double apply(BinaryKind k, double x, double y) {
  switch (k) {
    case BinaryKind::add: return x + y;
    case BinaryKind::sub: return x - y;
    case BinaryKind::mul: return x * y;
    case BinaryKind::div: return x / y;
    case BinaryKind::max: return std::isnan(x) || x > y ? x : y;
    case BinaryKind::min: return std::isnan(x) || x < y ? x : y;
    case BinaryKind::pow: return std::pow(x, y);
    case BinaryKind::gt: return x > y;
    case BinaryKind::ge: return x >= y;
    case BinaryKind::eq: return x == y;
  }
  return 0;
}

Tensor unary(UnaryKind k, Tensor x) { return record(Unary{k}, {x}); }
Tensor binary(BinaryKind k, Tensor x, Tensor y) { return record(Binary{k}, {x, y}); }
Tensor full(Graph& g, const Shape& shape, float value) { return g.add(&Full::op, Attr(Full{shape, value}), {}); }
Tensor broadcast_to(Tensor x, const Shape& shape) { return x.shape() == shape ? x : record(BroadcastTo{shape}, {x}); }
Tensor select(Tensor condition, Tensor a, Tensor b) { return record(Select{}, {condition, a, b}); }

Tensor sum_to(Tensor x, const Shape& shape) {
  if (x.shape() == shape) return x;
  Dims axes;
  int shift = x.rank() - shape.rank;
  for (int i = 0; i < x.rank(); i++)
    if (i < shift || (shape[i - shift] == 1 && x.dim(i) != 1)) axes.push(i);
  return reshape(reduce_sum(x, axes), shape);
}

static std::string describe(const Unary& a, Types) { return enum_name(a.kind); }
static std::string describe(const Binary& a, Types) { return enum_name(a.kind); }

static Type infer(const Unary&, Types in) { return in[0]; }
static Type infer(const Binary&, Types in) { return {broadcast(in[0].shape, in[1].shape)}; }
static Type infer(const Select&, Types in) { return {broadcast(in[0].shape, broadcast(in[1].shape, in[2].shape))}; }
static Type infer(const Full& a, Types) { return {a.shape}; }
static Type infer(const BroadcastTo& a, Types in) {
  if (!broadcasts_to(in[0].shape, a.shape))
    fail(Code::usage, "{} does not broadcast to {}", in[0].shape.str(), a.shape.str());
  return {a.shape};
}

static void vjp(const Unary& a, Vjp& g) {
  Tensor x = g.in[0], y = g.out, d = g.grad;
  switch (a.kind) {
    case UnaryKind::neg: return g.add(0, -d);
    case UnaryKind::abs: return g.add(0, d * sign(x));
    case UnaryKind::exp: return g.add(0, d * y);
    case UnaryKind::log: return g.add(0, d / x);
    case UnaryKind::sqrt: return g.add(0, d * 0.5f / y);
    case UnaryKind::rsqrt: return g.add(0, d * -0.5f * y / x);
    case UnaryKind::recip: return g.add(0, -(d * square(y)));
    case UnaryKind::square: return g.add(0, d * 2.0f * x);
    case UnaryKind::tanh: return g.add(0, d * (1.0f - square(y)));
    case UnaryKind::erf: return g.add(0, d * (1.1283791670955126f * exp(-square(x))));
    case UnaryKind::sigmoid: return g.add(0, d * y * (1.0f - y));
    case UnaryKind::relu: return g.add(0, d * greater(y, 0.0f));
    case UnaryKind::sin: return g.add(0, d * cos(x));
    case UnaryKind::cos: return g.add(0, -(d * sin(x)));
    case UnaryKind::sign:
    case UnaryKind::floor:
    case UnaryKind::round: return;  // zero almost everywhere
  }
}

static void vjp(const Binary& a, Vjp& g) {
  Tensor x = g.in[0], y = g.in[1], d = g.grad;
  auto give = [&](int i, Tensor t) { g.add(i, sum_to(t, g.in[static_cast<size_t>(i)].shape())); };
  bool wx = g.wants(0), wy = g.wants(1);
  switch (a.kind) {
    case BinaryKind::add:
      if (wx) give(0, d);
      if (wy) give(1, d);
      return;
    case BinaryKind::sub:
      if (wx) give(0, d);
      if (wy) give(1, -d);
      return;
    case BinaryKind::mul:
      if (wx) give(0, d * y);
      if (wy) give(1, d * x);
      return;
    case BinaryKind::div:
      if (wx) give(0, d / y);
      if (wy) give(1, -(d * g.out / y));
      return;
    case BinaryKind::max:  // a tie goes to the first
      if (wx) give(0, d * greater_equal(x, y));
      if (wy) give(1, d * greater(y, x));
      return;
    case BinaryKind::min:
      if (wx) give(0, d * greater_equal(y, x));
      if (wy) give(1, d * greater(x, y));
      return;
    case BinaryKind::pow:
      if (wx) give(0, d * y * pow(x, y - 1.0f));
      if (wy) give(1, d * g.out * log(x));
      return;
    case BinaryKind::gt:
    case BinaryKind::ge:
    case BinaryKind::eq: return;
  }
}

static void vjp(const Select&, Vjp& g) {
  Tensor zero = scalar(g.grad, 0.0f);
  if (g.wants(1)) g.add(1, sum_to(select(g.in[0], g.grad, zero), g.in[1].shape()));
  if (g.wants(2)) g.add(2, sum_to(select(g.in[0], zero, g.grad), g.in[2].shape()));
}
static void vjp(const Full&, Vjp&) {}
static void vjp(const BroadcastTo&, Vjp& g) { g.add(0, sum_to(g.grad, g.in[0].shape())); }

static void reference(const Unary& a, Views in, View out) {
  for (int64_t i = 0, n = out.shape->numel(); i < n; i++) out.data[i] = apply(a.kind, in[0].data[i]);
}
static void reference(const Binary& a, Views in, View out) {
  Broadcast x(*in[0].shape, *out.shape), y(*in[1].shape, *out.shape);
  for (int64_t i = 0, n = out.shape->numel(); i < n; i++) out.data[i] = apply(a.kind, in[0].data[x(i)], in[1].data[y(i)]);
}
static void reference(const Select&, Views in, View out) {
  Broadcast c(*in[0].shape, *out.shape), x(*in[1].shape, *out.shape), y(*in[2].shape, *out.shape);
  for (int64_t i = 0, n = out.shape->numel(); i < n; i++)
    out.data[i] = in[0].data[c(i)] != 0 ? in[1].data[x(i)] : in[2].data[y(i)];
}
static void reference(const Full& a, Views, View out) {
  std::fill_n(out.data, out.shape->numel(), static_cast<double>(a.value));
}
static void reference(const BroadcastTo&, Views in, View out) {
  Broadcast x(*in[0].shape, *out.shape);
  for (int64_t i = 0, n = out.shape->numel(); i < n; i++) out.data[i] = in[0].data[x(i)];
}

static Cases unary_cases() {
  Cases r;
  auto add = [&](UnaryKind k, double lo, double hi, bool gradient = true) {
    r.push_back({enum_name(k), {{3, 5, 7}}, [k](auto in) { return unary(k, in[0]); }, lo, hi, gradient});
  };
  for (auto k : {UnaryKind::neg, UnaryKind::exp, UnaryKind::square, UnaryKind::tanh, UnaryKind::erf, UnaryKind::sigmoid,
                 UnaryKind::sin, UnaryKind::cos})
    add(k, -3, 3);
  for (auto k : {UnaryKind::abs, UnaryKind::log, UnaryKind::sqrt, UnaryKind::rsqrt, UnaryKind::recip, UnaryKind::relu})
    add(k, 0.2, 3);
  for (auto k : {UnaryKind::sign, UnaryKind::floor, UnaryKind::round, UnaryKind::relu}) add(k, -3, 3, false);
  return r;
}

static Cases binary_cases() {
  Cases r;
  auto add = [&](BinaryKind k, Shape a, Shape b, double lo, double hi, bool gradient = true) {
    r.push_back({enum_name(k), {a, b}, [k](auto in) { return binary(k, in[0], in[1]); }, lo, hi, gradient});
  };
  for (auto k : {BinaryKind::add, BinaryKind::sub, BinaryKind::mul}) {
    add(k, {2, 3, 3, 5}, {2, 3, 3, 5}, -2, 2), add(k, {2, 3, 3, 17}, {17}, -2, 2), add(k, {2, 1, 1, 5}, {2, 3, 3, 5}, -2, 2);
    add(k, {2, 3, 1}, {1, 1, 4}, -2, 2), add(k, {3, 4}, {}, -2, 2);
  }
  for (auto k : {BinaryKind::div, BinaryKind::pow}) add(k, {3, 5}, {5}, 0.5, 2), add(k, {3, 1}, {3, 5}, 0.5, 2);
  for (auto k : {BinaryKind::max, BinaryKind::min}) add(k, {3, 7}, {3, 7}, -2, 2), add(k, {3, 7}, {7}, -2, 2);
  for (auto k : {BinaryKind::gt, BinaryKind::ge, BinaryKind::eq}) add(k, {3, 7}, {7}, -2, 2, false);
  return r;
}

static Cases select_cases() {
  return {{"full", {{3, 7}, {3, 7}}, [](auto in) { return select(greater(in[0], 0.1f), in[0], in[1]); }},
          {"broadcast", {{3, 1}, {7}}, [](auto in) { return select(greater(in[0], 0.1f), in[0], in[1]); }}};
}
static Cases full_cases() {
  return {{"full", {{3}}, [](auto in) { return in[0] * full(*in[0].graph, {2, 3}, 1.5f); }}};
}
static Cases broadcast_cases() {
  return {{"row",
           {{5}},
           [](auto in) {
             return broadcast_to(in[0], {2, 3, 5});
           }},
          {"middle", {{2, 1, 5}}, [](auto in) {
             return broadcast_to(in[0], {2, 3, 5});
           }}};
}

FOVEA_OP(Unary, "unary", unary_cases)
FOVEA_OP(Binary, "binary", binary_cases)
FOVEA_OP(Select, "select", select_cases)
FOVEA_OP(Full, "full", full_cases)
FOVEA_OP(BroadcastTo, "broadcast_to", broadcast_cases)
FOVEA_OPS(pointwise, &Unary::op, &Binary::op, &Select::op, &Full::op, &BroadcastTo::op)

}  // namespace fovea
