// SBCFormer (arXiv:2311.03747): beside a stream of convolutions, attention over a map of 7x7 pixels (a picture of 224),
// whose result is spread over the pixels and gates them. Names follow the authors'.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/conv_norm.h"
#include "nn/transformer.h"
#include "nn/windows.h"
#include "ops/biased_attention.h"
#include "ops/conv2d.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

using Three = std::array<int, 3>;
struct SbcFormer {
  Three dims, heads, depths;  // depths: of the attention
  int keys, expand = 2;       // keys: channels of a head's; values have twice as many
};
constexpr Three kConvs = {2, 2, 1}, kPools = {4, 2, 1};
constexpr int kMixers = 2;
constexpr ConvNorm conv_norm{.init = group_fan_out_normal};
const LinearOptions kLinear{.init = truncated_normal};

std::string numbered(const char* name, int i) { return name + std::to_string(i); }

Tensor inverted(Scope s, Tensor x, int expand) {  // [n,h,w,c] -> same
  Tensor y = gelu(conv_norm(s["pwconv1_bn"], x, expand * x.c()));
  return s.out(x + conv_norm(s["pwconv2_bn"], gelu(conv_norm.depthwise(s["dwconv_bn"], y, 3)), x.c()));
}

Tensor attend(Scope s, Tensor x, int heads, int keys) {  // [n,h,w,c] -> same
  int n = x.n(), h = x.h(), w = x.w(), qk = heads * keys, values = 2 * qk;
  Tensor y = conv(s["pwconv"], x, 2 * qk + values, 1, {.bias = true, .init = group_fan_out_normal});
  Tensor v = slice(y, 3, 2 * qk, values);
  v = v + gelu(conv_norm.depthwise(s["dwconv"], v, 3));
  auto part = [&](int from) { return reshape(slice(y, 3, from, qk), {n, h * w, heads, keys}); };
  Tensor q = part(0), bias = distance_bias(s.param("attention_biases", {heads, h * w}, fill(0)), {h, w});
  y = biased_attention(q, part(qk), reshape(v, {n, h * w, heads, 2 * keys}), attention_scale(q), bias);
  return linear(s["proj_out"], reshape(y, {n, h, w, values}), x.c(), kLinear);
}

Tensor transformer(Scope s, Tensor x, int heads, int keys, float drop) {  // [n,h,w,c] -> same
  x = x + drop_path(s["attn"], attend(s["attn"], layer_norm(s["norm1"], x), heads, keys), drop);
  return s.out(x + drop_path(s["mlp"], mlp(s["mlp"], layer_norm(s["norm2"], x), 4 * x.c()), drop));
}

// Every pixel becomes size x size, times weights: a transposed depthwise convolution without overlap.
Tensor spread(Scope s, Tensor x, int size) {  // [n,h,w,c] -> [n,size*h,size*w,c]
  int c = x.c();
  Shape shape{c, size, size, 1};
  Tensor weight = s.param("weight", shape, fan_in_uniform(shape, c), {0, 3, 1, 2});
  Tensor y = conv2d_input_grad(weight, x, {.stride = size, .groups = c}, {x.n(), size * x.h(), size * x.w(), c});
  return y + s.param("bias", {c}, fan_in_uniform(shape, c));
}

Tensor stage(Scope s, Tensor x, size_t i, const SbcFormer& m, DropRamp& drop) {  // [n,h,w,c] -> same
  for (int j = 0; j < kConvs[i]; j++) x = inverted(s["invres_blocks"][numbered("InvRes_", j)], x, m.expand);
  int pool = kPools[i];
  Tensor y = pool > 1 ? avg_pool(x, pool, pool) : x;
  for (int j = 0; j < kMixers; j++) y = inverted(s["mixer"][numbered("Mixer_", j)], y, 2);
  for (int j = 0; j < m.depths[i]; j++)
    y = transformer(s["trans_blocks"][numbered("MAttn_", j)], y, m.heads[i], m.keys, drop.next());
  if (pool > 1) y = batch_norm(s["norm"], spread(s["convTrans"], y, pool));
  Tensor both[] = {y, x * activation(conv_norm(s["proj"], y, x.c()), Act::hard_sigmoid)};
  return s.out(conv_norm(s["proj_fuse"], concat(both, 3), x.c()));
}

Tensor sbcformer(Scope s, Tensor x, const SbcFormer& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  Scope merging = s["merging_blocks"];
  for (int i = 0; i < 3; i++) x = relu(conv_norm(merging[0]["stem"][2 * i], x, m.dims[0] / (4 >> i), 3, 2));
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 3; i++) {
    int number = static_cast<int>(i);
    if (i > 0) x = conv(merging[number]["conv"], x, m.dims[i], 3, {.stride = 2, .init = group_fan_out_normal});
    if (i > 0) x = batch_norm(merging[number]["norm"], x);
    x = stage(s["sbcformer_blocks"][number], x, i, m, drop);
  }
  x = layer_norm(s["norm"], global_avg_pool(x));
  return linear(s["head"], dropout(s["head"], x, o.drop), o.classes, kLinear);
}

const Variant<SbcFormer> variants[] = {
    {"sbcformer_xs", {{96, 160, 288}, {3, 5, 6}, {2, 3, 2}, 16}, imagenet_card()},
    {"sbcformer_s", {{96, 192, 320}, {3, 5, 7}, {2, 4, 3}, 16}, imagenet_card()},
    {"sbcformer_b", {{128, 256, 384}, {4, 6, 8}, {2, 4, 3}, 24}, imagenet_card()},
    {"sbcformer_l", {{192, 288, 384}, {4, 6, 8}, {2, 4, 3}, 32, 4}, imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_sbcformer() { return models_from<SbcFormer>("sbcformer", variants, sbcformer); }

}  // namespace fovea
