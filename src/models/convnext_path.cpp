// From a residual network to ConvNeXt in named steps (arXiv:2201.03545, section 2), for 32x32 pictures: each variant is the
// one before with one thing changed. The last step, separate downsampling, is convnext_micro in convnext.cpp.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct Step {
  std::array<int, 3> depths;
  int width;  // of the first stage; it doubles
  bool patch = false, depthwise = false, inverted = false;
  int window = 3;  // 7: and the depthwise convolution comes first
  Act act = Act::relu;
  bool few_acts = false, few_norms = false, layer = false;
};

Tensor norm(Scope s, Tensor x, const Step& m) { return m.layer ? layer_norm(s, x) : batch_norm(s, x); }
Tensor dense(Scope s, Tensor x, int out, const Step& m) {
  return conv(s, x, out, 1, {.bias = m.few_norms, .init = fan_out_normal});
}
Tensor spatial(Scope s, Tensor x, int out, int stride, const Step& m) {
  return conv(s, x, out, m.window,
              {.stride = stride, .groups = m.depthwise ? out : 1, .bias = m.few_norms, .init = group_fan_out_normal});
}

// 1x1, spatial, 1x1; with a large window spatial, 1x1, 1x1.
Tensor branch(Scope s, Tensor x, int out, int stride, const Step& m) {
  int inner = m.inverted ? 4 * out : out / 4;
  bool first = m.window > 3;
  auto unit = [&](int i, Tensor t, bool active, bool normed) {
    if (normed) t = norm(s["norm" + std::to_string(i)], t, m);
    return active ? activation(t, m.act) : t;
  };
  x = first ? spatial(s["spatial"], x, x.c(), stride, m) : dense(s["fc1"], x, inner, m);
  x = unit(1, x, !m.few_acts, true);
  x = first ? dense(s["fc1"], x, inner, m) : spatial(s["spatial"], x, inner, stride, m);
  x = unit(2, x, true, !m.few_norms);
  return unit(3, dense(s["fc2"], x, out, m), false, !m.few_norms);
}

Tensor block(Scope s, Tensor x, int out, int stride, const Step& m) {  // [n,h,w,c] -> [n,h/stride,w/stride,out]
  Tensor y = branch(s, x, out, stride, m);
  if (stride > 1 || x.c() != out) {
    x = conv(s["shortcut"]["conv"], x, out, 1, {.stride = stride, .init = fan_out_normal});
    x = norm(s["shortcut"]["norm"], x, m);
  }
  return s.out(m.few_acts ? x + y : activation(x + y, m.act));
}

Tensor convnext_path(Scope s, Tensor x, const Step& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  int window = m.patch ? 2 : 3;
  x = conv(s["stem"]["conv"], x, m.width, window,
           {.stride = 2, .pad = m.patch ? Padding::none : Padding::centred, .init = fan_out_normal});
  x = norm(s["stem"]["norm"], x, m);
  if (!m.patch) x = activation(x, m.act);
  for (size_t i = 0; i < 3; i++)  // [n,h/2,w/2,width], ...
    for (int j = 0; j < m.depths[i]; j++)
      x = block(s["stages"][static_cast<int>(i)][j], x, m.width << i, i > 0 && j == 0 ? 2 : 1, m);
  return linear(s["head"], dropout(s["head"], global_avg_pool(x), o.drop), o.classes);
}

std::vector<Variant<Step>> path() {
  Card card = imagenet_card(32, 1);
  std::vector<Variant<Step>> r;
  Step m{.depths = {2, 2, 2}, .width = 58};
  auto then = [&](const char* name) { r.push_back({name, m, card}); };
  then("convnext_path0_resnet");
  m.depths = {1, 1, 3}, then("convnext_path1_ratio");
  m.patch = true, then("convnext_path2_patchify");
  m.depthwise = true, m.width = 88, then("convnext_path3_depthwise");
  m.inverted = true, m.width = 24, then("convnext_path4_inverted");
  m.window = 7, then("convnext_path5_large_window");
  m.act = Act::gelu, then("convnext_path6_gelu");
  m.few_acts = true, then("convnext_path7_fewer_activations");
  m.few_norms = true, then("convnext_path8_fewer_norms");
  m.layer = true, then("convnext_path9_layer_norm");
  return r;
}

}  // namespace

std::vector<Model> models_of_convnext_path() {
  static const std::vector<Variant<Step>> variants = path();
  return models_from<Step>("convnext_path", variants, convnext_path, 10);
}

}  // namespace fovea
