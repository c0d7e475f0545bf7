// Vision Transformers whose towers come from other training: averaged patches, CLIP (arXiv:2103.00020), SigLIP
// (arXiv:2303.15343), DINOv2 (arXiv:2304.07193), register tokens (arXiv:2309.16588), FlexiViT (arXiv:2212.08013), EVA.
// Names follow timm; all get a classifier.
#include "models/vit.h"

namespace fovea {

namespace {

using namespace vits;

ViT wee() { return {16, 256, 14, 4, 5}; }
ViT little() { return {16, 320, 14, 5, 5.6}; }
ViT mediumd() { return {16, 512, 20, 8}; }
ViT so150m() { return {16, 896, 18, 14, 2.572}; }
ViT so150m2() { return {16, 832, 21, 13, 34.0 / 13}; }
ViT so400m(int patch) { return {patch, 1152, 27, 16, 3.7362}; }
ViT giantopt() { return {16, 1536, 40, 16}; }

ViT reg(ViT m, int n) { return m.registers = n, m; }
ViT no_class(ViT m) { return m.class_token = false, m; }
ViT clip(ViT m) { return m.norm_first = true, m.eps = 1e-5f, m; }
ViT quick(ViT m) { return m = clip(m), m.act = Act::quick_gelu, m; }
ViT tanh(ViT m) { return m.act = Act::gelu_tanh, m; }
ViT gap(ViT m) { return m = no_class(m), m.pool = TokenPool::norm_average, m; }
ViT gap_scaled(const ViT& m) { return no_bias(scaled(gap(m), 1e-6f)); }
ViT map(ViT m) { return m = no_class(m), m.pool = TokenPool::attention, m; }
ViT dino(const ViT& m) { return scaled(m); }
ViT sbb(const ViT& m, int registers) { return reg(bare(scaled(average(no_class(m)))), registers); }

const Variant<ViT> variants[] = {
    {"vit_medium_patch16_gap_240", gap_scaled(medium()), half_card(240, 0.95f)},
    {"vit_medium_patch16_gap_256", gap_scaled(medium()), half_card(256, 0.95f)},
    {"vit_medium_patch16_gap_384", gap_scaled(medium()), half_card(384, 0.95f)},
    {"vit_betwixt_patch16_gap_256", gap_scaled(betwixt()), half_card(256, 0.95f)},
    {"vit_base_patch16_gap_224", gap({16, 768, 12, 16}), half_card(224, 0.9f)},
    {"vit_huge_patch14_gap_224", gap(huge()), imagenet_card(224, 0.9f)},
    {"vit_huge_patch16_gap_448", gap(huge(16)), imagenet_card(448, 1)},
    {"vit_giant_patch16_gap_224", gap(giant(16)), imagenet_card(224, 0.9f)},
    {"eva_large_patch14_196", average(large(14)), clip_card(196, 1)},
    {"eva_large_patch14_336", average(large(14)), clip_card(336, 1)},
    {"flexivit_small", bare(small()), half_card(240, 0.95f)},
    {"flexivit_base", bare(base()), half_card(240, 0.95f)},
    {"flexivit_large", bare(large()), half_card(240, 0.95f)},
    {"vit_xsmall_patch16_clip_224", clip({16, 256, 10, 4}), clip_card(224, 0.9f)},
    {"vit_medium_patch32_clip_224", clip(medium(32)), clip_card(224, 0.9f)},
    {"vit_medium_patch16_clip_224", clip(medium()), clip_card(224, 0.9f)},
    {"vit_betwixt_patch32_clip_224", clip(betwixt(32)), clip_card(224, 0.9f)},
    {"vit_base_patch32_clip_224", clip(base(32)), clip_card(224, 0.9f)},
    {"vit_base_patch32_clip_256", clip(base(32)), clip_card(256, 1)},
    {"vit_base_patch32_clip_384", clip(base(32)), clip_card(384, 1)},
    {"vit_base_patch32_clip_448", clip(base(32)), clip_card(448, 1)},
    {"vit_base_patch16_clip_224", clip(base()), clip_card(224, 0.95f)},
    {"vit_base_patch16_clip_384", clip(base()), clip_card(384, 1)},
    {"vit_base_patch16_plus_clip_240", clip(plus(16)), clip_card(240, 1)},
    {"vit_large_patch14_clip_224", clip(large(14)), half_card(224, 1)},
    {"vit_large_patch14_clip_336", clip(large(14)), half_card(336, 1)},
    {"vit_huge_patch14_clip_224", clip(huge()), clip_card(224, 1)},
    {"vit_huge_patch14_clip_336", clip(huge()), clip_card(336, 1)},
    {"vit_huge_patch14_clip_378", clip(huge()), clip_card(378, 1)},
    {"vit_giant_patch14_clip_224", clip(giant()), clip_card(224, 1)},
    {"vit_gigantic_patch14_clip_224", clip(gigantic()), clip_card(224, 1)},
    {"vit_gigantic_patch14_clip_378", clip(gigantic()), clip_card(378, 1)},
    {"vit_base_patch32_clip_quickgelu_224", quick(base(32)), clip_card(224, 0.9f)},
    {"vit_base_patch16_clip_quickgelu_224", quick(base()), clip_card(224, 1)},
    {"vit_large_patch14_clip_quickgelu_224", quick(large(14)), clip_card(224, 1)},
    {"vit_large_patch14_clip_quickgelu_336", quick(large(14)), clip_card(336, 1)},
    {"vit_huge_patch14_clip_quickgelu_224", quick(huge()), clip_card(224, 1)},
    {"vit_huge_patch14_clip_quickgelu_378", quick(huge()), clip_card(378, 1)},
    {"vit_gigantic_patch14_clip_quickgelu_224", quick(gigantic()), clip_card(224, 1)},
    {"vit_small_patch14_dinov2", dino(small(14)), imagenet_card(518, 1)},
    {"vit_base_patch14_dinov2", dino(base(14)), imagenet_card(518, 1)},
    {"vit_large_patch14_dinov2", dino(large(14)), imagenet_card(518, 1)},
    {"vit_small_patch14_reg4_dinov2", reg(bare(dino(small(14))), 4), imagenet_card(518, 1)},
    {"vit_base_patch14_reg4_dinov2", reg(bare(dino(base(14))), 4), imagenet_card(518, 1)},
    {"vit_large_patch14_reg4_dinov2", reg(bare(dino(large(14))), 4), imagenet_card(518, 1)},
    {"vit_wee_patch16_reg1_gap_256", sbb(wee(), 1), half_card(256, 0.95f)},
    {"vit_little_patch16_reg1_gap_256", sbb(little(), 1), half_card(256, 0.95f)},
    {"vit_medium_patch16_reg1_gap_256", sbb(medium(), 1), half_card(256, 0.95f)},
    {"vit_betwixt_patch16_reg1_gap_256", sbb(betwixt(), 1), half_card(256, 0.95f)},
    {"vit_little_patch16_reg4_gap_256", sbb(little(), 4), half_card(256, 0.95f)},
    {"vit_medium_patch16_reg4_gap_256", sbb(medium(), 4), half_card(256, 0.95f)},
    {"vit_mediumd_patch16_reg4_gap_256", sbb(mediumd(), 4), half_card(256, 0.95f)},
    {"vit_mediumd_patch16_reg4_gap_384", sbb(mediumd(), 4), half_card(384, 1)},
    {"vit_betwixt_patch16_reg4_gap_256", sbb(betwixt(), 4), half_card(256, 0.95f)},
    {"vit_betwixt_patch16_reg4_gap_384", sbb(betwixt(), 4), half_card(384, 1)},
    {"vit_base_patch16_reg4_gap_256", reg(bare(average(no_class(base()))), 4), half_card(256, 0.9f)},
    {"vit_so150m_patch16_reg4_map_256", reg(map(so150m()), 4), half_card(256, 0.9f)},
    {"vit_so150m_patch16_reg4_gap_256", reg(gap(so150m()), 4), half_card(256, 0.95f)},
    {"vit_so150m_patch16_reg4_gap_384", reg(gap(so150m()), 4), half_card(384, 1)},
    {"vit_so150m2_patch16_reg1_gap_256", reg(no_bias(scaled(average(no_class(so150m2())))), 1), half_card(256, 1)},
    {"vit_so150m2_patch16_reg1_gap_384", reg(no_bias(scaled(average(no_class(so150m2())))), 1), half_card(384, 1)},
    {"vit_so150m2_patch16_reg1_gap_448", reg(no_bias(scaled(average(no_class(so150m2())))), 1), half_card(448, 1)},
    {"vit_base_patch32_siglip_256", tanh(map(base(32))), half_card(256, 0.9f)},
    {"vit_base_patch32_siglip_gap_256", tanh(gap(base(32))), half_card(256, 0.9f)},
    {"vit_base_patch16_siglip_224", map(base()), half_card(224, 0.9f)},
    {"vit_base_patch16_siglip_256", map(base()), half_card(256, 0.9f)},
    {"vit_base_patch16_siglip_384", map(base()), half_card(384, 0.9f)},
    {"vit_base_patch16_siglip_512", map(base()), half_card(512, 0.9f)},
    {"vit_base_patch16_siglip_gap_224", gap(base()), half_card(224, 0.9f)},
    {"vit_base_patch16_siglip_gap_256", gap(base()), half_card(256, 0.9f)},
    {"vit_base_patch16_siglip_gap_384", gap(base()), half_card(384, 0.9f)},
    {"vit_base_patch16_siglip_gap_512", gap(base()), half_card(512, 0.9f)},
    {"vit_large_patch16_siglip_256", map(large()), half_card(256, 0.9f)},
    {"vit_large_patch16_siglip_384", map(large()), half_card(384, 0.9f)},
    {"vit_large_patch16_siglip_512", tanh(map(large())), half_card(512, 0.9f)},
    {"vit_large_patch16_siglip_gap_256", gap(large()), half_card(256, 0.9f)},
    {"vit_large_patch16_siglip_gap_384", gap(large()), half_card(384, 0.9f)},
    {"vit_large_patch16_siglip_gap_512", tanh(gap(large())), half_card(512, 0.9f)},
    {"vit_so400m_patch14_siglip_224", map(so400m(14)), half_card(224, 0.9f)},
    {"vit_so400m_patch14_siglip_378", map(so400m(14)), half_card(378, 0.9f)},
    {"vit_so400m_patch14_siglip_384", map(so400m(14)), half_card(384, 0.9f)},
    {"vit_so400m_patch14_siglip_gap_224", gap(so400m(14)), half_card(224, 0.9f)},
    {"vit_so400m_patch14_siglip_gap_378", gap(so400m(14)), half_card(378, 0.9f)},
    {"vit_so400m_patch14_siglip_gap_384", gap(so400m(14)), half_card(384, 1)},
    {"vit_so400m_patch14_siglip_gap_448", gap(so400m(14)), half_card(448, 1)},
    {"vit_so400m_patch14_siglip_gap_896", gap(so400m(14)), half_card(896, 1)},
    {"vit_so400m_patch16_siglip_256", tanh(map(so400m(16))), half_card(256, 0.9f)},
    {"vit_so400m_patch16_siglip_384", tanh(map(so400m(16))), half_card(384, 0.9f)},
    {"vit_so400m_patch16_siglip_512", tanh(map(so400m(16))), half_card(512, 0.9f)},
    {"vit_so400m_patch16_siglip_gap_256", tanh(gap(so400m(16))), half_card(256, 0.9f)},
    {"vit_so400m_patch16_siglip_gap_384", tanh(gap(so400m(16))), half_card(384, 0.9f)},
    {"vit_so400m_patch16_siglip_gap_512", tanh(gap(so400m(16))), half_card(512, 0.9f)},
    {"vit_giantopt_patch16_siglip_256", tanh(map(giantopt())), half_card(256, 0.9f)},
    {"vit_giantopt_patch16_siglip_384", tanh(map(giantopt())), half_card(384, 0.9f)},
    {"vit_giantopt_patch16_siglip_gap_256", tanh(gap(giantopt())), half_card(256, 0.9f)},
    {"vit_giantopt_patch16_siglip_gap_384", tanh(gap(giantopt())), half_card(384, 0.9f)},
};

}  // namespace

std::vector<Model> models_of_vit_towers() { return models_from<ViT>("vit_towers", variants, build_vit); }

}  // namespace fovea
