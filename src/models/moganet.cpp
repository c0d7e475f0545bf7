// MogaNet (arXiv:2211.03295): gates over depthwise convolutions of several orders, and hidden channels that are set off from
// what they have in common. Names follow the authors' implementation.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct MogaNet {
  std::array<int, 4> dims, depths;
};
constexpr std::array<int, 4> kExpand = {8, 8, 4, 4};

Tensor conv(Scope s, Tensor x, int out, int window, int stride = 1) {
  return conv(s, x, out, window, {.stride = stride, .bias = true, .init = group_fan_out_normal});
}
Tensor depthwise(Scope s, Tensor x, int window, int dilation = 1) {
  return conv(s, x, x.c(), window, {.dilation = dilation, .groups = x.c(), .bias = true, .init = group_fan_out_normal});
}
// A factor of each channel, kept as [1,c,1,1].
Tensor scaled(Scope s, Tensor x, const char* name) { return x * s.param(name, {1, 1, 1, x.c()}, fill(1e-5f), {0, 3, 1, 2}); }
Tensor silu(Tensor x) { return activation(x, Act::silu); }

// Channels 1 : 3 : 4 see 5x5, then 5x5 or 7x7 more pixels that lie two or three apart. [n,h,w,c] -> same.
Tensor multi_order(Scope s, Tensor x) {
  int c = x.c(), second = 3 * c / 8, third = c / 2, first = c - second - third;
  x = depthwise(s["DW_conv0"], x, 5);
  Tensor parts[] = {slice(x, 3, 0, first), depthwise(s["DW_conv1"], slice(x, 3, first, second), 5, 2),
                    depthwise(s["DW_conv2"], slice(x, 3, first + second, third), 7, 3)};
  return conv(s["PW_conv"], concat(parts, 3), c, 1);
}

Tensor aggregate(Scope s, Tensor x) {  // [n,h,w,c] -> same
  Tensor y = conv(s["proj_1"], x, x.c(), 1);
  y = silu(y + scaled(s["sigma"], y - reduce_mean(y, {1, 2}), "scale"));
  y = silu(conv(s["gate"], y, x.c(), 1)) * silu(multi_order(s["value"], y));
  return x + conv(s["proj_2"], y, x.c(), 1);
}

Tensor feed_forward(Scope s, Tensor x, int hidden) {  // [n,h,w,c] -> same
  Tensor y = gelu(depthwise(s["dwconv"], conv(s["fc1"], x, hidden, 1), 3));
  y = y + scaled(s["sigma"], y - gelu(conv(s["decompose"], y, 1, 1)), "scale");
  return conv(s["fc2"], y, x.c(), 1);
}

Tensor block(Scope s, Tensor x, int expand, float drop) {  // [n,h,w,c] -> same
  Tensor y = aggregate(s["attn"], batch_norm(s["norm1"], x));
  x = x + drop_path(s["attn"], scaled(s, y, "layer_scale_1"), drop);
  y = feed_forward(s["mlp"], batch_norm(s["norm2"], x), expand * x.c());
  return s.out(x + drop_path(s["mlp"], scaled(s, y, "layer_scale_2"), drop));
}

Tensor stem(Scope s, Tensor x, int out) {  // [n,h,w,3] -> [n,h/4,w/4,out]
  x = gelu(batch_norm(s[1], conv(s[0], x, out / 2, 3, 2)));
  return batch_norm(s[4], conv(s[3], x, out, 3, 2));
}

Tensor moganet(Scope s, Tensor x, const MogaNet& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 4; i++) {
    std::string number = std::to_string(i + 1);
    Scope embed = s["patch_embed" + number];
    if (i == 0) x = stem(embed["projection"], x, m.dims[i]);
    if (i > 0) x = batch_norm(embed["norm"], conv(embed["projection"], x, m.dims[i], 3, 2));
    for (int j = 0; j < m.depths[i]; j++) x = block(s["blocks" + number][j], x, kExpand[i], drop.next());
    x = batch_norm(s["norm" + number], x);
  }
  x = dropout(s["head"], global_avg_pool(x), o.drop);
  return linear(s["head"], x, o.classes, {.init = truncated_normal});
}

Card card(int size = 224) { return imagenet_card(size, 0.9f); }

const Variant<MogaNet> variants[] = {
    {"moganet_xtiny", {{32, 64, 96, 192}, {3, 3, 10, 2}}, card()},
    {"moganet_tiny", {{32, 64, 128, 256}, {3, 3, 12, 2}}, card()},
    {"moganet_tiny_sz256", {{32, 64, 128, 256}, {3, 3, 12, 2}}, card(256)},
    {"moganet_small", {{64, 128, 320, 512}, {2, 3, 12, 2}}, card()},
    {"moganet_base", {{64, 160, 320, 512}, {4, 6, 22, 3}}, card()},
    {"moganet_large", {{64, 160, 320, 640}, {4, 6, 44, 4}}, card()},
};

}  // namespace

std::vector<Model> models_of_moganet() { return models_from<MogaNet>("moganet", variants, moganet); }

}  // namespace fovea
