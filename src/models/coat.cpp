// CoaT (arXiv:2104.06399): attention factorised over channels, with relative positions by convolution of the values; after
// four serial stages, blocks in which three scales exchange what their attention found. Names follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/resize.h"
#include "nn/transformer.h"
#include "ops/conv2d.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/softmax.h"

namespace fovea {

namespace {

using Four = std::array<int, 4>;
struct CoaT {
  Four dims, depths, expand = {4, 4, 4, 4};
  int parallel = 0;  // blocks
};
constexpr int kHeads = 8;
const LinearOptions kLinear{.init = truncated_normal};

// Tokens of a map behind a class token.
struct Tokens {
  Tensor x;  // [n,1+h*w,c]
  int h, w;

  Tensor token() const { return slice(x, 1, 0, 1); }
  Tensor map() const { return reshape(slice(x, 1, 1, h * w), {x.n(), h, w, x.c()}); }
  Tokens with(Tensor other) const { return {other, h, w}; }
};
Tokens join(Tensor token, Tensor map) {
  Tensor both[] = {token, reshape(map, {map.n(), -1, map.c()})};
  return {concat(both, 1), map.h(), map.w()};
}

std::string numbered(const char* name, size_t scale) { return name + std::to_string(scale + 1); }

// The depthwise convolutions that all blocks of a scale share.
struct Depthwise {
  Tensor weight, bias;
  Tensor operator()(Tensor map) const {
    int window = weight.dim(1);
    return conv2d(map, weight, {.pad = window / 2, .groups = map.c()}) + bias;
  }
};
Depthwise depthwise(Scope s, int c, int window) {
  Shape shape{c, window, window, 1};
  return {s.param("weight", shape, fan_in_uniform(shape, c), {0, 3, 1, 2}), s.param("bias", {c}, fan_in_uniform(shape, c))};
}

const std::array<int, 3> kHeadsOf = {2, 3, 3};  // windows of 3, 5 and 7 pixels
struct Positions {
  Depthwise added;                  // to the tokens
  std::array<Depthwise, 3> values;  // of the values, a window for some of the heads

  Tokens add(const Tokens& t) const { return join(t.token(), t.map() + added(t.map())); }
  Tensor relative(Tensor map) const {  // [n,h,w,c] -> same
    Tensor parts[3];
    int from = 0;
    for (size_t i = 0; i < 3; i++) {
      int c = kHeadsOf[i] * map.c() / kHeads;
      parts[i] = values[i](slice(map, 3, from, c)), from += c;
    }
    return concat(parts, 3);
  }
};
Positions positions(Scope s, size_t scale, int c) {
  Positions r{depthwise(s[numbered("cpe", scale)]["proj"], c, 3), {}};
  Scope list = s[numbered("crpe", scale)]["conv_list"];
  for (int i = 0; i < 3; i++) {
    auto at = static_cast<size_t>(i);
    r.values[at] = depthwise(list[i], kHeadsOf[at] * c / kHeads, 3 + 2 * i);
  }
  return r;
}

Tensor attend(Scope s, const Positions& positions, const Tokens& t) {  // [n,t,c] -> same
  int n = t.x.n(), length = t.x.dim(1), c = t.x.c();
  Tensor qkv = linear(s["qkv"], t.x, 3 * c, kLinear), q = slice(qkv, 2, 0, c), v = slice(qkv, 2, 2 * c, c);
  auto heads_first = [&](Tensor y) { return transpose(reshape(y, {n, length, kHeads, c / kHeads}), {0, 2, 1, 3}); };
  Tensor k = transpose(split_heads(qkv, 1, 3, kHeads), {0, 2, 3, 1});  // [n,h,d,t]
  Tensor y = matmul(heads_first(q), matmul(softmax(k), heads_first(v)));
  y = reshape(transpose(y, {0, 2, 1, 3}), t.x.shape()) * attention_scale(split_heads(q, 0, 1, kHeads));
  Tensor near = t.with(q).map() * positions.relative(t.with(v).map());
  y = y + pad(reshape(near, {n, -1, c}), {0, 1, 0}, {0, 0, 0});
  return linear(s["proj"], y, c, kLinear);
}

Tokens serial(Scope s, const Positions& positions, Tokens t, int expand, float drop) {
  t = positions.add(t);
  Scope attn = s["factoratt_crpe"];
  Tensor x = t.x;
  x = x + drop_path(attn, attend(attn, positions, t.with(layer_norm(s["norm1"], x))), drop);
  return t.with(s.out(x + drop_path(s["mlp"], mlp(s["mlp"], layer_norm(s["norm2"], x), expand * x.c()), drop)));
}

// The last three scales, of equal channels; their tokens go through one MLP.
using Scales = std::array<Tokens, 3>;
void parallel(Scope s, const std::array<Positions, 4>& positions, Scales& t, int expand, float drop) {
  Scales found;
  for (size_t i = 0; i < 3; i++) {
    t[i] = positions[i + 1].add(t[i]);
    Tokens normed = t[i].with(layer_norm(s[numbered("norm1", i + 1)], t[i].x));
    found[i] = t[i].with(attend(s[numbered("factoratt_crpe", i + 1)], positions[i + 1], normed));
  }
  Tensor normed[3];
  for (size_t i = 0; i < 3; i++) {
    Tensor sum = found[i].x;
    for (size_t j = 0; j < 3; j++)
      if (j != i) sum = sum + join(found[j].token(), resize_bilinear(found[j].map(), t[i].h, t[i].w)).x;
    t[i].x = t[i].x + drop_path(s[numbered("factoratt_crpe", i + 1)], sum, drop);
    normed[i] = layer_norm(s[numbered("norm2", i + 1)], t[i].x);
  }
  Tensor y = drop_path(s["mlp2"], mlp(s["mlp2"], concat(normed, 1), expand * t[0].x.c()), drop);
  int from = 0;
  for (size_t i = 0; i < 3; i++) {
    int length = t[i].x.dim(1);
    t[i].x = s[numbered("scale", i + 1)].out(t[i].x + slice(y, 1, from, length)), from += length;
  }
}

// What the three class tokens say, weighed.
Tensor aggregate(Scope s, const Scales& t) {  // -> [n,c]
  Tensor tokens[3];
  for (size_t i = 0; i < 3; i++)
    tokens[i] = layer_norm(s[numbered("norm", i + 1)], t[i].x), tokens[i] = slice(tokens[i], 1, 0, 1);
  Tensor weight = s["aggregate"].param("weight", {1, 3, 1}, fan_in_uniform({1, 3}, 1));
  Tensor sum = reduce_sum(concat(tokens, 1) * weight, {1}) + s["aggregate"].param("bias", {1}, fan_in_uniform({1, 3}, 1));
  return reshape(sum, {sum.n(), sum.c()});
}

Tensor coat(Scope s, Tensor x, const CoaT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  std::array<Tokens, 4> scales;
  std::array<Positions, 4> places;
  for (size_t i = 0; i < 4; i++) {
    Scope embed = s[numbered("patch_embed", i)];
    int patch = i == 0 ? 4 : 2, c = m.dims[i];
    x = layer_norm(embed["norm"], conv(embed["proj"], x, c, patch, {.stride = patch, .pad = Padding::none, .bias = true}),
                   1e-5f);
    Tensor token = s.param(numbered("cls_token", i), {1, 1, c}, trunc_normal(0.02f));
    Tokens t = join(broadcast_to(token, {x.n(), 1, c}), x);
    places[i] = positions(s, i, c);
    for (int j = 0; j < m.depths[i]; j++)
      t = serial(s[numbered("serial_blocks", i)][j], places[i], t, m.expand[i], o.drop_path);
    x = t.map(), scales[i] = t;
  }
  Scales coarse = {scales[1], scales[2], scales[3]};
  for (int i = 0; i < m.parallel; i++) parallel(s["parallel_blocks"][i], places, coarse, m.expand[1], o.drop_path);
  Tensor y = m.parallel ? aggregate(s, coarse) : reshape(layer_norm(s["norm4"], scales[3].token()), {x.n(), x.c()});
  return linear(s["head"], dropout(s["head"], y, o.drop), o.classes, kLinear);
}

constexpr Four kTwos = {2, 2, 2, 2}, kWide = {8, 8, 4, 4}, kFours = {4, 4, 4, 4};
constexpr Four kMini = {64, 128, 320, 512}, kMedium = {128, 256, 320, 512};
Card card() { return imagenet_card(224, 0.9f); }

const Variant<CoaT> variants[] = {
    {"coat_tiny", {{152, 152, 152, 152}, kTwos, kFours, 6}, card()},
    {"coat_mini", {{152, 216, 216, 216}, kTwos, kFours, 6}, card()},
    {"coat_small", {{152, 320, 320, 320}, kTwos, kFours, 6}, card()},
    {"coat_lite_tiny", {{64, 128, 256, 320}, kTwos, kWide}, card()},
    {"coat_lite_mini", {kMini, kTwos, kWide}, card()},
    {"coat_lite_small", {kMini, {3, 4, 6, 3}, kWide}, card()},
    {"coat_lite_medium", {kMedium, {3, 6, 10, 8}}, card()},
    {"coat_lite_medium_384", {kMedium, {3, 6, 10, 8}}, imagenet_card(384, 1)},
};

}  // namespace

std::vector<Model> models_of_coat() { return models_from<CoaT>("coat", variants, coat); }

}  // namespace fovea
