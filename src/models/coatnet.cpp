// CoAtNet (arXiv:2106.04803): two stages of convolutions, then two of attention over the whole map; timm's own variants
// among them, one with ConvNeXt's blocks. Names follow timm.
#include "models/cards.h"
#include "models/maxxvit.h"

namespace fovea {

namespace maxxvits {

namespace {

using Four = std::array<int, 4>;

// As in the paper.
MaxxViT paper(int dim, const Four& depths, int stem) {
  return {dim, depths, {stem, stem}, {}, {}, Blocks::conv_attention, 8 * dim};
}
MaxxViT wide(MaxxViT m, int third) { return m.third = third, m; }

// timm's: those made at first, with a ReLU in the squeeze and an active first norm, and those after MaxViT.
MaxxViT rw(int dim, const Four& depths, int stem) {
  Conv conv{.of_output = false, .active_norm = true, .bias = false, .squeeze_act = Act::relu, .act = Act::silu};
  return {dim, depths, {stem / 2, stem}, conv, {.expand_first = false}, Blocks::conv_attention};
}
MaxxViT later(int dim, const Four& depths) {
  Conv conv{.of_output = false, .act = Act::silu};
  return {dim, depths, {dim / 2, dim}, conv, {.expand_first = false}, Blocks::conv_attention};
}
MaxxViT pooled(MaxxViT m) { return m.conv.pooled = true, m; }
MaxxViT early(MaxxViT m) { return m.conv.early_squeeze = true, m.attention.shortcut_bias = false, m; }
MaxxViT silu(MaxxViT m, float scale = 0) { return m.conv.squeeze_act = Act::silu, m.attention.scale = scale, m; }
MaxxViT rmlp(MaxxViT m, int hidden = 512) { return m.attention.places = Places::network, m.attention.hidden = hidden, m; }
MaxxViT by_max(MaxxViT m) { return m.max_pool = true, m; }
MaxxViT batch_norms(MaxxViT m) { return m.attention.batch_norm = true, m; }
MaxxViT late(MaxxViT m) { return m.blocks = Blocks::late_attention, m; }
MaxxViT next(int dim, const Four& depths) {
  Conv conv{.next = true, .scale = 1e-5f};
  return {dim, depths, {dim / 2, dim}, conv, {.expand_first = false}, Blocks::conv_attention};
}

constexpr Four kZero = {2, 3, 5, 2}, kNano = {3, 4, 6, 3}, kSeven = {2, 3, 7, 2}, kDeep = {2, 6, 14, 2},
               kDeepest = {2, 12, 28, 2};
const MaxxViT zero = rw(96, kSeven, 64), one = rw(96, kDeep, 64), two = silu(rw(128, kDeep, 128), 1e-6f),
              three = silu(rw(192, kDeep, 192), 1e-6f);
Card card(float crop = 0.95f) { return half_card(224, crop); }

const Variant<MaxxViT> variants[] = {
    {"coatnet_pico_rw_224", later(64, kZero), card()},
    {"coatnet_nano_rw_224", pooled(later(64, kNano)), card(0.9f)},
    {"coatnet_0_rw_224", early(pooled(zero)), card()},
    {"coatnet_1_rw_224", early(one), card()},
    {"coatnet_2_rw_224", silu(rw(128, kDeep, 128)), card()},
    {"coatnet_3_rw_224", three, card()},
    {"coatnet_bn_0_rw_224", batch_norms(early(zero)), imagenet_card(224, 0.95f)},
    {"coatnet_rmlp_nano_rw_224", rmlp(later(64, kNano), 384), card(0.9f)},
    {"coatnet_rmlp_0_rw_224", rmlp(zero), card()},
    {"coatnet_rmlp_1_rw_224", rmlp(by_max(early(pooled(one))), 384), card()},
    {"coatnet_rmlp_1_rw2_224", rmlp(one), card()},
    {"coatnet_rmlp_2_rw_224", rmlp(two), card()},
    {"coatnet_rmlp_2_rw_384", rmlp(two), half_card(384, 1)},
    {"coatnet_rmlp_3_rw_224", rmlp(three), card()},
    {"coatnet_nano_cc_224", late(pooled(rw(64, kNano, 64))), card()},
    {"coatnext_nano_rw_224", next(64, kNano), card(0.9f)},
    {"coatnet_0_224", paper(96, kZero, 64), card()},
    {"coatnet_1_224", paper(96, kDeep, 64), card()},
    {"coatnet_2_224", paper(128, kDeep, 128), card()},
    {"coatnet_3_224", paper(192, kDeep, 192), card()},
    {"coatnet_4_224", paper(192, kDeepest, 192), card()},
    {"coatnet_5_224", wide(paper(256, kDeepest, 192), 1280), card()},
};

}  // namespace

}  // namespace maxxvits

std::vector<Model> models_of_coatnet() {
  using namespace maxxvits;
  return models_from<MaxxViT>("coatnet", variants, maxxvit);
}

}  // namespace fovea
