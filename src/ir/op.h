// What an operator is: a description of plain functions, found by overload on its attribute struct.
//
// A primitive has infer, vjp and reference. A composite has a body made of other operators; its type, derivative and
// reference are its body's unless it gives better ones. Kernels, exporters and passes see the composite whole.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "ir/attr.h"
#include "ir/graph.h"

namespace fovea {

using Types = std::span<const Type>;

// Data of the reference interpreter: everything in double, row-major.
struct View {
  const Shape* shape;
  double* data;
};
using Views = std::span<const View>;

// What a vjp sees: its node's inputs and output, the gradient of the output; it adds gradients of the inputs.
class Vjp {
 public:
  Vjp(std::vector<Tensor> inputs, Tensor output, Tensor gradient, std::vector<char> wanted)
      : in(std::move(inputs)), out(output), grad(gradient), result(in.size()), wanted_(std::move(wanted)) {}
  std::vector<Tensor> in;
  Tensor out, grad;
  std::vector<Tensor> result;  // result[i]: d loss / d in[i]; none: zero
  bool wants(int i) const { return wanted_[static_cast<size_t>(i)] != 0; }
  void add(int i, Tensor g) { result[static_cast<size_t>(i)] = g; }

 private:
  std::vector<char> wanted_;
};

// One test case: the operator on inputs of these shapes with values in [lo, hi]. What else it declares as an input (a key)
// is fed small integers.
struct Case {
  std::string name;
  std::vector<Shape> inputs;
  std::function<Tensor(std::span<const Tensor>)> build;
  double lo = -1, hi = 1;
  bool gradient = true;  // false where finite differences make no sense (kinks, integers)
};
using Cases = std::vector<Case>;

struct Op {
  const char* name;
  Type (*infer)(const Attr&, Types);
  void (*vjp)(const Attr&, Vjp&);                           // null: through the body
  void (*reference)(const Attr&, Views in, View out);       // null: through the body
  Tensor (*body)(const Attr&, std::span<const Tensor> in);  // null: primitive
  int64_t (*macs)(const Attr&, Types, const Shape& out);    // multiply-accumulates; null: none
  std::string (*describe)(const Attr&, Types);              // for people, "conv 3x3/2"; null: the name
  Cases (*cases)();                                         // null only for leaves
  bool composite() const { return body != nullptr; }
};

namespace detail {
template <class A>
Type infer_of(const Attr& a, Types in) {
  return infer(a.as<A>(), in);
}
template <class A>
void vjp_of(const Attr& a, Vjp& g) {
  vjp(a.as<A>(), g);
}
template <class A>
void reference_of(const Attr& a, Views in, View out) {
  reference(a.as<A>(), in, out);
}
template <class A>
Tensor body_of(const Attr& a, std::span<const Tensor> in) {
  return body(a.as<A>(), in);
}
template <class A>
int64_t macs_of(const Attr& a, Types in, const Shape& out) {
  return macs(a.as<A>(), in, out);
}
template <class A>
std::string describe_of(const Attr& a, Types in) {
  return describe(a.as<A>(), in);
}
}  // namespace detail

template <class A>
constexpr Op make_op(const char* name, Cases (*cases)()) {
  Op op{};
  op.name = name, op.cases = cases;
  op.infer = detail::infer_of<A>;
  if constexpr (requires(const A& a, Vjp& g) { vjp(a, g); }) op.vjp = detail::vjp_of<A>;
  if constexpr (requires(const A& a, Views v, View o) { reference(a, v, o); }) op.reference = detail::reference_of<A>;
  if constexpr (requires(const A& a, std::span<const Tensor> in) { body(a, in); }) op.body = detail::body_of<A>;
  if constexpr (requires(const A& a, Types in, const Shape& out) { macs(a, in, out); }) op.macs = detail::macs_of<A>;
  if constexpr (requires(const A& a, Types in) { describe(a, in); }) op.describe = detail::describe_of<A>;
  return op;
}

// What a node costs by its shapes: multiply-accumulates, the figures of papers; 0 for what is not made of products.
int64_t node_macs(const Graph& g, int id);
// Its operator in words.
std::string node_text(const Graph& g, int id);

// In an operator's .cpp, after its (static) functions:
//   FOVEA_OP(MaxPool, "max_pool", max_pool_cases)     once per operator
//   FOVEA_OPS(max_pool, &MaxPool::op, ...)            once per file, named as the file
#define FOVEA_OP(A, name, cases) constinit const Op A::op = make_op<A>(name, cases);
#define FOVEA_OPS(file, ...)                       \
  std::span<const Op* const> ops_of_##file() {     \
    static const Op* const list[] = {__VA_ARGS__}; \
    return list;                                   \
  }

template <class A>
Tensor record(const A& a, std::initializer_list<Tensor> in) {
  return record(&A::op, Attr(a), std::span<const Tensor>(in.begin(), in.size()));
}
template <class A>
Tensor record(const A& a, std::span<const Tensor> in) {
  return record(&A::op, Attr(a), in);
}

}  // namespace fovea
