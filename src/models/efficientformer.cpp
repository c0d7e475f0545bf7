// EfficientFormer (arXiv:2206.01191): pooling as in PoolFormer, attention in the last blocks. Names follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/attention_forms.h"
#include "nn/transformer.h"
#include "nn/windows.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct EfficientFormer {
  std::array<int, 4> depths, dims;
  int attentive;  // blocks at the end that have attention
};
constexpr int kHeads = 8, kKeys = 32, kValues = 128;

Tensor conv_norm(Scope s, const char* name, const char* norm, Tensor x, int out, int window = 1, int stride = 1) {
  x = conv(s[name], x, out, window, {.stride = stride, .bias = true, .init = truncated_normal});
  return batch_norm(s[norm], x);
}

Tensor attend(Scope s, Tensor x) {  // [n,h,w,c] -> same
  int tokens = x.h() * x.w();
  Tensor bias = distance_bias(s.param("attention_biases", {kHeads, tokens}, fill(0)), {x.h(), x.w()});
  Tensor qkv = linear(s["qkv"], x, kHeads * (2 * kKeys + kValues), {.init = truncated_normal});
  Tensor y = attend_by_head(reshape(qkv, {x.n(), tokens, qkv.c()}), kHeads, kKeys, bias);
  return reshape(linear(s["proj"], y, x.c(), {.init = truncated_normal}), x.shape());
}

Tensor conv_mlp(Scope s, Tensor x) {
  Tensor y = gelu(conv_norm(s, "fc1", "norm1", x, 4 * x.c()));
  return conv_norm(s, "fc2", "norm2", y, x.c());
}

Tensor block(Scope s, Tensor x, bool attentive, float drop) {  // [n,h,w,c] -> same
  auto add = [&](const char* scale, Tensor y) {
    x = x + drop_path(s[scale], layer_scale(s[scale], y, "gamma", 1e-5f), drop);
  };
  if (attentive) {
    add("ls1", attend(s["token_mixer"], layer_norm(s["norm1"], x, 1e-5f)));
    add("ls2", mlp(s["mlp"], layer_norm(s["norm2"], x, 1e-5f), 4 * x.c()));
  } else {
    add("ls1", avg_pool(x, 3, 1, 1, false) - x);
    add("ls2", conv_mlp(s["mlp"], x));
  }
  return s.out(x);
}

Tensor efficientformer(Scope s, Tensor x, const EfficientFormer& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = relu(conv_norm(s["stem"], "conv1", "norm1", x, m.dims[0] / 2, 3, 2));
  x = relu(conv_norm(s["stem"], "conv2", "norm2", x, m.dims[0], 3, 2));
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 4; i++) {
    Scope stage = s["stages"][static_cast<int>(i)];
    if (i > 0) x = conv_norm(stage["downsample"], "conv", "norm", x, m.dims[i], 3, 2);
    int pooling = i < 3 ? m.depths[i] : m.depths[i] - m.attentive;
    for (int j = 0; j < m.depths[i]; j++)  // where attention begins, the reference counts a layer that only reshapes
      x = block(stage["blocks"][j < pooling ? j : j + 1], x, j >= pooling, drop.next());
  }
  x = dropout(s, global_avg_pool(layer_norm(s["norm"], x, 1e-5f)), o.drop);
  auto head = [&](const char* name) { return linear(s[name], x, o.classes, {.init = truncated_normal}); };
  return (head("head") + head("head_dist")) * 0.5f;
}

const Variant<EfficientFormer> variants[] = {
    {"efficientformer_l1", {{3, 2, 6, 4}, {48, 96, 224, 448}, 1}, imagenet_card(224, 0.95f)},
    {"efficientformer_l3", {{4, 4, 12, 6}, {64, 128, 320, 512}, 4}, imagenet_card(224, 0.95f)},
    {"efficientformer_l7", {{6, 6, 18, 8}, {96, 192, 384, 768}, 8}, imagenet_card(224, 0.95f)},
};

}  // namespace

std::vector<Model> models_of_efficientformer() {
  return models_from<EfficientFormer>("efficientformer", variants, efficientformer);
}

}  // namespace fovea
