// Networks whose layers over pixels have no parameters (arXiv:2202.02777): maxima of 3x3 in the bottlenecks of a ResNet, and
// in every other layer of a Vision Transformer or PiT. Names follow the authors'.
#include <algorithm>
#include <array>
#include <iterator>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/transformer.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

using Three = std::array<int, 3>;
const LinearOptions kLinear{.init = truncated_normal};

Tensor mix(Scope s, Tensor x) {  // [n,h,w,c] -> same
  x = gelu(linear(s["qkv"], x, 3 * x.c(), kLinear));
  return linear(s["proj"], gelu(max_pool(x, 3, 1, 1)), x.c() / 3, kLinear);
}

Tensor block(Scope s, Tensor x, int heads, bool attends, float drop) {  // [n,h,w,c] -> same
  Tensor y = layer_norm(s["norm1"], x);
  y = attends ? reshape(self_attention(s["attn"], reshape(y, {x.n(), -1, x.c()}), heads), x.shape()) : mix(s["attn"], y);
  x = x + drop_path(s["attn"], y, drop);
  return s.out(x + drop_path(s["mlp"], mlp(s["mlp"], layer_norm(s["norm2"], x), 4 * x.c()), drop));
}

Tensor classify(Scope s, Tensor x, const ModelOptions& o) {
  x = global_avg_pool(layer_norm(s["norm"], x));
  return linear(s["head"], dropout(s["head"], x, o.drop), o.classes, kLinear);
}

struct ViT {
  int dim, heads;
};
constexpr int kDepth = 12;

Tensor vit(Scope s, Tensor x, const ViT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = conv(s["patch_embed"]["proj"], x, m.dim, 16, {.stride = 16, .pad = Padding::none, .bias = true});
  Tensor places = s.param("pos_embed", {1, x.h() * x.w(), m.dim}, trunc_normal(0.02f));
  x = x + reshape(places, {1, x.h(), x.w(), m.dim});
  for (int i = 0; i < kDepth; i++) x = block(s["blocks"][i], x, m.heads, i % 2 == 0, drop_rate(o.drop_path, i, kDepth));
  return classify(s, x, o);
}

struct PiT {
  int patch, head;  // head: channels of one
  Three depths, heads;
};

Tensor pit(Scope s, Tensor x, const PiT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  auto dim = [&](size_t stage) { return m.head * m.heads[stage]; };
  x = conv(s["patch_embed"]["conv"], x, dim(0), m.patch, {.stride = m.patch / 2, .pad = Padding::none, .bias = true});
  x = x + s.param("pos_embed", {1, x.h(), x.w(), x.c()}, trunc_normal(0.02f), {0, 3, 1, 2});
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 3; i++) {
    int stage = static_cast<int>(i);
    if (i > 0) x = conv(s["pools"][stage - 1]["conv"], x, dim(i), 3, {.stride = 2, .groups = x.c(), .bias = true});
    for (int j = 0; j < m.depths[i]; j++)
      x = block(s["transformers"][stage]["blocks"][j], x, m.heads[i], j % 2 == 0, drop.next());
  }
  return classify(s, x, o);
}

enum class Middle : uint8_t { conv, max, hybrid };  // hybrid: averages and a convolution where the map is halved
struct ResNet {
  Middle middle;
};

Tensor conv_norm(Scope s, Tensor x, int out, int window = 1, int stride = 1) {
  return batch_norm(s[1], conv(s[0], x, out, window, {.stride = stride}));
}

Tensor bottleneck(Scope s, Tensor x, int width, int stride, Middle middle) {  // [n,h,w,c] -> [n,h/stride,w/stride,4*width]
  Tensor y = relu(conv_norm(s["reduction_block"], x, width));
  if (middle == Middle::conv)
    y = relu(conv_norm(s["conv_block"], y, width, 3, stride));
  else if (middle == Middle::hybrid && stride == 2)
    y = relu(conv_norm(s["conv_block"][1], avg_pool(y, 2, 2), width, 3));
  else
    y = max_pool(y, 3, stride, 1);
  y = conv_norm(s["expansion_block"], y, 4 * width);
  return s.out(relu(y + (x.shape() == y.shape() ? x : conv_norm(s["downsample"], x, 4 * width, 1, stride))));
}

Tensor resnet(Scope s, Tensor x, const ResNet& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  const int depths[] = {3, 4, 6, 3};
  x = max_pool(relu(conv_norm(s["conv1"], x, 64, 7, 2)), 3, 2, 1);
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < depths[i]; j++)
      x = bottleneck(s["layer" + std::to_string(i + 1)][j], x, 64 << i, i > 0 && j == 0 ? 2 : 1, m.middle);
  return linear(s["fc"], dropout(s["fc"], global_avg_pool(x), o.drop), o.classes);
}

const Variant<ViT> vits[] = {
    {"pf_vit_ti_max", {192, 3}, imagenet_card()},
    {"pf_vit_s_max", {384, 6}, imagenet_card()},
    {"pf_vit_b_max", {768, 12}, imagenet_card()},
};
const Variant<PiT> pits[] = {
    {"pf_pit_ti_max", {16, 32, {2, 6, 4}, {2, 4, 8}}, imagenet_card()},
    {"pf_pit_s_max", {16, 48, {2, 6, 4}, {3, 6, 12}}, imagenet_card()},
    {"pf_pit_b_max", {14, 64, {3, 6, 4}, {4, 8, 16}}, imagenet_card()},
};
const Variant<ResNet> resnets[] = {
    {"pf_resnet50", {Middle::conv}, imagenet_card()},
    {"pf_resnet50_max", {Middle::max}, imagenet_card()},
    {"pf_resnet50_hybrid", {Middle::hybrid}, imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_pflayer() {
  std::vector<Model> r = models_from<ViT>("pflayer", vits, vit);
  std::ranges::copy(models_from<PiT>("pflayer", pits, pit), std::back_inserter(r));
  std::ranges::copy(models_from<ResNet>("pflayer", resnets, resnet), std::back_inserter(r));
  return r;
}

}  // namespace fovea
