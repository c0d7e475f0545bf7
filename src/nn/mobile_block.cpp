#include "nn/mobile_block.h"

#include <cmath>

#include "nn/blur.h"
#include "nn/channel_attention.h"
#include "nn/evo_norm.h"
#include "nn/mixed_conv.h"
#include "ops/attention.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

using Block = MobilePlace;

Act act_of(const Block& b) { return b.row.act == Act::none ? b.m.act : b.row.act; }
Dims ones(int n) { return n == 1 ? Dims{1} : Dims{1, 1}; }

Tensor halve(Tensor x, Halving how) { return how == Halving::average ? avg_pool(x, 2, 2) : blur_pool(x, Edge::zeros); }

// A convolution, normalised and activated.
struct Conv {
  int out;
  Dims windows = {1};
  int stride = 1, groups = 1;
  Act act = Act::none;
  Tensor routing = {};  // of experts
};
Tensor conv_norm(const Block& b, Scope weights, Scope norm, Tensor x, const Conv& c) {
  bool soft = c.stride == 2 && b.m.halving != Halving::stride;
  ConvOptions o{.stride = soft ? 1 : c.stride, .pad = b.m.pad, .groups = c.groups, .init = group_fan_out_normal};
  if (c.windows[0] == 2) o.pad = Padding::same;
  if (c.routing)
    x = expert_conv(weights, x, c.routing, b.row.experts * b.m.experts, c.out, c.windows[0], o);
  else
    x = mixed_conv(weights, x, c.out, c.windows, o);
  x = mobile_norm(norm, x, b.m, c.act);
  return soft ? halve(x, b.m.halving) : x;
}

Tensor squeeze(const Block& b, Tensor x) {
  if (!b.row.squeeze) return x;
  const MobileSqueeze& q = b.m.squeeze;
  double channels = x.c() * (q.of_input ? b.row.squeeze / b.expand : b.row.squeeze);
  int hidden = q.divisor == 1 ? static_cast<int>(std::nearbyint(channels)) : round_channels(channels, q.divisor, q.keep);
  if (b.pruned) hidden = (*b.pruned)[1];
  Act act = q.act == Act::none ? act_of(b) : q.act;
  if (q.context) return global_context(b.s["se"], x, hidden, act);
  return squeeze_excite(b.s["se"], x,
                        {.hidden = hidden,
                         .act = act,
                         .gate = q.gate,
                         .reduce = "conv_reduce",
                         .expand = "conv_expand",
                         .init = group_fan_out_normal});
}

Tensor depthwise(const Block& b, const char* norm, Tensor x, Tensor routing = {}) {
  Dims windows = b.row.mixed.rank ? b.row.mixed : Dims{b.to_depth ? (b.row.window + 1) / 2 : b.row.window};
  int groups = x.c() / (b.row.group ? b.row.group : b.m.group);
  return squeeze(b, conv_norm(b, b.s["conv_dw"], b.s[norm], x, {x.c(), windows, b.stride, groups, act_of(b), routing}));
}

Tensor shortcut(const Block& b, Tensor x, Tensor y) {
  return b.row.shortcut && b.stride == 1 && x.shape() == y.shape() ? x + drop_path(b.s, y, b.drop) : y;
}

// The 1x1 convolution at the end of a block.
Tensor projection(const Block& b, const char* name, const char* norm, Tensor x, Tensor routing = {}) {
  Act act = b.row.active_end ? act_of(b) : Act::none;
  return conv_norm(b, b.s[name], b.s[norm], x, {b.out, ones(b.row.split_out), 1, 1, act, routing});
}

Tensor separable(const Block& b, Tensor x) {
  Tensor y = x;
  if (b.to_depth) y = conv_norm(b, b.s["conv_s2d"], b.s["bn_s2d"], x, {4 * x.c(), {2}, 2, 1, act_of(b)});
  return shortcut(b, x, projection(b, "conv_pw", "bn2", depthwise(b, "bn1", y)));
}

Tensor inverted(const Block& b, Tensor x) {
  Tensor routing;
  if (b.row.experts) routing = sigmoid(linear(b.s["routing_fn"], global_avg_pool(x), b.row.experts * b.m.experts));
  int inner = b.pruned ? (*b.pruned)[0] : round_channels(x.c() * b.expand);
  Conv expansion{inner, ones(b.row.split_in), 1, 1, act_of(b), routing};
  Tensor y = conv_norm(b, b.s["conv_pw"], b.s["bn1"], x, expansion);
  return shortcut(b, x, projection(b, "conv_pwl", "bn3", depthwise(b, "bn2", y, routing), routing));
}

Tensor fused(const Block& b, Tensor x) {
  int inner = round_channels((b.row.narrow_in ? b.m.channels(b.row.narrow_in) : x.c()) * b.expand);
  int groups = b.row.group ? inner / b.row.group : 1;
  Tensor y = conv_norm(b, b.s["conv_exp"], b.s["bn1"], x, {inner, {b.row.window}, b.stride, groups, act_of(b)});
  return shortcut(b, x, projection(b, "conv_pwl", "bn2", squeeze(b, y)));
}

Tensor plain(const Block& b, Tensor x) {
  Tensor y = conv_norm(b, b.s["conv"], b.s["bn1"], x, {b.out, {b.row.window}, b.stride, 1, act_of(b)});
  return shortcut(b, x, y);
}

Tensor scaled(const Block& b, Tensor x) {
  return b.m.layer_scale > 0 ? layer_scale(b.s["layer_scale"], x, "gamma", b.m.layer_scale) : x;
}

Tensor universal(const Block& b, Tensor x) {
  auto layer = [&](const char* name, Tensor t, const Conv& c) {
    return conv_norm(b, b.s[name]["conv"], b.s[name]["bn"], t, c);
  };
  Tensor y = x;
  int inner = round_channels(x.c() * b.expand);
  if (b.row.first) y = layer("dw_start", y, {x.c(), {b.row.first}, b.row.window ? 1 : b.stride, x.c()});
  y = layer("pw_exp", y, {inner, {1}, 1, 1, act_of(b)});
  if (b.row.window) y = layer("dw_mid", y, {inner, {b.row.window}, b.stride, inner, act_of(b)});
  return shortcut(b, x, scaled(b, layer("pw_proj", squeeze(b, y), {b.out})));
}

// Keys or values: [n,h,w,c] -> [n,h*w/stride^2,1,key], one head that all queries share.
Tensor shared_head(const Block& b, Scope s, Tensor x) {
  if (b.row.key_stride > 1) x = conv_norm(b, s["down_conv"], s["norm"], x, {x.c(), {b.row.window}, b.row.key_stride, x.c()});
  x = conv(s["proj"], x, b.row.key, 1, {.init = xavier_normal});
  return reshape(x, {x.n(), -1, 1, b.row.key});
}

Tensor attention(const Block& b, Tensor x) {
  Scope s = b.s["attn"];
  int width = b.row.heads * b.row.key;
  Tensor y = mobile_norm(b.s["norm"], x, b.m);
  Tensor q = conv(s["query"]["proj"], y, width, 1, {.init = xavier_normal});
  q = reshape(q, {x.n(), -1, 1, b.row.key});  // every head is a query
  float scale = 1 / std::sqrt(static_cast<float>(b.row.key));
  y = attention(q, shared_head(b, s["key"], y), shared_head(b, s["value"], y), scale);
  y = conv(s["output"]["proj"], reshape(y, {x.n(), x.h(), x.w(), width}), b.out, 1, {.init = xavier_normal});
  return shortcut(b, x, scaled(b, y));
}

}  // namespace

Tensor mobile_block(const MobilePlace& b, Tensor x) {
  switch (b.row.block) {
    case MobileBlock::separable: return separable(b, x);
    case MobileBlock::inverted: return inverted(b, x);
    case MobileBlock::fused: return fused(b, x);
    case MobileBlock::conv: return plain(b, x);
    case MobileBlock::universal: return universal(b, x);
    case MobileBlock::attention: return attention(b, x);
  }
  return x;
}

Tensor mobile_norm(Scope s, Tensor x, const MobileNet& m, Act act) {
  if (m.norm == MobileNorm::evolved) return evo_norm(s, x, {x.c() / m.norm_group, act != Act::none, false, m.eps});
  if (m.norm == MobileNorm::batch) x = batch_norm(s, x, m.eps);
  if (m.norm == MobileNorm::group) x = group_norm(s, x, x.c() / m.norm_group, m.eps);
  if (m.norm == MobileNorm::layer) x = layer_norm(s, x, m.eps);
  if (m.norm == MobileNorm::rms) x = rms_norm(s, x, m.eps);
  return activation(x, act);
}

}  // namespace fovea
