#include "passes/checkpoint.h"

#include <algorithm>

#include "ir/rewrite.h"
#include "ops/barrier.h"
#include "passes/taps.h"

namespace fovea {
namespace {

class Recompute {
 public:
  Recompute(const Graph& g, int forward) : forward_(forward), kept_(static_cast<size_t>(g.size()), 0), again_(kept_.size()) {
    int last = -1;
    for (auto& [name, id] : outer_taps(g)) kept_[at(id)] = 1, last = std::max(last, id);
    for (int id = 0; id < forward; id++)
      if (id > last || small(g, id)) kept_[at(id)] = 1;  // the head is needed at once
  }

  // What the backward pass reads in place of forward node `id`.
  Tensor read(Rewriter& r, int id) {
    return id >= forward_ || kept_[at(id)] || is_leaf(r.from.node(id)) ? r(id) : again(r, id);
  }

 private:
  static size_t at(int id) { return static_cast<size_t>(id); }

  // Statistics and the like: kept at next to no cost, dear to compute.
  static bool small(const Graph& g, int id) {
    const Node& n = g.node(id);
    int64_t largest = 0;
    for (int in : n.inputs) largest = std::max(largest, g.node(in).type.shape.numel());
    return n.type.shape.numel() * 64 <= largest;
  }

  Tensor again(Rewriter& r, int id) {
    Tensor& t = again_[at(id)];
    if (t) return t;
    const Node& n = r.from.node(id);
    if (is_leaf(n) && n.op != &Input::op) return t = r(id);
    if (is_leaf(n) || kept_[at(id)]) return t = barrier(r(id));
    std::vector<Tensor> in;
    for (int i : n.inputs) in.push_back(again(r, i));
    r.to.enter(r.from.scope_name(n.scope));
    return t = r.to.add(n.op, n.attr, in);
  }

  int forward_;
  std::vector<char> kept_;
  std::vector<Tensor> again_;
};

}  // namespace

std::unique_ptr<Graph> checkpoint(const Graph& g, int forward) {
  Recompute recompute(g, forward);
  return rewrite(g, [&](Rewriter& r, int id, const Node& n, std::span<const Tensor>) -> Tensor {
    if (id < forward) return {};
    std::vector<Tensor> in;
    for (int i : n.inputs) in.push_back(recompute.read(r, i));
    r.to.enter(r.from.scope_name(n.scope));
    return r.to.add(n.op, n.attr, in);
  });
}

}  // namespace fovea
