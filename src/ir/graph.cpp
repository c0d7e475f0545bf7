#include "ir/graph.h"

#include <fmt/format.h>

#include "base/error.h"
#include "ir/op.h"

namespace fovea {

static Type infer(const Input& a, Types) { return a.type; }
static Type infer(const ParamLeaf& a, Types) { return a.type; }
FOVEA_OP(Input, "input", nullptr)
FOVEA_OP(ParamLeaf, "param", nullptr)

bool is_leaf(const Node& n) { return n.op == &Input::op || n.op == &ParamLeaf::op; }

const Type& Tensor::type() const { return graph->node(id).type; }
const Shape& Tensor::shape() const { return type().shape; }

Shape Param::file_shape() const {
  if (file_axes.rank == 0) return type.shape;
  Shape s;
  for (int axis : file_axes) s.push(type.shape[axis]);
  return s;
}

namespace {

uint64_t node_hash(const Op* op, const Attr& attr, std::span<const Tensor> in) {
  uint64_t h = hash_mix(reinterpret_cast<uintptr_t>(op), attr.hash());
  for (const Tensor& t : in) h = hash_mix(h, static_cast<uint64_t>(t.id));
  return h;
}

bool same(const Node& n, const Op* op, const Attr& attr, std::span<const Tensor> in) {
  if (n.op != op || n.inputs.size() != in.size() || !(n.attr == attr)) return false;
  for (size_t i = 0; i < in.size(); i++)
    if (n.inputs[i] != in[i].id) return false;
  return true;
}

}  // namespace

Tensor Graph::add(const Op* op, const Attr& attr, std::span<const Tensor> in) {
  std::vector<int> ids;
  std::vector<Type> types;
  for (const Tensor& t : in) {
    if (t.graph != this) fail(Code::bug, "{}: an input is a node of another graph", op->name);
    ids.push_back(t.id), types.push_back(t.type());
  }
  uint64_t h = node_hash(op, attr, in);
  for (int id : by_hash_[h])
    if (same(node(id), op, attr, in)) return {this, id};
  int scope = scope_of(in);
  Type type;
  try {
    type = op->infer(attr, types);
  } catch (const Error& e) {
    std::string shapes;
    for (const Type& t : types) shapes += (shapes.empty() ? "" : ", ") + t.str();
    fail(e.code(), "{}: {}({}) on {}: {}", scope_name(scope).empty() ? "graph" : scope_name(scope), op->name, attr.str(),
         shapes, e.what());
  }
  nodes_.push_back({op, attr, std::move(ids), type, scope});
  by_hash_[h].push_back(size() - 1);
  return {this, size() - 1};
}

int Graph::scope_index(const std::string& name) {
  auto [it, fresh] = scope_index_.emplace(name, static_cast<int>(scopes_.size()));
  if (fresh) scopes_.push_back(name);
  return it->second;
}

// A node belongs to the module whose parameter it reads, else to where its newest input came from.
int Graph::scope_of(std::span<const Tensor> in) {
  if (current_scope_) return current_scope_;
  for (const Tensor& t : in)
    if (node(t.id).op == &ParamLeaf::op) return node(t.id).scope;
  int newest = -1;
  for (const Tensor& t : in) newest = std::max(newest, t.id);
  return newest < 0 ? 0 : node(newest).scope;
}

void Graph::enter(const std::string& scope) { current_scope_ = scope.empty() ? 0 : scope_index(scope); }

Tensor Graph::input(const std::string& name, Type type) {
  for (auto& [known, id] : inputs_)
    if (known == name) {
      if (!(node(id).type == type)) fail(Code::bug, "input {} declared twice with different types", name);
      return {this, id};
    }
  Input leaf{static_cast<int>(inputs_.size()), type};
  Tensor t = add(&Input::op, Attr(leaf), {});
  inputs_.emplace_back(name, t.id);
  return t;
}

Tensor Graph::param(Param p) {
  if (param_index_.count(p.name)) fail(Code::bug, "parameter {} is declared twice", p.name);
  ParamLeaf leaf{static_cast<int>(params_.size()), p.type};
  size_t dot = p.name.rfind('.');
  int before = current_scope_;
  enter(dot == std::string::npos ? p.name : p.name.substr(0, dot));
  Tensor t = add(&ParamLeaf::op, Attr(leaf), {});
  current_scope_ = before;
  p.node = t.id;
  param_index_[p.name] = static_cast<int>(params_.size());
  param_by_node_[t.id] = static_cast<int>(params_.size());
  params_.push_back(std::move(p));
  return t;
}

// A name stands once in a table: of two updates or outputs of one name, either would be lost without a word.
static void add_once(std::vector<std::pair<std::string, int>>& table, const char* what, const std::string& name, int id) {
  for (auto& [known, other] : table)
    if (known == name) fail(Code::bug, "{} {} is declared twice", what, name);
  table.emplace_back(name, id);
}

void Graph::output(const std::string& name, Tensor t) { add_once(outputs_, "output", name, t.id); }

void Graph::update(const std::string& param, Tensor value) {
  const Param* p = find_param(param);
  if (!p) fail(Code::bug, "there is no parameter {} to update", param);
  if (!(p->type == value.type())) fail(Code::bug, "{} {} cannot become {}", param, p->type.str(), value.type().str());
  add_once(updates_, "update", param, value.id);
}

const Param* Graph::find_param(const std::string& name) const {
  auto it = param_index_.find(name);
  return it == param_index_.end() ? nullptr : &params_[static_cast<size_t>(it->second)];
}

const Param* Graph::param_of(int node) const {
  auto it = param_by_node_.find(node);
  return it == param_by_node_.end() ? nullptr : &params_[static_cast<size_t>(it->second)];
}

Tensor Graph::param_tensor(const std::string& name) {
  const Param* p = find_param(name);
  if (!p) fail(Code::bug, "no parameter {}", name);
  return at(p->node);
}

Tensor Graph::output_tensor(const std::string& name) {
  for (auto& [known, id] : outputs_)
    if (known == name) return at(id);
  fail(Code::bug, "no output {}", name);
}

std::string Graph::str() const {
  std::string r;
  for (int i = 0; i < size(); i++) {
    const Node& n = node(i);
    std::string in;
    for (int id : n.inputs) in += fmt::format("{}%{}", in.empty() ? "" : ", ", id);
    const Param* p = param_of(i);
    r += fmt::format("%{} = {}({}) {{{}}} : {}  # {}\n", i, n.op->name, in, n.attr.str(), n.type.str(),
                     p ? p->name : scope_name(n.scope));
  }
  return r;
}

static std::vector<Type> input_types(const Graph& g, int id) {
  std::vector<Type> r;
  for (int in : g.node(id).inputs) r.push_back(g.node(in).type);
  return r;
}

int64_t node_macs(const Graph& g, int id) {
  const Node& n = g.node(id);
  return n.op->macs ? n.op->macs(n.attr, input_types(g, id), n.type.shape) : 0;
}

std::string node_text(const Graph& g, int id) {
  const Node& n = g.node(id);
  return n.op->describe ? n.op->describe(n.attr, input_types(g, id)) : n.op->name;
}

Tensor record(const Op* op, const Attr& attr, std::span<const Tensor> in) {
  FOVEA_CHECK(!in.empty() && in[0].graph, "an operator without inputs needs a graph");
  return in[0].graph->add(op, attr, in);
}

}  // namespace fovea
