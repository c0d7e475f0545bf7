#include <algorithm>
#include <set>

#include "base/error.h"
#include "ir/rewrite.h"
#include "ops/conv2d.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/norm.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"
#include "passes/taps.h"

namespace fovea {
namespace {

// The last layers with weights, seen from an output, and what stands between them and it.
class Head {
 public:
  Head(const Graph& g, int output) : g_(g), output_(output), fixed_(fixed_nodes(g)) { walk(output); }
  bool empty() const { return layers_.empty(); }

  // What stands for a node without these layers: what they read, and no bias.
  Tensor rule(Rewriter& r, int id, const Node& n, std::span<const Tensor> in) const {
    if (several_widths()) return id == output_ ? side_by_side(r) : Tensor{};
    if (is_layer(id)) return r(read_by(id));
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
  bool fixed(int id) const { return fixed_[static_cast<size_t>(id)] != 0; }
  bool is_layer(int id) const { return std::find(layers_.begin(), layers_.end(), id) != layers_.end(); }
  void walk(int id) {
    const Node& n = g_.node(id);
    if (fixed(id) || is_leaf(n) || is_layer(id)) return;
    if ((n.op == &Matmul::op || n.op == &Conv2d::op) && fixed(n.inputs[1]))
      layers_.push_back(id);
    else if (after_.insert(id).second)
      for (int in : n.inputs) walk(in);
  }

  // What a layer reads, or the norm in front of it that is a part of the same module.
  int read_by(int layer) const {
    auto module = [&](int id) {
      const std::string& scope = g_.scope_name(g_.node(id).scope);
      return scope.substr(0, scope.rfind('.') + 1);  // with the dot
    };
    int x = g_.node(layer).inputs[0];
    bool norm = g_.node(x).op == &BatchNorm::op && !module(x).empty() && module(x) == module(layer);
    return norm ? g_.node(x).inputs[0] : x;
  }
  int width(int layer) const { return g_.node(read_by(layer)).type.shape[-1]; }
  bool several_widths() const {
    return std::any_of(layers_.begin(), layers_.end(), [&](int l) { return width(l) != width(layers_[0]); });
  }
  Tensor side_by_side(const Rewriter& r) const {
    std::vector<Tensor> parts;
    for (int l : layers_) parts.push_back(r(read_by(l)));
    return concat(parts, -1);
  }

  const Graph& g_;
  int output_;
  std::vector<char> fixed_;  // depends on parameters alone
  std::vector<int> layers_;  // as they stand in the sum
  std::set<int> after_;
};

}  // namespace

std::unique_ptr<Graph> headless(const Graph& g) {
  for (auto& [name, id] : g.outputs()) {
    Head head(g, id);
    if (name != "logits" || head.empty()) continue;
    std::unique_ptr<Graph> cut =
        rewrite(g, [&](Rewriter& r, int i, const Node& n, std::span<const Tensor> in) { return head.rule(r, i, n, in); });
    const std::pair<std::string, int> pooled{"pooled", cut->output_tensor("logits").id};
    return extract(*cut, {&pooled, 1});
  }
  fail(Code::unsupported, "headless: the network has no classifier");
}

}  // namespace fovea
