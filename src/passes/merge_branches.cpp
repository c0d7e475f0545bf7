#include "passes/merge_branches.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "ir/rewrite.h"
#include "ops/conv2d.h"
#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"
#include "passes/pass.h"

namespace fovea {
namespace {

// A term of a sum: factor * value, and value is a convolution of `source` or `source` itself. The factor, a tensor of the
// new graph, is a vector over the channels or a number; none stands for 1.
struct Term {
  int value = -1;
  Tensor factor;
  const Node* conv = nullptr;  // none: the identity
  int source = -1;
};
struct Sum {
  std::vector<Term> terms;
  Tensor bias;  // none: 0
};

Tensor times(Tensor a, Tensor b) { return !a ? b : !b ? a : a * b; }
Tensor plus(Tensor a, Tensor b) { return !a ? b : !b ? a : a + b; }

class Merger {
 public:
  explicit Merger(const Graph& g) : fixed_(fixed_nodes(g)) {}

  bool fixed(int id) const { return fixed_[static_cast<size_t>(id)]; }
  // The sum under node `id`, with branches merged; none if there is nothing to merge.
  Tensor merged(Rewriter& r, int id) {
    Sum sum;
    collect(r, id, {}, true, sum);
    Tensor y;
    bool any = false;
    for (std::vector<Term>& group : grouped(r.from, sum.terms)) {
      Tensor one = group.size() > 1 ? convolution(r, group) : Tensor{};
      any = any || one;
      if (!one)
        for (const Term& t : group) y = plus(y, times(r(t.value), t.factor));
      y = plus(y, one);
    }
    return any ? plus(y, sum.bias) : Tensor{};
  }

 private:
  // Depends on parameters alone, and is the same for all pixels.
  bool per_channel(const Rewriter& r, int id) const {
    const Shape& s = r.from.node(id).type.shape;
    return fixed(id) && s.numel() == (s.rank ? s[-1] : 1);
  }
  static Tensor vector(Tensor t) { return reshape(t, t.shape().numel() > 1 ? Shape{t.c()} : Shape{}); }

  // Adds factor * (what `id` is a sum of). A value with other readers, which is computed anyhow, is a term as it stands.
  void collect(Rewriter& r, int id, Tensor factor, bool root, Sum& sum) {
    const Node& n = r.from.node(id);
    const bool own = root || r.uses(id) == 1;
    if (per_channel(r, id)) {
      sum.bias = plus(sum.bias, times(vector(r(id)), factor));
      return;
    }
    if (own && n.op == &Unary::op && n.attr.as<Unary>().kind == UnaryKind::neg)
      return collect(r, n.inputs[0], factor ? -factor : full(r.to, {}, -1), false, sum);
    if (own && n.op == &Binary::op && collect_binary(r, n, factor, sum)) return;
    Term t{.value = id, .factor = factor, .source = id};
    if (n.op == &Conv2d::op && own && fixed(n.inputs[1])) t.conv = &n, t.source = n.inputs[0];
    sum.terms.push_back(t);
  }

  bool collect_binary(Rewriter& r, const Node& n, Tensor factor, Sum& sum) {
    const BinaryKind kind = n.attr.as<Binary>().kind;
    const int a = n.inputs[0], b = n.inputs[1];
    auto same = [&](int i) { return per_channel(r, i) || r.from.node(i).type.shape == n.type.shape; };
    if (kind == BinaryKind::add || kind == BinaryKind::sub) {
      if (!same(a) || !same(b)) return false;
      collect(r, a, factor, false, sum);
      collect(r, b, kind == BinaryKind::add ? factor : factor ? -factor : full(r.to, {}, -1), false, sum);
      return true;
    }
    if (kind != BinaryKind::mul) return false;
    for (auto [value, scale] : {std::pair(a, b), std::pair(b, a)})
      if (per_channel(r, scale) && r.from.node(value).type.shape == n.type.shape) {
        collect(r, value, times(vector(r(scale)), factor), false, sum);
        return true;
      }
    return false;
  }

  // The terms that may merge, together: convolutions of one source with equal strides and groups, and that source.
  static std::vector<std::vector<Term>> grouped(const Graph& g, const std::vector<Term>& terms) {
    std::vector<std::vector<Term>> r;
    auto shape_of = [&](const Term& t) { return g.node(t.value).type.shape; };
    auto fits = [](const Term& a, const Term& b) {
      if (a.source != b.source || !a.conv || !b.conv) return false;
      const Conv2d &p = a.conv->attr.as<Conv2d>(), &q = b.conv->attr.as<Conv2d>();
      return p.stride == q.stride && p.groups == q.groups;
    };
    for (const Term& t : terms) {  // convolutions first: an identity takes on the groups of one
      if (!t.conv) continue;
      auto it = std::find_if(r.begin(), r.end(), [&](auto& group) { return fits(group[0], t); });
      if (it == r.end()) it = r.insert(r.end(), std::vector<Term>{});
      it->push_back(t);
    }
    for (const Term& t : terms) {
      if (t.conv) continue;
      auto it = std::find_if(r.begin(), r.end(), [&](auto& group) {
        return group[0].conv && group[0].source == t.source && group[0].conv->attr.template as<Conv2d>().stride == Pair(1) &&
               shape_of(group[0]) == shape_of(t);
      });
      if (it == r.end()) it = r.insert(r.end(), std::vector<Term>{});
      it->push_back(t);
    }
    return r;
  }

  // One convolution for all terms; none if it would have more taps than they have together, or another size.
  Tensor convolution(Rewriter& r, const std::vector<Term>& group) {
    const Shape& x = r.from.node(group[0].source).type.shape;
    const Shape& y = r.from.node(group[0].value).type.shape;
    const Conv2d like = group[0].conv->attr.as<Conv2d>();
    const Taps h = united(r, group, true), w = united(r, group, false);
    int taps = 0;
    for (const Term& t : group) taps += window(r, t, true).count * window(r, t, false).count;
    const int bottom = (y[1] - 1) * like.stride.h + h.last() - (x[1] - 1);
    const int right = (y[2] - 1) * like.stride.w + w.last() - (x[2] - 1);
    if (h.count * w.count > taps || bottom < 0 || right < 0) return {};
    Tensor sum;
    for (const Term& t : group) {
      const Taps own_h = window(r, t, true), own_w = window(r, t, false);
      Tensor weight = weight_of(r, t, y[3], x[3] / like.groups);  // [o,kh,kw,c]
      sum = plus(sum, pad_to(weight, {.shape = {y[3], h.count, w.count, x[3] / like.groups},
                                      .start = {0, (own_h.first - h.first) / h.step, (own_w.first - w.first) / w.step, 0},
                                      .step = {1, own_h.step_in(h), own_w.step_in(w), 1}}));
    }
    return conv2d(r(group[0].source), sum,
                  {like.stride, {-h.first, -w.first, bottom, right}, {h.step, w.step}, like.groups});
  }

  // Where the taps of a window are along one axis, relative to the pixel.
  struct Taps {
    int first = 0, step = 1, count = 1;
    int last() const { return first + (count - 1) * step; }
    int step_in(const Taps& all) const { return count > 1 ? step / all.step : 1; }
  };
  static Taps window(const Rewriter& r, const Term& t, bool vertical) {
    if (!t.conv) return {};
    const Conv2d& c = t.conv->attr.as<Conv2d>();
    const Shape& w = r.from.node(t.conv->inputs[1]).type.shape;
    return vertical ? Taps{-c.pad.top, c.dilation.h, w[1]} : Taps{-c.pad.left, c.dilation.w, w[2]};
  }
  static Taps united(const Rewriter& r, const std::vector<Term>& group, bool vertical) {
    Taps all = window(r, group[0], vertical);
    int last = all.last(), step = 0;
    for (const Term& t : group) {
      const Taps w = window(r, t, vertical);
      step = std::gcd(std::gcd(step, w.count > 1 ? w.step : 0), w.first - all.first);
      all.first = std::min(all.first, w.first), last = std::max(last, w.last());
    }
    all.step = std::max(step, 1), all.count = (last - all.first) / all.step + 1;
    return all;
  }

  // The term as a kernel [o,kh,kw,in]; of the identity, 1 from each channel to itself.
  static Tensor weight_of(Rewriter& r, const Term& t, int out, int in) {
    Tensor w;
    if (t.conv) {
      w = r(t.conv->inputs[1]);
    } else {
      Tensor eye = equal(iota(r.to, {in, in}, 0), iota(r.to, {in, in}, 1));
      w = reshape(broadcast_to(eye, {out / in, in, in}), {out, 1, 1, in});
    }
    return !t.factor ? w : w * (t.factor.rank() ? reshape(t.factor, {out, 1, 1, 1}) : t.factor);
  }

  std::vector<char> fixed_;
};

}  // namespace

std::unique_ptr<Graph> merge_branches(const Graph& g) {
  Merger merger(g);
  return rewrite(g, [&](Rewriter& r, int id, const Node& n, std::span<const Tensor>) -> Tensor {
    return n.op == &Binary::op && n.type.shape.rank == 4 && !merger.fixed(id) ? merger.merged(r, id) : Tensor{};
  });
}

FOVEA_PASS(merge_branches, "parallel convolutions and identities whose results are added become one convolution", 1e-5)

}  // namespace fovea
