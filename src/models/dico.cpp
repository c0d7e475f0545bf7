// DiCo (arXiv:2505.11196), the denoiser of a diffusion model out of convolutions: what is noise in a picture (or latent) at
// step "t" of class "y", the last label meaning none. Names follow shallowdream204/DiCo.
#include <array>
#include <cmath>

#include "base/error.h"
#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "nn/resize.h"
#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct DiCo {
  int width;
  std::array<int, 5> depths;
  int hidden = 2;  // of the pointwise layers, in widths
};

Init zeros(const Shape&, int) { return fill(0); }

// What a layer is told: its picture's step and class, [n,c].
Tensor condition(Scope s, int level, int width, int classes, Tensor step, Tensor label) {
  constexpr int kWaves = 128;
  const LinearOptions plain{.init = truncated_normal};
  Scope mlp = s["t_embedder_" + std::to_string(level + 1)]["mlp"];
  Tensor waves = exp(iota(s.graph(), {1, kWaves}, 1) * (-std::log(10000.0f) / kWaves));
  Tensor angle = reshape(step, {step.n(), 1}) * waves, parts[] = {cos(angle), sin(angle)};
  Tensor t = linear(mlp[2], activation(linear(mlp[0], concat(parts, 1), width, plain), Act::silu), width, plain);
  Scope table = s["y_embedder"]["embedding_table_" + std::to_string(level)];
  return t + gather(table.param("weight", {classes + 1, width}, normal(0.02f)), label);
}

// A norm whose scale and shift, and the strength of what follows, are told: parts 3 * which of the told ones.
struct Told {
  Tensor parts;  // [n, count * c]
  Tensor at(int i, int c) const { return reshape(slice(parts, 1, i * c, c), {parts.n(), 1, 1, c}); }
};
Told listen(Scope s, Tensor c, int parts, int width) {
  return {linear(s["adaLN_modulation"][1], activation(c, Act::silu), parts * width, {.init = zeros})};
}
Tensor told_norm(Tensor x, const Told& told, int first) {
  Tensor one = full(*x.graph, {x.c()}, 1), none = full(*x.graph, {x.c()}, 0);
  return layer_norm(x, one, none, 1e-6f) * (1.0f + told.at(first + 1, x.c())) + told.at(first, x.c());
}

Tensor block(Scope s, Tensor x, Tensor c, int hidden) {  // [n,h,w,c] -> same
  const int width = x.c();
  const ConvOptions plain{.bias = true, .init = xavier_normal};
  const ConvOptions depthwise{.groups = width, .bias = true, .init = xavier_normal};
  Told told = listen(s, c, 6, width);
  Tensor y = gelu(conv(s["conv2"], conv(s["conv1"], told_norm(x, told, 0), width, 1, plain), width, 3, depthwise));
  y = y * sigmoid(conv(s["ca"][1], reduce_mean(y, {1, 2}), width, 1, plain));
  x = x + told.at(2, width) * conv(s["conv3"], y, width, 1, plain);
  y = gelu(conv(s["conv4"], told_norm(x, told, 3), hidden * width, 1, plain));
  return s.out(x + told.at(5, width) * conv(s["conv5"], y, width, 1, plain));
}

// Four pixels of c channels are one of 4c, the four side by side in every channel: pixel_shuffle's inverse.
Tensor unshuffle(Tensor x) {
  x = transpose(reshape(x, {x.n(), x.h() / 2, 2, x.w() / 2, 2, x.c()}), {0, 1, 3, 5, 2, 4});
  return reshape(x, {x.n(), x.dim(1), x.dim(2), -1});
}

Tensor dico(Scope s, Tensor x, const DiCo& m, const ModelOptions& o) {  // [n,h,w,c] -> [n,h,w,2c]: noise and its spread
  const int width = m.width, channels = x.c();
  if (x.h() % 4 != 0 || x.w() % 4 != 0) fail(Code::usage, "DiCo takes sides that 4 divides, got {}", x.shape().str());
  Tensor step = s.graph().input("t", {{x.n()}}), label = s.graph().input("y", {{x.n()}});
  Tensor c[3];
  for (int i = 0; i < 3; i++) c[i] = condition(s, i, width << i, o.classes, step, label);
  auto blocks = [&](const char* name, int stage, Tensor y, Tensor told) {
    for (int i = 0; i < m.depths[static_cast<size_t>(stage)]; i++) y = block(s[name][i], y, told, m.hidden);
    return y;
  };
  const ConvOptions bare{.init = xavier_normal}, plain{.bias = true, .init = xavier_normal};
  auto down = [&](const char* name, Tensor y) { return unshuffle(conv(s[name]["body"][0], y, y.c() / 2, 3, bare)); };
  auto up = [&](const char* name, const char* join, Tensor y, Tensor skipped) {
    Tensor parts[] = {pixel_shuffle(conv(s[name]["body"][0], y, 2 * y.c(), 3, bare), 2), skipped};
    return conv(s[join], concat(parts, 3), 2 * width, 1, plain);
  };
  Tensor fine = blocks("encoder_level_1", 0, conv(s["x_embedder"]["proj"], x, width, 3, plain), c[0]);
  Tensor middle = blocks("encoder_level_2", 1, down("down1_2", fine), c[1]);
  Tensor y = blocks("latent", 2, down("down2_3", middle), c[2]);
  y = blocks("decoder_level_2", 3, up("up3_2", "reduce_chan_level2", y, middle), c[1]);
  y = blocks("decoder_level_1", 4, up("up2_1", "reduce_chan_level1", y, fine), c[1]);
  Scope last = s["final_layer"];
  y = told_norm(y, listen(last, c[1], 2, 2 * width), 0);
  return conv(last["out_proj"], y, 2 * channels, 3, {.bias = true, .init = zeros});
}

// As a fixture of the reference says.
Tensor configured(Scope s, Tensor x, const ModelOptions& options) {
  const Settings& o = options.settings;
  std::vector<double> depths = o.list("depth", {1, 1, 2, 1, 1});
  DiCo m{.width = o.integer("hidden_size", 32), .depths = {}, .hidden = o.integer("mlp_ratio", 2)};
  for (size_t i = 0; i < 5 && i < depths.size(); i++) m.depths[i] = static_cast<int>(depths[i]);
  return dico(s, x, m, {.classes = o.integer("num_classes", 10)});
}

Card latent() {  // of a picture of 256 pixels
  Card card = unit_card(32);
  card.channels = 4;
  return card;
}

const Variant<DiCo> variants[] = {
    {"dico_s", {128, {5, 4, 4, 4, 4}}, latent()},         {"dico_b", {256, {5, 4, 4, 4, 4}}, latent()},
    {"dico_l", {352, {9, 8, 9, 8, 9}}, latent()},         {"dico_xl", {416, {9, 9, 10, 9, 9}}, latent()},
    {"dico_h", {416, {14, 12, 10, 12, 14}, 4}, latent()},
};

}  // namespace

std::vector<Model> models_of_dico() {
  std::vector<Model> r = models_from<DiCo>("dico", variants, dico);
  for (Model& m : r) m.kind = ModelKind::network;
  r.push_back({.name = "dico", .family = "dico", .build = configured, .kind = ModelKind::layer});
  return r;
}

}  // namespace fovea
