#include "nn/yolo_net.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.h"
#include "nn/conv_norm_act.h"
#include "nn/rep_conv.h"
#include "nn/resize.h"
#include "ops/biased_attention.h"
#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/softmax.h"

namespace fovea {

namespace {

// Boxes (centre, size) in pixels and probabilities, of every cell: [n,h,w,64+classes] -> [n,4+classes,hw]
Tensor decode(Tensor x, float stride) {
  int n = x.n(), h = x.h(), w = x.w(), cells = h * w, classes = x.c() - 64;
  Graph& g = *x.graph;
  Tensor p = softmax(reshape(slice(x, 3, 0, 64), {n, cells, 4, 16}));
  Tensor d = reshape(reduce_sum(p * iota(g, {16}, 0), {3}), {n, cells, 4});  // to the left, top, right, bottom
  Tensor xy[] = {iota(g, {1, h, w, 1}, 2), iota(g, {1, h, w, 1}, 1)};
  Tensor at = reshape(concat(xy, 3), {1, cells, 2}) + 0.5f;
  Tensor first = slice(d, 2, 0, 2), second = slice(d, 2, 2, 2);
  Tensor parts[] = {(at + (second - first) * 0.5f) * stride, (first + second) * stride,
                    sigmoid(reshape(slice(x, 3, 64, classes), {n, cells, classes}))};
  return transpose(concat(parts, 2), {0, 2, 1});
}

// The layers of a network whose norms have this epsilon.
struct Layers {
  float eps;

  Tensor conv(Scope s, Tensor x, int out, int window = 1, int stride = 1, int groups = 1, Act act = Act::silu) const {
    return conv_norm_act(s, x, out, window, {.stride = stride, .groups = groups, .act = act, .eps = eps});
  }
  Tensor depthwise(Scope s, Tensor x, int window, int stride = 1, Act act = Act::silu) const {
    return conv(s, x, x.c(), window, stride, x.c(), act);
  }

  Tensor multi_size(Scope s, Tensor x, int window) const {  // [n,h,w,c] -> same
    std::vector<SmallConv> small = {{3}, {1}};
    if (window == 7) small = {{5}, {3}};
    if (window == 9) small = {{7}, {5}, {3}};
    return batch_norm(s["norm"], dilated_reparam(s["dwconv"], x, window, small, eps), eps);
  }

  Tensor bottleneck(Scope s, Tensor x, const YoloLayer& a) const {  // [n,h,w,c] -> same
    int hidden = static_cast<int>(static_cast<float>(x.c()) * a.expand);
    auto silu = [](Tensor t) { return activation(t, Act::silu); };
    Tensor y = conv(s["conv1"], x, hidden);
    y = conv(s["one_conv"], silu(multi_size(s["conv2"], y, a.window)), hidden);
    return conv(s["one_conv2"], silu(multi_size(s["conv3"], y, a.window)), x.c());
  }

  // The channels' shares go through bottlenecks one after the other, each joined by what the share before had come to.
  Tensor rep_hms(Scope s, Tensor x, const YoloLayer& a, int out) const {  // [n,h,w,c] -> [n,h,w,out]
    int share = out / 2;
    x = conv(s["conv1"], x, share * a.width);
    auto part = [&](int i) { return slice(x, 3, i * share, share); };
    std::vector<Tensor> all = {part(0)}, before;
    for (int i = 1; i < a.width; i++) {
      Tensor y = i == 1 ? part(1) + part(0) : part(i);
      std::vector<Tensor> steps;
      for (int j = 0; j < a.depth; j++) {
        if (i > 1) y = y + before[static_cast<size_t>(j)];
        y = bottleneck(s["RepElanMSBlock"][i - 1][j], y, a);
        all.push_back(y), steps.push_back(y);
      }
      before = steps;
    }
    return conv(s["conv2"], concat(all, 3), out);
  }

  Tensor pool_pyramid(Scope s, Tensor x, int out) const {  // [n,h,w,c] -> [n,h,w,out]
    std::vector<Tensor> parts = {conv(s["cv1"], x, x.c() / 2)};
    for (int i = 0; i < 3; i++) parts.push_back(max_pool(parts.back(), 5, 1, 2));
    return conv(s["cv2"], concat(parts, 3), out);
  }

  Tensor attend(Scope s, Tensor x) const {  // [n,h,w,c] -> same
    int c = x.c(), heads = c / 64, d = c / heads, key = d / 2;
    Tensor qkv = conv(s["qkv"], x, c + 2 * key * heads, 1, 1, 1, Act::none);
    qkv = reshape(qkv, {x.n(), x.h() * x.w(), heads, 2 * key + d});
    Tensor v = slice(qkv, 3, 2 * key, d), k = slice(qkv, 3, key, key), q = slice(qkv, 3, 0, key);
    Tensor y = reshape(biased_attention(q, k, v, 1 / std::sqrt(static_cast<float>(key))), x.shape());
    y = y + depthwise(s["pe"], reshape(v, x.shape()), 3, 1, Act::none);
    return conv(s["proj"], y, c, 1, 1, 1, Act::none);
  }

  Tensor partial_attention(Scope s, Tensor x) const {  // [n,h,w,c] -> same
    int half = x.c() / 2;
    Tensor y = conv(s["cv1"], x, 2 * half), a = slice(y, 3, 0, half), b = slice(y, 3, half, half);
    b = b + attend(s["attn"], b);
    b = b + conv(s["ffn"][1], conv(s["ffn"][0], b, 2 * half), half, 1, 1, 1, Act::none);
    Tensor parts[] = {a, b};
    return conv(s["cv2"], concat(parts, 3), x.c());
  }

  // What a head says of a map: 4 distributions over 16 distances, and the classes' logits. [n,h,w,c] -> [n,h,w,64+classes]
  Tensor raw_head(Scope boxes, Scope scores, Tensor x, int least, int classes) const {
    int c2 = std::max(least / 4, 64), c3 = std::max(least, std::min(classes, 100));
    auto last = [](Scope s, Tensor t, int out) { return fovea::conv(s, t, out, 1, {.bias = true}); };
    Tensor b = conv(boxes[2], multi_size(boxes[1], conv(boxes[0], x, c2), 5), c2);
    Tensor c = conv(scores[0][1], depthwise(scores[0][0], x, 3), c3);
    c = conv(scores[1][1], depthwise(scores[1][0], c, 3), c3);
    Tensor parts[] = {last(boxes[3], b, 64), last(scores[2], c, classes)};
    return concat(parts, 3);
  }

  // Two heads of the same form: "one2one" for use, whose boxes need no suppression, the other one for training.
  Tensor detect_heads(Scope s, const std::vector<Tensor>& maps, Tensor image, int classes) const {
    std::vector<Tensor> boxes;
    auto head = [&](const std::string& prefix, size_t i) {
      int level = static_cast<int>(i);
      return raw_head(s[prefix + "cv2"][level], s[prefix + "cv3"][level], maps[i], maps[0].c(), classes);
    };
    for (const char* prefix : {"one2one_", ""})
      for (size_t i = 0; i < maps.size(); i++) {
        Tensor raw = head(prefix, i);
        s.graph().output(std::string(*prefix ? "one2one" : "one2many") + std::to_string(i), raw);
        if (*prefix) boxes.push_back(decode(raw, static_cast<float>(image.h() / maps[i].h())));
      }
    return concat(boxes, 2);
  }

  Tensor classify(Scope s, Tensor x, int classes, float drop) const {
    x = dropout(s, global_avg_pool(conv(s["conv"], x, 1280)), drop);
    return linear(s["linear"], x, classes);
  }
};

}  // namespace

Tensor yolo_net(Scope s, Tensor image, const YoloNet& m, int classes, float drop) {
  const Layers layers{m.eps};
  std::vector<Tensor> maps;
  for (size_t i = 0; i < m.layers.size(); i++) {
    const YoloLayer& a = m.layers[i];
    Scope at = s["model"][static_cast<int>(i)];
    int out = static_cast<int>(std::ceil(std::min(a.out, m.most) * m.width / 8)) * 8;
    std::vector<Tensor> in;
    for (int j : a.from) in.push_back(i == 0 ? image : maps[j < 0 ? i - static_cast<size_t>(-j) : static_cast<size_t>(j)]);
    Tensor x = in[0];
    switch (a.kind) {
      case YoloLayer::Kind::conv: x = layers.conv(at, x, out, 3, 2); break;
      case YoloLayer::Kind::hms: x = layers.rep_hms(at, x, a, out); break;
      case YoloLayer::Kind::scdown: x = layers.depthwise(at["cv2"], layers.conv(at["cv1"], x, out), 3, 2, Act::none); break;
      case YoloLayer::Kind::sppf: x = layers.pool_pyramid(at, x, out); break;
      case YoloLayer::Kind::psa: x = layers.partial_attention(at, x); break;
      case YoloLayer::Kind::half: x = adaptive_avg_pool(x, x.h() / 2, x.w() / 2); break;
      case YoloLayer::Kind::twice: x = resize_nearest(x, 2 * x.h(), 2 * x.w()); break;
      case YoloLayer::Kind::concat: x = concat(in, 3); break;
      case YoloLayer::Kind::classify: return layers.classify(at, x, classes, drop);
      case YoloLayer::Kind::detect: return layers.detect_heads(at, in, image, classes);
    }
    maps.push_back(at.out(x));
  }
  fail(Code::bug, "a YOLO without a head");
}

}  // namespace fovea
