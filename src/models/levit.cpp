// LeViT (arXiv:2104.01136): convolutions first, then attention that shrinks the map. Names follow timm. The "conv" variants
// are the same with 1x1 convolutions, which only shows in the shapes of weight files.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/attention_forms.h"
#include "nn/conv_norm.h"
#include "nn/transformer.h"
#include "nn/windows.h"
#include "ops/biased_attention.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct LeViT {
  std::array<int, 3> dims, depths, heads;
  int keys;
  Act act = Act::hard_swish;
  bool distilled = true;
  int stride = 16;  // of the stem
  bool conv = false;
};
constexpr ConvNorm conv_norm{.conv = "linear"};

Tensor dense_norm(Scope s, Tensor x, int out, const LeViT& m, float gamma = 1) {  // [n,h,w,c] -> [n,h,w,out]
  if (m.conv) return conv_norm(s, x, out, 1, 1, 1, gamma);
  x = linear(s["linear"], x, out, {.bias = false, .init = truncated_normal});
  return batch_norm(s["bn"], x, 1e-5f, gamma);
}

Tensor tokens(Tensor x) { return reshape(x, {x.n(), -1, x.c()}); }

Tensor biases(Scope s, Tensor x, int heads, int stride = 1) {
  Tensor table = s.param("attention_biases", {heads, x.h() * x.w()}, fill(0));
  return distance_bias(table, {x.h(), x.w()}, stride);
}

Tensor attend(Scope s, Tensor x, int heads, const LeViT& m) {  // [n,h,w,c] -> same
  int c = x.c();
  Tensor y = attend_by_head(tokens(dense_norm(s["qkv"], x, 4 * m.keys * heads, m)), heads, m.keys, biases(s, x, heads));
  y = reshape(y, {x.n(), x.h(), x.w(), y.c()});
  return dense_norm(s["proj"]["ln"], activation(y, m.act), c, m, 0);
}

Tensor shrink(Scope s, Tensor x, int out, const LeViT& m) {  // [n,h,w,c] -> [n,h/2,w/2,out]
  int n = x.n(), heads = x.c() / m.keys, h = (x.h() + 1) / 2, w = (x.w() + 1) / 2, values = 4 * m.keys;
  Tensor kv = reshape(dense_norm(s["kv"], x, (m.keys + values) * heads, m), {n, -1, heads, m.keys + values});
  Tensor picked = slice(x, {{0, 0, 0, 0}, {n, h, w, x.c()}, {1, 2, 2, 1}});
  Tensor q = reshape(dense_norm(s["q"]["ln"], picked, m.keys * heads, m), {n, h * w, heads, m.keys});
  Tensor k = slice(kv, 3, 0, m.keys), v = slice(kv, 3, m.keys, values);
  Tensor y = biased_attention(q, k, v, attention_scale(q), biases(s, x, heads, 2));
  return dense_norm(s["proj"]["ln"], activation(reshape(y, {n, h, w, heads * values}), m.act), out, m);
}

Tensor feed_forward(Scope s, Tensor x, const LeViT& m, float drop) {
  Tensor y = activation(dense_norm(s["ln1"], x, 2 * x.c(), m), m.act);
  return x + drop_path(s, dense_norm(s["ln2"], y, x.c(), m, 0), drop);
}

Tensor stem(Scope s, Tensor x, const LeViT& m) {  // [n,h,w,3] -> [n,h/stride,w/stride,c]
  int layers = m.stride == 16 ? 4 : 3;
  for (int i = 1; i <= layers; i++) {
    x = conv_norm(s["conv" + std::to_string(i)], x, m.dims[0] >> (layers - i), 3, 2);
    if (i < layers) x = activation(x, m.act);
  }
  return x;
}

Tensor levit(Scope s, Tensor x, const LeViT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = stem(s["stem"], x, m);
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 3; i++) {
    Scope stage = s["stages"][static_cast<int>(i)], down = stage["downsample"];
    if (i > 0) x = feed_forward(down["mlp"], shrink(down["attn_downsample"], x, m.dims[i], m), m, 0);
    for (int j = 0; j < m.depths[i]; j++) {
      Scope at = stage["blocks"][j];
      float rate = drop.next();
      x = x + drop_path(at["attn"], attend(at["attn"], x, m.heads[i], m), rate);
      x = at.out(feed_forward(at["mlp"], x, m, rate));
    }
  }
  x = global_avg_pool(x);
  Tensor y = norm_linear(s["head"], "linear", x, o.classes, o.drop);
  return m.distilled ? (y + norm_linear(s["head_dist"], "linear", x, o.classes)) * 0.5f : y;
}

LeViT conv(LeViT m) { return m.conv = true, m; }
LeViT silu(LeViT m, int stride = 16) { return m.act = Act::silu, m.stride = stride, m; }
LeViT plain(LeViT m, int stride = 16) { return m = silu(m, stride), m.distilled = false, m; }
constexpr std::array<int, 3> kFours = {4, 4, 4}, kDeep = {4, 8, 6};
const LeViT k128s{{128, 256, 384}, {2, 3, 4}, {4, 6, 8}, 16}, k128{{128, 256, 384}, kFours, {4, 8, 12}, 16},
    k192{{192, 288, 384}, kFours, {3, 5, 6}, 32}, k256{{256, 384, 512}, kFours, {4, 6, 8}, 32},
    k384{{384, 512, 768}, kFours, {6, 9, 12}, 32}, k512{{512, 768, 1024}, kFours, {8, 12, 16}, 64},
    k512s8{{512, 640, 896}, kFours, {8, 10, 14}, 64}, k256d{{256, 384, 512}, kDeep, {4, 6, 8}, 32},
    k512d{{512, 640, 768}, kDeep, {8, 10, 12}, 64};
Card card() { return imagenet_card(224, 0.9f); }

const Variant<LeViT> variants[] = {
    {"levit_128s", k128s, card()},
    {"levit_128", k128, card()},
    {"levit_192", k192, card()},
    {"levit_256", k256, card()},
    {"levit_384", k384, card()},
    {"levit_384_s8", silu(k384, 8), card()},
    {"levit_512_s8", plain(k512s8, 8), card()},
    {"levit_512", plain(k512), card()},
    {"levit_256d", plain(k256d), card()},
    {"levit_512d", plain(k512d), card()},
    {"levit_conv_128s", conv(k128s), card()},
    {"levit_conv_128", conv(k128), card()},
    {"levit_conv_192", conv(k192), card()},
    {"levit_conv_256", conv(k256), card()},
    {"levit_conv_384", conv(k384), card()},
    {"levit_conv_384_s8", conv(silu(k384, 8)), card()},
    {"levit_conv_512_s8", conv(plain(k512s8, 8)), card()},
    {"levit_conv_512", conv(plain(k512)), card()},
    {"levit_conv_256d", conv(plain(k256d)), card()},
    {"levit_conv_512d", conv(plain(k512d)), card()},
};

}  // namespace

std::vector<Model> models_of_levit() { return models_from<LeViT>("levit", variants, levit); }

}  // namespace fovea
