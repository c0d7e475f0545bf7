// ShuffleNet (arXiv:1707.01083): grouped 1x1 convolutions and a shuffle that lets groups read each other; V2
// (arXiv:1807.11164): half of the channels pass by. Names of parameters follow the authors' code.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/conv_norm_act.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

constexpr int kRepeats[] = {4, 8, 4};

struct Layer {
  int window = 1, stride = 1, groups = 1;
  Act act = Act::none;
};
// A convolution and its norm are neighbours in a list of layers.
Tensor layer(Scope s, int place, Tensor x, int out, const Layer& l) {
  std::string conv = std::to_string(place), norm = std::to_string(place + 1);
  return conv_norm_act(s, x, out, l.window,
                       {.stride = l.stride, .groups = l.groups, .act = l.act, .conv = conv.c_str(), .norm = norm.c_str()});
}
Tensor stem(Scope s, Tensor x, int out) {  // [n,h,w,c] -> [n,h/4,w/4,out]
  return max_pool(layer(s["first_conv"], 0, x, out, {.window = 3, .stride = 2, .act = Act::relu}), 3, 2, 1);
}
Tensor classify(Scope s, Tensor x, const ModelOptions& o) {
  return linear(s["classifier"][0], dropout(s["classifier"], global_avg_pool(x), o.drop), o.classes, {.bias = false});
}

// Channel i of each group becomes channel i / groups of group i % groups.
Tensor shuffle(Tensor x, int groups) {
  Tensor y = reshape(x, {x.n(), x.h(), x.w(), x.c() / groups, groups});
  return reshape(transpose(y, {0, 1, 2, 4, 3}), x.shape());
}

struct V1 {
  int stem, width;  // channels of the first stage, which double
  int groups;
};

Tensor block(Scope s, Tensor x, int out, int stride, const V1& m, bool first) {  // [n,h,w,c] -> [n,h/stride,w/stride,out]
  int inner = out / 4;
  Tensor y = layer(s["branch_main_1"], 0, x, inner, {.groups = first ? 1 : m.groups, .act = Act::relu});
  y = shuffle(layer(s["branch_main_1"], 3, y, inner, {.window = 3, .stride = stride, .groups = inner}), m.groups);
  y = layer(s["branch_main_2"], 0, y, stride == 2 ? out - x.c() : out, {.groups = m.groups});
  if (stride == 1) return s.out(relu(x + y));
  Tensor both[] = {avg_pool(x, 3, 2, 1), relu(y)};
  return s.out(concat(both, 3));
}

Tensor shufflenet(Scope s, Tensor x, const V1& m, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  x = stem(s, x, m.stem);
  for (int stage = 0, place = 0; stage < 3; stage++)
    for (int i = 0; i < kRepeats[stage]; i++, place++)
      x = block(s["features"][place], x, m.width << stage, i == 0 ? 2 : 1, m, place == 0);
  return classify(s, x, o);
}

struct V2 {
  std::array<int, 3> widths;
  int features = 1024;  // of the last convolution
  float drop = 0;
};

Tensor block2(Scope s, Tensor x, int out, int stride) {
  int inner = out / 2;
  Tensor by, y = x;
  if (stride == 1) {  // channels in turn: one passes by, one is worked on
    by = slice(x, 3, 0, inner, 2), y = slice(x, 3, 1, inner, 2);
  } else {
    by = layer(s["branch_proj"], 0, x, x.c(), {.window = 3, .stride = 2, .groups = x.c()});
    by = layer(s["branch_proj"], 2, by, x.c(), {.act = Act::relu});
  }
  Scope main = s["branch_main"];
  y = layer(main, 0, y, inner, {.act = Act::relu});
  y = layer(main, 3, y, inner, {.window = 3, .stride = stride, .groups = inner});
  Tensor both[] = {by, layer(main, 5, y, out - by.c(), {.act = Act::relu})};
  return s.out(concat(both, 3));
}

Tensor shufflenet2(Scope s, Tensor x, const V2& m, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  x = stem(s, x, 24);
  for (int stage = 0, place = 0; stage < 3; stage++)
    for (int i = 0; i < kRepeats[stage]; i++, place++)
      x = block2(s["features"][place], x, m.widths[static_cast<size_t>(stage)], i == 0 ? 2 : 1);
  x = layer(s["conv_last"], 0, x, m.features, {.act = Act::relu});
  return classify(s, dropout(s["conv_last"], x, m.drop), o);
}

// Of the authors' code for 3 and 8 groups, of the paper's table 1 for the others.
const Variant<V1> variants[] = {
    {"shufflenet_v1_0.5x_g3", {12, 120, 3}, imagenet_card()}, {"shufflenet_v1_1.0x_g3", {24, 240, 3}, imagenet_card()},
    {"shufflenet_v1_1.5x_g3", {24, 360, 3}, imagenet_card()}, {"shufflenet_v1_2.0x_g3", {48, 480, 3}, imagenet_card()},
    {"shufflenet_v1_0.5x_g8", {16, 192, 8}, imagenet_card()}, {"shufflenet_v1_1.0x_g8", {24, 384, 8}, imagenet_card()},
    {"shufflenet_v1_1.5x_g8", {24, 576, 8}, imagenet_card()}, {"shufflenet_v1_2.0x_g8", {48, 768, 8}, imagenet_card()},
    {"shufflenet_v1_1.0x_g1", {24, 144, 1}, imagenet_card()}, {"shufflenet_v1_1.0x_g2", {24, 200, 2}, imagenet_card()},
    {"shufflenet_v1_1.0x_g4", {24, 272, 4}, imagenet_card()},
};
const Variant<V2> variants2[] = {
    {"shufflenet_v2_0.5x", {{48, 96, 192}}, imagenet_card()},
    {"shufflenet_v2_1.0x", {{116, 232, 464}}, imagenet_card()},
    {"shufflenet_v2_1.5x", {{176, 352, 704}}, imagenet_card()},
    {"shufflenet_v2_2.0x", {{244, 488, 976}, 2048, 0.2f}, imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_shufflenet() {
  std::vector<Model> r = models_from<V1>("shufflenet", variants, shufflenet);
  for (Model& m : models_from<V2>("shufflenet", variants2, shufflenet2)) r.push_back(m);
  return r;
}

}  // namespace fovea
