#include "plan/fuse.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "ir/rewrite.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "plan/lower.h"

namespace fovea {
namespace {

// Beyond these a value is worth its memory even if it could be computed again.
constexpr size_t kMaxLeaves = 24, kMaxOps = 48;
// A value with several readers is computed again by each if that reads at most this many whole tensors and is this short.
constexpr int kRecomputeReads = 2;
constexpr size_t kRecomputeOps = 16;

struct Cone {
  std::vector<int> leaves, ops;  // sorted
  void join(const Cone& o) {
    auto merge = [](std::vector<int>& a, const std::vector<int>& b) {
      std::vector<int> r;
      std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(r));
      a = std::move(r);
    };
    merge(leaves, o.leaves), merge(ops, o.ops);
  }
};

// What a program runs over: neighbours along which every input moves evenly are one dimension. Programs have at most four.
struct Domain {
  std::vector<int64_t> dims;
  std::vector<int> flags;
  std::vector<std::vector<int64_t>> strides;  // of each input
};
Domain merged(const Graph& g, const Shape& domain, const std::vector<int>& leaves, bool keep_last, const Dims& apart) {
  Domain r;
  r.strides.resize(leaves.size());
  for (int d = 0; d < domain.rank; d++) {
    if (domain[d] == 1 && !(keep_last && d == domain.rank - 1)) continue;
    r.dims.push_back(domain[d]), r.flags.push_back(d < apart.rank ? apart[d] : 0);
    for (size_t l = 0; l < leaves.size(); l++) {
      const Shape& s = g.node(leaves[l]).type.shape;
      int own = d - (domain.rank - s.rank);
      r.strides[l].push_back(own < 0 || s[own] == 1 ? 0 : strides_of(s)[static_cast<size_t>(own)]);
    }
  }
  for (size_t d = 0; d + 1 + (keep_last ? 1 : 0) < r.dims.size();) {
    bool even = r.flags[d] == r.flags[d + 1];
    for (auto& s : r.strides) even = even && s[d] == s[d + 1] * r.dims[d + 1];
    if (!even) {
      d++;
      continue;
    }
    r.dims[d + 1] *= r.dims[d];
    r.dims.erase(r.dims.begin() + static_cast<long>(d)), r.flags.erase(r.flags.begin() + static_cast<long>(d));
    for (auto& s : r.strides) s.erase(s.begin() + static_cast<long>(d));
  }
  return r;
}

class Finder {
 public:
  explicit Finder(const Graph& g) : g_(g), users_(static_cast<size_t>(g.size())), cones_(static_cast<size_t>(g.size())) {
    f_.live = reachable(g);
    f_.materialised.assign(f_.live.size(), 0);
    f_.fixed.assign(f_.live.size(), 0);
    for (int i = 0; i < g.size(); i++)
      if (f_.live[at(i)])
        for (int in : g.node(i).inputs) users_[at(in)].push_back(i);
    for (auto& [name, id] : g.outputs()) keep(id);
    for (auto& [name, id] : g.updates()) keep(id);
    leaving_ = f_.materialised;
  }

  Fusion run() {
    for (int i = 0; i < g_.size(); i++)
      if (f_.live[at(i)]) decide_fixed(i);
    for (int i = 0; i < g_.size(); i++)
      if (f_.live[at(i)]) decide(i);
    return std::move(f_);
  }

 private:
  static size_t at(int id) { return static_cast<size_t>(id); }
  void keep(int id) { f_.materialised[at(id)] = 1; }

  void decide_fixed(int id) {
    const Node& n = g_.node(id);
    bool all = std::all_of(n.inputs.begin(), n.inputs.end(), [&](int in) { return f_.fixed[at(in)]; });
    f_.fixed[at(id)] = n.op == &Input::op ? 0 : n.op == &ParamLeaf::op ? g_.updates().empty() : all;
  }

  void decide(int id) {
    const Node& n = g_.node(id);
    if (n.op == &Full::op && !f_.materialised[at(id)] && only_pointwise_users(id)) return;
    Cone cone;
    for (int in : n.inputs) cone.join(cones_[at(in)]);
    if (crowded(n, cone)) {  // with its inputs in memory it is not
      cone = {};
      for (int in : n.inputs) keep(in), cones_[at(in)] = Cone{{in}, {}}, cone.join(cones_[at(in)]);
    }
    cone.ops.insert(std::upper_bound(cone.ops.begin(), cone.ops.end(), id), id);
    if (!is_pointwise(n) || f_.materialised[at(id)] || must_stand(id) || too_large(cone) || worth_keeping(id, cone)) {
      keep(id);
      cones_[at(id)] = Cone{{id}, {}};
    } else {
      cones_[at(id)] = std::move(cone);
    }
  }

  // Its program would have more dimensions than there are.
  bool crowded(const Node& n, const Cone& c) const {
    if (is_pointwise(n)) return merged(g_, n.type.shape, c.leaves, true, {}).dims.size() > 4;
    if (n.op != &Reduce::op) return false;
    const Shape& from = g_.node(n.inputs[0]).type.shape;
    return merged(g_, from, c.leaves, true, apart_of(n.attr.as<Reduce>(), from)).dims.size() > 4;
  }

  bool program_user(int u) const { return is_pointwise(g_.node(u)) || g_.node(u).op == &Reduce::op; }
  bool only_pointwise_users(int id) const {
    return std::all_of(users_[at(id)].begin(), users_[at(id)].end(), [&](int u) { return program_user(u); });
  }

  // Someone needs the value in memory: a kernel, or a program over a larger or moving domain.
  bool must_stand(int id) const {
    for (int u : users_[at(id)]) {
      if (!program_user(u)) return true;
      if (g_.node(u).op != &Reduce::op && !(g_.node(u).type.shape == g_.node(id).type.shape)) return true;
      if (f_.fixed[at(id)] && !f_.fixed[at(u)]) return true;
    }
    return false;
  }

  bool too_large(const Cone& c) const { return c.leaves.size() > kMaxLeaves || c.ops.size() > kMaxOps; }

  bool worth_keeping(int id, const Cone& c) const {
    if (users_[at(id)].size() < 2) return false;
    int64_t size = g_.node(id).type.shape.numel();
    auto whole =
        std::count_if(c.leaves.begin(), c.leaves.end(), [&](int l) { return g_.node(l).type.shape.numel() * 2 > size; });
    return whole > kRecomputeReads || c.ops.size() > kRecomputeOps || (stands_for_kernel(id, c) && !meets_again(id));
  }

  // Every reader of some kernel's result sees it through this value: the kernel's epilogue makes it for nothing.
  bool stands_for_kernel(int id, const Cone& c) const {
    auto inside = [&](int u) { return std::binary_search(c.ops.begin(), c.ops.end(), u); };
    auto hidden = [&](int v) { return !leaving_[at(v)] && std::all_of(users_[at(v)].begin(), users_[at(v)].end(), inside); };
    auto kernel = [&](int l) {
      return !is_pointwise(g_.node(l)) && !g_.node(l).inputs.empty() && g_.node(l).op != &Reduce::op &&
             g_.node(l).type.shape == g_.node(id).type.shape;
    };
    return std::all_of(c.ops.begin(), c.ops.end(), [&](int v) { return v == id || hidden(v); }) &&
           std::any_of(c.leaves.begin(), c.leaves.end(), [&](int l) { return kernel(l) && hidden(l); });
  }

  // All that is made of the value leads, elementwise, to a single later one.
  bool meets_again(int id) const {
    std::set<int> front(users_[at(id)].begin(), users_[at(id)].end());
    while (front.size() > 1) {
      const int first = *front.begin();
      if (!is_pointwise(g_.node(first)) || leaving_[at(first)] || users_[at(first)].empty()) return false;
      front.erase(front.begin());
      front.insert(users_[at(first)].begin(), users_[at(first)].end());
    }
    const Node& last = g_.node(*front.begin());
    return is_pointwise(last) && last.type.shape == g_.node(id).type.shape;
  }

  const Graph& g_;
  Fusion f_;
  std::vector<std::vector<int>> users_;
  std::vector<Cone> cones_;
  std::vector<char> leaving_;  // outputs and updates
};

// Switches, so that the compiler asks for the instruction of a new kind.
kernels::Pw to_pw(UnaryKind k) {
  using kernels::Pw;
  switch (k) {
    case UnaryKind::neg: return Pw::neg;
    case UnaryKind::abs: return Pw::abs;
    case UnaryKind::sign: return Pw::sign;
    case UnaryKind::exp: return Pw::exp;
    case UnaryKind::log: return Pw::log;
    case UnaryKind::sqrt: return Pw::sqrt;
    case UnaryKind::rsqrt: return Pw::rsqrt;
    case UnaryKind::recip: return Pw::recip;
    case UnaryKind::square: return Pw::square;
    case UnaryKind::tanh: return Pw::tanh;
    case UnaryKind::erf: return Pw::erf;
    case UnaryKind::sigmoid: return Pw::sigmoid;
    case UnaryKind::relu: return Pw::relu;
    case UnaryKind::floor: return Pw::floor;
    case UnaryKind::round: return Pw::round;
    case UnaryKind::sin: return Pw::sin;
    case UnaryKind::cos: return Pw::cos;
  }
  fail(Code::bug, "no instruction for {}", enum_name(k));
}
kernels::Pw to_pw(BinaryKind k) {
  using kernels::Pw;
  switch (k) {
    case BinaryKind::add: return Pw::add;
    case BinaryKind::sub: return Pw::sub;
    case BinaryKind::mul: return Pw::mul;
    case BinaryKind::div: return Pw::div;
    case BinaryKind::max: return Pw::max;
    case BinaryKind::min: return Pw::min;
    case BinaryKind::pow: return Pw::pow;
    case BinaryKind::gt: return Pw::gt;
    case BinaryKind::ge: return Pw::ge;
    case BinaryKind::eq: return Pw::eq;
  }
  fail(Code::bug, "no instruction for {}", enum_name(k));
}

// Writes the straight-line code of one program.
class Emitter {
 public:
  Emitter(const Graph& g, const Fusion& f, int block) : g_(g), f_(f) {
    if (block >= 0) regs_[block] = next_++;
  }

  uint8_t value(int id, bool root) {
    if (auto it = regs_.find(id); it != regs_.end()) return it->second;
    const Node& n = g_.node(id);
    if (n.op == &Full::op) return emit(id, {kernels::Pw::constant, 0, 0, 0, 0, n.attr.as<Full>().value});
    if (f_.materialised[static_cast<size_t>(id)] && !(root && is_pointwise(n))) return load(id);
    if (n.op == &BroadcastTo::op) return regs_[id] = value(n.inputs[0], false);
    kernels::PwInst i{};
    uint8_t operands[3] = {0, 0, 0};
    for (size_t k = 0; k < n.inputs.size(); k++) operands[k] = value(n.inputs[k], false);
    i.a = operands[0], i.b = operands[1], i.c = operands[2];
    i.op = n.op == &Unary::op    ? to_pw(n.attr.as<Unary>().kind)
           : n.op == &Binary::op ? to_pw(n.attr.as<Binary>().kind)
                                 : kernels::Pw::select;
    return emit(id, i);
  }

  std::vector<kernels::PwInst> code;
  std::vector<int> leaves;
  int registers() const { return next_; }

 private:
  uint8_t load(int id) {
    leaves.push_back(id);
    return emit(id, {kernels::Pw::load, 0, static_cast<uint8_t>(leaves.size() - 1)});
  }
  uint8_t emit(int id, kernels::PwInst i) {
    FOVEA_CHECK(next_ < 255);
    i.dst = static_cast<uint8_t>(next_++);
    code.push_back(i);
    return regs_[id] = i.dst;
  }
  const Graph& g_;
  const Fusion& f_;
  int next_ = 0;
  std::map<int, uint8_t> regs_;
};

void set_domain(Group& group, const Graph& g, const Shape& domain, bool keep_last, const Dims& apart) {
  kernels::PwProgram& p = group.program;
  const Domain d = merged(g, domain, group.leaves, keep_last, apart);
  if (d.dims.size() > 4)
    fail(Code::bug, "pointwise work over {} with {} unmergeable dimensions", domain.str(), d.dims.size());
  const size_t lead = 4 - d.dims.size();
  for (size_t i = 0; i < d.dims.size(); i++) p.dims[lead + i] = d.dims[i], group.flags[lead + i] = d.flags[i];
  for (auto& s : d.strides) {
    kernels::PwInput in{};
    for (size_t i = 0; i < s.size(); i++) in.stride[lead + i] = s[i];
    p.inputs.push_back(in);
  }
}

// A program's operand of its own shape that was made last: operand 0, as which another step may hand it over piece by piece.
void put_image_first(Group& r, const Graph& g, const Shape& domain) {
  size_t image = 0;
  int latest = -1;
  for (size_t l = 0; l < r.leaves.size(); l++)
    if (g.node(r.leaves[l]).type.shape == domain && r.leaves[l] > latest) image = l, latest = r.leaves[l];
  if (image == 0) return;
  std::swap(r.leaves[0], r.leaves[image]);
  for (kernels::PwInst& i : r.program.code)
    if (i.op == kernels::Pw::load && (i.a == 0 || i.a == image)) i.a = static_cast<uint8_t>(i.a == 0 ? image : 0);
}

}  // namespace

Dims apart_of(const Reduce& a, const Shape& from) {
  Dims r = from;
  for (int& d : r) d = 2;
  for (int axis : a.axes) r[axis] = 1;
  return r;
}

bool too_many_dimensions(const Graph& g, const Node& n, const std::vector<int>& inputs) {
  return merged(g, n.type.shape, inputs, true, {}).dims.size() > 4;
}

bool too_many_dimensions(const Graph& g, const Reduce& a, int input) {
  const Shape& from = g.node(input).type.shape;
  return merged(g, from, {input}, true, apart_of(a, from)).dims.size() > 4;
}

Fusion find_fusion(const Graph& g) { return Finder(g).run(); }

Group make_group(const Graph& g, const Fusion& f, const std::vector<int>& roots, int block, const Dims& apart,
                 bool channels) {
  Emitter e(g, f, block);
  Group r;
  // A reduction's prologue may be a leaf itself; a group's root is computed, not loaded.
  for (int id : roots) r.program.outputs.push_back(e.value(id, apart.rank == 0));
  r.program.code = std::move(e.code);
  r.program.registers = e.registers();
  r.leaves = std::move(e.leaves);
  put_image_first(r, g, g.node(roots[0]).type.shape);
  set_domain(r, g, g.node(roots[0]).type.shape, block >= 0 || channels, apart);
  return r;
}

bool fits(const Graph& g, const Fusion& f, const std::vector<int>& roots) {
  Emitter e(g, f, -1);
  for (int id : roots) {
    e.value(id, false);
    if (e.leaves.size() > kMaxLeaves || e.code.size() > kMaxLeaves + kMaxOps) return false;
  }
  return true;
}

std::vector<int> cone_leaves(const Graph& g, const Fusion& f, int id, bool root) {
  Emitter e(g, f, -1);
  e.value(id, root);
  return e.leaves;
}

}  // namespace fovea
