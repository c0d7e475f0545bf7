// Networks of timm's block table: RepVGG (arXiv:2101.03697), MobileOne (arXiv:2206.04040), GENet (arXiv:2006.14090), RegNetZ
// (arXiv:2103.06877), CLIP's residual networks (arXiv:2103.00020) and timm's own with tiered and four-part stems, with
// channel attention of several kinds. Names follow timm.
#include <algorithm>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/block_net.h"

namespace fovea {

namespace {

using Kind = BlockKind;
using Rows = std::vector<BlockRow>;
using Four = std::array<int, 4>;

BlockRow row(Kind kind, int repeat, int out, int stride, int group = 0, double ratio = 1) {
  return {kind, repeat, out, stride, group, ratio};
}
constexpr Kind K = Kind::bottleneck, B = Kind::basic;

// Four stages of bottlenecks.
BlockNet bottlenecks(const BlockStem& stem, const Four& depths, const Four& outs, int group = 0, double ratio = 0.25,
                     int first_stride = 1) {
  BlockNet m{.stem = stem};
  for (size_t i = 0; i < 4; i++) m.stages.push_back({row(K, depths[i], outs[i], i ? 2 : first_stride, group, ratio)});
  return m;
}
constexpr Four kWide = {256, 512, 1024, 2048}, k33 = {256, 512, 1536, 1536};
BlockStem tiered(StemPool pool = StemPool::none) { return {.channels = {24, 32, 64}, .pool = pool}; }
BlockStem quad(int bare = 0) { return {.channels = {16, 32, 64, 128}, .bare = bare}; }

BlockNet gernet(int stem, const std::array<int, 5>& outs, const std::array<int, 5>& depths, int features) {
  return {.stages = {{row(B, depths[0], outs[0], 2)},
                     {row(B, depths[1], outs[1], 2)},
                     {row(K, depths[2], outs[2], 2, 0, 0.25)},
                     {row(K, depths[3], outs[3], 2, 1, 3)},
                     {row(K, depths[4], outs[4], 1, 1, 3)}},
          .stem = {.channels = {stem}},
          .features = features};
}

BlockNet repvgg(const Four& depths, const std::array<double, 4>& widths, int groups = 1, int stem = 64) {
  BlockNet m{.stem = {.channels = {stem}, .block = true}};
  for (size_t i = 0; i < 4; i++) {
    Rows stage;
    int out = static_cast<int>((64 << i) * widths[i]);
    for (int j = 0; j < depths[i]; j++) stage.push_back(row(Kind::rep, 1, out, 2, groups > 1 && j % 2 ? out / groups : 0));
    m.stages.push_back(stage);
  }
  return m;
}
constexpr Four kA = {2, 4, 14, 1}, kB = {4, 6, 16, 1};

// A depthwise block and a 1x1 block by turns; the last `squeezed` pairs of a stage have squeeze and excitation.
BlockNet mobileone(const std::array<double, 4>& widths, int branches = 1, const Four& squeezed = {}) {
  constexpr Four depths = {2, 8, 10, 1};
  int before = static_cast<int>(std::min(64.0, 64 * widths[0]));
  BlockNet m{.stem = {.channels = {before}, .block = true}};
  for (size_t i = 0; i < 4; i++) {
    Rows stage;
    int out = static_cast<int>((64 << i) * widths[i]);
    for (int j = 0; j < depths[i]; j++) {
      BlockRow depthwise = row(Kind::one, 1, before, 2, 1), pixel = row(Kind::one, 1, out, 1);
      depthwise.branches = pixel.branches = branches, pixel.window = 1;
      depthwise.squeeze = pixel.squeeze = j >= depths[i] - squeezed[i];
      stage.insert(stage.end(), {depthwise, pixel});
      before = out;
    }
    m.stages.push_back(stage);
  }
  return m;
}

BlockNet regnetz(const BlockStem& stem, const Four& depths, const Four& outs, int group, double ratio, int features) {
  BlockNet m = bottlenecks(stem, depths, outs, group, ratio, stem.channels.size() == 1 ? 2 : 1);
  m.features = features, m.act = Act::silu, m.shortcut = BlockShortcut::none;
  m.attention = BlockAttention::squeeze, m.squeeze = 0.25;
  return m.ratio_of_input = m.linear_end = true, m;
}
BlockNet z_b(double ratio) { return regnetz({.channels = {32}}, {2, 6, 12, 2}, {48, 96, 192, 288}, 16, ratio, 1536); }
BlockNet z_d(int group, const BlockStem& stem = tiered()) {
  return regnetz(stem, {3, 6, 12, 3}, {64, 128, 256, 384}, group, 4, 1792);
}

BlockNet clip(const Four& depths, double width, BlockHead head) {
  BlockNet m = bottlenecks({.channels = {32, 32, 64}, .pool = StemPool::average}, depths, kWide);
  return m.width = width, m.shortcut = BlockShortcut::average, m.average = true, m.head = head, m;
}

BlockNet silu(BlockNet m) { return m.act = Act::silu, m; }
BlockNet with(BlockAttention a, BlockNet m) { return m.attention = a, m; }
BlockNet ending(int features, BlockNet m) { return m.features = features, m; }
BlockNet evolved(BlockNet m) { return m.evolved = true, m; }
BlockNet x26() { return silu(bottlenecks(tiered(StemPool::max), {2, 2, 2, 2}, kWide, 32)); }
BlockNet r33() { return silu(ending(1280, bottlenecks(tiered(), {2, 3, 3, 2}, k33))); }
BlockNet squeezed(BlockNet m) { return m.squeeze_divisor = 1, with(BlockAttention::squeeze, m); }
BlockNet q51() {
  BlockNet m = bottlenecks(quad(2), {2, 4, 6, 4}, {256, 512, 1536, 1536}, 32);
  m.stages[3][0].group = 1, m.stages[3][0].ratio = 1;
  return silu(ending(2048, m));
}
BlockNet q61() {
  BlockNet m = q51();
  for (Rows& stage : m.stages) stage[0].extra = true;
  return m.stem = quad(), m.stages[0] = {row(Kind::edge, 1, 256, 1)}, m;
}
BlockNet mlp() {
  BlockNet m = clip({3, 4, 6, 3}, 1, BlockHead::mlp);
  return m.hidden = 1024, m;
}
BlockNet test() {
  BlockNet m{.stages = {{row(Kind::edge, 1, 32, 2, 0, 0.5)},
                        {row(Kind::dark, 1, 64, 2, 0, 0.5)},
                        {row(B, 1, 128, 2, 32, 0.25)},
                        {row(K, 1, 256, 2, 64, 0.25)}},
             .stem = {.channels = {24}},
             .shortcut = BlockShortcut::average};
  return m.squeeze = 0.25, with(BlockAttention::squeeze, m);
}

Card bilinear(int size = 224, float crop = 0.875f) { return imagenet_card(size, crop, "bilinear"); }
Card crop90() { return imagenet_card(256, 0.9f); }
constexpr BlockAttention kContext = BlockAttention::context, kChannel = BlockAttention::channel,
                         kSqueeze = BlockAttention::squeeze;
constexpr BlockHead kAsk = BlockHead::attention, kMean = BlockHead::linear;

const Variant<BlockNet> variants[] = {
    {"gernet_s", gernet(13, {48, 48, 384, 560, 256}, {1, 3, 7, 2, 1}, 1920), bilinear()},
    {"gernet_m", gernet(32, {128, 192, 640, 640, 640}, {1, 2, 6, 4, 1}, 2560), bilinear()},
    {"gernet_l", gernet(32, {128, 192, 640, 640, 640}, {1, 2, 6, 5, 4}, 2560), bilinear(256)},
    {"repvgg_a0", repvgg(kA, {0.75, 0.75, 0.75, 2.5}, 1, 48), bilinear()},
    {"repvgg_a1", repvgg(kA, {1, 1, 1, 2.5}), bilinear()},
    {"repvgg_a2", repvgg(kA, {1.5, 1.5, 1.5, 2.75}), bilinear()},
    {"repvgg_b0", repvgg(kB, {1, 1, 1, 2.5}), bilinear()},
    {"repvgg_b1", repvgg(kB, {2, 2, 2, 4}), bilinear()},
    {"repvgg_b1g4", repvgg(kB, {2, 2, 2, 4}, 4), bilinear()},
    {"repvgg_b2", repvgg(kB, {2.5, 2.5, 2.5, 5}), bilinear()},
    {"repvgg_b2g4", repvgg(kB, {2.5, 2.5, 2.5, 5}, 4), bilinear()},
    {"repvgg_b3", repvgg(kB, {3, 3, 3, 5}), bilinear()},
    {"repvgg_b3g4", repvgg(kB, {3, 3, 3, 5}, 4), bilinear()},
    {"repvgg_d2se", squeezed(repvgg({8, 14, 24, 1}, {2.5, 2.5, 2.5, 5})), bilinear(320, 1)},
    {"resnet51q", q51(), bilinear(256)},
    {"resnet61q", q61(), crop90()},
    {"resnext26ts", x26(), crop90()},
    {"seresnext26ts", with(kSqueeze, x26()), crop90()},
    {"gcresnext26ts", with(kContext, x26()), crop90()},
    {"eca_resnext26ts", with(kChannel, x26()), crop90()},
    {"bat_resnext26ts", with(BlockAttention::bilinear, x26()), crop90()},
    {"resnet32ts", ending(0, r33()), crop90()},
    {"resnet33ts", r33(), crop90()},
    {"seresnet33ts", with(kSqueeze, r33()), crop90()},
    {"gcresnet33ts", with(kContext, r33()), crop90()},
    {"eca_resnet33ts", with(kChannel, r33()), crop90()},
    {"gcresnet50t", with(kContext, bottlenecks(tiered(), {3, 4, 6, 3}, kWide)), crop90()},
    {"gcresnext50ts", with(kContext, silu(bottlenecks(tiered(StemPool::max), {3, 4, 6, 3}, kWide, 32))), crop90()},
    {"regnetz_b16", z_b(3), half_card(224, 0.94f)},
    {"regnetz_c16", z_b(4), half_card(256, 0.94f)},
    {"regnetz_d32", z_d(32), half_card(256, 0.95f)},
    {"regnetz_d8", z_d(8), half_card(256, 0.94f)},
    {"regnetz_e8", regnetz(tiered(), {3, 8, 16, 3}, {96, 192, 384, 512}, 8, 4, 2048), half_card(256, 0.94f)},
    {"regnetz_b16_evos", evolved(z_b(3)), half_card(224, 0.95f)},
    {"regnetz_c16_evos", evolved(z_b(4)), half_card(256, 0.95f)},
    {"regnetz_d8_evos", evolved(z_d(8, {.channels = {64, 64, 64}})), half_card(256, 0.95f)},
    {"mobileone_s0", mobileone({0.75, 1, 1, 2}, 4), bilinear()},
    {"mobileone_s1", mobileone({1.5, 1.5, 2, 2.5}), bilinear(224, 0.9f)},
    {"mobileone_s2", mobileone({1.5, 2, 2.5, 4}), bilinear(224, 0.9f)},
    {"mobileone_s3", mobileone({2, 2.5, 3, 4}), bilinear(224, 0.9f)},
    {"mobileone_s4", mobileone({3, 3.5, 3.5, 4}, 1, {0, 0, 5, 1}), bilinear(224, 0.9f)},
    {"resnet50_clip", clip({3, 4, 6, 3}, 1, kAsk), clip_card(224, 0.9f)},
    {"resnet101_clip", clip({3, 4, 23, 3}, 1, kAsk), clip_card(224, 0.9f)},
    {"resnet50x4_clip", clip({4, 6, 10, 6}, 1.25, kAsk), clip_card(288, 0.9f)},
    {"resnet50x16_clip", clip({6, 8, 18, 8}, 1.5, kAsk), clip_card(384, 0.9f)},
    {"resnet50x64_clip", clip({3, 15, 36, 10}, 2, kAsk), clip_card(448, 0.9f)},
    {"resnet50_clip_gap", clip({3, 4, 6, 3}, 1, kMean), clip_card(224, 0.9f)},
    {"resnet101_clip_gap", clip({3, 4, 23, 3}, 1, kMean), clip_card(224, 0.9f)},
    {"resnet50x4_clip_gap", clip({4, 6, 10, 6}, 1.25, kMean), clip_card(288, 0.9f)},
    {"resnet50x16_clip_gap", clip({6, 8, 18, 8}, 1.5, kMean), clip_card(384, 0.9f)},
    {"resnet50x64_clip_gap", clip({3, 15, 36, 10}, 2, kMean), clip_card(448, 0.9f)},
    {"resnet50_mlp", mlp(), crop90()},
    {"test_byobnet", test(), imagenet_card(160, 0.95f)},
};

Tensor build(Scope s, Tensor x, const BlockNet& m, const ModelOptions& o) {
  return block_net(s, x, m, {o.classes, o.drop, o.drop_path});
}

}  // namespace

std::vector<Model> models_of_byobnet() { return models_from<BlockNet>("byobnet", variants, build); }

}  // namespace fovea
