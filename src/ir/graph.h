// The recorded graph: immutable, hash-consed nodes addressed by id; names, parameters, outputs and updates live beside
// them in tables. Ids grow in recording order, so ascending ids are a topological order.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ir/attr.h"

namespace fovea {

class Graph;
struct Op;

// A symbolic handle: which node of which graph. Holds no data.
struct Tensor {
  Graph* graph = nullptr;
  int id = -1;

  explicit operator bool() const { return graph != nullptr; }
  const Type& type() const;
  const Shape& shape() const;
  int rank() const { return shape().rank; }
  int dim(int i) const { return shape()[i]; }
  int n() const { return dim(0); }  // of [n, h, w, c]
  int h() const { return dim(1); }
  int w() const { return dim(2); }
  int c() const { return dim(-1); }
  bool operator==(const Tensor&) const = default;
};

struct Node {
  const Op* op;
  Attr attr;
  std::vector<int> inputs;
  Type type;
  int scope;  // index into Graph::scope_name
};

// How a parameter starts: a function of its path and the seed alone.
struct Init {
  enum class Kind : uint8_t { constant, normal, trunc_normal, uniform, log_count } kind = Kind::constant;
  float a = 0;  // constant: the value; normal, trunc_normal: standard deviation; uniform: +-a
                // log_count: none; it is log 1, log 2, ... along the last axis
};
inline Init fill(float value) { return {Init::Kind::constant, value}; }
inline Init normal(float std) { return {Init::Kind::normal, std}; }
inline Init trunc_normal(float std) { return {Init::Kind::trunc_normal, std}; }
inline Init uniform_init(float bound) { return {Init::Kind::uniform, bound}; }

struct Param {
  std::string name;  // the path, exactly as in weight files
  int node = -1;
  Init init;
  bool trainable = true;  // false: a buffer (running statistics, tables)
  Dims file_axes;         // file dimension i is node dimension file_axes[i]; empty: the same order
  Shape file_shape() const;
  Type type;
};

class Graph {
 public:
  Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  Graph(Graph&&) = delete;

  // Infers the type, shares an equal node if there is one. Throws usage errors naming operator, scope and shapes.
  Tensor add(const Op* op, const Attr& attr, std::span<const Tensor> in);
  const Node& node(int id) const { return nodes_[static_cast<size_t>(id)]; }
  int size() const { return static_cast<int>(nodes_.size()); }
  Tensor at(int id) { return {this, id}; }

  // Leaves.
  Tensor input(const std::string& name, Type type);
  Tensor param(Param p);  // duplicate name: error

  // Side tables.
  void output(const std::string& name, Tensor t);       // duplicate name: error
  void update(const std::string& param, Tensor value);  // after a run the parameter holds value; once per parameter
  // The updates so far, which are no more: to be recorded anew, changed.
  std::vector<std::pair<std::string, int>> take_updates() { return std::exchange(updates_, {}); }
  void tap(const std::string& name, Tensor t) { taps_.emplace_back(name, t.id); }
  void feature(const std::string& name, Tensor t) { features_.emplace_back(name, t.id); }
  const std::vector<Param>& params() const { return params_; }
  const Param* find_param(const std::string& name) const;
  const Param* param_of(int node) const;
  Tensor param_tensor(const std::string& name);
  const std::vector<std::pair<std::string, int>>& inputs() const { return inputs_; }
  const std::vector<std::pair<std::string, int>>& outputs() const { return outputs_; }
  const std::vector<std::pair<std::string, int>>& updates() const { return updates_; }
  const std::vector<std::pair<std::string, int>>& taps() const { return taps_; }
  const std::vector<std::pair<std::string, int>>& features() const { return features_; }
  Tensor output_tensor(const std::string& name);

  const std::string& scope_name(int scope) const { return scopes_[static_cast<size_t>(scope)]; }
  // Nodes recorded until the next call belong to this scope; empty: inherited from their inputs.
  void enter(const std::string& scope);

  // One line per node.
  std::string str() const;

 private:
  int scope_of(std::span<const Tensor> in);
  int scope_index(const std::string& name);

  std::deque<Node> nodes_;  // which stay where they are: a shape may be held while operators are recorded
  std::unordered_map<uint64_t, std::vector<int>> by_hash_;
  std::vector<Param> params_;
  std::unordered_map<std::string, int> param_index_;
  std::unordered_map<int, int> param_by_node_;
  std::vector<std::pair<std::string, int>> inputs_, outputs_, updates_, taps_, features_;
  std::vector<std::string> scopes_{""};
  std::unordered_map<std::string, int> scope_index_{{"", 0}};
  int current_scope_ = 0;
};

Tensor record(const Op* op, const Attr& attr, std::span<const Tensor> in);

// Leaf operators.
struct Input {
  int index = 0;
  Type type;
  FOVEA_ATTR(Input, index)
};
struct ParamLeaf {
  int index = 0;
  Type type;
  FOVEA_ATTR(ParamLeaf, index)
};
bool is_leaf(const Node& n);

}  // namespace fovea
