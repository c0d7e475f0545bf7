#include <set>

#include "base/error.h"
#include "ir/rewrite.h"
#include "ops/conv2d.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"
#include "passes/taps.h"

namespace fovea {
namespace {

// The last layers with weights, seen from an output, and what stands between them and it.
class Head {
 public:
  Head(const Graph& g, int output) : g_(g) {
    for (int i = 0; i < g.size(); i++) {
      const Node& n = g.node(i);
      bool all = n.op != &Input::op;
      for (int in : n.inputs) all = all && fixed(in);
      fixed_.push_back(all);
    }
    walk(output);
  }
  bool empty() const { return layers_.empty(); }

  // What stands for a node without these layers: what they read, and no bias.
  Tensor rule(int id, const Node& n, std::span<const Tensor> in) const {
    if (layers_.count(id)) return in[0];
    if (!after_.count(id)) return {};
    if (n.op == &Reshape::op) {
      Shape s = n.type.shape;
      s[-1] = -1;
      return reshape(in[0], s);
    }
    if (n.op == &Binary::op)
      for (size_t k : {0, 1})
        if (fixed(n.inputs[k]) && g_.node(n.inputs[k]).type.shape.numel() > 1) return in[1 - k];
    return {};
  }

 private:
  bool fixed(int id) const { return fixed_[static_cast<size_t>(id)]; }
  void walk(int id) {
    const Node& n = g_.node(id);
    if (fixed(id) || is_leaf(n)) return;
    if ((n.op == &Matmul::op || n.op == &Conv2d::op) && fixed(n.inputs[1]))
      layers_.insert(id);
    else if (after_.insert(id).second)
      for (int in : n.inputs) walk(in);
  }

  const Graph& g_;
  std::vector<bool> fixed_;  // depends on parameters alone
  std::set<int> layers_, after_;
};

}  // namespace

std::unique_ptr<Graph> headless(const Graph& g) {
  for (auto& [name, id] : g.outputs()) {
    Head head(g, id);
    if (name != "logits" || head.empty()) continue;
    std::unique_ptr<Graph> cut =
        rewrite(g, [&](Rewriter&, int i, const Node& n, std::span<const Tensor> in) { return head.rule(i, n, in); });
    const std::pair<std::string, int> pooled{"pooled", cut->output_tensor("logits").id};
    return extract(*cut, {&pooled, 1});
  }
  fail(Code::unsupported, "headless: the network has no classifier");
}

}  // namespace fovea
