// PiT, a Vision Transformer with pooling between its stages (arXiv:2103.16302). Names follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/transformer.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct PiT {
  std::array<int, 3> depths, heads;
  int head_dim, patch = 16, stride = 8;
  bool distilled = false;
};

struct Tokens {
  Tensor map, special;  // [n,h,w,c], [n,1 or 2,c]
};

Tokens stage(Scope s, Tokens t, int heads, int depth, DropRamp& drop) {
  int c = t.map.c(), special = t.special.dim(1);
  Tensor parts[] = {t.special, reshape(t.map, {t.map.n(), -1, c})};
  Tensor x = concat(parts, 1);
  for (int i = 0; i < depth; i++) x = transformer_block(s["blocks"][i], x, {heads, 4 * c}, drop.next());
  return {reshape(slice(x, 1, special, x.dim(1) - special), t.map.shape()), slice(x, 1, 0, special)};
}

Tokens pool(Scope s, const Tokens& t, int out) {
  ConvOptions o{.stride = 2, .groups = t.map.c(), .bias = true};
  return {conv(s["conv"], t.map, out, 3, o), linear(s["fc"], t.special, out)};
}

Tensor pit(Scope s, Tensor x, const PiT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  int c = m.head_dim * m.heads[0], special = m.distilled ? 2 : 1;
  x = conv(s["patch_embed"]["conv"], x, c, m.patch, {.stride = m.stride, .pad = Padding::none, .bias = true});
  x = x + s.param("pos_embed", {1, x.h(), x.w(), c}, trunc_normal(0.02f), {0, 3, 1, 2});
  Tensor token = s.param("cls_token", {1, special, c}, trunc_normal(0.02f));
  Tokens t{x, broadcast_to(token, {x.n(), special, c})};
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 3; i++) {
    Scope at = s["transformers"][static_cast<int>(i)];
    if (i > 0) t = pool(at["pool"], t, m.head_dim * m.heads[i]);
    t = stage(at, t, m.heads[i], m.depths[i], drop);
  }
  Tensor y = layer_norm(s["norm"], t.special);
  auto head = [&](const char* name, int i) {
    Tensor z = dropout(s[name], reshape(slice(y, 1, i, 1), {y.n(), y.c()}), o.drop);
    return linear(s[name], z, o.classes, {.init = truncated_normal});
  };
  return m.distilled ? (head("head", 0) + head("head_dist", 1)) * 0.5f : head("head", 0);
}

PiT distilled(PiT m) { return m.distilled = true, m; }
const PiT kTi{{2, 6, 4}, {2, 4, 8}, 32}, kXs{{2, 6, 4}, {2, 4, 8}, 48}, kS{{2, 6, 4}, {3, 6, 12}, 48},
    kB{{3, 6, 4}, {4, 8, 16}, 64, 14, 7};
Card card() { return imagenet_card(224, 0.9f); }

const Variant<PiT> variants[] = {
    {"pit_ti_224", kTi, card()},
    {"pit_xs_224", kXs, card()},
    {"pit_s_224", kS, card()},
    {"pit_b_224", kB, card()},
    {"pit_ti_distilled_224", distilled(kTi), card()},
    {"pit_xs_distilled_224", distilled(kXs), card()},
    {"pit_s_distilled_224", distilled(kS), card()},
    {"pit_b_distilled_224", distilled(kB), card()},
};

}  // namespace

std::vector<Model> models_of_pit() { return models_from<PiT>("pit", variants, pit); }

}  // namespace fovea
