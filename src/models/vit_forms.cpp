// Vision Transformers with other blocks: attention and MLP side by side (arXiv:2302.05442), pairs of them
// (arXiv:2203.09795), differential attention (arXiv:2410.05258), norms behind the layers, gated MLPs; AIMv2
// (arXiv:2411.14402), BEiT-3 (arXiv:2208.10442), InternViT (arXiv:2312.14238) and the largest DINOv2. Names follow timm.
#include "models/vit.h"

namespace fovea {

namespace {

using namespace vits;

ViT pairs(ViT m) { return m = scaled(m), m.depth = 18, m.block = ViTBlock::pairs, m; }
ViT post_norm(ViT m) { return m = scaled(no_bias(average(m))), m.class_token = false, m.block = ViTBlock::post_norm, m; }
ViT side_by_side(ViT m) {
  m = bare(no_bias(m)), m.norm_first = true, m.rms = true;
  return m.block = ViTBlock::parallel, m.norm_queries = true, m;
}
ViT small_average(ViT m) { return m = bare(scaled(average(m))), m.class_token = false, m.registers = 1, m; }
ViT wee(int depth) { return small_average({16, 256, depth, 4, 5}); }
ViT parallel(ViT m) { return m.block = ViTBlock::parallel, m; }
ViT differential(ViT m) { return m.differential = true, m; }
ViT gated(ViT m, MlpForm form) { return m.mlp = form, m.act = Act::silu, m; }
ViT giant_dino() { return scaled(gated({14, 1536, 40, 24, 2.66667}, MlpForm::packed)); }
ViT registered(ViT m, int n) { return m = bare(m), m.registers = n, m; }
ViT tips(ViT m) { return registered(scaled(m, 1), 1); }
ViT intern() {
  ViT m = scaled(large(14), 0.1f);
  return m.norm_last = false, m;
}
ViT beit3(ViT m) { return m = average(m), m.eps = 1e-5f, m.norm_attention = m.norm_mlp = true, m; }
ViT aim(int dim, int heads, double ratio) {
  ViT m = no_bias(gated({14, dim, 24, heads, ratio}, MlpForm::split));
  m.class_token = false, m.pool = TokenPool::norm_average;
  return m.layer_bias = false, m.rms = true, m.eps = 1e-5f, m.norm_patches = true, m;
}
const ViT kAimLarge = aim(1024, 8, 2.75), kAimHuge = aim(1536, 12, 2.6667), kAim1b = aim(2048, 16, 2.75),
          kAim3b = aim(3072, 24, 2.6667);
constexpr double kBeit3Giant = 4.3637;

const Variant<ViT> variants[] = {
    {"vit_base_patch16_rpn_224", post_norm(base()), half_card(224, 0.9f)},
    {"vit_small_patch16_18x2_224", pairs(small()), half_card(224, 0.9f)},
    {"vit_base_patch16_18x2_224", pairs(base()), half_card(224, 0.9f)},
    {"vit_base_patch16_xp_224", side_by_side(base()), half_card(224, 0.9f)},
    {"vit_large_patch14_xp_224", side_by_side(large(14)), half_card(224, 0.9f)},
    {"vit_huge_patch14_xp_224", side_by_side(huge()), half_card(224, 0.9f)},
    {"vit_dwee_patch16_reg1_gap_256", differential(wee(14)), half_card(256, 0.95f)},
    {"vit_pwee_patch16_reg1_gap_256", parallel(wee(16)), half_card(256, 0.95f)},
    {"vit_dpwee_patch16_reg1_gap_256", differential(parallel(wee(16))), half_card(256, 0.95f)},
    {"vit_dlittle_patch16_reg1_gap_256", differential(small_average({16, 320, 14, 5, 5.6})), half_card(256, 0.95f)},
    {"vit_giant_patch14_dinov2", giant_dino(), imagenet_card(518, 1)},
    {"vit_giant_patch14_reg4_dinov2", registered(giant_dino(), 4), imagenet_card(518, 1)},
    {"vit_base_patch14_reg1_tipsv2", tips(base(14)), unit_card(448, 1, "bicubic")},
    {"vit_large_patch14_reg1_tipsv2", tips(large(14)), unit_card(448, 1, "bicubic")},
    {"vit_so400m_patch14_reg1_tipsv2", tips({14, 1152, 27, 16, 4304.0 / 1152}), unit_card(448, 1, "bicubic")},
    {"vit_giant_patch14_reg1_tipsv2", tips(giant_dino()), unit_card(448, 1, "bicubic")},
    {"vit_intern300m_patch14_448", intern(), imagenet_card(448, 1)},
    {"beit3_base_patch16_224", beit3(base()), imagenet_card(224, 1)},
    {"beit3_large_patch16_224", beit3(large()), imagenet_card(224, 1)},
    {"beit3_giant_patch14_224", beit3({14, 1408, 40, 16, kBeit3Giant}), imagenet_card(224, 1)},
    {"beit3_giant_patch14_336", beit3({14, 1408, 40, 16, kBeit3Giant}), imagenet_card(336, 1)},
    {"aimv2_large_patch14_224", kAimLarge, clip_card(224, 1)},
    {"aimv2_large_patch14_336", kAimLarge, clip_card(336, 1)},
    {"aimv2_large_patch14_448", kAimLarge, clip_card(448, 1)},
    {"aimv2_huge_patch14_224", kAimHuge, clip_card(224, 1)},
    {"aimv2_huge_patch14_336", kAimHuge, clip_card(336, 1)},
    {"aimv2_huge_patch14_448", kAimHuge, clip_card(448, 1)},
    {"aimv2_1b_patch14_224", kAim1b, clip_card(224, 1)},
    {"aimv2_1b_patch14_336", kAim1b, clip_card(336, 1)},
    {"aimv2_1b_patch14_448", kAim1b, clip_card(448, 1)},
    {"aimv2_3b_patch14_224", kAim3b, clip_card(224, 1)},
    {"aimv2_3b_patch14_336", kAim3b, clip_card(336, 1)},
    {"aimv2_3b_patch14_448", kAim3b, clip_card(448, 1)},
};

}  // namespace

std::vector<Model> models_of_vit_forms() { return models_from<ViT>("vit_forms", variants, build_vit); }

}  // namespace fovea
