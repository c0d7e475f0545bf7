// Pointwise operators with numpy broadcasting, and the arithmetic on tensors that everything is written with.
#pragma once
#include "ir/op.h"

namespace fovea {

enum class UnaryKind : uint8_t {
  neg,
  abs,
  sign,
  exp,
  log,
  sqrt,
  rsqrt,
  recip,
  square,
  tanh,
  erf,
  sigmoid,
  relu,
  floor,
  round,
  sin,
  cos
};
enum class BinaryKind : uint8_t { add, sub, mul, div, max, min, pow, gt, ge, eq };
const char* enum_name(UnaryKind k);
const char* enum_name(BinaryKind k);
double apply(UnaryKind k, double x);
double apply(BinaryKind k, double x, double y);

struct Unary {
  UnaryKind kind;
  FOVEA_ATTR(Unary, kind)
};
struct Binary {
  BinaryKind kind;
  FOVEA_ATTR(Binary, kind)
};
// in: condition, a, b; condition != 0 ? a : b.
struct Select {
  FOVEA_ATTR(Select)
};
// Every element is value.
struct Full {
  Shape shape;
  float value = 0;
  FOVEA_ATTR(Full, shape, value)
};
// [..., 1 or missing, ...] -> shape, as numpy does.
struct BroadcastTo {
  Shape shape;
  FOVEA_ATTR(BroadcastTo, shape)
};

Tensor unary(UnaryKind k, Tensor x);
Tensor binary(BinaryKind k, Tensor x, Tensor y);
Tensor full(Graph& g, const Shape& shape, float value);
Tensor broadcast_to(Tensor x, const Shape& shape);
Tensor sum_to(Tensor x, const Shape& shape);  // the adjoint of broadcast_to
Tensor select(Tensor condition, Tensor a, Tensor b);

inline Tensor exp(Tensor x) { return unary(UnaryKind::exp, x); }
inline Tensor log(Tensor x) { return unary(UnaryKind::log, x); }
inline Tensor sqrt(Tensor x) { return unary(UnaryKind::sqrt, x); }
inline Tensor rsqrt(Tensor x) { return unary(UnaryKind::rsqrt, x); }
inline Tensor recip(Tensor x) { return unary(UnaryKind::recip, x); }
inline Tensor square(Tensor x) { return unary(UnaryKind::square, x); }
inline Tensor abs(Tensor x) { return unary(UnaryKind::abs, x); }
inline Tensor sign(Tensor x) { return unary(UnaryKind::sign, x); }
inline Tensor tanh(Tensor x) { return unary(UnaryKind::tanh, x); }
inline Tensor erf(Tensor x) { return unary(UnaryKind::erf, x); }
inline Tensor sigmoid(Tensor x) { return unary(UnaryKind::sigmoid, x); }
inline Tensor relu(Tensor x) { return unary(UnaryKind::relu, x); }
inline Tensor floor(Tensor x) { return unary(UnaryKind::floor, x); }
inline Tensor round(Tensor x) { return unary(UnaryKind::round, x); }
inline Tensor sin(Tensor x) { return unary(UnaryKind::sin, x); }
inline Tensor cos(Tensor x) { return unary(UnaryKind::cos, x); }

inline Tensor operator-(Tensor x) { return unary(UnaryKind::neg, x); }
inline Tensor operator+(Tensor x, Tensor y) { return binary(BinaryKind::add, x, y); }
inline Tensor operator-(Tensor x, Tensor y) { return binary(BinaryKind::sub, x, y); }
inline Tensor operator*(Tensor x, Tensor y) { return binary(BinaryKind::mul, x, y); }
inline Tensor operator/(Tensor x, Tensor y) { return binary(BinaryKind::div, x, y); }
inline Tensor maximum(Tensor x, Tensor y) { return binary(BinaryKind::max, x, y); }
inline Tensor minimum(Tensor x, Tensor y) { return binary(BinaryKind::min, x, y); }
inline Tensor pow(Tensor x, Tensor y) { return binary(BinaryKind::pow, x, y); }
inline Tensor greater(Tensor x, Tensor y) { return binary(BinaryKind::gt, x, y); }  // 1 or 0
inline Tensor greater_equal(Tensor x, Tensor y) { return binary(BinaryKind::ge, x, y); }
inline Tensor equal(Tensor x, Tensor y) { return binary(BinaryKind::eq, x, y); }

inline Tensor scalar(Tensor like, float v) { return full(*like.graph, {}, v); }
inline Tensor operator+(Tensor x, float v) { return x + scalar(x, v); }
inline Tensor operator-(Tensor x, float v) { return x - scalar(x, v); }
inline Tensor operator*(Tensor x, float v) { return x * scalar(x, v); }
inline Tensor operator/(Tensor x, float v) { return x / scalar(x, v); }
inline Tensor operator+(float v, Tensor x) { return scalar(x, v) + x; }
inline Tensor operator-(float v, Tensor x) { return scalar(x, v) - x; }
inline Tensor operator*(float v, Tensor x) { return scalar(x, v) * x; }
inline Tensor operator/(float v, Tensor x) { return scalar(x, v) / x; }
inline Tensor maximum(Tensor x, float v) { return maximum(x, scalar(x, v)); }
inline Tensor minimum(Tensor x, float v) { return minimum(x, scalar(x, v)); }
inline Tensor greater(Tensor x, float v) { return greater(x, scalar(x, v)); }
inline Tensor clamp(Tensor x, float lo, float hi) { return minimum(maximum(x, lo), hi); }

}  // namespace fovea
