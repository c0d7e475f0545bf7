#include "io/onnx/emitter.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "ir/rewrite.h"
#include "ops/loops.h"
#include "ops/pointwise.h"

namespace fovea::onnx {

#define FOVEA_ENTRY(file) std::vector<Rule> onnx_rules_of_##file();
#include "onnx_list.inc"
#undef FOVEA_ENTRY

namespace {

using Rules = std::map<const Op*, std::vector<Rule>>;

Rules make_rules() {
  Rules r;
#define FOVEA_ENTRY(file) \
  for (const Rule& rule : onnx_rules_of_##file()) r[rule.op].push_back(rule);
#include "onnx_list.inc"
#undef FOVEA_ENTRY
  for (auto& [op, list] : r)
    std::stable_sort(list.begin(), list.end(), [](const Rule& a, const Rule& b) { return a.nodes > b.nodes; });
  return r;
}

const std::vector<Rule>& rules_of(const Op* op) {
  static const Rules rules = make_rules();
  static const std::vector<Rule> none;
  auto it = rules.find(op);
  return it == rules.end() ? none : it->second;
}

// Ones before the dimensions, as broadcasting puts them.
Shape padded(const Shape& s, int rank) {
  Shape r;
  for (int i = s.rank; i < rank; i++) r.push(1);
  for (int d : s) r.push(d);
  return r;
}
Dims padded_order(const Dims& order, int rank) {
  int more = rank - order.rank;
  Dims r = identity(more);
  for (int axis : order) r.push(axis + more);
  return r;
}

// The axes of more than one element, in the order in which they stand.
Dims moving(const Shape& s, const Dims& order) {
  Dims r;
  for (int axis : order)
    if (s[axis] != 1) r.push(axis);
  return r;
}

// TensorProto: dims, data_type, name, raw_data.
void add_tensor(Message& weights, const std::string& name, const std::vector<int64_t>& dims, int type, const void* data,
                size_t bytes) {
  Message t;
  for (int64_t d : dims) t.integer(1, d);
  t.integer(2, type);
  t.text(8, name);
  Message raw;
  raw.open(9, bytes);
  weights.open(5, t.bytes.size() + raw.bytes.size() + bytes);  // GraphProto's initializer
  weights.bytes.append(t.bytes).append(raw.bytes).append(static_cast<const char*>(data), bytes);
}

Message attribute_message(const Attribute& a) {
  enum Type { kFloat = 1, kInt = 2, kInts = 7 };
  Message m;
  m.text(1, a.name);
  if (auto* f = std::get_if<float>(&a.value)) {
    m.number(2, *f), m.integer(20, kFloat);
  } else if (auto* i = std::get_if<int64_t>(&a.value)) {
    m.integer(3, *i), m.integer(20, kInt);
  } else {
    for (int64_t v : std::get<std::vector<int64_t>>(a.value)) m.integer(8, v);
    m.integer(20, kInts);
  }
  return m;
}

}  // namespace

Dims identity(int rank) {
  Dims r;
  for (int i = 0; i < rank; i++) r.push(i);
  return r;
}

int position(const Dims& order, int axis) {
  return static_cast<int>(std::find(order.begin(), order.end(), axis) - order.begin());
}

Shape permuted(const Shape& s, const Dims& order) {
  Shape r;
  for (int axis : order) r.push(s[axis]);
  return r;
}

bool is(const Node& n, UnaryKind k) { return n.op == &Unary::op && n.attr.as<Unary>().kind == k; }
bool is(const Node& n, BinaryKind k) { return n.op == &Binary::op && n.attr.as<Binary>().kind == k; }
bool is(const Node& n, ReduceKind k) { return n.op == &Reduce::op && n.attr.as<Reduce>().kind == k; }

std::vector<int64_t> integers(const Dims& d) { return {d.begin(), d.end()}; }

Emitter::Emitter(Graph& g, Weights weights_of) : graph(g), values_(std::move(weights_of)) {
  for (auto& [name, id] : g.inputs()) names_.insert(name);
  for (auto& [name, id] : g.outputs()) names_.insert(name);
  count_uses(0);
}

// Of nodes that a body recorded too: what only they read is theirs to swallow.
void Emitter::count_uses(int from) {
  uses_.resize(static_cast<size_t>(graph.size()));
  for (int i = from; i < graph.size(); i++)
    for (int in : node(i).inputs) uses_[static_cast<size_t>(in)]++;
  if (from == 0)
    for (auto& [name, id] : graph.outputs()) uses_[static_cast<size_t>(id)]++;
}

std::optional<float> Emitter::filled(int id) const {
  const Node& n = graph.node(id);
  if (n.op != &Full::op || n.type.shape.rank > 0) return {};
  return n.attr.as<Full>().value;
}

Value Emitter::value(int id) {
  if (auto it = made_.find(id); it != made_.end()) return it->second;
  std::string before = std::exchange(scope_, graph.scope_name(graph.node(id).scope));
  Value v = written(id);
  scope_ = before;
  return made_[id] = v;
}

Value Emitter::written(int id) {
  const Node n = node(id);
  if (n.op == &Input::op) {
    const std::string& name = graph.inputs()[static_cast<size_t>(n.attr.as<Input>().index)].first;
    return {name, n.type.shape.rank == 4 ? kChannelsFirst : identity(n.type.shape.rank)};
  }
  if (constant(id)) return {plain(id), identity(n.type.shape.rank)};
  for (const Rule& rule : rules_of(n.op))
    if (std::optional<Value> v = rule.emit(*this, id)) return *v;
  if (!n.op->composite())
    fail(Code::unsupported, "{}: the operator {}({}) has no counterpart in ONNX here", scope_.empty() ? "graph" : scope_,
         n.op->name, n.attr.str());
  std::vector<Tensor> in;
  for (int i : n.inputs) in.push_back(graph.at(i));
  int before = graph.size();
  Tensor body = open(graph, n, in);
  count_uses(before);
  return value(body.id);
}

std::string Emitter::in_order(int id, const Dims& order) {
  std::string key = fmt::format("{}:{}", id, order.str());
  if (auto it = cache_.find(key); it != cache_.end()) return it->second;
  std::string name = constant(id) ? stored(id, order) : moved(id, value(id), order);
  return cache_[key] = name;
}

std::string Emitter::moved(int id, const Value& from, const Dims& order) {
  if (from.order == order) return from.name;
  const Shape s = padded(shape(id), order.rank);
  const Dims now = padded_order(from.order, order.rank);
  if (moving(s, now) == moving(s, order)) return reshaped(from.name, permuted(s, order));
  std::string name = now.rank == from.order.rank ? from.name : reshaped(from.name, permuted(s, now));
  Dims perm;
  for (int axis : order) perm.push(position(now, axis));
  return add("Transpose", {name}, {{"perm", integers(perm)}});
}

std::string Emitter::stored(int id, const Dims& order) {
  const Param& p = *graph.param_of(id);
  const float* in = values_(p.name);
  const Shape s = padded(p.type.shape, order.rank), to = permuted(s, order);
  std::vector<float> out(static_cast<size_t>(to.numel()));
  auto stride = strides_of(s);
  for (int64_t i = 0; i < std::ssize(out); i++) {
    Dims at = unravel(i, to);
    int64_t from = 0;
    for (int d = 0; d < to.rank; d++) from += at[d] * stride[static_cast<size_t>(order[d])];
    out[static_cast<size_t>(i)] = in[from];
  }
  return tensor(p.name, to, out);
}

std::string Emitter::row_major(int id) {
  Value v = value(id);
  Dims d = moving(shape(id), v.order);
  return std::is_sorted(d.begin(), d.end()) ? v.name : plain(id);
}

std::string Emitter::unique(const std::string& name) {
  std::string r = name;
  for (int i = 1; !names_.insert(r).second; i++) r = fmt::format("{}_{}", name, i);
  return r;
}

std::string Emitter::add(const char* type, const Inputs& in, const Attributes& attributes) {
  std::string name = unique(scope_.empty() ? type : fmt::format("{}/{}", scope_, type));
  operators_.push_back({type, name, in, attributes});
  return name;
}

std::string Emitter::reshaped(const std::string& name, const Shape& to) {
  return add("Reshape", {name, list(integers(to))});
}

std::string Emitter::scalar(float v) {
  std::string& name = cache_[fmt::format("scalar:{}", v)];
  if (name.empty()) name = tensor("scalar", {}, {v});
  return name;
}

std::string Emitter::list(const std::vector<int64_t>& v) {
  std::string& name = cache_[fmt::format("list:{}", fmt::join(v, ","))];
  if (!name.empty()) return name;
  name = unique("list");
  add_tensor(weights, name, {std::ssize(v)}, 7, v.data(), v.size() * sizeof(int64_t));
  return name;
}

std::string Emitter::tensor(const std::string& name, const Shape& s, const std::vector<float>& v) {
  std::string r = unique(name);
  add_tensor(weights, r, integers(s), 1, v.data(), v.size() * sizeof(float));
  return r;
}

// An operator's result takes the output's name; what is something else already gets an operator of its own.
void Emitter::output(const std::string& name, int id) {
  std::string made = plain(id);
  bool operators = std::any_of(operators_.begin(), operators_.end(), [&](const Operator& o) { return o.name == made; });
  if (!operators || renamed_.count(made)) made = add("Identity", {made});
  renamed_[made] = name;
}

std::string Emitter::nodes() const {
  auto final = [&](const std::string& name) {
    auto it = renamed_.find(name);
    return it == renamed_.end() ? name : it->second;
  };
  Message graph_proto;
  for (const Operator& o : operators_) {  // NodeProto: input, output, name, op_type, attribute
    Message n;
    for (const std::string& in : o.in) n.text(1, final(in));
    n.text(2, final(o.name));
    n.text(3, o.name);
    n.text(4, o.type);
    for (const Attribute& a : o.attributes) n.message(5, attribute_message(a));
    graph_proto.message(1, n);
  }
  return graph_proto.bytes;
}

}  // namespace fovea::onnx
