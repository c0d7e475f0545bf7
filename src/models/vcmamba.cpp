// VCMamba (arXiv:2509.04669): convolutions, and at the coarsest resolution scans along four paths. Names follow
// Wertyuui345/VCMamba.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/conv_norm_act.h"
#include "nn/mamba.h"
#include "nn/scan_path.h"
#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/selective_scan.h"

namespace fovea {

namespace {

struct VCMamba {
  std::array<int, 4> depths, widths;
  int scans = 4;  // of the last blocks
};

constexpr int kStates = 16;

// Only the pixels follow the path: steps, inputs and read-outs stay in the order of rows. What is read in depends on how the
// path came to the pixel. [n,h,w,c] -> same
Tensor scan_paths(Scope s, Tensor x) {
  const int c = x.c(), rank = (c / 2 + 15) / 16;
  Tensor tokens = reshape(x, {x.n(), -1, c}), told = linear(s["x_proj"], tokens, rank + 2 * kStates, {.bias = false});
  Scope step = s["dt_proj"];
  Tensor bias = step.param("bias", {c}, step_init());
  Tensor delta = linear(step, slice(told, 2, 0, rank), c, {.bias = false}) + bias + bias;  // twice, as the reference
  delta = activation(delta, Act::softplus);
  Tensor b = slice(told, 2, rank, kStates), read = slice(told, 2, rank + kStates, kStates), sum;
  Tensor ways = s.param("direction_Bs", {5, kStates}, trunc_normal(0.02f));
  Tensor a = -exp(s.param("A_log", {c, kStates}, decay_init()));
  for (bool columns : {false, true})
    for (bool back : {false, true}) {
      ScanPath path = snake_path(s.graph(), x.h(), x.w(), columns, back);
      Tensor in = b + gather(ways, directions(path, x.w()));
      Tensor y = reorder(selective_scan(reorder(tokens, path.order), delta, a, in, read), path.place);
      sum = sum ? sum + y : y;
    }
  sum = sum + 4.0f * tokens * s.param("D", {c}, fill(1));
  return reshape(layer_norm(s["norm"], sum, 1e-5f), x.shape());
}

Tensor mixer(Scope s, Tensor x) {  // [n,h,w,c] -> same
  const int c = x.c();
  x = conv_norm_act(s["in_conv"], x, 2 * c, 1, {.act = Act::none, .bias = true, .conv = "0", .norm = "1"});
  x = activation(conv(s["conv2d"], x, 2 * c, 7, {.groups = 2 * c, .bias = true}), Act::silu);
  x = relu(scan_paths(s, x));
  return conv_norm_act(s["out_conv"], x, c, 1, {.act = Act::none, .bias = true, .conv = "1", .norm = "2"});
}

Tensor mlp(Scope s, Tensor x) {  // [n,h,w,c] -> same
  const int c = x.c();
  ConvNormAct o{.act = Act::gelu, .bias = true, .init = truncated_normal};
  auto part = [&](const char* conv, const char* norm) { return o.conv = conv, o.norm = norm, o; };
  x = conv_norm_act(s, x, 4 * c, 1, part("fc1", "norm1"));
  o.groups = 4 * c;
  x = conv_norm_act(s, x, 4 * c, 3, part("mid", "mid_norm"));
  o.groups = 1, o.act = Act::none;
  return conv_norm_act(s, x, c, 1, part("fc2", "norm2"));
}

Tensor conv_block(Scope s, Tensor x, float drop) {
  Tensor scale = reshape(s.param("layer_scale_2", {x.c(), 1, 1}, fill(1e-5f)), {x.c()});
  return s.out(x + drop_path(s, scale * mlp(s["mlp"], x), drop));
}
Tensor scan_block(Scope s, Tensor x, float drop) {
  x = x + drop_path(s["mamba"], mixer(s["mamba"], batch_norm(s["norm"], x)), drop);
  return s.out(x + drop_path(s["mlp"], mlp(s["mlp"], batch_norm(s["norm2"], x)), drop));
}

Tensor vcmamba(Scope s, Tensor x, const VCMamba& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  auto down = [](Scope at, Tensor t, int out, const char* conv, const char* norm, Act act) {
    return conv_norm_act(at, t, out, 3, {.stride = 2, .act = act, .bias = true, .conv = conv, .norm = norm});
  };
  x = down(s["patch_embed"], x, m.widths[0] / 2, "0", "1", Act::relu);
  x = down(s["patch_embed"], x, m.widths[0], "3", "4", Act::relu);
  DropRamp drops(o.drop_path, m.depths);
  for (int stage = 0; stage < 4; stage++) {
    const int depth = m.depths[static_cast<size_t>(stage)], width = m.widths[static_cast<size_t>(stage)];
    if (stage > 0) x = down(s["network"][2 * stage - 1], x, width, "proj", "norm", Act::none);
    const int scans = stage == 3 ? m.scans : 0;
    for (int i = 0; i < depth; i++) {
      Scope at = s["network"][2 * stage][i];
      if (scans > 0 && i == depth - scans)
        x = x + transpose(s.param("pos_embed", {1, width, x.h(), x.w()}, trunc_normal(0.02f)), {0, 2, 3, 1});
      x = i < depth - scans ? conv_block(at, x, drops.next()) : scan_block(at, x, drops.next());
    }
  }
  x = dropout(s["head"], global_avg_pool(layer_norm(s["norm"], x, 1e-5f)), o.drop);
  const LinearOptions classes{.init = truncated_normal};
  return (linear(s["head"], x, o.classes, classes) + linear(s["dist_head"], x, o.classes, classes)) * 0.5f;
}

const Card card = imagenet_card(224, 0.9f);
const Variant<VCMamba> variants[] = {
    {"vcmamba_s", {{4, 4, 12, 8}, {32, 64, 144, 288}}, card},
    {"vcmamba_m", {{4, 4, 12, 6}, {48, 96, 224, 448}}, card},
    {"vcmamba_b", {{4, 4, 12, 6}, {64, 128, 320, 512}}, card},
};

}  // namespace

std::vector<Model> models_of_vcmamba() { return models_from<VCMamba>("vcmamba", variants, vcmamba); }

}  // namespace fovea
