// SparseFormer (arXiv:2304.03768): a few tokens, each with a region of the picture that it samples a few points of and
// moves. Names follow showlab/sparseformer.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/packed_attention.h"
#include "nn/transformer.h"
#include "ops/grid_sample.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct SparseFormer {
  int tokens, width;  // of the tokens that look several times; afterwards they have twice as many channels
  int depth = 8;      // of the units afterwards
  int looks = 4;
  int points = 36, features = 96;
};

const LinearOptions kLinear{.init = truncated_normal};
Init zeros(const Shape&, int) { return fill(0); }

// By mean and deviation, as of a sample, along an axis.
Tensor standardised(Tensor x, int axis, float inside, float outside) {
  x = x - reduce_mean(x, {axis});
  Tensor variance = reduce_sum(square(x), {axis}) / static_cast<float>(x.dim(axis) - 1);
  return x / (sqrt(variance + inside) + outside);
}

// Where tokens look: centres and sizes, in pictures, each [n,t,2].
struct Regions {
  Tensor centre, size;
};
Regions moved(Scope s, Tensor x, const Regions& r, float drop) {
  Tensor said = linear(s[1], layer_norm(s[0], x), 4, {.bias = false, .init = zeros});
  said = drop_path(s, said, drop);
  Tensor size = abs(r.size);
  return {r.centre + slice(said, 2, 0, 2) * size, size * exp(slice(said, 2, 2, 2))};
}

// The features [n,h,w,c] at the points that a token chooses in its region: [n,t,points,c].
Tensor sampled(Scope s, Tensor features, Tensor x, const Regions& r, int points) {
  Scope choose = s["roi_offset_module"];
  Tensor offsets = linear(choose[1], layer_norm(choose[0], x), 2 * points, {.bias = false, .init = truncated_normal});
  offsets = reshape(offsets + s.param("roi_offset_bias", {2 * points}, normal(1)), {x.n(), x.dim(1), points, 2});
  offsets = standardised(offsets, 2, 1e-20f, 1e-7f) / 3.0f;  // the first keeps a gradient at zero
  auto of = [&](Tensor t) { return reshape(t, {x.n(), x.dim(1), 1, 2}); };
  return grid_sample(features, 2.0f * (of(r.centre) + offsets * of(r.size)) - 1.0f);
}

// Channels, then points, are mixed by matrices that the token makes: [n,t,points,c] -> [n,t,width].
Tensor mixed(Scope s, Tensor sample, Tensor x) {
  const int n = x.n(), t = x.dim(1), points = sample.dim(2), c = sample.c(), count = c * c + points * points;
  Scope make = s["parameter_generator"];
  Tensor matrices = linear(make[1], layer_norm(make[0], x), x.c() / 4, kLinear);
  matrices = linear(matrices, make[2].param("weight", {count, x.c() / 4}, fill(0)));
  matrices = matrices + make[2].param("bias", {count}, uniform_init(0.2f));
  Tensor across = reshape(slice(matrices, 2, 0, c * c), {n, t, c, c});
  Tensor along = reshape(slice(matrices, 2, c * c, points * points), {n, t, points, points});
  Tensor y = gelu(matmul(sample, across) + s.param("m_beta", {c}, fill(0)));
  y = gelu(matmul(along, y) + reshape(s.param("s_beta", {points}, fill(0)), {points, 1}));
  return linear(s["tuo_proj"], reshape(y, {n, t, points * c}), x.c(), kLinear);
}

Tensor attend(Scope s, Tensor x, float drop) {
  Tensor y = layer_norm(s["ln_attn"], x);
  return x + drop_path(s["attn"], packed_attention(s["attn"], y, y, 64, truncated_normal), drop);
}
Tensor think(Scope s, Tensor x, float drop) {
  Scope ffn = s["ffn"];
  Tensor y = gelu(linear(ffn[1], layer_norm(ffn[0], x), 4 * x.c(), kLinear));
  return x + drop_path(ffn, linear(ffn[3], y, x.c(), kLinear), drop);
}
Tensor look(Scope s, Tensor x, Tensor features, Regions& r, int points, float drop) {
  x = attend(s, x, drop);
  r = moved(s["roi_adjust_module"], x, r, drop);
  Scope mix = s["adaptive_mixing"];
  x = x + drop_path(mix, mixed(mix, sampled(s, features, x, r, points), x), drop);
  return think(s, x, drop);
}

Tensor sparseformer(Scope s, Tensor image, const SparseFormer& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  const ConvOptions stem{.stride = 2, .bias = true, .init = fan_out_normal};
  Tensor features = max_pool(relu(conv(s["feat_extractor"]["conv1"], image, m.features, 7, stem)), 3, 2, 1);
  features = standardised(features, 3, 1e-7f, 0);
  auto all = [&](const char* name, int width, Init init) {  // the tokens' own, the same for all pictures
    Tensor t = s[name].param("weight", {m.tokens, width}, init);
    return broadcast_to(reshape(t, {1, m.tokens, width}), {image.n(), m.tokens, width});
  };
  Tensor corners = all("token_roi", 4, uniform_init(1)), x = all("token_embedding", m.width, trunc_normal(1));
  Tensor from = slice(corners, 2, 0, 2), to = slice(corners, 2, 2, 2);
  Regions regions{(from + to) * 0.5f, to - from};
  const int depths[] = {m.looks, m.depth};
  DropRamp drops(o.drop_path, depths);
  for (int i = 0; i < m.looks; i++) x = look(s["layers"][0].shared(), x, features, regions, m.points, drops.next());
  x = layer_norm(s["layers"][1][1], linear(s["layers"][1][0], x, 2 * m.width, kLinear));
  x = look(s["layers"][2], x, features, regions, m.points, drops.next());
  for (int i = 1; i < m.depth; i++) {
    Scope at = s["layers"][2 + i];
    const float drop = drops.next();
    x = at.out(think(at, attend(at, x, drop), drop));
  }
  x = layer_norm(s["head"]["norm"], reshape(reduce_mean(x, {1}), {x.n(), x.c()}));
  return linear(s["head"]["classifier"], dropout(s["head"], x, o.drop), o.classes, kLinear);
}

const Variant<SparseFormer> variants[] = {
    {"sparseformer_tiny", {49, 256}, imagenet_card()},
    {"sparseformer_small", {64, 320}, imagenet_card()},
    {"sparseformer_base", {81, 384, 10}, imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_sparseformer() { return models_from<SparseFormer>("sparseformer", variants, sparseformer); }

}  // namespace fovea
