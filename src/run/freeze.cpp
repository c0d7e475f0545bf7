#include "run/freeze.h"

#include <algorithm>
#include <set>

#include "ir/rewrite.h"
#include "ops/pointwise.h"
#include "run/program.h"

namespace fovea {
namespace {

using Marks = std::vector<char>;
bool marked(const Marks& m, int id) { return m[static_cast<size_t>(id)] != 0; }

// Fixed nodes that others read, or that are outputs.
Marks border(const Graph& g, const Marks& live, const Marks& fixed) {
  Marks r(fixed.size());
  for (int i = 0; i < g.size(); i++)
    for (int in : g.node(i).inputs)
      if (marked(live, i) && !marked(fixed, i)) r[static_cast<size_t>(in)] = fixed[static_cast<size_t>(in)];
  for (auto& [name, id] : g.outputs()) r[static_cast<size_t>(id)] = fixed[static_cast<size_t>(id)];
  return r;
}

// The parameter whose place a folded value takes: the first that it is computed from.
std::string first_param(const Graph& g, int id) {
  while (!g.param_of(id)) {
    if (g.node(id).inputs.empty()) return "constant";
    id = g.node(id).inputs[0];
  }
  return g.param_of(id)->name;
}

Tensor copy_node(const Graph& g, int id, Graph& to, const std::vector<Tensor>& map) {
  const Node& n = g.node(id);
  if (const Param* p = g.param_of(id)) return to.param(*p);
  if (n.op == &Input::op) return to.input(g.inputs()[static_cast<size_t>(n.attr.as<Input>().index)].first, n.type);
  std::vector<Tensor> in;
  for (int i : n.inputs) in.push_back(map[static_cast<size_t>(i)]);
  to.enter(g.scope_name(n.scope));
  return to.add(n.op, n.attr, in);
}

// The values of the folded nodes, by name.
std::map<std::string, Array> compute(const Graph& g, const Marks& wanted, const std::map<int, std::string>& folded,
                                     State& state, Pool& pool) {
  Graph part;
  std::vector<Tensor> map(static_cast<size_t>(g.size()));
  for (int i = 0; i < g.size(); i++) {
    if (marked(wanted, i)) map[static_cast<size_t>(i)] = copy_node(g, i, part, map);
    if (auto it = folded.find(i); it != folded.end()) part.output(it->second, map[static_cast<size_t>(i)]);
  }
  Program program(make_plan(part, {.threads = pool.size()}), state, pool);
  program.run();
  std::map<std::string, Array> r;
  for (auto& [id, name] : folded) {
    Array a(g.node(id).type.shape);
    std::copy_n(program.output(name), a.size(), a.data());
    r[name] = std::move(a);
  }
  return r;
}

}  // namespace

std::unique_ptr<Graph> freeze(const Graph& g, State& state, Pool& pool) {
  Marks live = reachable(g), fixed = fixed_nodes(g), read = border(g, live, fixed), wanted = fixed;
  std::set<std::string> names;
  for (const Param& p : g.params())
    if (marked(read, p.node)) names.insert(p.name);
  std::map<int, std::string> folded;
  for (int i = 0; i < g.size(); i++) {
    wanted[static_cast<size_t>(i)] = marked(live, i) && marked(fixed, i);
    if (!marked(read, i) || is_leaf(g.node(i)) || g.node(i).op == &Full::op) continue;
    std::string name = first_param(g, i);
    while (!names.insert(name).second) name += "_folded";
    folded[i] = name;
  }
  std::map<std::string, Array> values = compute(g, wanted, folded, state, pool);
  auto frozen = std::make_unique<Graph>();
  std::vector<Tensor> map(static_cast<size_t>(g.size()));
  for (int i = 0; i < g.size(); i++) {
    Tensor& t = map[static_cast<size_t>(i)];
    if (folded.count(i))
      t = frozen->param({.name = folded[i], .trainable = false, .type = g.node(i).type});
    else if (marked(live, i) && (!marked(fixed, i) || marked(read, i)))
      t = copy_node(g, i, *frozen, map);
  }
  frozen->enter("");
  for (auto& [name, id] : g.outputs()) frozen->output(name, map[static_cast<size_t>(id)]);
  for (const Param& p : frozen->params())
    if (!values.count(p.name)) values[p.name] = std::move(state.at(p.name));
  state.arrays() = std::move(values);
  return frozen;
}

}  // namespace fovea
