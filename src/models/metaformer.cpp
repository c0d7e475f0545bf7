// MetaFormer: PoolFormer (arXiv:2111.11418), and PoolFormer V2, ConvFormer and CAFormer (arXiv:2210.13452), which differ by
// how tokens are mixed. Names follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "nn/transformer.h"
#include "ops/conv2d.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

enum class Mixer : uint8_t { pool, separable, attention };

struct MetaFormer {
  std::array<int, 4> depths, dims;
  Mixer early = Mixer::pool, late = Mixer::pool;  // of the first and the last two stages
  float scale =
      0;  // where layer scale starts: PoolFormer V1, whose other layers are those of transformers; 0: the second paper's
  bool first() const { return scale > 0; }
};

Tensor strided(Scope s, Tensor x, int out, int window, int stride, Pad pad) {
  Shape shape{out, window, window, x.c()};
  Tensor y = conv2d(x, s.param("weight", shape, truncated_normal(shape, 1), {0, 3, 1, 2}), {stride, pad});
  return y + s.param("bias", {out}, fill(0));
}
Tensor dense(Scope s, Tensor x, int out, bool bias = false) {
  return linear(s, x, out, {.bias = bias, .init = truncated_normal});
}
Tensor pointwise(Scope s, Tensor x, int out, bool bias = false) {
  return conv(s, x, out, 1, {.bias = bias, .init = truncated_normal});
}

Tensor star_relu(Scope s, Tensor x) {  // scale relu(x)^2 + bias
  return s.param("scale", {1}, fill(1)) * square(relu(x)) + s.param("bias", {1}, fill(0));
}

Tensor norm(Scope s, Tensor x, Mixer mixer, const MetaFormer& m) {
  if (mixer != Mixer::pool) return layer_norm(s, x, 1e-6f, false);
  return m.first() ? group_norm(s, x, 1) : group_norm(s, x, 1, 1e-6f, false);
}

Tensor mix(Scope s, Tensor x, Mixer mixer) {  // [n,h,w,c] -> same
  int c = x.c();
  if (mixer == Mixer::pool) return avg_pool(x, 3, 1, 1, false) - x;
  if (mixer == Mixer::attention) {
    Tensor tokens = reshape(x, {x.n(), -1, c});
    return reshape(self_attention(s, tokens, c / 32, {.qkv_bias = false, .proj_bias = false}), x.shape());
  }
  Tensor y = star_relu(s["act1"], pointwise(s["pwconv1"], x, 2 * c));
  return pointwise(s["pwconv2"], conv(s["dwconv"], y, 2 * c, 7, {.groups = 2 * c, .init = truncated_normal}), c);
}

Tensor feed_forward(Scope s, Tensor x, Mixer mixer, const MetaFormer& m) {
  auto layer = [&](const char* name, Tensor t, int out) {  // files have matrices where there are tokens, 1x1 kernels else
    return mixer == Mixer::attention ? dense(s[name], t, out) : pointwise(s[name], t, out, m.first());
  };
  Tensor y = layer("fc1", x, 4 * x.c());
  return layer("fc2", m.first() ? gelu(y) : star_relu(s["act"], y), x.c());
}

Tensor block(Scope s, Tensor x, Mixer mixer, bool scaled, const MetaFormer& m, float drop) {  // [n,h,w,c] -> same
  auto add = [&](const char* shortcut, const char* name, Tensor y) {
    y = drop_path(s[name], y, drop);
    if (m.first()) y = layer_scale(s[name], y, "scale", m.scale);
    return (scaled ? layer_scale(s[shortcut], x, "scale", 1) : x) + y;
  };
  x = add("res_scale1", "layer_scale1", mix(s["token_mixer"], norm(s["norm1"], x, mixer, m), mixer));
  x = add("res_scale2", "layer_scale2", feed_forward(s["mlp"], norm(s["norm2"], x, mixer, m), mixer, m));
  return s.out(x);
}

Tensor head(Scope s, Tensor x, const MetaFormer& m, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  x = dropout(s, layer_norm(s["norm"], global_avg_pool(x)), o.drop);
  Scope fc = s["fc"];
  if (m.early == Mixer::pool) return dense(fc, x, o.classes, true);
  x = square(relu(dense(fc["fc1"], x, 4 * x.c(), true)));
  return dense(fc["fc2"], layer_norm(fc["norm"], x), o.classes, true);
}

Tensor metaformer(Scope s, Tensor x, const MetaFormer& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = strided(s["stem"]["conv"], x, m.dims[0], 7, 4, Pad(2));
  if (!m.first()) x = layer_norm(s["stem"]["norm"], x, 1e-6f, false);
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 4; i++) {
    Scope stage = s["stages"][static_cast<int>(i)], down = stage["downsample"];
    if (i > 0 && !m.first()) x = layer_norm(down["norm"], x, 1e-6f, false);
    if (i > 0) x = strided(down["conv"], x, m.dims[i], 3, 2, Pad(1));
    for (int j = 0; j < m.depths[i]; j++)
      x = block(stage["blocks"][j], x, i < 2 ? m.early : m.late, i > 1 && !m.first(), m, drop.next());
  }
  return head(s["head"], x, m, o);
}

using Four = std::array<int, 4>;
constexpr Four k12 = {2, 2, 6, 2}, k24 = {4, 4, 12, 4}, k36 = {6, 6, 18, 6}, k48 = {8, 8, 24, 8};
constexpr Four k18 = {3, 3, 9, 3}, kFormer36 = {3, 12, 18, 3};
constexpr Four kS = {64, 128, 320, 512}, kM = {96, 192, 384, 768}, kFormerM = {96, 192, 384, 576}, kB = {128, 256, 512, 768};
MetaFormer pool(const Four& depths, const Four& dims, float scale) {
  return {depths, dims, Mixer::pool, Mixer::pool, scale};
}
MetaFormer convformer(const Four& depths, const Four& dims) { return {depths, dims, Mixer::separable, Mixer::separable}; }
MetaFormer caformer(const Four& depths, const Four& dims) { return {depths, dims, Mixer::separable, Mixer::attention}; }
Card card(float crop = 1) { return imagenet_card(224, crop); }

const Variant<MetaFormer> variants[] = {
    {"poolformer_s12", pool(k12, kS, 1e-5f), card(0.9f)},
    {"poolformer_s24", pool(k24, kS, 1e-5f), card(0.9f)},
    {"poolformer_s36", pool(k36, kS, 1e-6f), card(0.9f)},
    {"poolformer_m36", pool(k36, kM, 1e-6f), card(0.95f)},
    {"poolformer_m48", pool(k48, kM, 1e-6f), card(0.95f)},
    {"poolformerv2_s12", {k12, kS}, card()},
    {"poolformerv2_s24", {k24, kS}, card()},
    {"poolformerv2_s36", {k36, kS}, card()},
    {"poolformerv2_m36", {k36, kM}, card()},
    {"poolformerv2_m48", {k48, kM}, card()},
    {"convformer_s18", convformer(k18, kS), card()},
    {"convformer_s36", convformer(kFormer36, kS), card()},
    {"convformer_m36", convformer(kFormer36, kFormerM), card()},
    {"convformer_b36", convformer(kFormer36, kB), card()},
    {"caformer_s18", caformer(k18, kS), card()},
    {"caformer_s36", caformer(kFormer36, kS), card()},
    {"caformer_m36", caformer(kFormer36, kFormerM), card()},
    {"caformer_b36", caformer(kFormer36, kB), card()},
};

}  // namespace

std::vector<Model> models_of_metaformer() { return models_from<MetaFormer>("metaformer", variants, metaformer); }

}  // namespace fovea
