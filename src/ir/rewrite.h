// Graph to graph: every pass that changes a graph walks it once and says, node by node, what stands there instead.
#pragma once
#include <functional>
#include <memory>

#include "ir/op.h"

namespace fovea {

class Rewriter {
 public:
  // What a node becomes: none keeps it as it is (with its inputs rewritten). `in` are the rewritten inputs.
  using Rule = std::function<Tensor(Rewriter&, int id, const Node&, std::span<const Tensor> in)>;

  Rewriter(const Graph& source, Graph& target) : from(source), to(target), map(static_cast<size_t>(source.size())) {}
  const Graph& from;
  Graph& to;
  std::vector<Tensor> map;  // old id -> new tensor
  Tensor operator()(int old_id) const { return map[static_cast<size_t>(old_id)]; }
  int uses(int old_id) const { return uses_[static_cast<size_t>(old_id)]; }  // readers, outputs and updates included
  void run(const Rule& rule);
  void copy(const std::vector<char>& wanted);  // and no more, not even parameters

 private:
  Tensor keep(int id, std::span<const Tensor> in);
  void carry_names();
  std::vector<int> uses_;
};

// Copies what is reachable from outputs and updates (and all inputs and parameters), rewriting on the way.
std::unique_ptr<Graph> rewrite(const Graph& g, const Rewriter::Rule& rule);

// Only what these values need, and no other parameter; they are its outputs, by these names.
std::unique_ptr<Graph> extract(const Graph& g, std::span<const std::pair<std::string, int>> values);

// Nodes that outputs and updates need.
std::vector<char> reachable(const Graph& g);
// Nodes that depend on parameters and constants alone.
std::vector<char> fixed_nodes(const Graph& g);
// What a composite is made of, recorded where `in` are. Fails as a defect if it is not of the type that infer told.
Tensor body_of(const Node& n, std::span<const Tensor> in);
// The node records its body in its own graph; the result stands for it.
Tensor open(Graph& g, const Node& n, std::span<const Tensor> in);

}  // namespace fovea
