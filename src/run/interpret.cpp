#include "run/interpret.h"

#include "base/error.h"
#include "ir/rewrite.h"

namespace fovea {
namespace {

// A composite without a reference of its own: its body, in a graph of its own.
void run_body(const Node& n, Views in, View out) {
  Graph g;
  std::vector<Tensor> inputs;
  Values given;
  for (size_t i = 0; i < in.size(); i++) {
    inputs.push_back(g.input(std::to_string(i), {*in[i].shape}));
    given[inputs.back().id].assign(in[i].data, in[i].data + in[i].shape->numel());
  }
  Tensor y = body_of(n, inputs);
  std::vector<double> values = interpret(g, given, {y.id})[y.id];
  std::copy(values.begin(), values.end(), out.data);
}

}  // namespace

Values interpret(const Graph& g, const Values& given, const std::vector<int>& wanted) {
  std::vector<char> live(static_cast<size_t>(g.size()), 0);
  for (int id : wanted) live[static_cast<size_t>(id)] = 1;
  for (int id = g.size() - 1; id >= 0; id--)
    if (live[static_cast<size_t>(id)] && !given.count(id))
      for (int in : g.node(id).inputs) live[static_cast<size_t>(in)] = 1;
  Values values;
  for (int id = 0; id < g.size(); id++) {
    if (!live[static_cast<size_t>(id)]) continue;
    if (auto it = given.find(id); it != given.end()) {
      values[id] = it->second;
      continue;
    }
    const Node& n = g.node(id);
    FOVEA_CHECK(!is_leaf(n));
    std::vector<View> in;
    for (int i : n.inputs) in.push_back({&g.node(i).type.shape, values[i].data()});
    std::vector<double>& out = values[id];
    out.resize(static_cast<size_t>(n.type.shape.numel()));
    View view{&n.type.shape, out.data()};
    if (n.op->reference)
      n.op->reference(n.attr, in, view);
    else
      run_body(n, in, view);
  }
  Values r;
  for (int id : wanted) r[id] = values[id];
  return r;
}

}  // namespace fovea
