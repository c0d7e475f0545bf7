// QuadTree attention (arXiv:2201.02767) in the frame of PVT V2: from the coarsest map to the finest, every query looks only
// at the four children of the eight keys that its parent liked most. Names follow the authors'.
#include <algorithm>
#include <array>
#include <vector>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/ranking.h"
#include "nn/resize.h"
#include "nn/transformer.h"
#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/softmax.h"

namespace fovea {

namespace {

using Four = std::array<int, 4>;
struct QuadTree {
  Four depths, dims = {64, 128, 320, 512};
  // Type A: a level's scores divide those of the level above, what is refined leaves the level's message. Else every level
  // finds a message of its own, and they are weighed.
  bool divided = false;
};
constexpr Four kHeads = {1, 2, 5, 8}, kExpand = {8, 8, 4, 4}, kLevels = {4, 3, 2, 1};
constexpr int kKept = 8;
const LinearOptions kLinear{.init = truncated_normal};

Tensor biased(Scope s, Tensor x, int out, int window = 1, int stride = 1, int groups = 1) {
  Padding pad = window == 2 ? Padding::none : Padding::centred;
  return conv(s, x, out, window, {.stride = stride, .pad = pad, .groups = groups, .bias = true, .init = truncated_normal});
}

// The keys that each query and head likes most: their numbers and scores, [n,heads,h*w,kept].
struct Kept {
  Tensor number, score;
};
Kept keep(Tensor scores, Tensor numbers) {  // [...,candidates], numbers broadcast -> [...,kept]
  Tensor pick = pick_first(ranks(scores), std::min(kKept, scores.c()));
  auto picked = [&](Tensor of) {
    Shape wide = of.shape();
    wide[-1] = 1, wide.push(of.c());
    Tensor sum = reduce_sum(pick * reshape(of, wide), {-1});
    Shape narrow;
    for (int i = 0; i + 1 < sum.rank(); i++) narrow.push(sum.dim(i));
    return reshape(sum, narrow);
  };
  return {picked(numbers), picked(scores)};
}
// The scores of those that are not refined.
Tensor without_kept(Tensor scores) { return scores * greater(ranks(scores), static_cast<float>(kKept) - 0.5f); }

struct Level {
  Tensor q, k, v;  // [n,h,w,c]
  int heads;
  bool finest;

  int n() const { return q.n(); }
  int h() const { return q.h(); }
  int w() const { return q.w(); }
  int d() const { return q.c() / heads; }
};

Tensor by_head(const Level& l, Tensor map) {  // [n,h,w,c] -> [n,heads,h*w,d]
  return transpose(reshape(map, {l.n(), l.h() * l.w(), l.heads, l.d()}), {0, 2, 1, 3});
}

// Every query sees all keys.
Tensor look_at_all(const Level& l, bool divided, Kept& kept) {  // -> [n,h,w,c]
  Tensor q = by_head(l, l.q), scores = softmax(matmul(q * attention_scale(q), by_head(l, l.k), {.tb = true}));
  kept = keep(scores, iota(*q.graph, {1, 1, 1, scores.c()}, 3));
  Tensor y = matmul(divided ? without_kept(scores) : scores, by_head(l, l.v));
  return reshape(transpose(y, {0, 2, 1, 3}), l.q.shape());
}

// The rows of a map of half the size whose numbers are given become those of their children: [n,heads,p,k] ->
// [n,heads,p,4k].
Tensor children(Tensor parents, int w) {
  Graph& g = *parents.graph;
  auto half = static_cast<float>(w / 2);
  Tensor row = floor((parents + 0.5f) / half), column = parents - row * half;
  Tensor i = iota(g, {4}, 0), down = floor(i * 0.5f), offset = down * static_cast<float>(w) + i - 2.0f * down;
  Shape wide = parents.shape();
  wide.push(1);
  Tensor first = 2.0f * (row * static_cast<float>(w) + column);
  return reshape(reshape(first, wide) + offset, {parents.n(), parents.dim(1), parents.dim(2), 4 * parents.c()});
}

// Rows of a map by number, for every picture and head: numbers [n,heads,p,k] -> [n,heads,p,k,d].
Tensor rows(const Level& l, Tensor map, Tensor numbers) {
  Graph& g = *map.graph;
  int n = l.n(), pixels = l.h() * l.w();
  Tensor place = iota(g, {n, l.heads, 1, 1}, 0) * static_cast<float>(l.heads) + iota(g, {n, l.heads, 1, 1}, 1);
  Tensor table = reshape(by_head(l, map), {n * l.heads * pixels, l.d()});
  return gather(table, numbers + place * static_cast<float>(pixels));
}

// Every 2x2 queries see the children of the keys that their parent kept.
Tensor look_at_children(const Level& l, bool divided, Kept& kept) {  // -> [n,h,w,c]
  int n = l.n(), h = l.h() / 2, w = l.w() / 2, heads = l.heads, parents = h * w, count = kept.number.c();
  Tensor numbers = children(kept.number, l.w());
  Tensor q = transpose(reshape(l.q, {n, h, 2, w, 2, heads, l.d()}), {0, 5, 1, 3, 2, 4, 6});
  q = reshape(q, {n, heads, parents, 4, l.d()});
  Tensor scores = matmul(q * attention_scale(q), rows(l, l.k, numbers), {.tb = true});  // [n,heads,parents,4,4*count]
  if (divided) {
    Tensor share = softmax(reshape(scores, {n, heads, parents, 4, count, 4}));
    scores = reshape(share * reshape(kept.score, {n, heads, parents, 1, count, 1}), scores.shape());
  } else {
    scores = softmax(scores);
  }
  Tensor y = matmul(divided && !l.finest ? without_kept(scores) : scores, rows(l, l.v, numbers));
  if (!l.finest) {
    kept = keep(scores, reshape(numbers, {n, heads, parents, 1, 4 * count}));
    auto in_rows = [&](Tensor t) {
      t = transpose(reshape(t, {n, heads, h, w, 2, 2, t.c()}), {0, 1, 2, 4, 3, 5, 6});
      return reshape(t, {n, heads, 4 * parents, t.c()});
    };
    kept = {in_rows(kept.number), in_rows(kept.score)};
  }
  y = transpose(reshape(y, {n, heads, h, w, 2, 2, l.d()}), {0, 2, 4, 3, 5, 1, 6});
  return reshape(y, l.q.shape());
}

Tensor coarser_values(Scope s, Tensor v) {  // [n,h,w,c] -> [n,h/2,w/2,c]
  v = biased(s[2], gelu(group_norm(s[0], v, 1)), v.c(), 2, 2);
  return biased(s[5], gelu(group_norm(s[3], v, 1)), v.c());
}

Tensor attend(Scope s, Tensor x, size_t stage, const QuadTree& m) {  // [n,h,w,c] -> same
  int c = x.c(), levels = kLevels[stage];
  std::vector<Level> pyramid{
      {biased(s["q_proj"], x, c), biased(s["k_proj"], x, c), biased(s["v_proj"], x, c), kHeads[stage], true}};
  for (int i = 0; i + 1 < levels; i++) {
    const Level& l = pyramid.back();
    Tensor v = m.divided ? avg_pool(l.v, 2, 2) : coarser_values(s["value_branchs"][i], l.v);
    pyramid.push_back({avg_pool(l.q, 2, 2), avg_pool(l.k, 2, 2), v, l.heads, false});
  }
  Scope pyramids = s["py_att"];
  Tensor weights = m.divided ? Tensor{} : softmax(pyramids.param("weight", {levels}, normal(1))), sum;
  Kept kept;
  for (int i = 0; i < levels; i++) {
    const Level& l = pyramid[static_cast<size_t>(levels - 1 - i)];
    Tensor y = i == 0 ? look_at_all(l, m.divided, kept) : look_at_children(l, m.divided, kept);
    if (!m.divided) y = (y + biased(pyramids["get_vs"][i], l.v, c, 3, 1, c)) * slice(weights, 0, i, 1);
    sum = i == 0 ? y : resize_nearest(sum, l.h(), l.w()) + y;
  }
  return linear(s["proj"], sum, c, kLinear);
}

Tensor block(Scope s, Tensor x, size_t stage, const QuadTree& m, float drop) {  // [n,h,w,c] -> same
  x = x + drop_path(s["attn"], attend(s["attn"], layer_norm(s["norm1"], x), stage, m), drop);
  Scope f = s["mlp"];
  int hidden = kExpand[stage] * x.c();
  Tensor y = linear(f["fc1"], layer_norm(s["norm2"], x), hidden, kLinear);
  y = gelu(biased(f["dwconv"]["dwconv"], y, hidden, 3, 1, hidden));
  return s.out(x + drop_path(f, linear(f["fc2"], y, x.c(), kLinear), drop));
}

Tensor quadtree(Scope s, Tensor x, const QuadTree& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 4; i++) {
    std::string number = std::to_string(i + 1);
    Scope embed = s["patch_embed" + number];
    x = layer_norm(embed["norm"], biased(embed["proj"], x, m.dims[i], i == 0 ? 7 : 3, i == 0 ? 4 : 2), 1e-5f);
    for (int j = 0; j < m.depths[i]; j++) x = block(s["block" + number][j], x, i, m, drop.next());
    x = layer_norm(s["norm" + number], x);
  }
  return linear(s["head"], dropout(s["head"], global_avg_pool(x), o.drop), o.classes, kLinear);
}

constexpr Four kTwos = {2, 2, 2, 2}, kNarrow = {32, 64, 160, 256};
Card card() { return imagenet_card(224, 0.9f); }

const Variant<QuadTree> variants[] = {
    {"quadtree_b0", {kTwos, kNarrow}, card()}, {"quadtreeA_b0", {kTwos, kNarrow, true}, card()},
    {"quadtree_b1", {kTwos}, card()},          {"quadtree_b2", {{3, 4, 6, 3}}, card()},
    {"quadtree_b3", {{3, 4, 18, 3}}, card()},  {"quadtree_b4", {{3, 8, 27, 3}}, card()},
};

}  // namespace

std::vector<Model> models_of_quadtree() {
  std::vector<Model> r = models_from<QuadTree>("quadtree", variants, quadtree);
  for (Model& m : r) m.ranks = true;
  return r;
}

}  // namespace fovea
