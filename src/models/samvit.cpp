// The image encoder of Segment Anything (arXiv:2304.02643) as a classifier: attention within windows but for a few layers,
// with positions that queries ask for. Names follow timm.
#include <algorithm>
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/transformer.h"
#include "nn/windows.h"
#include "ops/biased_attention.h"
#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct SamViT {
  int dim, depth, heads;
  std::array<int, 4> global;  // layers whose attention is not in windows
  int neck = 256;             // channels; 0: a norm alone
  bool position = true;
};
constexpr int kPatch = 16, kWindow = 14;
constexpr float kEps = 1e-5f;

// How much every query wants each row of keys, or each column, by how far away it is: [b,heads,t,h,1] or [b,heads,t,1,w].
Tensor wanted(Scope s, Tensor q, Pair map, bool rows) {  // q [b,t,heads,d]
  int b = q.n(), heads = q.dim(2), d = q.c(), size = rows ? map.h : map.w, rest = rows ? map.w : map.h;
  Tensor table = s.param(rows ? "rel_pos_h" : "rel_pos_w", {2 * size - 1, d}, fill(0));
  Tensor apart = iota(*q.graph, {size, size}, 0) - iota(*q.graph, {size, size}, 1) + static_cast<float>(size - 1);
  Tensor by_place = transpose(reshape(q, {b, map.h, map.w, heads, d}), rows ? Dims{1, 0, 3, 2, 4} : Dims{2, 0, 3, 1, 4});
  Tensor y = matmul(reshape(by_place, {size, b * heads * rest, d}), gather(table, apart), {.tb = true});
  y = transpose(reshape(y, {size, b, heads, rest, size}), rows ? Dims{1, 2, 0, 3, 4} : Dims{1, 2, 3, 0, 4});
  return reshape(y, rows ? Shape{b, heads, map.h * map.w, size, 1} : Shape{b, heads, map.h * map.w, 1, size});
}

Tensor attend(Scope s, Tensor x, Pair map, int heads) {  // [b,t,c] -> same
  int c = x.c(), t = x.dim(1);
  Tensor qkv = linear(s["qkv"], x, 3 * c, {.init = truncated_normal}), q = split_heads(qkv, 0, 3, heads);
  Tensor bias = reshape(wanted(s, q, map, true) + wanted(s, q, map, false), {x.n(), heads, t, t});
  Tensor y = biased_attention(q, split_heads(qkv, 1, 3, heads), split_heads(qkv, 2, 3, heads), attention_scale(q), bias);
  return linear(s["proj"], reshape(y, x.shape()), c, {.init = truncated_normal});
}

Tensor block(Scope s, Tensor x, bool global, const SamViT& m, float drop) {  // [n,h,w,c] -> same
  Pair size = global ? Pair(x.h(), x.w()) : Pair(kWindow);
  Tensor y =
      in_windows(layer_norm(s["norm1"], x, kEps), {size, 0}, [&](Tensor t) { return attend(s["attn"], t, size, m.heads); });
  x = x + drop_path(s["attn"], y, drop);
  return s.out(x + drop_path(s["mlp"], mlp(s["mlp"], layer_norm(s["norm2"], x, kEps), 4 * m.dim), drop));
}

Tensor neck(Scope s, Tensor x, const SamViT& m) {
  if (m.neck == 0) return layer_norm(s, x);
  x = layer_norm(s[1], conv(s[0], x, m.neck, 1, {.init = truncated_normal}));
  return layer_norm(s[3], conv(s[2], x, m.neck, 3, {.init = truncated_normal}));
}

Tensor samvit(Scope s, Tensor x, const SamViT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = conv(s["patch_embed"]["proj"], x, m.dim, kPatch, {.stride = kPatch, .pad = Padding::none, .bias = true});
  if (m.position) x = x + s.param("pos_embed", {1, x.h(), x.w(), m.dim}, trunc_normal(0.02f));
  for (int i = 0; i < m.depth; i++) {
    bool global = std::find(m.global.begin(), m.global.end(), i) != m.global.end();
    x = block(s["blocks"][i], x, global, m, drop_rate(o.drop_path, i, m.depth));
  }
  x = dropout(s["head"], global_avg_pool(neck(s["neck"], x, m)), o.drop);
  return linear(s["head"]["fc"], x, o.classes, {.init = truncated_normal});
}

constexpr std::array<int, 4> kBase = {2, 5, 8, 11};

const Variant<SamViT> variants[] = {
    {"samvit_base_patch16_224", {768, 12, 12, kBase, 0, false}, imagenet_card(224, 0.9f)},
    {"samvit_base_patch16", {768, 12, 12, kBase}, imagenet_card(1024, 1)},
    {"samvit_large_patch16", {1024, 24, 16, {5, 11, 17, 23}}, imagenet_card(1024, 1)},
    {"samvit_huge_patch16", {1280, 32, 16, {7, 15, 23, 31}}, imagenet_card(1024, 1)},
};

}  // namespace

std::vector<Model> models_of_samvit() { return models_from<SamViT>("samvit", variants, samvit); }

}  // namespace fovea
