// MaxViT (arXiv:2204.01697), its variants with ConvNeXt's blocks (MaxxViT), and the blocks that it shares with CoAtNet.
// Names follow timm.
#include "models/maxxvit.h"

#include <functional>

#include "models/cards.h"
#include "nn/blur.h"
#include "nn/channel_attention.h"
#include "nn/transformer.h"
#include "nn/windows.h"
#include "ops/biased_attention.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace maxxvits {

static const LinearOptions kLinear{.init = truncated_normal};
static constexpr int kHead = 32, kPartition = 32;  // channels of a head; the picture's side by the window's

static Tensor plain(Scope s, Tensor x, int out, bool bias) {
  return conv(s, x, out, 1, {.bias = bias, .init = group_fan_out_normal});
}

static Tensor halve(Tensor x, bool by_max) { return by_max ? max_pool(x, 3, 2, 1) : mean_pool(x); }

static Tensor shortcut(Scope s, Tensor x, int out, int stride, bool by_max, bool bias) {
  if (stride == 1) return x;
  x = halve(x, by_max);
  return x.c() == out ? x : plain(s["expand"], x, out, bias);
}

static Tensor scaled(Scope s, Tensor x, float start) { return start > 0 ? layer_scale(s, x, "gamma", start) : x; }

// One block: where its parameters live and what the network has decided for it.
struct Block {
  Scope s;
  const MaxxViT& m;
  int out, stride;
  float drop;

  Block in(Scope part) const { return {part, m, out, stride, drop}; }
};

static Tensor inverted(const Block& b, Tensor x) {  // [n,h,w,c] -> [n,h/stride,w/stride,out]
  const Conv& a = b.m.conv;
  const Scope& s = b.s;
  auto norm = [&](const char* name, Tensor t, bool active = true) {
    t = batch_norm(s[name], t, a.eps);
    return active ? activation(t, a.act) : t;
  };
  int hidden = round_channels(4.0 * (a.of_output ? b.out : x.c()));
  SqueezeExcite squeeze{.hidden = static_cast<int>(a.squeeze * (a.of_output ? b.out : hidden)),
                        .act = a.squeeze_act,
                        .init = group_fan_out_normal};
  Tensor kept = shortcut(s["shortcut"], x, b.out, b.stride, b.m.max_pool, a.bias), y = norm("pre_norm", x, a.active_norm);
  bool pooled = a.pooled && b.stride == 2;
  y = norm("norm1", plain(s["conv1_1x1"], pooled ? mean_pool(y) : y, hidden, false));
  y = conv(s["conv2_kxk"], y, hidden, 3,
           {.stride = pooled ? 1 : b.stride, .pad = a.pad, .groups = hidden, .init = group_fan_out_normal});
  y = a.early_squeeze ? norm("norm2", squeeze_excite(s["se_early"], y, squeeze))
                      : squeeze_excite(s["se"], norm("norm2", y), squeeze);
  return kept + drop_path(s, plain(s["conv3_1x1"], y, b.out, a.bias), b.drop);
}

static Tensor convnext(const Block& b, Tensor x) {  // the same
  const Scope& s = b.s;
  int c = x.c();
  Tensor kept = b.stride == 1 && c != b.out ? plain(s["shortcut"], x, b.out, true)
                                            : shortcut(s["shortcut"], x, b.out, b.stride, false, true);
  x = conv(s["conv_dw"], x, b.out, 7, {.stride = b.stride, .groups = c, .bias = true, .init = group_fan_out_normal});
  x = gelu(plain(s["mlp"]["fc1"], layer_norm(s["norm"], x), 4 * b.out, true));
  return kept + drop_path(s, scaled(s["ls"], plain(s["mlp"]["fc2"], x, b.out, true), b.m.conv.scale), b.drop);
}

static Tensor convolve(const Block& b, Tensor x) { return b.m.conv.next ? convnext(b, x) : inverted(b, x); }

static Tensor bias(Scope s, Graph& g, Pair map, int heads, const Attention& a) {  // [1,heads,t,t]
  int rows = 2 * map.h - 1, columns = 2 * map.w - 1;
  if (a.places == Places::network) return log_distance_bias(s["mlp"], g, map, a.hidden, heads);
  const char* name = "relative_position_bias_table";
  if (a.places == Places::table) return relative_bias(s.param(name, {rows * columns, heads}, trunc_normal(0.02f)), map);
  // The other way round: where the key lies from the query.
  Tensor table = transpose(reshape(s.param(name, {heads, rows, columns}, normal(0.02f)), {heads, -1}), {1, 0});
  return transpose(relative_bias(table, map), {0, 1, 3, 2});
}

// The scores of qkv [n,t,3*c] for a map (or window) of t pixels: [n,t,c].
static Tensor look(Scope s, Tensor qkv, Pair map, bool by_head, const Attention& a) {
  int n = qkv.n(), t = qkv.dim(1), c = qkv.c() / 3, heads = c / kHead;
  Tensor part[3];
  for (int i = 0; i < 3; i++)
    part[i] = by_head ? slice(reshape(qkv, {n, t, heads, 3 * kHead}), 3, i * kHead, kHead) : split_heads(qkv, i, 3, heads);
  Tensor biases = bias(s["rel_pos"], *qkv.graph, map, heads, a);
  return reshape(biased_attention(part[0], part[1], part[2], attention_scale(part[0]), biases), {n, t, c});
}

// A transformer of the whole map whose layers are 1x1 convolutions.
static Tensor transformer(const Block& b, Tensor x) {  // [n,h,w,c] -> [n,h/stride,w/stride,out]
  const Attention& a = b.m.attention;
  const Scope& s = b.s;
  const ConvOptions biased{.bias = true, .init = truncated_normal};
  auto norm = [&](Scope at, Tensor t) { return a.batch_norm ? batch_norm(at, t, a.eps) : layer_norm(at, t, a.eps); };
  bool halved = b.stride == 2;
  Tensor kept = shortcut(s["shortcut"], x, b.out, b.stride, b.m.max_pool, a.shortcut_bias);
  Tensor y = norm(halved ? s["norm1"]["norm"] : s["norm1"], x);
  if (halved) y = halve(y, b.m.max_pool);
  int h = y.h(), w = y.w(), c = a.expand_first ? b.out : x.c();
  y = reshape(conv(s["attn"]["qkv"], y, 3 * c, 1, biased), {y.n(), h * w, 3 * c});
  y = reshape(look(s["attn"], y, {h, w}, true, a), {y.n(), h, w, c});
  x = kept + drop_path(s["attn"], scaled(s["ls1"], conv(s["attn"]["proj"], y, b.out, 1, biased), a.scale), b.drop);
  y = activation(conv(s["mlp"]["fc1"], norm(s["norm2"], x), 4 * b.out, 1, biased), a.act);
  return x + drop_path(s["mlp"], scaled(s["ls2"], conv(s["mlp"]["fc2"], y, b.out, 1, biased), a.scale), b.drop);
}

// Pixels that lie apart by a window's share of the map: [n,h,w,c] -> [n*h/size*w/size,t,c], and back.
static Tensor to_grids(Tensor x, Pair size) {
  int n = x.n(), h = x.h() / size.h, w = x.w() / size.w, c = x.c();
  x = transpose(reshape(x, {n, size.h, h, size.w, w, c}), {0, 2, 4, 1, 3, 5});
  return reshape(x, {n * h * w, size.h * size.w, c});
}
static Tensor from_grids(Tensor tokens, Pair size, const Shape& map) {
  int n = map[0], h = map[1] / size.h, w = map[2] / size.w, c = tokens.c();
  Tensor x = transpose(reshape(tokens, {n, h, w, size.h, size.w, c}), {0, 3, 1, 4, 2, 5});
  return reshape(x, {n, map[1], map[2], c});
}

static Tensor attend(Scope s, Tensor x, int out, Pair size, bool grid, const Attention& a) {  // [n,h,w,c] -> [n,h,w,out]
  Tensor qkv = linear(s["qkv"], grid ? to_grids(x, size) : to_windows(x, size), 3 * x.c(), kLinear);
  Tensor y = linear(s["proj"], look(s, qkv, size, a.by_head, a), out, kLinear);
  return grid ? from_grids(y, size, x.shape()) : from_windows(y, size, x.shape());
}

// Attention by f, then an MLP.
static Tensor layer(const Block& b, Tensor x, const std::function<Tensor(Tensor)>& f) {  // [n,h,w,c] -> same
  const Attention& a = b.m.attention;
  const Scope& s = b.s;
  x = x + drop_path(s["attn"], scaled(s["ls1"], f(layer_norm(s["norm1"], x, a.eps)), a.scale), b.drop);
  Tensor y = mlp(s["mlp"], layer_norm(s["norm2"], x, a.eps), 4 * x.c(), a.act);
  return x + drop_path(s["mlp"], scaled(s["ls2"], y, a.scale), b.drop);
}

static Tensor axes(const Block& b, Tensor x, Pair size) {  // [n,h,w,c] -> [n,h/stride,w/stride,out]
  const Attention& a = b.m.attention;
  x = convolve(b.in(b.s["conv"]), x);
  for (bool grid : {false, true}) {
    if (!grid && !a.windows) continue;
    Block at = b.in(b.s[grid ? "attn_grid" : "attn_block"]);
    x = layer(at, x, [&](Tensor y) { return attend(at.s["attn"], y, y.c(), size, grid, a); });
  }
  return x;
}

static Tensor parallel_axes(const Block& b, Tensor x, Pair size) {  // the same
  const Attention& a = b.m.attention;
  x = convolve(b.in(b.s["conv"][0]), x);
  x = convolve({b.s["conv"][1], b.m, b.out, 1, b.drop}, x);
  Block at = b.in(b.s["attn"]);
  return layer(at, x, [&](Tensor y) {
    Tensor both[] = {attend(at.s["attn_block"], y, y.c() / 2, size, false, a),
                     attend(at.s["attn_grid"], y, y.c() / 2, size, true, a)};
    return concat(both, 3);
  });
}

static Tensor block(const Block& b, Tensor x, int stage, Pair size) {
  bool later = stage >= 2, convolves = !later || (b.m.blocks == Blocks::late_attention && b.stride == 2);
  if (b.m.blocks == Blocks::axes) return axes(b, x, size);
  if (b.m.blocks == Blocks::parallel_axes) return parallel_axes(b, x, size);
  return convolves ? convolve(b, x) : transformer(b, x);
}

static Tensor head(Scope s, Tensor x, const MaxxViT& m, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  float eps = m.attention.eps;
  if (m.features) {
    x = layer_norm(s["head"]["norm"], global_avg_pool(x), eps);
    x = tanh(linear(s["head"]["pre_logits"]["fc"], x, m.features));
  } else {
    x = global_avg_pool(m.attention.batch_norm ? batch_norm(s["norm"], x, eps) : layer_norm(s["norm"], x, eps));
  }
  return linear(s["head"]["fc"], dropout(s["head"], x, o.drop), o.classes);
}

Tensor maxxvit(Scope s, Tensor x, const MaxxViT& m, const ModelOptions& o) {
  Pair size(x.h() / kPartition, x.w() / kPartition);
  const ConvOptions stem{.stride = 2, .pad = m.conv.pad, .bias = m.stem_bias, .init = group_fan_out_normal};
  x = conv(s["stem"]["conv1"], x, m.stem[0], 3, stem);
  x = m.conv.next ? layer_norm(s["stem"]["norm1"], x) : batch_norm(s["stem"]["norm1"], x, m.conv.eps);
  x = conv(s["stem"]["conv2"], activation(x, m.conv.act), m.stem[1], 3,
           {.pad = m.conv.pad, .bias = m.stem_bias, .init = group_fan_out_normal});
  s["stem"].feature(x);
  DropRamp drop(o.drop_path, m.depths);
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < m.depths[static_cast<size_t>(i)]; j++) {
      Block b{s["stages"][i]["blocks"][j], m, i == 2 && m.third ? m.third : m.dim << i, j == 0 ? 2 : 1, drop.next()};
      x = b.s.out(block(b, x, i, size));
    }
  return head(s, x, m, o);
}

}  // namespace maxxvits

}  // namespace fovea
