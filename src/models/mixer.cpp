// Networks of MLPs over tokens and over channels in turn: MLP-Mixer (arXiv:2105.01601), ResMLP (arXiv:2105.03404), gMLP
// (arXiv:2105.08050), and timm's Mixer of gated MLPs. Names follow timm.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/transformer.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

enum class Kind : uint8_t { mixer, gated_mixer, residual, gate };

struct Mixer {
  Kind kind;
  int patch, depth, dim;
  float scale = 0;  // where layer scale starts, ResMLP
};

Tensor turned(Tensor x) { return transpose(x, {0, 2, 1}); }  // [n,t,c] <-> [n,c,t]
Tensor half(Tensor x, int i) { return slice(x, 2, i * x.c() / 2, x.c() / 2); }
Tensor dense(Scope s, Tensor x, int out) { return linear(s, x, out, {.init = truncated_normal}); }

Tensor affine(Scope s, Tensor x) {
  return x * s.param("alpha", {1, 1, x.c()}, fill(1)) + s.param("beta", {1, 1, x.c()}, fill(0));
}

Tensor gated_mlp(Scope s, Tensor x, int hidden) {
  Tensor y = dense(s["fc1"], x, hidden);
  return dense(s["fc2"], half(y, 0) * activation(half(y, 1), Act::silu), x.c());
}

Tensor mixer_block(Scope s, Tensor x, const Mixer& m, float drop) {  // [n,t,c] -> same
  bool gated = m.kind == Kind::gated_mixer;
  auto layers = [&](const char* name, Tensor y, int hidden) {
    return gated ? gated_mlp(s[name], y, hidden) : mlp(s[name], y, hidden);
  };
  Tensor y = turned(layers("mlp_tokens", turned(layer_norm(s["norm1"], x)), gated ? m.dim : m.dim / 2));
  x = x + drop_path(s["mlp_tokens"], y, drop);
  y = layers("mlp_channels", layer_norm(s["norm2"], x), 4 * m.dim);
  return x + drop_path(s["mlp_channels"], y, drop);
}

Tensor residual_block(Scope s, Tensor x, const Mixer& m, float drop) {  // [n,t,c] -> same
  Tensor y = turned(dense(s["linear_tokens"], turned(affine(s["norm1"], x)), x.dim(1)));
  x = x + drop_path(s["linear_tokens"], layer_scale(s, y, "ls1", m.scale), drop);
  y = mlp(s["mlp_channels"], affine(s["norm2"], x), 4 * m.dim);
  return x + drop_path(s["mlp_channels"], layer_scale(s, y, "ls2", m.scale), drop);
}

Tensor gate_block(Scope s, Tensor x, const Mixer& m, float drop) {  // [n,t,c] -> same
  Scope mlp = s["mlp_channels"], gate = mlp["gate"];
  Tensor y = gelu(dense(mlp["fc1"], layer_norm(s["norm"], x), 6 * m.dim));
  Tensor v = turned(layer_norm(gate["norm"], half(y, 1), 1e-5f));
  y = half(y, 0) * turned(linear(gate["proj"], v, x.dim(1), {.init = truncated_normal}));
  return x + drop_path(mlp, dense(mlp["fc2"], y, m.dim), drop);
}

Tensor mixer(Scope s, Tensor x, const Mixer& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = patch_embed(s["stem"], x, m.dim, m.patch);
  auto* block = m.kind == Kind::residual ? residual_block : m.kind == Kind::gate ? gate_block : mixer_block;
  for (int i = 0; i < m.depth; i++) {
    Scope at = s["blocks"][i];
    x = at.out(block(at, x, m, drop_rate(o.drop_path, i, m.depth)));
  }
  x = m.kind == Kind::residual ? affine(s["norm"], x) : layer_norm(s["norm"], x);
  x = reshape(reduce_mean(x, {1}), {x.n(), m.dim});
  return linear(s["head"], dropout(s["head"], x, o.drop), o.classes);
}

const Variant<Mixer> variants[] = {
    {"mixer_s32_224", {Kind::mixer, 32, 8, 512}, half_card()},
    {"mixer_s16_224", {Kind::mixer, 16, 8, 512}, half_card()},
    {"mixer_b32_224", {Kind::mixer, 32, 12, 768}, half_card()},
    {"mixer_b16_224", {Kind::mixer, 16, 12, 768}, half_card()},
    {"mixer_l32_224", {Kind::mixer, 32, 24, 1024}, half_card()},
    {"mixer_l16_224", {Kind::mixer, 16, 24, 1024}, half_card()},
    {"gmixer_12_224", {Kind::gated_mixer, 16, 12, 384}, imagenet_card()},
    {"gmixer_24_224", {Kind::gated_mixer, 16, 24, 384}, imagenet_card()},
    {"resmlp_12_224", {Kind::residual, 16, 12, 384, 1e-4f}, imagenet_card()},
    {"resmlp_24_224", {Kind::residual, 16, 24, 384, 1e-5f}, imagenet_card()},
    {"resmlp_36_224", {Kind::residual, 16, 36, 384, 1e-6f}, imagenet_card()},
    {"resmlp_big_24_224", {Kind::residual, 8, 24, 768, 1e-6f}, imagenet_card()},
    {"gmlp_ti16_224", {Kind::gate, 16, 30, 128}, half_card()},
    {"gmlp_s16_224", {Kind::gate, 16, 30, 256}, half_card()},
    {"gmlp_b16_224", {Kind::gate, 16, 30, 512}, half_card()},
};

}  // namespace

std::vector<Model> models_of_mixer() { return models_from<Mixer>("mixer", variants, mixer); }

}  // namespace fovea
