// VOLO (arXiv:2106.13112): outlook attention, whose weights over a window are made of its centre alone; then a transformer,
// and class tokens. Names follow timm.
#include <array>
#include <cmath>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/transformer.h"
#include "ops/attention.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/softmax.h"

namespace fovea {

namespace {

struct VOLO {
  std::array<int, 4> depths, dims, heads;
  int mlp_ratio = 3, stem = 64;
};
constexpr float kEps = 1e-5f;
constexpr int kWindow = 3, kArea = kWindow * kWindow;

Tensor dense(Scope s, Tensor x, int out, bool bias = true) {
  return linear(s, x, out, {.bias = bias, .init = truncated_normal});
}

Tensor stem(Scope s, Tensor x, const VOLO& m) {  // [n,h,w,3] -> [n,h/8,w/8,dim]
  for (int i = 0; i < 3; i++) {
    Scope at = s["conv"];
    x = relu(batch_norm(at[3 * i + 1], conv(at[3 * i], x, m.stem, i == 0 ? 7 : 3, {.stride = i == 0 ? 2 : 1})));
  }
  return conv(s["proj"], x, m.dims[0], 4, {.stride = 4, .pad = Padding::none, .bias = true});
}

// Every second pixel looks out: for each pixel of the window around it, its weights mix the window's values; what windows
// that overlap say of a pixel is added.
Tensor outlook(Scope s, Tensor x, int heads) {  // [n,h,w,c] -> same
  int n = x.n(), c = x.c(), h = (x.h() + 1) / 2, w = (x.w() + 1) / 2;
  Tensor value = pad(dense(s["v"], x, c, false), {0, 1, 1, 0}, {0, 1 + x.h() % 2, 1 + x.w() % 2, 0});
  std::vector<Tensor> window;
  for (int i = 0; i < kArea; i++)
    window.push_back(slice(value, {{0, i / kWindow, i % kWindow, 0}, {n, h, w, c}, {1, 2, 2, 1}}));
  Tensor v = transpose(reshape(concat(window, 3), {n * h * w, kArea, heads, c / heads}), {0, 2, 1, 3});
  Tensor centre = avg_pool(x, 2, 2, {0, 0, x.h() % 2, x.w() % 2}, false);
  Tensor a = reshape(dense(s["attn"], centre, kArea * kArea * heads), {n * h * w, heads, kArea, kArea});
  Tensor y = matmul(softmax(a * (1 / std::sqrt(static_cast<float>(c / heads)))), v);  // [windows,heads,area,c/heads]
  y = reshape(transpose(y, {0, 2, 1, 3}), {n, h, w, kArea * c});
  Tensor sum;
  for (int i = 0; i < kArea; i++) {
    Tensor part = pad_to(slice(y, 3, i * c, c), {value.shape(), {0, i / kWindow, i % kWindow, 0}, {1, 2, 2, 1}});
    sum = sum ? sum + part : part;
  }
  return dense(s["proj"], slice(sum, {{0, 1, 1, 0}, x.shape(), {1, 1, 1, 1}}), c);
}

Tensor attend(Scope s, Tensor x, int heads) {  // [n,h,w,c] -> same
  return reshape(self_attention(s, reshape(x, {x.n(), -1, x.c()}), heads, {.qkv_bias = false}), x.shape());
}

Tensor block(Scope s, Tensor x, bool local, int heads, const VOLO& m, float drop) {  // [n,h,w,c] -> same
  Tensor y = layer_norm(s["norm1"], x, kEps);
  x = x + drop_path(s["attn"], local ? outlook(s["attn"], y, heads) : attend(s["attn"], y, heads), drop);
  return s.out(x + drop_path(s["mlp"], mlp(s["mlp"], layer_norm(s["norm2"], x, kEps), m.mlp_ratio * x.c()), drop));
}

Tensor class_block(Scope s, Tensor x, int heads, const VOLO& m) {  // [n,t,c] -> same, the first token changed
  int n = x.n(), c = x.c();
  Tensor token = slice(x, 1, 0, 1), all = layer_norm(s["norm1"], x, kEps), kv = dense(s["attn"]["kv"], all, 2 * c, false);
  Tensor q = split_heads(dense(s["attn"]["q"], slice(all, 1, 0, 1), c, false), 0, 1, heads);
  Tensor y = attention(q, split_heads(kv, 0, 2, heads), split_heads(kv, 1, 2, heads), attention_scale(q));
  token = token + dense(s["attn"]["proj"], reshape(y, {n, 1, c}), c);
  token = token + mlp(s["mlp"], layer_norm(s["norm2"], token, kEps), m.mlp_ratio * c);
  Tensor both[] = {token, slice(x, 1, 1, x.dim(1) - 1)};
  return concat(both, 1);
}

Tensor network(Scope s, Tensor x, const VOLO& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,h/16,w/16,c]
  x = stem(s["patch_embed"], x, m);
  DropRamp drop(o.drop_path, m.depths);
  for (int stage = 0; stage < 4; stage++) {
    auto at = static_cast<size_t>(stage);
    Scope here = s["network"][stage == 0 ? 0 : stage + 1];  // the second of them halves the map
    for (int i = 0; i < m.depths[at]; i++) x = block(here[i], x, stage == 0, m.heads[at], m, drop.next());
    if (stage > 0) continue;
    x = conv(s["network"][1]["proj"], x, m.dims[1], 2, {.stride = 2, .pad = Padding::none, .bias = true});
    x = x + s.param("pos_embed", {1, x.h(), x.w(), x.c()}, trunc_normal(0.02f));
  }
  return x;
}

Tensor volo(Scope s, Tensor x, const VOLO& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = network(s, x, m, o);
  int n = x.n(), c = x.c();
  Tensor both[] = {broadcast_to(s.param("cls_token", {1, 1, c}, trunc_normal(0.02f)), {n, 1, c}), reshape(x, {n, -1, c})};
  x = concat(both, 1);
  for (int i = 0; i < 2; i++) x = class_block(s["post_network"][i], x, m.heads[3], m);
  x = layer_norm(s["norm"], x, kEps);
  Tensor token = dropout(s["head"], reshape(slice(x, 1, 0, 1), {n, c}), o.drop);
  Tensor every = dense(s["aux_head"], slice(x, 1, 1, x.dim(1) - 1), o.classes);  // of each patch
  return dense(s["head"], token, o.classes) + reshape(reduce_max(every, {1}), {n, o.classes}) * 0.5f;
}

constexpr VOLO kD1{{4, 4, 8, 2}, {192, 384, 384, 384}, {6, 12, 12, 12}},
    kD2{{6, 4, 10, 4}, {256, 512, 512, 512}, {8, 16, 16, 16}}, kD3{{8, 8, 16, 4}, {256, 512, 512, 512}, {8, 16, 16, 16}},
    kD4{{8, 8, 16, 4}, {384, 768, 768, 768}, {12, 16, 16, 16}},
    kD5{{12, 12, 20, 4}, {384, 768, 768, 768}, {12, 16, 16, 16}, 4, 128};
Card small() { return imagenet_card(224, 0.96f); }

const Variant<VOLO> variants[] = {
    {"volo_d1_224", kD1, small()},
    {"volo_d1_384", kD1, imagenet_card(384, 1)},
    {"volo_d2_224", kD2, small()},
    {"volo_d2_384", kD2, imagenet_card(384, 1)},
    {"volo_d3_224", kD3, small()},
    {"volo_d3_448", kD3, imagenet_card(448, 1)},
    {"volo_d4_224", kD4, small()},
    {"volo_d4_448", kD4, imagenet_card(448, 1.15f)},
    {"volo_d5_224", kD5, small()},
    {"volo_d5_448", kD5, imagenet_card(448, 1.15f)},
    {"volo_d5_512", kD5, imagenet_card(512, 1.15f)},
};

}  // namespace

std::vector<Model> models_of_volo() { return models_from<VOLO>("volo", variants, volo); }

}  // namespace fovea
