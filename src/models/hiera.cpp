// Hiera (arXiv:2306.00989): attention within windows that shrink with the map, then of whole maps; where a stage begins,
// queries are pooled. With windowed absolute positions (arXiv:2311.05613, "abswin"), and as the backbone of Segment Anything
// 2 (arXiv:2408.00714, "sam2", "det"). Names follow timm.
#include <algorithm>
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/resize.h"
#include "nn/transformer.h"
#include "nn/windows.h"
#include "ops/attention.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

using Four = std::array<int, 4>;
struct Hiera {
  int dim, heads;  // of the first stage, twice as many in each that follows
  Four depths;
  Four windows = {8, 4, 0, 0};              // 0: the map; a stage's first block has the window of the stage before
  std::array<int, 3> whole = {-1, -1, -1};  // blocks that see the whole map all the same
  bool det = false;
  int places = 0;           // a side of the coarse map of positions, beside one window's; 0: one position for every token
  bool expand_proj = true;  // a linear layer doubles the channels, else maximum and mean side by side
  float layer_scale = 0;    // starting value; 0: none
};
const LinearOptions kLinear{.init = truncated_normal};

// pool: queries are the maxima of 2x2 pixels.
Tensor attend(Scope s, Tensor x, int out, int heads, int window, bool pool) {  // [n,h,w,c] -> [n,h,w,out] or half the size
  Pair size = window ? Pair(window) : Pair(x.h(), x.w());
  int h = x.h(), w = x.w(), halves = pool ? 2 : 1;
  x = pad(x, {0, 0, 0, 0}, {0, (size.h - h % size.h) % size.h, (size.w - w % size.w) % size.w, 0});
  Shape map = x.shape();
  Tensor qkv = linear(s["qkv"], to_windows(x, size), 3 * out, kLinear);
  Tensor q = slice(qkv, 2, 0, out), k = split_heads(qkv, 1, 3, heads), v = split_heads(qkv, 2, 3, heads);
  if (pool) {
    q = max_pool(reshape(q, {q.n(), size.h, size.w, out}), 2, 2);
    size = {q.h(), q.w()}, map[1] /= 2, map[2] /= 2;
    q = reshape(q, {q.n(), -1, out});
  }
  Tensor heads_q = split_heads(q, 0, 1, heads);
  Tensor y = reshape(attention(heads_q, k, v, attention_scale(heads_q)), q.shape());
  y = linear(s["proj"], from_windows(y, size, map), out, kLinear);
  return slice(slice(y, 1, 0, h / halves), 2, 0, w / halves);
}

struct Block {
  int out, heads, window;
  bool pool;
};

Tensor block(Scope s, Tensor x, const Block& b, const Hiera& m, float drop) {  // [n,h,w,c] -> [n,h,w,out] or half the size
  auto branch = [&](const char* scale, Tensor y) {
    return drop_path(s[scale], m.layer_scale > 0 ? layer_scale(s[scale], y, "gamma", m.layer_scale) : y, drop);
  };
  Tensor y = layer_norm(s["norm1"], x);
  if (b.pool && m.expand_proj) {
    x = max_pool(linear(s["proj"], y, b.out, kLinear), 2, 2);
  } else if (b.pool) {
    Tensor both[] = {max_pool(x, 2, 2), avg_pool(x, 2, 2)};
    x = concat(both, 3);
  }
  x = x + branch("ls1", attend(s["attn"], y, b.out, b.heads, b.window, b.pool));
  return s.out(x + branch("ls2", mlp(s["mlp"], layer_norm(s["norm2"], x), 4 * b.out)));
}

// The coarse map's positions, and the place within the window.
Tensor positions(Scope s, const Shape& map, const Hiera& m) {
  Init init = trunc_normal(0.02f);
  int c = map[3], window = m.windows[0];
  if (m.places == 0) return reshape(s.param("pos_embed", {1, map[1] * map[2], c}, init), {1, map[1], map[2], c});
  Tensor coarse = s.param("pos_embed", {1, m.places, m.places, c}, init, {0, 3, 1, 2});
  Tensor within = s.param(m.det ? "pos_embed_window" : "pos_embed_win", {1, window, window, c}, init, {0, 3, 1, 2});
  int rows = map[1] / window, columns = map[2] / window;
  within = broadcast_to(reshape(within, {1, 1, window, 1, window, c}), {1, rows, window, columns, window, c});
  coarse = m.det ? resize_bicubic(coarse, map[1], map[2]) : resize_smooth(coarse, map[1], map[2]);
  return coarse + reshape(within, {1, rows * window, columns * window, c});
}

Tensor hiera(Scope s, Tensor x, const Hiera& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = conv(s["patch_embed"]["proj"], x, m.dim, 7, {.stride = 4, .bias = true, .init = truncated_normal});
  x = x + positions(s, x.shape(), m);
  DropRamp drop(o.drop_path, m.depths);
  int number = 0;
  for (size_t i = 0; i < 4; i++)
    for (int j = 0; j < m.depths[i]; j++, number++) {
      bool first = i > 0 && j == 0, whole = std::ranges::find(m.whole, number) != m.whole.end();
      int window = whole ? 0 : m.windows[first ? i - 1 : i];
      x = block(s["blocks"][number], x, {m.dim << i, m.heads << i, window, first}, m, drop.next());
    }
  x = layer_norm(s["head"]["norm"], global_avg_pool(x));
  return linear(s["head"]["fc"], dropout(s["head"], x, o.drop), o.classes, {.init = truncated_normal});
}

Hiera abswin(const Four& depths, int places, bool expand_proj) {
  return {.dim = 96, .heads = 1, .depths = depths, .places = places, .expand_proj = expand_proj, .layer_scale = 1e-5f};
}
Hiera det(int dim, int heads, const Four& depths, const Four& windows, const std::array<int, 3>& whole, int places = 7,
          float scale = 0) {
  return {.dim = dim,
          .heads = heads,
          .depths = depths,
          .windows = windows,
          .whole = whole,
          .det = true,
          .places = places,
          .layer_scale = scale};
}

constexpr Four kTiny = {1, 2, 7, 2}, kSmall = {1, 2, 11, 2}, kBase = {2, 3, 16, 3}, kLarge = {2, 6, 36, 4};
constexpr Four kSevens = {8, 4, 14, 7}, kEights = {8, 4, 16, 8};
Card card(int size = 224, float crop = 0.9f) { return imagenet_card(size, crop); }

const Variant<Hiera> variants[] = {
    {"hiera_tiny_224", {96, 1, kTiny}, card()},
    {"hiera_small_224", {96, 1, kSmall}, card()},
    {"hiera_base_224", {96, 1, kBase}, card()},
    {"hiera_base_plus_224", {112, 2, kBase}, card()},
    {"hiera_large_224", {144, 2, kLarge}, card()},
    {"hiera_huge_224", {256, 4, kLarge}, card()},
    {"hiera_small_abswin_256", abswin(kSmall, 16, false), card(256, 0.95f)},
    {"hiera_base_abswin_256", abswin(kBase, 14, true), card(256, 0.95f)},
    {"sam2_hiera_tiny", det(96, 1, kTiny, kSevens, {5, 7, 9}), card(896, 1)},
    {"sam2_hiera_small", det(96, 1, kSmall, kSevens, {7, 10, 13}), card(896, 1)},
    {"sam2_hiera_base_plus", det(112, 2, kBase, kSevens, {12, 16, 20}, 14), card(896, 1)},
    {"sam2_hiera_large", det(144, 2, kLarge, kEights, {23, 33, 43}), card(1024, 1)},
    {"hieradet_small", det(96, 1, kSmall, kEights, {7, 10, 13}, 7, 1e-5f), card(256, 1)},
};

}  // namespace

std::vector<Model> models_of_hiera() { return models_from<Hiera>("hiera", variants, hiera); }

}  // namespace fovea
