// SwiftFormer (arXiv:2303.15446): additive attention, linear in the number of pixels, once in every stage. Names follow
// timm.
#include <array>
#include <cmath>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/attention_forms.h"
#include "nn/layers.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct SwiftFormer {
  std::array<int, 4> depths, dims;
};

Tensor biased(Scope s, Tensor x, int out, int window = 1, int stride = 1, int groups = 1) {
  return conv(s, x, out, window, {.stride = stride, .groups = groups, .bias = true, .init = truncated_normal});
}
Tensor scaled(Scope s, Tensor x, float start) { return x * reshape(s.param("gamma", {x.c(), 1, 1}, fill(start)), {x.c()}); }

// Depthwise 3x3, then an MLP.
Tensor local(Scope s, Tensor x, int hidden, float drop) {  // [n,h,w,c] -> same
  Tensor y = batch_norm(s["norm"], biased(s["dwconv"], x, x.c(), 3, 1, x.c()));
  y = biased(s["pwconv2"], gelu(biased(s["pwconv1"], y, hidden)), x.c());
  return s.out(x + drop_path(s, scaled(s["layer_scale"], y, 1), drop));
}

// The queries' weighted sum meets every key.
Tensor attend(Scope s, Tensor x) {  // [n,t,c] -> same
  int c = x.c();
  auto dense = [&](const char* name, Tensor t) { return linear(s[name], t, c, {.init = truncated_normal}); };
  Tensor query = normalized(dense("to_query", x), 2), key = normalized(dense("to_key", x), 2);
  Tensor weight = reshape(s.param("w_g", {c, 1}, normal(1)), {1, c});
  Tensor share = normalized(linear(query, weight) * (1 / std::sqrt(static_cast<float>(c))), 1);  // [n,t,1]
  Tensor sum = reduce_sum(share * query, {1});
  return dense("final", dense("proj", sum * key) + query);
}

Tensor attentive_block(Scope s, Tensor x, float drop) {  // [n,h,w,c] -> same
  x = local(s["local_representation"], x, x.c(), 0);
  Tensor y = reshape(attend(s["attn"], reshape(x, {x.n(), -1, x.c()})), x.shape());
  x = x + drop_path(s["attn"], scaled(s["layer_scale_1"], y, 1e-5f), drop);
  Scope mlp = s["linear"];
  y = biased(mlp["fc2"], gelu(biased(mlp["fc1"], batch_norm(mlp["norm1"], x), 4 * x.c())), x.c());
  return s.out(x + drop_path(mlp, scaled(s["layer_scale_2"], y, 1e-5f), drop));
}

Tensor swiftformer(Scope s, Tensor x, const SwiftFormer& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  Scope stem = s["stem"];
  x = relu(batch_norm(stem[1], biased(stem[0], x, m.dims[0] / 2, 3, 2)));
  x = relu(batch_norm(stem[4], biased(stem[3], x, m.dims[0], 3, 2)));
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 4; i++) {
    Scope stage = s["stages"][static_cast<int>(i)], down = stage["downsample"];
    if (i > 0) x = batch_norm(down["norm"], biased(down["proj"], x, m.dims[i], 3, 2));
    for (int j = 0; j < m.depths[i]; j++) {
      Scope at = stage["blocks"][j];
      float rate = drop.next();
      x = j < m.depths[i] - 1 ? local(at, x, 4 * x.c(), rate) : attentive_block(at, x, rate);
    }
  }
  x = dropout(s, global_avg_pool(batch_norm(s["norm"], x)), o.drop);
  auto head = [&](const char* name) { return linear(s[name], x, o.classes, {.init = truncated_normal}); };
  return (head("head") + head("head_dist")) * 0.5f;
}

const Variant<SwiftFormer> variants[] = {
    {"swiftformer_xs", {{3, 3, 6, 4}, {48, 56, 112, 220}}, imagenet_card(224, 0.95f)},
    {"swiftformer_s", {{3, 3, 9, 6}, {48, 64, 168, 224}}, imagenet_card(224, 0.95f)},
    {"swiftformer_l1", {{4, 3, 10, 5}, {48, 96, 192, 384}}, imagenet_card(224, 0.95f)},
    {"swiftformer_l3", {{4, 4, 12, 6}, {64, 128, 320, 512}}, imagenet_card(224, 0.95f)},
};

}  // namespace

std::vector<Model> models_of_swiftformer() { return models_from<SwiftFormer>("swiftformer", variants, swiftformer); }

}  // namespace fovea
