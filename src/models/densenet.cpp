// DenseNet (arXiv:1608.06993): every layer reads all layers before it in its block. Names follow timm.
#include "models/densenet.h"

#include "models/cards.h"
#include "models/registry.h"
#include "nn/blur.h"
#include "nn/layers.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

using densenets::DenseNet;

Tensor conv(Scope s, Tensor x, int out, int window, int stride = 1) {
  return conv(s, x, out, window, {.stride = stride, .init = fan_in_normal});
}
Tensor active_norm(Scope s, Tensor x) { return relu(batch_norm(s, x)); }
Scope numbered(Scope s, const char* name, size_t i) { return s[name + std::to_string(i)]; }

Tensor stem(Scope s, Tensor x, const DenseNet& m) {  // [n,h,w,3] -> [n,h/4,w/4,2*growth]
  if (m.deep_stem) {
    x = active_norm(s["norm0"], conv(s["conv0"], x, m.growth, 3, 2));
    x = active_norm(s["norm1"], conv(s["conv1"], x, m.growth, 3));
    x = s["norm2"].feature(active_norm(s["norm2"], conv(s["conv2"], x, 2 * m.growth, 3)));
  } else {
    x = s["norm0"].feature(active_norm(s["norm0"], conv(s["conv0"], x, 2 * m.growth, 7, 2)));
  }
  return m.stem_blur ? blur_pool(max_pool(x, 3, 1, 1), Edge::reflect, m.stem_blur) : max_pool(x, 3, 2, 1);
}

Tensor dense_layer(Scope s, Tensor x, int growth) {  // [n,h,w,c] -> [n,h,w,growth]
  x = conv(s["conv1"], active_norm(s["norm1"], x), 4 * growth, 1);
  return s.out(conv(s["conv2"], active_norm(s["norm2"], x), growth, 3));
}

}  // namespace

Tensor densenets::densenet(Scope s, Tensor x, const DenseNet& m, const ModelOptions& o) {
  Scope f = s["features"];
  x = stem(f, x, m);
  for (size_t i = 1; i <= 4; i++) {
    Scope block = numbered(f, "denseblock", i);
    for (int j = 1; j <= m.depths[i - 1]; j++) {
      Tensor parts[] = {x, dense_layer(numbered(block, "denselayer", static_cast<size_t>(j)), x, m.growth)};
      x = concat(parts, 3);
    }
    if (i == 4) break;
    block.feature(x);
    Scope between = numbered(f, "transition", i);
    x = conv(between["conv"], active_norm(between["norm"], x), x.c() / 2, 1);
    x = m.blur ? blur_pool(x, Edge::reflect, m.blur) : avg_pool(x, 2, 2);
  }
  x = global_avg_pool(f["norm5"].feature(active_norm(f["norm5"], x)));
  return linear(s["classifier"], dropout(s["classifier"], x, o.drop), o.classes);
}

namespace {

const Variant<DenseNet> variants[] = {
    {"densenet121", {32, {6, 12, 24, 16}}, imagenet_card()},
    {"densenetblur121d", {32, {6, 12, 24, 16}, true, 3}, imagenet_card()},
    {"densenet169", {32, {6, 12, 32, 32}}, imagenet_card()},
    {"densenet201", {32, {6, 12, 48, 32}}, imagenet_card()},
    {"densenet161", {48, {6, 12, 36, 24}}, imagenet_card()},
    {"densenet264d", {48, {6, 12, 64, 48}, true}, imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_densenet() { return models_from<DenseNet>("densenet", variants, densenets::densenet); }

}  // namespace fovea
