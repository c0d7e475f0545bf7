#include "ir/rewrite.h"

#include <algorithm>

#include "base/error.h"

namespace fovea {

std::vector<char> fixed_nodes(const Graph& g) {
  std::vector<char> r(static_cast<size_t>(g.size()));
  for (int id = 0; id < g.size(); id++) {
    const Node& n = g.node(id);
    bool all = std::all_of(n.inputs.begin(), n.inputs.end(), [&](int in) { return r[static_cast<size_t>(in)] != 0; });
    r[static_cast<size_t>(id)] = n.op != &Input::op && all;
  }
  return r;
}

using Named = std::span<const std::pair<std::string, int>>;

static std::vector<char> needed_by(const Graph& g, std::initializer_list<Named> tables) {
  std::vector<char> live(static_cast<size_t>(g.size()), 0);
  for (Named values : tables)
    for (auto& [name, id] : values) live[static_cast<size_t>(id)] = 1;
  for (int i = g.size() - 1; i >= 0; i--)
    if (live[static_cast<size_t>(i)])
      for (int in : g.node(i).inputs) live[static_cast<size_t>(in)] = 1;
  return live;
}

std::vector<char> reachable(const Graph& g) { return needed_by(g, {g.outputs(), g.updates()}); }

Tensor body_of(const Node& n, std::span<const Tensor> in) {
  FOVEA_CHECK(n.op->body != nullptr);
  Tensor y = n.op->body(n.attr, in);
  const Type& type = y.graph->node(y.id).type;
  if (!(type == n.type)) fail(Code::bug, "{}: infer says {}, the body makes {}", n.op->name, n.type.str(), type.str());
  return y;
}

Tensor open(Graph& g, const Node& n, std::span<const Tensor> in) {
  g.enter("");
  return body_of(n, in);
}

Tensor Rewriter::keep(int id, std::span<const Tensor> in) {
  const Node& n = from.node(id);
  if (const Param* p = from.param_of(id)) return to.param(*p);
  if (n.op == &Input::op) return to.input(from.inputs()[static_cast<size_t>(n.attr.as<Input>().index)].first, n.type);
  to.enter(from.scope_name(n.scope));
  return to.add(n.op, n.attr, in);
}

void Rewriter::run(const Rule& rule) {
  std::vector<char> live = reachable(from);
  uses_.assign(live.size(), 0);
  for (int i = 0; i < from.size(); i++)
    if (live[static_cast<size_t>(i)])
      for (int in : from.node(i).inputs) uses_[static_cast<size_t>(in)]++;
  for (auto& [name, id] : from.outputs()) uses_[static_cast<size_t>(id)]++;
  for (auto& [name, id] : from.updates()) uses_[static_cast<size_t>(id)]++;
  for (int i = 0; i < from.size(); i++) {
    const Node& n = from.node(i);
    if (!live[static_cast<size_t>(i)] && !is_leaf(n)) continue;
    std::vector<Tensor> in;
    for (int id : n.inputs) in.push_back((*this)(id));
    to.enter(from.scope_name(n.scope));
    Tensor t = is_leaf(n) ? Tensor{} : rule(*this, i, n, in);
    map[static_cast<size_t>(i)] = t ? t : keep(i, in);
  }
  for (auto& [name, id] : from.outputs()) to.output(name, (*this)(id));
  for (auto& [name, id] : from.updates()) to.update(name, (*this)(id));
  carry_names();
}

void Rewriter::copy(const std::vector<char>& wanted) {
  for (int i = 0; i < from.size(); i++) {
    if (!wanted[static_cast<size_t>(i)]) continue;
    std::vector<Tensor> in;
    for (int id : from.node(i).inputs) in.push_back((*this)(id));
    map[static_cast<size_t>(i)] = keep(i, in);
  }
  carry_names();
}

void Rewriter::carry_names() {
  to.enter("");
  for (auto& [name, id] : from.taps())
    if ((*this)(id)) to.tap(name, (*this)(id));
  for (auto& [name, id] : from.features())
    if ((*this)(id)) to.feature(name, (*this)(id));
}

std::unique_ptr<Graph> rewrite(const Graph& g, const Rewriter::Rule& rule) {
  auto to = std::make_unique<Graph>();
  Rewriter(g, *to).run(rule);
  return to;
}

std::unique_ptr<Graph> extract(const Graph& g, Named values) {
  auto to = std::make_unique<Graph>();
  Rewriter r(g, *to);
  r.copy(needed_by(g, {values}));
  for (auto& [name, id] : values) to->output(name, r(id));
  return to;
}

}  // namespace fovea
