#include "passes/grad.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "ir/rewrite.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {
namespace {

// The nodes between y and wrt, as one sweep needs them.
class Sweep {
 public:
  // cut: wrt are independent variables, nothing flows through one into another (a composite's inputs).
  Sweep(Tensor y, std::span<const Tensor> wrt, bool cut) : graph_(*y.graph), wrt_(wrt), cut_(cut) {
    collect(y.id);
    std::sort(cone_.begin(), cone_.end());
    for (int id : cone_) active_[id] = is_wrt(id) || (!stops(id) && depends(graph_.node(id)));
  }

  std::vector<Tensor> run(Tensor y, Tensor seed) {
    adjoint_[y.id] = seed;
    for (auto it = cone_.rbegin(); it != cone_.rend(); ++it)
      if (active_[*it] && adjoint_.count(*it) && !stops(*it)) back(*it);
    std::vector<Tensor> r;
    for (const Tensor& t : wrt_) r.push_back(adjoint_.count(t.id) ? adjoint_[t.id] : Tensor{});
    return r;
  }

 private:
  bool is_wrt(int id) const {
    return std::any_of(wrt_.begin(), wrt_.end(), [&](const Tensor& t) { return t.id == id; });
  }
  bool stops(int id) const { return is_leaf(graph_.node(id)) || (cut_ && is_wrt(id)); }
  bool depends(const Node& n) {
    return std::any_of(n.inputs.begin(), n.inputs.end(), [&](int in) { return active_[in]; });
  }

  void collect(int from) {
    std::vector<int> stack{from};
    while (!stack.empty()) {
      int id = stack.back();
      stack.pop_back();
      if (!active_.emplace(id, 0).second) continue;
      cone_.push_back(id);
      if (!stops(id))
        for (int in : graph_.node(id).inputs) stack.push_back(in);
    }
  }

  void back(int id) {
    Node n = graph_.node(id);  // a copy: recording moves the nodes
    std::vector<Tensor> in;
    std::vector<char> wanted;
    for (int i : n.inputs) in.push_back(graph_.at(i)), wanted.push_back(active_[i]);
    graph_.enter(graph_.scope_name(n.scope));
    Vjp v(in, graph_.at(id), adjoint_[id], wanted);
    if (n.op->vjp)
      n.op->vjp(n.attr, v);
    else
      v.result = through_body(n, in, adjoint_[id]);
    for (size_t i = 0; i < in.size(); i++) {
      if (!wanted[i] || !v.result[i]) continue;
      FOVEA_CHECK(v.result[i].shape() == in[i].shape());
      auto [at, fresh] = adjoint_.emplace(in[i].id, v.result[i]);
      if (!fresh) at->second = at->second + v.result[i];
    }
    graph_.enter("");
  }

  std::vector<Tensor> through_body(const Node& n, std::span<const Tensor> in, Tensor seed) {
    Tensor y = body_of(n, in);
    // A body that reshapes an input which is a reshape itself has made one of both: it reads what is behind the input.
    std::vector<Tensor> cut(in.begin(), in.end());
    std::vector<size_t> owner;
    for (size_t i = 0; i < in.size(); i++)
      if (const Node& node = graph_.node(in[i].id); node.op == &Reshape::op)
        cut.push_back(graph_.at(node.inputs[0])), owner.push_back(i);
    std::vector<Tensor> r = Sweep(y, cut, true).run(y, seed);
    for (size_t i = 0; i < cut.size(); i++)  // what stands in two places has one gradient: all of it in the first
      for (size_t k = 0; k < i; k++)
        if (cut[k].id == cut[i].id) r[i] = {};
    for (size_t k = 0; k < owner.size(); k++)
      if (Tensor behind = r[in.size() + k]) {
        Tensor& sum = r[owner[k]];
        behind = reshape(behind, in[owner[k]].shape());
        sum = sum ? sum + behind : behind;
      }
    r.resize(in.size());
    return r;
  }

  Graph& graph_;
  std::span<const Tensor> wrt_;
  bool cut_;
  std::vector<int> cone_;
  std::unordered_map<int, char> active_;
  std::unordered_map<int, Tensor> adjoint_;
};

}  // namespace

std::vector<Tensor> grad(Tensor y, std::span<const Tensor> wrt, Tensor seed) {
  return Sweep(y, wrt, false).run(y, seed ? seed : full(*y.graph, y.shape(), 1.0f));
}

}  // namespace fovea
