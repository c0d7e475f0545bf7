// The small UniFormers (arXiv:2201.09450, appendix): in the stages with attention, half of the pixels, those that the class
// token looks at least, are represented by one token, as in Evo-ViT (arXiv:2108.01390). Names follow the authors'.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/attention_forms.h"
#include "nn/ranking.h"
#include "nn/transformer.h"
#include "nn/uniformer.h"
#include "ops/attention.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

using Four = std::array<int, 4>;
struct UniFormerLight {
  Four depths, dims;
  int head;  // channels of a head
};
constexpr int kExpand = 3;
constexpr float kNew = 0.5f;  // how much a layer's view replaces of the view so far
const LinearOptions kLinear{.init = truncated_normal};

// A map, its class token, and how much that has looked at each pixel so far.
struct State {
  Tensor map, token;  // [n,h,w,c], [n,1,c]
  Tensor view;        // [n,h*w]; none before the first layer
};

// Attention; view: the class token's share of it for every other token, mean of the heads, [n,t-1].
Tensor attend(Scope s, Tensor x, int heads, Tensor& view) {  // [n,t,c] -> same
  int c = x.c();
  Tensor qkv = linear(s["qkv"], x, 3 * c, kLinear);
  Tensor q = split_heads(qkv, 0, 3, heads), k = split_heads(qkv, 1, 3, heads), v = split_heads(qkv, 2, 3, heads);
  view = slice(class_view(q, k), 1, 1, x.dim(1) - 1);
  return linear(s["proj"], reshape(attention(q, k, v, attention_scale(q)), x.shape()), c, kLinear);
}

// All pixels, in the first layer.
void see_all(Scope s, State& st, int heads, float drop) {
  int n = st.map.n(), c = st.map.c();
  Tensor parts[] = {st.token, reshape(st.map, {n, -1, c})};
  Tensor x = concat(parts, 1);
  x = x + drop_path(s["attn"], attend(s["attn"], layer_norm(s["norm1"], x), heads, st.view), drop);
  x = x + drop_path(s["mlp"], mlp(s["mlp"], layer_norm(s["norm2"], x), kExpand * c), drop);
  st.token = slice(x, 1, 0, 1);
  st.map = s.out(reshape(slice(x, 1, 1, x.dim(1) - 1), st.map.shape()));
}

// The better half, and one token for the others, which take over what becomes of it.
void see_half(Scope s, State& st, int heads, float drop) {
  int n = st.map.n(), c = st.map.c(), pixels = st.map.h() * st.map.w(), kept = pixels / 2;
  Tensor all = reshape(st.map, {n, pixels, c}), rank = ranks(st.view), pick = pick_first(rank, kept);  // [n,kept,pixels]
  Tensor dropped = greater(rank, static_cast<float>(kept) - 0.5f), weight = dropped * st.view;         // [n,pixels]
  weight = weight / reduce_sum(weight, {1});
  Tensor parts[] = {st.token, matmul(pick, all), matmul(reshape(weight, {n, 1, pixels}), all)}, view;
  Tensor x = concat(parts, 1);
  Tensor first = attend(s["attn"], layer_norm(s["norm1"], x), heads, view);
  x = x + drop_path(s["attn"], first, drop);
  Tensor second = mlp(s["mlp"], layer_norm(s["norm2"], x), kExpand * c);
  x = x + drop_path(s["mlp"], second, drop);
  Tensor update = slice(first, 1, kept + 1, 1) + slice(second, 1, kept + 1, 1);  // [n,1,c]
  all = matmul(pick, slice(x, 1, 1, kept), {.ta = true}) + reshape(dropped, {n, pixels, 1}) * (all + update);
  Tensor seen = matmul(reshape(slice(view, 1, 0, kept), {n, 1, kept}), pick);  // [n,1,pixels], 0 for the others
  st.view = st.view * (dropped + (1 - kNew) * (1.0f - dropped)) + kNew * reshape(seen, {n, pixels});
  st.token = slice(x, 1, 0, 1);
  st.map = s.out(reshape(all, st.map.shape()));
}

// The view of a map of half the size, its sum unchanged.
Tensor halved(Tensor view, int h, int w) {
  int n = view.n();
  Tensor y = reshape(avg_pool(reshape(view, {n, h, w, 1}), 2, 2), {n, -1});
  return y * (reduce_sum(view, {1}) / reduce_sum(y, {1}));
}

Tensor uniformer_light(Scope s, Tensor x, const UniFormerLight& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  DropRamp drop(o.drop_path, m.depths);
  State st{.token = broadcast_to(s.param("cls_token", {1, 1, m.dims[2]}, trunc_normal(0.02f)), {x.n(), 1, m.dims[2]})};
  for (size_t i = 0; i < 4; i++) {
    std::string number = std::to_string(i + 1);
    Scope embed = s["patch_embed" + number], blocks = s["blocks" + number];
    x = i == 0 ? uniformer_stem(embed, x, m.dims[0]) : uniformer_patches(embed, x, m.dims[i], 2);
    if (i == 3) {
      st.view = halved(st.view, st.map.h(), st.map.w());
      st.token = linear(s["cls_upsample"], st.token, m.dims[3], kLinear);
    }
    for (int j = 0; j < m.depths[i]; j++) {
      if (i < 2) {
        x = uniformer_local(blocks[j], x, kExpand, drop.next());
        continue;
      }
      st.map = uniformer_place(blocks[j]["pos_embed"], x);
      (st.view ? see_half : see_all)(blocks[j], st, m.dims[i] / m.head, drop.next());
      x = st.map;
    }
  }
  x = global_avg_pool(batch_norm(s["norm"], x));
  Tensor y = linear(s["head"], dropout(s["head"], x, o.drop), o.classes, kLinear);
  // The authors train a second head, on the class token, with a loss of its own. It has no part in the answer.
  Tensor token = layer_norm(s["norm_cls"], reshape(st.token, {x.n(), m.dims[3]}), 1e-5f);
  return y + 0.0f * linear(s["head_cls"], token, o.classes, kLinear);
}

const Variant<UniFormerLight> variants[] = {
    {"uniformer_xxs", {{2, 5, 8, 2}, {56, 112, 224, 448}, 28}, imagenet_card(224, 0.9f)},
    {"uniformer_xs", {{3, 5, 9, 3}, {64, 128, 256, 512}, 32}, imagenet_card(224, 0.9f)},
};

}  // namespace

std::vector<Model> models_of_uniformer_light() {
  std::vector<Model> r = models_from<UniFormerLight>("uniformer_light", variants, uniformer_light);
  for (Model& m : r) m.ranks = true;
  return r;
}

}  // namespace fovea
