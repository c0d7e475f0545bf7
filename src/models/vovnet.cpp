// VoVNet (arXiv:1904.09730): a chain of convolutions, all of whose results the last one reads at once; V2 (arXiv:1911.06667)
// adds shortcuts and channel attention. Names follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/channel_attention.h"
#include "nn/evo_norm.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

enum class Gate : uint8_t { none, squeeze, channel };
using Four = std::array<int, 4>;

struct VoVNet {
  Four blocks = {1, 1, 1, 1};
  int layers = 5;  // of a block's chain
  Four inner = {128, 160, 192, 224}, outs = {256, 512, 768, 1024};
  int stem = 128;             // channels of its last convolution
  Gate gate = Gate::squeeze;  // of the last block of a stage
  bool residual = true, depthwise = false, evolved = false;
};

Tensor conv(Scope s, Tensor x, int out, int window, int stride = 1, int groups = 1) {
  return conv(s, x, out, window, {.stride = stride, .groups = groups, .init = fan_out_normal});
}
Tensor active_norm(Scope s, Tensor x, const VoVNet& m) {
  return m.evolved ? evo_norm(s, x, {.groups = 32}) : activation(batch_norm(s, x), Act::relu);
}
Tensor conv_norm(Scope s, Tensor x, const VoVNet& m, int out, int window, int stride = 1) {
  return active_norm(s["bn"], conv(s["conv"], x, out, window, stride), m);
}
// 3x3, or depthwise and then 1x1.
Tensor window(Scope s, Tensor x, const VoVNet& m, int out, int stride = 1) {
  if (!m.depthwise) return conv_norm(s, x, m, out, 3, stride);
  return active_norm(s["bn"], conv(s["conv_pw"], conv(s["conv_dw"], x, x.c(), 3, stride, x.c()), out, 1), m);
}

struct Block {
  int inner, out;
  bool gated, residual;
};
Tensor block(Scope s, Tensor x, const Block& b, const VoVNet& m, float drop) {  // [n,h,w,c] -> [n,h,w,out]
  std::vector<Tensor> parts = {x};
  Tensor y = x;
  if (m.depthwise && x.c() != b.inner) y = conv_norm(s["conv_reduction"], x, m, b.inner, 1);
  for (int i = 0; i < m.layers; i++) parts.push_back(y = window(s["conv_mid"][i], y, m, b.inner));
  y = conv_norm(s["conv_concat"], concat(parts, 3), m, b.out, 1);
  if (b.gated && m.gate == Gate::squeeze) y = effective_squeeze_excite(s["attn"], y);
  if (b.gated && m.gate == Gate::channel) y = efficient_channel_attention(s["attn"], y);
  y = drop_path(s, y, drop);
  return s.out(b.residual ? y + x : y);
}

// PyTorch's ceil mode: the last window may reach over the border.
Tensor halve(Tensor x) { return max_pool(x, 3, 2, Pad(0, 0, (x.h() + 1) % 2, (x.w() + 1) % 2)); }

Tensor vovnet(Scope s, Tensor x, const VoVNet& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = conv_norm(s["stem"][0], x, m, 64, 3, 2);
  x = s["stem"][1].feature(window(s["stem"][1], x, m, 64));
  x = window(s["stem"][2], x, m, m.stem, 2);
  int total = m.blocks[0] + m.blocks[1] + m.blocks[2] + m.blocks[3], index = 0;
  for (size_t i = 0; i < 4; i++) {
    if (i > 0) x = halve(x);
    for (int j = 0; j < m.blocks[i]; j++, index++) {
      Block b{m.inner[i], m.outs[i], j == m.blocks[i] - 1, m.residual && j > 0};
      x = block(s["stages"][static_cast<int>(i)]["blocks"][j], x, b, m, drop_rate(o.drop_path, index, total));
    }
  }
  return linear(s["head"]["fc"], dropout(s["head"], global_avg_pool(x), o.drop), o.classes);
}

VoVNet v1(const Four& blocks) { return {.blocks = blocks, .gate = Gate::none, .residual = false}; }
VoVNet v2(const Four& blocks) { return {.blocks = blocks}; }
VoVNet slim(VoVNet m) { return m.inner = {64, 80, 96, 112}, m.outs = {112, 256, 384, 512}, m; }
VoVNet dw(VoVNet m) { return m.depthwise = true, m.stem = 64, m; }
VoVNet v19() { return {.layers = 3}; }
VoVNet eca(VoVNet m) { return m.gate = Gate::channel, m; }
VoVNet evolved(VoVNet m) { return m.evolved = true, m; }
constexpr Four k39 = {1, 1, 2, 2}, k57 = {1, 1, 4, 3}, k99 = {1, 3, 9, 3};

const Variant<VoVNet> variants[] = {
    {"vovnet39a", v1(k39), imagenet_card()},
    {"vovnet57a", v1(k57), imagenet_card()},
    {"ese_vovnet19b_slim_dw", dw(slim(v19())), imagenet_card()},
    {"ese_vovnet19b_dw", dw(v19()), imagenet_card()},
    {"ese_vovnet19b_slim", slim(v19()), imagenet_card()},
    {"ese_vovnet39b", v2(k39), imagenet_card()},
    {"ese_vovnet57b", v2(k57), half_card(256, 0.95f)},
    {"ese_vovnet99b", v2(k99), imagenet_card()},
    {"eca_vovnet39b", eca(v2(k39)), imagenet_card()},
    {"ese_vovnet39b_evos", evolved(v2(k39)), imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_vovnet() { return models_from<VoVNet>("vovnet", variants, vovnet); }

}  // namespace fovea
