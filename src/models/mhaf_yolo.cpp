// MHAF-YOLO (arXiv:2502.04656): depthwise convolutions of several sizes, merged for use, wider windows where maps are small,
// and a neck that fuses shallow and deep maps on every scale. Names follow the authors' implementation.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/yolo_net.h"

namespace fovea {

namespace {

using Kind = YoloLayer::Kind;

Tensor mhaf_yolo(Scope s, Tensor x, const YoloNet& m, const ModelOptions& o) { return yolo_net(s, x, m, o.classes, o.drop); }

YoloLayer down(int out) { return {.kind = Kind::conv, .out = out}; }
YoloLayer deep(int out) { return {.kind = Kind::scdown, .out = out}; }
YoloLayer rep(int out, int width, int window, float expand = 3, int depth = 1) {
  return {.kind = Kind::hms, .out = out, .width = width, .depth = depth, .expand = expand, .window = window};
}
YoloLayer joined(std::vector<int> from) { return {.kind = Kind::concat, .from = std::move(from)}; }
YoloLayer halved(int from) { return {.kind = Kind::half, .from = {from}}; }
YoloLayer doubled(int from = -1) { return {.kind = Kind::twice, .from = {from}}; }

std::vector<YoloLayer> operator+(std::vector<YoloLayer> a, const std::vector<YoloLayer>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// A backbone of five scales, the channels of its last two given, with shares, depth and expansion of its blocks.
struct Trunk {
  int dim = 64, fourth = 512, fifth, last;
  int width = 3, ends = 2, depth = 1;
  float expand = 3, last_expand = 3;
};
std::vector<YoloLayer> trunk(const Trunk& t) {
  return {down(t.dim),
          down(2 * t.dim),
          rep(2 * t.dim, t.ends, 3),
          down(4 * t.dim),
          rep(4 * t.dim, t.width, 5, t.expand, t.depth),
          deep(t.fourth),
          rep(t.fourth, t.width, 7, t.expand, t.depth),
          deep(t.fifth),
          rep(t.fifth, t.ends, 9, t.last_expand),
          {.kind = Kind::sppf, .out = t.last},
          {.kind = Kind::psa}};
}
// The neck: what the layers' numbers mean is in the tables of the authors' repository. Channels of the small, medium and
// large maps; shares and expansions of the blocks.
std::vector<YoloLayer> neck(int small, int medium, int large, int width = 2, float e7 = 3, float e9 = 3) {
  return {halved(6),
          joined({-1, 10}),
          rep(small, width, 9, e9),
          doubled(),
          doubled(10),
          halved(4),
          joined({-1, 6, -2, -3}),
          rep(medium, width, 7, e7),
          doubled(),
          doubled(6),
          halved(2),
          joined({-1, 4, -2, -3}),
          rep(large, width, 5),
          doubled(18),
          joined({-1, -2}),
          rep(large, width, 5),
          down(large),
          halved(23),
          doubled(13),
          joined({-2, -1, 18, -3}),
          rep(medium, width, 7, e7),
          down(medium),
          halved(18),
          joined({-2, -1, 13}),
          rep(small, width, 9, e9),
          {.kind = Kind::detect, .from = {26, 31, 35}}};
}
std::vector<YoloLayer> lite_neck() {
  return {halved(6),      joined({-1, 10}),
          rep(384, 2, 9), doubled(),
          halved(4),      joined({-1, 6, -2}),
          rep(384, 2, 7), doubled(),
          halved(2),      joined({-1, 4, -2}),
          rep(256, 2, 5), joined({-1, 18}),
          rep(256, 2, 5), down(384),
          halved(21),     joined({-2, -1, 17, 14}),
          rep(384, 2, 7), down(384),
          halved(17),     joined({-2, -1, 13}),
          rep(384, 2, 9), {.kind = Kind::detect, .from = {23, 27, 31}}};
}

const Trunk lite_n = {.fifth = 768, .last = 768, .width = 2, .last_expand = 2.5}, n = {.fifth = 1024, .last = 1024},
            s = {.fifth = 768, .last = 1024}, n_cls = {.fifth = 1024, .last = 1024, .width = 2, .depth = 2},
            m = {
                .dim = 48, .fourth = 384, .fifth = 512, .last = 512, .width = 4, .ends = 3, .expand = 2.5, .last_expand = 2};
const std::vector<YoloLayer> classifier = {{.kind = Kind::classify}};

const Variant<YoloNet> classifiers[] = {
    {"mhaf_yolo_n_cls", {0.25, 1024, trunk(n_cls) + classifier, 1e-5f}, unit_card(224)},
    {"mhaf_yolo_s_cls", {0.5, 1024, trunk(s) + classifier, 1e-5f}, unit_card(224)},
};
const Variant<YoloNet> detectors[] = {
    {"mhaf_yolo_lite_n", {0.25, 1024, trunk(lite_n) + lite_neck()}, unit_card(640)},
    {"mhaf_yolo_n", {0.25, 1024, trunk(n) + neck(512, 384, 384)}, unit_card(640)},
    {"mhaf_yolo_s", {0.5, 1024, trunk(s) + neck(512, 384, 384)}, unit_card(640)},
    {"mhaf_yolo_m", {1, 768, trunk(m) + neck(384, 256, 256, 3, 2.5, 2)}, unit_card(640)},
};

}  // namespace

std::vector<Model> models_of_mhaf_yolo() {
  std::vector<Model> r = models_from<YoloNet>("mhaf_yolo", classifiers, mhaf_yolo);
  for (Model& d : models_from<YoloNet>("mhaf_yolo", detectors, mhaf_yolo, 80)) {
    d.kind = ModelKind::network;
    r.push_back(std::move(d));
  }
  return r;
}

}  // namespace fovea
