#include "_layers.h"

#include <algorithm>
#include <map>
#include <set>

#include "ir/op.h"
#include "ir/rewrite.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea::cli {
namespace {

constexpr int kNone = -2, kInput = -1;  // no layer at all; the network's input

bool is_full(const Graph& g, int id) { return g.node(id).op == &Full::op; }

// One of the operands is a parameter with a value per channel.
bool adds_vector(const Graph& g, const Node& n) {
  return std::any_of(n.inputs.begin(), n.inputs.end(), [&](int in) {
    const Param* p = g.param_of(in);
    return p && p->type.shape.rank == 1;
  });
}

std::string op_text(const Graph& g, int id) {
  const Node& n = g.node(id);
  if (n.op == &Matmul::op && g.param_of(n.inputs[1])) return "linear";
  if (n.op == &Binary::op && adds_vector(g, n)) return n.attr.as<Binary>().kind == BinaryKind::mul ? "scale" : "bias";
  return node_text(g, id);
}

// Changes no value: it belongs to whatever it is applied to.
bool is_plumbing(const Node& n) { return n.op == &Reshape::op || n.op == &Slice::op || n.op == &BroadcastTo::op; }

class Grouping {
 public:
  explicit Grouping(const Graph& g) : g_(g), layer_(static_cast<size_t>(g.size()), kNone) {
    for (auto& [name, id] : g.inputs()) layer_[static_cast<size_t>(id)] = kInput;
    std::vector<char> live = reachable(g);
    for (int id = 0; id < g.size(); id++)
      if (live[static_cast<size_t>(id)] && !is_plumbing(g.node(id)))
        for (int in : g.node(id).inputs) readers_[source(in)].insert(id);
    for (int id = 0; id < g.size(); id++)
      if (live[static_cast<size_t>(id)] && !is_leaf(g.node(id))) add(id);
    name_blocks();
  }
  std::vector<Layer> layers;

 private:
  int layer(int id) const { return layer_[static_cast<size_t>(id)]; }
  int source(int id) const { return is_plumbing(g_.node(id)) ? source(g_.node(id).inputs[0]) : id; }

  void add(int id) {
    const Node& n = g_.node(id);
    bool moves_data = std::any_of(n.inputs.begin(), n.inputs.end(), [&](int in) { return layer(in) != kNone; });
    if (!moves_data) return;  // parameters among themselves, constants
    if (is_plumbing(n)) {
      layer_[static_cast<size_t>(id)] = layer(n.inputs[0]);
      return;
    }
    int here = home(id);
    layer_[static_cast<size_t>(id)] = here;
    Layer& l = layers[static_cast<size_t>(here)];
    if (n.op == &Binary::op && !l.ops.empty() && l.ops.back() == "sum" && is_full(g_, n.inputs[1]))
      l.ops.back() = "mean";
    else
      l.ops.push_back(op_text(g_, id));
    l.out = n.type.shape, l.macs += node_macs(g_, id);
    for (int in : n.inputs) {
      count_params(in, l);
      int from = layer(in);
      if (from != kNone && from != here && std::find(l.inputs.begin(), l.inputs.end(), from) == l.inputs.end())
        l.inputs.push_back(from);
    }
    std::sort(l.inputs.begin(), l.inputs.end());
  }

  // The layer that a node belongs to: the running one of its scope, or a new one; that also where two ways meet in it, or
  // where it is one of several readers.
  int home(int id) {
    const Node& n = g_.node(id);
    std::set<int> from;
    bool fork = false;
    for (int in : n.inputs)
      if (layer(in) != kNone) from.insert(layer(in)), fork = fork || readers_[source(in)].size() > 1;
    int last = static_cast<int>(layers.size()) - 1;
    std::string scope = g_.scope_name(n.scope);
    if (scope.empty() && *from.rbegin() >= 0) scope = layers[static_cast<size_t>(*from.rbegin())].scope;
    bool same = last >= 0 && layers.back().scope == scope && from.count(last);
    if (same && ((from.size() == 1 && !fork) || layers.back().piece)) return last;
    layers.push_back({.scope = scope, .piece = same || from.size() > 1});
    return last + 1;
  }

  // Each parameter once, where it is used first, also through arithmetic on parameters.
  void count_params(int id, Layer& l) {
    if (layer(id) != kNone || !counted_.insert(id).second) return;
    if (const Param* p = g_.param_of(id); p && p->trainable) l.params += p->type.shape.numel();
    for (int in : g_.node(id).inputs) count_params(in, l);
  }

  // The longest tap that a scope lies in.
  void name_blocks() {
    for (Layer& l : layers)
      for (auto& [name, id] : g_.taps())
        if (name.size() > l.block.size() && (l.scope == name || l.scope.starts_with(name + "."))) l.block = name;
    for (Layer& l : layers)
      if (l.piece && !l.block.empty()) l.scope = l.block;
  }

  const Graph& g_;
  std::vector<int> layer_;                // by node
  std::map<int, std::set<int>> readers_;  // of a value: operators that really compute with it
  std::set<int> counted_;
};

}  // namespace

std::vector<Layer> layers_of(const Graph& g) { return std::move(Grouping(g).layers); }

}  // namespace fovea::cli
