// EfficientNet (arXiv:1905.11946): MobileNet's blocks, width, depth and resolution grown together. With it: Lite and EdgeTPU
// cuts, mixtures of kernels (cc, arXiv:1904.04971), the X and H cuts for accelerators (arXiv:2102.05610), TinyNet
// (arXiv:2010.14819), other normalisations, pruned networks (arXiv:2002.08258). Names follow timm; tf_ variants pad as
// TensorFlow does.
#include <algorithm>

#include "models/cards.h"
#include "models/mobile.h"

namespace fovea {

namespace {

using namespace mobile;

MobileNet net(double width, double depth, std::vector<MobileStage> stages) {
  return {.stages = std::move(stages),
          .width = width,
          .depth = depth,
          .act = Act::silu,
          .squeeze = {.of_input = true},
          .features = round_channels(1280 * width)};
}

// squeeze q; experts in the last three stages
std::vector<MobileStage> stages(double q = 0.25, int experts = 0) {
  std::vector<MobileStage> r = {{separable(1, 3, 1, 16, q)},    {inverted(2, 3, 2, 6, 24, q)},
                                {inverted(2, 5, 2, 6, 40, q)},  {inverted(3, 3, 2, 6, 80, q)},
                                {inverted(3, 5, 1, 6, 112, q)}, {inverted(4, 5, 2, 6, 192, q)},
                                {inverted(1, 3, 1, 6, 320, q)}};
  for (size_t i = 4; i < r.size(); i++) r[i][0].experts = experts;
  return r;
}

struct Scale {
  double width, depth;
};
constexpr Scale kScales[] = {{1, 1},     {1, 1.1},   {1.1, 1.2}, {1.2, 1.4}, {1.4, 1.8},
                             {1.6, 2.2}, {1.8, 2.6}, {2, 3.1},   {2.2, 3.6}, {4.3, 5.3}};
constexpr int kL2 = 9;

MobileNet b(int i) { return net(kScales[i].width, kScales[i].depth, stages()); }

MobileNet lite(int i) {
  MobileNet m = net(kScales[i].width, kScales[i].depth, stages(0));
  return m.fixed_stem = m.fixed_ends = true, m.features = 1280, m.act = Act::relu6, m;
}

MobileNet edge(double width, double depth) {
  MobileRow first = no_shortcut(fused(1, 3, 1, 4, 24));
  first.narrow_in = 24;
  MobileNet m = net(width, depth,
                    {{first},
                     {fused(2, 3, 2, 8, 32)},
                     {fused(4, 3, 2, 8, 48)},
                     {inverted(5, 5, 2, 8, 96)},
                     {inverted(4, 5, 1, 8, 144)},
                     {inverted(2, 5, 2, 8, 192)}});
  return m.act = Act::relu, m;
}

MobileNet cc(double depth, int experts) { return net(1, depth, stages(0.25, experts)); }

// The first map is halved by a convolution that takes its pixels to channels.
MobileNet x(double width, double depth, double expand) {
  std::vector<MobileStage> r = stages();
  r[0][0].to_depth = true;
  r[1] = {with(fused(2, 3, 2, expand, 24, 0.25), Act::relu)};
  r[2] = {with(fused(2, 5, 2, expand, 40, 0.25), Act::relu)};
  r[3][0].expand = expand;
  return net(width, depth, r);
}

MobileNet tiny(double width, double depth) {
  MobileNet m = net(width, depth, stages());
  return m.round_depth = m.fixed_stem = true, m.features = std::max(1280, m.features), m;
}

MobileNet divided(MobileNet m, int divisor) {
  return m.divisor = divisor, m.features = round_channels(1280 * m.width, divisor), m;
}
MobileNet grouped(MobileNet m, int group) { return m.group = group, m; }
MobileNet group_normed(MobileNet m, int group) { return m.norm = MobileNorm::group, m.norm_group = group, m; }
MobileNet blurred(MobileNet m) { return m.halving = Halving::blur, m; }
MobileNet tf(MobileNet m) { return m.pad = Padding::same, m.eps = 1e-3f, m; }
MobileNet pruned(MobileNet m, const MobilePruned& p) { return m = tf(m), m.pruned = &p, m; }

// Of the published weights: channels of stages; of blocks, expanded and inside the squeeze.
const MobilePruned kPrunedB1 = {{16, 12, 35, 74, 67, 192, 320},
                                {{32, 8},   {16, 4},   {48, 4},   {62, 6},   {48, 6},   {70, 6},    {61, 10},  {51, 10},
                                 {175, 10}, {188, 20}, {137, 20}, {164, 20}, {399, 20}, {201, 28},  {160, 28}, {213, 28},
                                 {637, 27}, {806, 48}, {798, 48}, {891, 48}, {990, 48}, {1152, 48}, {1912, 80}}};
const MobilePruned kPrunedB2 = {{16, 17, 42, 85, 116, 208, 352},
                                {{32, 8},   {16, 4},    {54, 4},    {69, 6},    {61, 6},    {86, 6},    {72, 12},  {98, 12},
                                 {245, 12}, {274, 22},  {254, 22},  {292, 22},  {502, 22},  {315, 30},  {354, 30}, {443, 30},
                                 {719, 30}, {1148, 52}, {1160, 52}, {1182, 52}, {1228, 52}, {1248, 52}, {2112, 88}}};
const MobilePruned kPrunedB3 = {
    {24, 12, 40, 93, 120, 232, 384},
    {{40, 10},  {24, 6},    {27, 6},   {49, 8},    {48, 8},    {83, 8},    {90, 12},   {85, 12},  {215, 12},
     {261, 24}, {219, 24},  {254, 24}, {236, 24},  {480, 24},  {235, 34},  {217, 34},  {226, 33}, {340, 34},
     {802, 34}, {1030, 58}, {924, 58}, {1016, 58}, {1130, 58}, {1266, 58}, {1392, 58}, {2301, 96}}};

Card bilinear(int size, float crop) { return half_card(size, crop, "bilinear"); }

const Variant<MobileNet> variants[] = {
    {"efficientnet_b0", b(0), imagenet_card()},
    {"efficientnet_b1", b(1), half_card(240, 0.9f)},
    {"efficientnet_b2", b(2), imagenet_card(256)},
    {"efficientnet_b3", b(3), imagenet_card(288)},
    {"efficientnet_b4", b(4), imagenet_card(320)},
    {"efficientnet_b5", b(5), imagenet_card(448, 1)},
    {"efficientnet_b6", b(6), imagenet_card(528, 0.942f)},
    {"efficientnet_b7", b(7), imagenet_card(600, 0.949f)},
    {"efficientnet_b8", b(8), imagenet_card(672, 0.954f)},
    {"efficientnet_l2", b(kL2), imagenet_card(800, 0.961f)},
    {"efficientnet_b0_gn", group_normed(b(0), 8), imagenet_card()},
    {"efficientnet_b0_g8_gn", group_normed(grouped(b(0), 8), 8), imagenet_card()},
    {"efficientnet_b0_g16_evos", divided(grouped(b(0), 16), 16), imagenet_card()},  // with batch_norm, in spite of its name
    {"efficientnet_b3_gn", group_normed(divided(b(3), 16), 16), imagenet_card(288, 1)},
    {"efficientnet_b3_g8_gn", group_normed(divided(grouped(b(3), 8), 16), 16), imagenet_card(288, 1)},
    {"efficientnet_blur_b0", blurred(b(0)), imagenet_card()},
    {"efficientnet_b1_pruned", pruned(b(1), kPrunedB1), half_card(240, 0.882f)},
    {"efficientnet_b2_pruned", pruned(b(2), kPrunedB2), half_card(260, 0.89f)},
    {"efficientnet_b3_pruned", pruned(b(3), kPrunedB3), half_card(300, 0.904f)},
    {"efficientnet_es", edge(1, 1), imagenet_card()},
    {"efficientnet_es_pruned", edge(1, 1), imagenet_card()},
    {"efficientnet_em", edge(1, 1.1), imagenet_card(240, 0.882f)},
    {"efficientnet_el", edge(1.2, 1.4), imagenet_card(300, 0.904f)},
    {"efficientnet_el_pruned", edge(1.2, 1.4), imagenet_card(300, 0.904f)},
    {"efficientnet_cc_b0_4e", cc(1, 4), imagenet_card()},
    {"efficientnet_cc_b0_8e", cc(1, 8), imagenet_card()},
    {"efficientnet_cc_b1_8e", cc(1.1, 8), imagenet_card(240, 0.882f)},
    {"efficientnet_lite0", lite(0), imagenet_card()},
    {"efficientnet_lite1", lite(1), imagenet_card(240, 0.882f)},
    {"efficientnet_lite2", lite(2), imagenet_card(260, 0.89f)},
    {"efficientnet_lite3", lite(3), imagenet_card(300, 0.904f)},
    {"efficientnet_lite4", lite(4), imagenet_card(380, 0.922f)},
    {"efficientnet_x_b3", x(1.2, 1.4, 6), imagenet_card(288, 0.95f)},
    {"efficientnet_x_b5", x(1.6, 2.2, 6), imagenet_card(448, 1)},
    {"efficientnet_h_b5", x(1.92, 2.2, 4), imagenet_card(448, 1)},
    {"tf_efficientnet_b0", tf(b(0)), imagenet_card()},
    {"tf_efficientnet_b1", tf(b(1)), imagenet_card(240, 0.882f)},
    {"tf_efficientnet_b2", tf(b(2)), imagenet_card(260, 0.89f)},
    {"tf_efficientnet_b3", tf(b(3)), imagenet_card(300, 0.904f)},
    {"tf_efficientnet_b4", tf(b(4)), imagenet_card(380, 0.922f)},
    {"tf_efficientnet_b5", tf(b(5)), imagenet_card(456, 0.934f)},
    {"tf_efficientnet_b6", tf(b(6)), imagenet_card(528, 0.942f)},
    {"tf_efficientnet_b7", tf(b(7)), imagenet_card(600, 0.949f)},
    {"tf_efficientnet_b8", tf(b(8)), half_card(672, 0.954f)},
    {"tf_efficientnet_l2", tf(b(kL2)), imagenet_card(475, 0.936f)},
    {"tf_efficientnet_es", tf(edge(1, 1)), half_card()},
    {"tf_efficientnet_em", tf(edge(1, 1.1)), half_card(240, 0.882f)},
    {"tf_efficientnet_el", tf(edge(1.2, 1.4)), half_card(300, 0.904f)},
    {"tf_efficientnet_cc_b0_4e", tf(cc(1, 4)), half_card()},
    {"tf_efficientnet_cc_b0_8e", tf(cc(1, 8)), half_card()},
    {"tf_efficientnet_cc_b1_8e", tf(cc(1.1, 8)), half_card(240, 0.882f)},
    {"tf_efficientnet_lite0", tf(lite(0)), half_card()},
    {"tf_efficientnet_lite1", tf(lite(1)), half_card(240, 0.882f)},
    {"tf_efficientnet_lite2", tf(lite(2)), half_card(260, 0.89f)},
    {"tf_efficientnet_lite3", tf(lite(3)), bilinear(300, 0.904f)},
    {"tf_efficientnet_lite4", tf(lite(4)), bilinear(380, 0.92f)},
    {"tinynet_a", tiny(1, 1.2), imagenet_card(192)},
    {"tinynet_b", tiny(0.75, 1.1), imagenet_card(188)},
    {"tinynet_c", tiny(0.54, 0.85), imagenet_card(184)},
    {"tinynet_d", tiny(0.54, 0.695), imagenet_card(152)},
    {"tinynet_e", tiny(0.51, 0.6), imagenet_card(106)},
};

}  // namespace

std::vector<Model> models_of_efficientnet() { return mobile_models("efficientnet", variants); }

}  // namespace fovea
