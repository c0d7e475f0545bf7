// What the rules of this folder's files write with. A rule says what a node becomes in ONNX; a file holds the rules of
// src/ops/<the same name>, and CMake lists the files.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "io/onnx/wire.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea::onnx {

// A value of the model. Its dimension i is dimension order[i] of ours: nothing is moved until an operator needs it moved.
struct Value {
  std::string name;
  Dims order;
};
Dims identity(int rank);
inline const Dims kChannelsFirst{0, 3, 1, 2};
int position(const Dims& order, int axis);  // where our axis stands
Shape permuted(const Shape& s, const Dims& order);
bool is(const Node& n, UnaryKind k);
bool is(const Node& n, BinaryKind k);
bool is(const Node& n, ReduceKind k);

struct Attribute {
  const char* name;
  std::variant<int64_t, float, std::vector<int64_t>> value;
};
using Inputs = std::vector<std::string>;
using Attributes = std::vector<Attribute>;
std::vector<int64_t> integers(const Dims& d);

class Emitter {
 public:
  using Weights = std::function<const float*(const std::string& param)>;
  Emitter(Graph& g, Weights weights);

  Graph& graph;
  // Copies: asking for a value may open composites, which moves the nodes.
  Node node(int id) const { return graph.node(id); }
  Shape shape(int id) const { return graph.node(id).type.shape; }
  bool constant(int id) const { return graph.param_of(id) != nullptr; }
  bool once(int id) const { return uses_[static_cast<size_t>(id)] == 1; }  // one reader: a pattern may swallow it
  std::optional<float> filled(int id) const;                               // the number, if it is but one

  // The value of a node, written (with all that it needs) when first asked for.
  Value value(int id);
  // The same in another order: Transpose, or Reshape where only dimensions of size 1 move. Parameters are stored so. An
  // order of more dimensions puts ones before those of the value, as broadcasting does.
  std::string in_order(int id, const Dims& order);
  std::string plain(int id) { return in_order(id, identity(shape(id).rank)); }
  std::string row_major(int id);  // any shape, the elements in our order

  void enter(int id) { scope_ = graph.scope_name(node(id).scope); }  // whose layer operators are named after
  // Appends an operator; the name of its result.
  std::string add(const char* type, const Inputs& in, const Attributes& attributes = {});
  std::string reshaped(const std::string& name, const Shape& shape);
  std::string scalar(float v);
  std::string list(const std::vector<int64_t>& v);
  std::string tensor(const std::string& name, const Shape& shape, const std::vector<float>& v);  // a weight

  void output(const std::string& name, int id);
  std::string nodes() const;  // NodeProtos, in order
  int operators() const { return static_cast<int>(operators_.size()); }
  Message weights;  // TensorProtos

 private:
  struct Operator {
    std::string type, name;
    Inputs in;
    Attributes attributes;
  };
  Value written(int id);
  std::string moved(int id, const Value& from, const Dims& order);
  std::string stored(int id, const Dims& order);
  std::string unique(const std::string& name);
  void count_uses(int from);

  Weights values_;
  std::vector<int> uses_;
  std::map<int, Value> made_;
  std::map<std::string, std::string> cache_;  // what is made once: moved values, scalars, lists
  std::set<std::string> names_;
  std::map<std::string, std::string> renamed_;  // of outputs
  std::vector<Operator> operators_;
  std::string scope_;  // of the node at work
};

struct Rule {
  const Op* op;
  std::optional<Value> (*emit)(Emitter&, int id);  // none: not for this node
  int nodes = 1;                                   // how many it covers: patterns of more go first
};

// Once per file, named as the file:  FOVEA_ONNX(pool, {&MaxPool::op, max_pool}, {&AvgPool::op, avg_pool})
#define FOVEA_ONNX(file, ...) \
  std::vector<Rule> onnx_rules_of_##file() { return {__VA_ARGS__}; }

}  // namespace fovea::onnx
