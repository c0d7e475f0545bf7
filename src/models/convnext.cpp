// ConvNeXt (arXiv:2201.03545) and ConvNeXt V2 (arXiv:2301.00808). Names follow timm. Smaller variants run their MLP as
// 1x1 convolutions, which only shows in the shapes of weight files.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

enum class Stem : uint8_t { patch, overlap, overlap_tiered, overlap_active };  // one convolution, or two 3x3
enum class Norm : uint8_t { layer, rms, simple };

struct ConvNeXt {
  std::array<int, 4> depths = {3, 3, 9, 3} /* 0: no such stage */, dims = {96, 192, 384, 768}, windows = {7, 7, 7, 7};
  bool conv_mlp = false;
  bool response_norm = false;  // V2: global response normalisation in the MLP, no layer scale
  Stem stem = Stem::patch;
  int patch = 4;
  Norm norm = Norm::layer;
  float eps = 1e-6f;
  Act act = Act::gelu;
  bool norm_before_pool = false;
  int head_hidden = 0;  // of an MLP in front of the classifier
  float scale = 1e-6f;  // where the layer scale of V1 begins; 0: none
  InitRule init = truncated_normal;
};

Tensor conv(Scope s, Tensor x, const ConvNeXt& m, int out, int window, int stride = 1, int groups = 1) {
  Padding pad = window > stride ? Padding::centred : Padding::none;
  return conv(s, x, out, window, {.stride = stride, .pad = pad, .groups = groups, .bias = true, .init = m.init});
}
Tensor dense(Scope s, Tensor x, const ConvNeXt& m, int out) { return linear(s, x, out, {.init = m.init}); }
Tensor norm(Scope s, Tensor x, const ConvNeXt& m) {
  if (m.norm == Norm::rms) return rms_norm(s, x, m.eps);
  return m.norm == Norm::simple ? simple_norm(s, x, m.eps) : layer_norm(s, x, m.eps);
}

Tensor block(Scope s, Tensor x, int window, const ConvNeXt& m, float drop) {  // [n,h,w,c] -> same
  int c = x.c();
  auto layer = [&](const char* name, Tensor t, int out) {
    return m.conv_mlp ? conv(s["mlp"][name], t, m, out, 1) : dense(s["mlp"][name], t, m, out);
  };
  Tensor y = norm(s["norm"], conv(s["conv_dw"], x, m, c, window, 1, c), m);
  y = activation(layer("fc1", y, 4 * c), m.act);
  if (m.response_norm) y = global_response_norm(s["mlp"]["grn"], y);
  y = layer("fc2", y, c);
  if (!m.response_norm && m.scale > 0) y = layer_scale(s, y, "gamma", m.scale);
  return s.out(x + drop_path(s, y, drop));
}

Tensor stem(Scope s, Tensor x, const ConvNeXt& m) {  // [n,h,w,3] -> [n,h/4,w/4,c]
  int c = m.dims[0];
  if (m.stem == Stem::patch) return norm(s[1], conv(s[0], x, m, c, m.patch, m.patch), m);
  x = conv(s[0], x, m, m.stem == Stem::overlap_tiered ? round_channels(0.5 * c) : c, 3, 2);
  bool active = m.stem == Stem::overlap_active;
  if (active) x = activation(x, m.act);
  return norm(s[active ? 3 : 2], conv(s[active ? 2 : 1], x, m, c, 3, 2), m);
}

Tensor head(Scope s, Tensor x, const ConvNeXt& m, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  if (m.norm_before_pool) x = norm(s["norm_pre"], x, m);
  x = global_avg_pool(x);
  if (!m.norm_before_pool) x = norm(s["head"]["norm"], x, m);
  if (m.head_hidden) x = gelu(dense(s["head"]["pre_logits"]["fc"], x, m, m.head_hidden));
  return dense(s["head"]["fc"], dropout(s["head"], x, o.drop), m, o.classes);
}

Tensor convnext(Scope s, Tensor x, const ConvNeXt& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = stem(s["stem"], x, m);
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 4 && m.depths[i] > 0; i++) {
    Scope stage = s["stages"][static_cast<int>(i)];
    if (i > 0) x = conv(stage["downsample"][1], norm(stage["downsample"][0], x, m), m, m.dims[i], 2, 2);
    for (int j = 0; j < m.depths[i]; j++) x = block(stage["blocks"][j], x, m.windows[i], m, drop.next());
  }
  return head(s, x, m, o);
}

using Four = std::array<int, 4>;
constexpr Four k2262 = {2, 2, 6, 2}, k2282 = {2, 2, 8, 2}, k3393 = {3, 3, 9, 3}, k33273 = {3, 3, 27, 3};
Four dims(int c) { return {c, 2 * c, 4 * c, 8 * c}; }
ConvNeXt v1(const Four& depths, int c) { return {.depths = depths, .dims = dims(c)}; }
ConvNeXt conv_mlp(const Four& depths, int c, Stem stem = Stem::patch, Norm norm = Norm::layer) {
  return {.depths = depths, .dims = dims(c), .conv_mlp = true, .stem = stem, .norm = norm};
}
ConvNeXt v2(ConvNeXt m) { return m.response_norm = true, m; }
ConvNeXt eps5(ConvNeXt m) { return m.eps = 1e-5f, m; }
ConvNeXt pool_last(ConvNeXt m) { return m.norm_before_pool = true, m; }
ConvNeXt with_hidden(ConvNeXt m, int hidden) { return m.head_hidden = hidden, m; }
// For 32x32 pictures. So narrow and shallow, values of deviation 0.02 would be lost, and a layer scale only delays.
ConvNeXt micro() { return {.depths = {1, 1, 3, 0}, .dims = {24, 48, 96, 0}, .patch = 2, .scale = 0, .init = lecun_normal}; }
Card crop95() { return imagenet_card(224, 0.95f); }

const Variant<ConvNeXt> variants[] = {
    {"convnext_zepto_rms", conv_mlp({2, 2, 4, 2}, 32, Stem::patch, Norm::simple), half_card()},
    {"convnext_zepto_rms_ols", conv_mlp({2, 2, 4, 2}, 32, Stem::overlap_active, Norm::simple), half_card(224, 0.9f)},
    {"convnext_atto", conv_mlp(k2262, 40), imagenet_card()},
    {"convnext_atto_ols", conv_mlp(k2262, 40, Stem::overlap_tiered), imagenet_card()},
    {"convnext_atto_rms", conv_mlp(k2262, 40, Stem::patch, Norm::rms), imagenet_card()},
    {"convnext_femto", conv_mlp(k2262, 48), imagenet_card()},
    {"convnext_femto_ols", conv_mlp(k2262, 48, Stem::overlap_tiered), imagenet_card()},
    {"convnext_pico", conv_mlp(k2262, 64), imagenet_card()},
    {"convnext_pico_ols", conv_mlp(k2262, 64, Stem::overlap_tiered), crop95()},
    {"convnext_nano", conv_mlp(k2282, 80), crop95()},
    {"convnext_nano_ols", conv_mlp(k2282, 80, Stem::overlap), crop95()},
    {"convnext_tiny_hnf", pool_last(conv_mlp(k3393, 96)), crop95()},
    {"convnext_tiny", v1(k3393, 96), crop95()},
    {"convnext_small", v1(k33273, 96), crop95()},
    {"convnext_base", v1(k33273, 128), imagenet_card()},
    {"convnext_large", v1(k33273, 192), imagenet_card()},
    {"convnext_large_mlp", with_hidden(v1(k33273, 192), 1536), clip_card(320, 1)},
    {"convnext_xlarge", v1(k33273, 256), imagenet_card()},
    {"convnext_xxlarge", eps5(v1({3, 4, 30, 3}, 384)), clip_card(256, 1)},
    {"convnextv2_atto", v2(conv_mlp(k2262, 40)), imagenet_card()},
    {"convnextv2_femto", v2(conv_mlp(k2262, 48)), imagenet_card()},
    {"convnextv2_pico", v2(conv_mlp(k2262, 64)), imagenet_card()},
    {"convnextv2_nano", v2(conv_mlp(k2282, 80)), imagenet_card()},
    {"convnextv2_tiny", v2(v1(k3393, 96)), imagenet_card()},
    {"convnextv2_small", v2(v1(k33273, 96)), imagenet_card()},
    {"convnextv2_base", v2(v1(k33273, 128)), imagenet_card()},
    {"convnextv2_large", v2(v1(k33273, 192)), imagenet_card()},
    {"convnextv2_huge", v2(v1(k33273, 352)), imagenet_card(384, 1)},
    {"convnext_micro", micro(), imagenet_card(32, 1)},
    {"convnextv2_micro", v2(micro()), imagenet_card(32, 1)},
    {"test_convnext",
     {.depths = {1, 2, 4, 2}, .dims = {24, 32, 48, 64}, .eps = 1e-5f, .act = Act::gelu_tanh},
     half_card(160, 0.95f)},
    {"test_convnext2",
     {.depths = {1, 1, 1, 1}, .dims = {32, 64, 96, 128}, .eps = 1e-5f, .act = Act::gelu_tanh},
     half_card(160, 0.95f)},
    {"test_convnext3",
     {.depths = {1, 1, 1, 1}, .dims = {32, 64, 96, 128}, .windows = {7, 5, 5, 3}, .eps = 1e-5f, .act = Act::silu},
     half_card(160, 0.95f)},
};

}  // namespace

std::vector<Model> models_of_convnext() { return models_from<ConvNeXt>("convnext", variants, convnext); }

}  // namespace fovea
