#include "ops/global_filter.h"

#include <numbers>

#include "base/error.h"
#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

Tensor global_filter(Tensor x, Tensor spectrum) { return record(GlobalFilter{}, {x, spectrum}); }

static Type infer(const GlobalFilter&, Types in) {
  const Shape &x = in[0].shape, &s = in[1].shape;
  if (x.rank != 4 || !(s == Shape{x[3], x[1], x[2] / 2 + 1, 2}))
    fail(Code::usage, "a global filter takes x [n,h,w,c] and a spectrum [c,h,w/2+1,2]");
  return in[0];
}

// Maps are small where such filters are used (14x14, 7x7): sums with the roots of unity, one axis after the other, are
// matrix products.
namespace {

struct Roots {
  Tensor cos, sin;  // [rows, columns] of angle 2 pi row column / n
};
Roots roots(Graph& g, int rows, int columns, int n) {
  Tensor product = iota(g, {rows, 1}, 0) * iota(g, {1, columns}, 1);
  Tensor turns = product - floor((product + 0.5f) / static_cast<float>(n)) * static_cast<float>(n);  // exact integers
  Tensor angle = turns * (2 * std::numbers::pi_v<float> / static_cast<float>(n));
  return {cos(angle), sin(angle)};
}

Tensor beside(Tensor a, Tensor b) {
  Tensor parts[] = {a, b};
  return concat(parts, 1);
}
Tensor above(Tensor a, Tensor b) {
  Tensor parts[] = {a, b};
  return concat(parts, 0);
}

// Real rows of n to half spectra, real parts first: [2 (n/2+1), n]. And back, [n, 2 (n/2+1)]: what is not its own mirror
// counts twice, and what has no mirror has no imaginary part.
Tensor to_half(Graph& g, int n) {
  Roots r = roots(g, n / 2 + 1, n, n);
  return above(r.cos, -r.sin);
}
Tensor from_half(Graph& g, int n) {
  int half = n / 2 + 1;
  Roots r = roots(g, n, half, n);
  Tensor at = iota(g, {1, half}, 1);
  Tensor alone = equal(at, scalar(at, 0)) + equal(at * 2.0f, scalar(at, static_cast<float>(n)));
  Tensor weight = (2.0f - alone) / static_cast<float>(n);
  return beside(r.cos * weight, -r.sin * weight * (1.0f - alone));
}
// Complex columns of n, real parts first: [2n, 2n].
Tensor forward(Graph& g, int n) {
  Roots r = roots(g, n, n, n);
  return above(beside(r.cos, r.sin), beside(-r.sin, r.cos));
}
Tensor backward(Graph& g, int n) {
  Roots r = roots(g, n, n, n);
  return above(beside(r.cos, -r.sin), beside(r.sin, r.cos)) / static_cast<float>(n);
}

// Swaps the places of the two axes whose complex values lie real parts first: [n,c,a,2b] -> [n,c,b,2a].
Tensor swap_axes(Tensor x) {
  int a = x.dim(2), b = x.dim(3) / 2;
  return reshape(transpose(reshape(x, {x.n(), x.dim(1), a, 2, b}), {0, 1, 4, 3, 2}), {x.n(), x.dim(1), b, 2 * a});
}

// A product of complex values [.., 2h], b [c,h,half,2].
Tensor times(Tensor a, Tensor b) {
  int h = b.dim(1);
  Tensor parts = transpose(b, {0, 2, 3, 1});  // [c,half,2,h]
  auto part = [&](int i) { return reshape(slice(parts, 2, i, 1), {b.dim(0), b.dim(2), h}); };
  Tensor ar = slice(a, 3, 0, h), ai = slice(a, 3, h, h), br = part(0), bi = part(1);
  Tensor product[] = {ar * br - ai * bi, ar * bi + ai * br};
  return concat(product, 3);
}

}  // namespace

static Tensor body(const GlobalFilter&, std::span<const Tensor> in) {
  Graph& g = *in[0].graph;
  int h = in[0].h(), w = in[0].w();
  Tensor x = transpose(in[0], {0, 3, 1, 2});   // [n,c,h,w]
  x = swap_axes(linear(x, to_half(g, w)));     // [n,c,half,2h]
  x = times(linear(x, forward(g, h)), in[1]);  // [n,c,half,2h]
  x = swap_axes(linear(x, backward(g, h)));    // [n,c,h,2half]
  return transpose(linear(x, from_half(g, w)), {0, 2, 3, 1});
}

static Cases cases() {
  auto build = [](auto in) { return global_filter(in[0], in[1]); };
  return {{"even", {{2, 4, 6, 3}, {3, 4, 4, 2}}, build}, {"odd", {{1, 3, 5, 2}, {2, 3, 3, 2}}, build}};
}

FOVEA_OP(GlobalFilter, "global_filter", cases)
FOVEA_OPS(global_filter, &GlobalFilter::op)

}  // namespace fovea
