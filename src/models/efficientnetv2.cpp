// EfficientNet V2 (arXiv:2104.00298): fused blocks first. Names follow timm; rw variants are its own readings of the paper,
// tf_ variants pad as TensorFlow does.
#include "models/cards.h"
#include "models/mobile.h"

namespace fovea {

namespace {

using namespace mobile;

// A stage after the first two: blocks, stride, expansion, channels.
struct Late {
  int repeat, stride;
  double expand;
  int out;
};
MobileNet net(int stem, MobileRow first, const std::array<Late, 2>& early, const std::vector<Late>& late) {
  MobileNet m{.stages = {{first}}, .stem = stem, .act = Act::silu, .squeeze = {.of_input = true}};
  for (const Late& t : early) m.stages.push_back({fused(t.repeat, 3, t.stride, t.expand, t.out)});
  for (const Late& t : late) m.stages.push_back({inverted(t.repeat, 3, t.stride, t.expand, t.out, 0.25)});
  return m;
}

MobileNet scaled(MobileNet m, double width, double depth) {
  return m.width = width, m.depth = depth, m.features = m.channels(m.features), m;
}
MobileNet base(double width, double depth) {
  MobileNet m =
      net(32, plain(1, 3, 1, 16, true), {{{2, 2, 4, 32}, {2, 2, 4, 48}}}, {{3, 2, 4, 96}, {5, 1, 6, 112}, {8, 2, 6, 192}});
  return m.keep = 0, scaled(m, width, depth);
}
MobileNet s(double width = 1, double depth = 1) {
  return scaled(
      net(24, plain(2, 3, 1, 24, true), {{{4, 2, 4, 48}, {4, 2, 4, 64}}}, {{6, 2, 4, 128}, {9, 1, 6, 160}, {15, 2, 6, 256}}),
      width, depth);
}
MobileNet rw(double width = 1, double depth = 1, double late_depth = 0) {
  MobileNet m = s();
  m.stages[0] = {fused(2, 3, 1, 1, 24)}, m.stages[5][0].out = 272;
  m.features = 1792, m.late_depth = late_depth;
  return scaled(m, width, depth);
}
MobileNet m() {
  return net(24, plain(3, 3, 1, 24, true), {{{5, 2, 4, 48}, {5, 2, 4, 80}}},
             {{7, 2, 4, 160}, {14, 1, 6, 176}, {18, 2, 6, 304}, {5, 1, 6, 512}});
}
MobileNet l() {
  return net(32, plain(4, 3, 1, 32, true), {{{7, 2, 4, 64}, {7, 2, 4, 96}}},
             {{10, 2, 4, 192}, {19, 1, 6, 224}, {25, 2, 6, 384}, {7, 1, 6, 640}});
}
MobileNet xl() {
  return net(32, plain(4, 3, 1, 32, true), {{{8, 2, 4, 64}, {8, 2, 4, 96}}},
             {{16, 2, 4, 192}, {24, 1, 6, 256}, {32, 2, 6, 512}, {8, 1, 6, 640}});
}
// For tests: a block of each kind.
MobileNet test(MobileNorm norm = MobileNorm::batch) {
  MobileNet t = net(24, plain(1, 3, 1, 16, true), {{{1, 2, 4, 24}, {1, 2, 4, 32}}}, {{1, 2, 4, 48}, {1, 2, 4, 64}});
  return t.norm = norm, t.features = 256, t.keep = 0, t;
}

MobileNet global_context(MobileNet n) { return n.squeeze.context = true, n; }
MobileNet tf(MobileNet n) { return n.pad = Padding::same, n.eps = 1e-3f, n; }

const Variant<MobileNet> variants[] = {
    {"efficientnetv2_rw_t", s(0.8, 0.9), imagenet_card(224, 1)},
    {"gc_efficientnetv2_rw_t", global_context(s(0.8, 0.9)), imagenet_card(224, 1)},
    {"efficientnetv2_rw_s", rw(), imagenet_card(288, 1)},
    {"efficientnetv2_rw_m", rw(1.2, 1.2, 1.6), imagenet_card(320, 1)},
    {"efficientnetv2_s", s(), imagenet_card(288, 1)},
    {"efficientnetv2_m", m(), imagenet_card(320, 1)},
    {"efficientnetv2_l", l(), imagenet_card(384, 1)},
    {"efficientnetv2_xl", xl(), imagenet_card(384, 1)},
    {"tf_efficientnetv2_s", tf(s()), half_card(300, 1)},
    {"tf_efficientnetv2_m", tf(m()), half_card(384, 1)},
    {"tf_efficientnetv2_l", tf(l()), half_card(384, 1)},
    {"tf_efficientnetv2_xl", tf(xl()), half_card(384, 1)},
    {"tf_efficientnetv2_b0", tf(base(1, 1)), imagenet_card(192)},
    {"tf_efficientnetv2_b1", tf(base(1, 1.1)), imagenet_card(192, 0.882f)},
    {"tf_efficientnetv2_b2", tf(base(1.1, 1.2)), imagenet_card(208, 0.89f)},
    {"tf_efficientnetv2_b3", tf(base(1.2, 1.4)), half_card(240, 0.9f)},
    {"test_efficientnet", test(), imagenet_card(160, 0.95f)},
    {"test_efficientnet_gn", test(MobileNorm::group), half_card(160, 0.95f)},
    {"test_efficientnet_ln", test(MobileNorm::layer), imagenet_card(160, 0.95f)},
    {"test_efficientnet_evos", test(MobileNorm::evolved), half_card(160, 0.95f)},
};

}  // namespace

std::vector<Model> models_of_efficientnetv2() { return mobile_models("efficientnetv2", variants); }

}  // namespace fovea
