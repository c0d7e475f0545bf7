#include "nn/lstm.h"

#include <cmath>
#include <vector>

#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

// Step by step: what a step adds to the memory depends on what the step before gave out. [n,t,c] -> [n,t,hidden]
static Tensor one_way(Scope s, Tensor x, int hidden, const std::string& suffix, bool back) {
  Init init = uniform_init(1 / std::sqrt(static_cast<float>(hidden)));
  auto param = [&](const char* name, const Shape& shape) { return s.param(name + suffix, shape, init); };
  Tensor of_input = param("weight_ih_l0", {4 * hidden, x.c()}), of_output = param("weight_hh_l0", {4 * hidden, hidden});
  Tensor bias = param("bias_ih_l0", {4 * hidden}) + param("bias_hh_l0", {4 * hidden});
  Tensor all = linear(x, of_input) + bias, memory, y;  // of all steps at once
  int n = x.n(), steps = x.dim(1);
  std::vector<Tensor> out(static_cast<size_t>(steps));
  for (int i = 0; i < steps; i++) {
    int at = back ? steps - 1 - i : i;
    Tensor gates = reshape(slice(all, 1, at, 1), {n, 4 * hidden});
    if (y) gates = gates + linear(y, of_output);
    auto part = [&](int k) { return slice(gates, 1, k * hidden, hidden); };
    Tensor news = sigmoid(part(0)) * tanh(part(2));
    memory = memory ? sigmoid(part(1)) * memory + news : news;
    y = sigmoid(part(3)) * tanh(memory);
    out[static_cast<size_t>(at)] = reshape(y, {n, 1, hidden});
  }
  return concat(out, 1);
}

Tensor bidirectional_lstm(Scope s, Tensor x, int hidden) {
  Tensor both[] = {one_way(s, x, hidden, "", false), one_way(s, x, hidden, "_reverse", true)};
  return concat(both, 2);
}

}  // namespace fovea
