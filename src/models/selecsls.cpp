// SelecSLS (arXiv:1907.00837): modules of six convolutions whose long skips go through concatenation. Names follow timm.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/conv_norm_act.h"
#include "ops/layout.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct Module {
  int middle, out;
  bool first = false;  // halves the map and begins a skip
};
struct Convolution {
  int out, window, stride;
};
struct SelecSls {
  std::vector<Module> modules;
  std::vector<Convolution> head;
};

Tensor layer(Scope s, Tensor x, int out, int window, int stride = 1) {
  return conv_norm_act(s, x, out, window, {.stride = stride, .conv = "0", .norm = "1"});
}

// `skip`: what the first module of its group returned.
Tensor module(Scope s, Tensor x, Tensor skip, const Module& m) {
  Tensor a = layer(s["conv1"], x, m.middle, 3, m.first ? 2 : 1);
  Tensor b = layer(s["conv3"], layer(s["conv2"], a, m.middle, 1), m.middle / 2, 3);
  Tensor c = layer(s["conv5"], layer(s["conv4"], b, m.middle, 1), m.middle / 2, 3);
  Tensor parts[] = {a, b, c, skip};
  return s.out(layer(s["conv6"], concat(std::span(parts).first(m.first ? 3 : 4), 3), m.out, 1));
}

Tensor selecsls(Scope s, Tensor x, const SelecSls& m, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  x = s["stem"].feature(layer(s["stem"], x, 32, 3, 2));
  Tensor skip;
  int i = 0;
  for (const Module& part : m.modules) {
    x = module(s["features"][i++], x, skip, part);
    if (part.first) skip = x;
  }
  i = 0;
  for (const Convolution& c : m.head) {
    Scope at = s["head"][i++];
    x = layer(at, x, c.out, c.window, c.stride);
    if (i % 2 == 0) at.feature(x);
  }
  return linear(s["fc"], dropout(s["fc"], global_avg_pool(x), o.drop), o.classes);
}

// The plain head, and the one of b.
std::vector<Convolution> wide(int first, int window = 1) {
  return {{first, 3, 2}, {1024, 3, 1}, {1024, 3, 2}, {1280, window, 1}};
}
std::vector<Convolution> narrow(int first) { return {{first, 3, 2}, {1024, 3, 1}, {1280, 3, 2}, {1024, 1, 1}}; }

const std::vector<Module> k42 = {{64, 64, true}, {64, 128}, {144, 144, true}, {144, 288}, {304, 304, true}, {304, 480}};
const std::vector<Module> k60 = {{64, 64, true},   {64, 128},  {128, 128, true}, {128, 128}, {128, 288},
                                 {288, 288, true}, {288, 288}, {288, 288},       {288, 416}};
const std::vector<Module> k84 = {{64, 64, true}, {64, 144},  {144, 144, true}, {144, 144}, {144, 144},
                                 {144, 144},     {144, 304}, {304, 304, true}, {304, 304}, {304, 304},
                                 {304, 304},     {304, 304}, {304, 512}};

const Variant<SelecSls> variants[] = {
    {"selecsls42", {k42, wide(960)}, imagenet_card()},    {"selecsls42b", {k42, narrow(960)}, imagenet_card()},
    {"selecsls60", {k60, wide(756)}, imagenet_card()},    {"selecsls60b", {k60, narrow(756)}, imagenet_card()},
    {"selecsls84", {k84, wide(960, 3)}, imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_selecsls() { return models_from<SelecSls>("selecsls", variants, selecsls); }

}  // namespace fovea
