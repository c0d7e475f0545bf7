// EVA (arXiv:2211.07636) and EVA-02 (arXiv:2303.11331), and Vision Transformers with rotary positions: RoPE-ViT
// (arXiv:2403.13298), Perception Encoder (arXiv:2504.13181), DINOv3 (arXiv:2508.10104), LingBot-Vision. Names follow timm.
#include "models/vit.h"

namespace fovea {

namespace {

using namespace vits;

ViT eva(ViT m) { return m.eva_names = true, m.qkv = QkvForm::no_key_bias, m; }
ViT gated(ViT m, MlpForm form) { return m.mlp = form, m.act = Act::silu, m; }
ViT giant_eva() { return average(eva({14, 1408, 40, 16, 6144.0 / 1408})); }
ViT with_class(ViT m) { return m.pool = TokenPool::token, m; }
ViT enormous() {
  ViT m = with_class(eva({14, 1792, 64, 16, 15360.0 / 1792}));
  return m.block = ViTBlock::post_norm, m;
}

constexpr double kThirds = 8.0 / 3;
ViT eva02(ViT m) {
  return m.mlp_ratio = kThirds, m = average(gated(eva(m), MlpForm::packed)), m.rotary = {RotaryKind::axial, 10000, 16}, m;
}
ViT eva02_large(const ViT& size) {
  ViT m = gated(eva02(size), MlpForm::split);
  return m.qkv = QkvForm::split, m.norm_mlp = true, m;
}
ViT eva02_clip(const ViT& size) {
  ViT m = with_class(eva02_large(size));
  return m.norm_attention = true, m;
}

ViT rope(ViT m) {
  m.eva_names = true;
  return m = scaled(m), m.position = false, m.rotary = {RotaryKind::axial, 100, 0, 0, true}, m;
}
ViT mixed(ViT m) { return m = rope(m), m.rotary = {RotaryKind::mixed, 10, 0, 0, true}, m; }
ViT with_position(ViT m) { return m = bare(m), m.position = true, m; }
ViT rope_average(const ViT& size, int registers) {
  ViT m = average(scaled(eva(size)));
  m.class_token = false, m.registers = registers, m.position = false;
  return m.rotary = {RotaryKind::axial, 10000, 16}, m;
}

// Perception Encoder: `map` patches a side in its training.
ViT encoder(ViT m, int map) {
  m.eva_names = m.norm_first = true, m.eps = 1e-5f;
  m.rotary = {RotaryKind::axial, 10000, map, 1, true};
  return m.pool = TokenPool::attention, m.pool_prefix = true, m.pool_heads = 8, m.pool_ratio = 4, m;
}
ViT spatial(ViT m, int map) {
  m = encoder(m, map), m.pool_prefix = m.norm_last = false;
  return m.pool = TokenPool::norm_average, m;
}
ViT no_class(ViT m) { return m.class_token = false, m.rotary.first = 0, m; }
ViT gigantic_encoder(int depth) { return {14, 1536, depth, 16, 8960.0 / 1536}; }

ViT dino(ViT m, bool bias = false) {
  m = scaled(eva(m)), m.qkv_bias = bias, m.eps = 1e-5f, m.registers = 4, m.position = false;
  return m.pool = TokenPool::norm_average, m.rotary = {RotaryKind::centred, 100}, m;
}
ViT plus(const ViT& m) { return gated(m, MlpForm::split); }
ViT lingbot(const ViT& size, bool bias = true) { return with_class(dino(size, bias)); }
Card lingbot_card() { return imagenet_card(512, 1, "bilinear"); }
ViT huge_plus(bool bias) { return plus(dino({16, 1280, 32, 20}, bias)); }

const Variant<ViT> variants[] = {
    {"eva_giant_patch14_224", giant_eva(), clip_card(224, 0.9f)},
    {"eva_giant_patch14_336", giant_eva(), clip_card(336, 1)},
    {"eva_giant_patch14_560", giant_eva(), imagenet_card(560, 1)},
    {"eva_giant_patch14_clip_224", with_class(giant_eva()), clip_card(224, 0.9f)},
    {"eva02_tiny_patch14_224", eva02(tiny(14)), clip_card(224, 0.9f)},
    {"eva02_tiny_patch14_336", eva02(tiny(14)), clip_card(336, 1)},
    {"eva02_small_patch14_224", eva02(small(14)), clip_card(224, 0.9f)},
    {"eva02_small_patch14_336", eva02(small(14)), clip_card(336, 1)},
    {"eva02_base_patch14_224", eva02_large(base(14)), clip_card(224, 0.9f)},
    {"eva02_base_patch14_448", eva02_large(base(14)), clip_card(448, 1)},
    {"eva02_large_patch14_224", eva02_large(large(14)), clip_card(224, 0.9f)},
    {"eva02_large_patch14_448", eva02_large(large(14)), clip_card(448, 1)},
    {"eva02_base_patch16_clip_224", eva02_clip(base()), clip_card(224, 0.9f)},
    {"eva02_large_patch14_clip_224", eva02_clip(large(14)), clip_card(224, 0.9f)},
    {"eva02_large_patch14_clip_336", eva02_clip(large(14)), clip_card(336, 1)},
    {"eva02_enormous_patch14_clip_224", enormous(), clip_card(224, 0.9f)},
    {"vit_medium_patch16_rope_reg1_gap_256", rope_average(medium(), 1), half_card(256, 0.95f)},
    {"vit_mediumd_patch16_rope_reg1_gap_256", no_bias(rope_average({16, 512, 20, 8}, 1)), half_card(256, 0.95f)},
    {"vit_betwixt_patch16_rope_reg4_gap_256", rope_average(betwixt(), 4), clip_card(256, 0.95f)},
    {"vit_base_patch16_rope_reg1_gap_256", rope_average(base(), 1), half_card(256, 0.95f)},
    {"vit_small_patch16_rope_224", rope(small()), imagenet_card(224, 0.9f)},
    {"vit_base_patch16_rope_224", rope(base()), imagenet_card(224, 0.9f)},
    {"vit_large_patch16_rope_224", rope(large()), imagenet_card(224, 0.9f)},
    {"vit_small_patch16_rope_mixed_224", mixed(small()), imagenet_card(224, 0.9f)},
    {"vit_base_patch16_rope_mixed_224", mixed(base()), imagenet_card(224, 0.9f)},
    {"vit_large_patch16_rope_mixed_224", mixed(large()), imagenet_card(224, 0.9f)},
    {"vit_small_patch16_rope_ape_224", with_position(rope(small())), imagenet_card(224, 0.9f)},
    {"vit_base_patch16_rope_ape_224", with_position(rope(base())), imagenet_card(224, 0.9f)},
    {"vit_large_patch16_rope_ape_224", with_position(rope(large())), imagenet_card(224, 0.9f)},
    {"vit_small_patch16_rope_mixed_ape_224", with_position(mixed(small())), imagenet_card(224, 0.9f)},
    {"vit_base_patch16_rope_mixed_ape_224", with_position(mixed(base())), imagenet_card(224, 0.9f)},
    {"vit_large_patch16_rope_mixed_ape_224", with_position(mixed(large())), imagenet_card(224, 0.9f)},
    {"vit_pe_core_tiny_patch16_384", encoder(tiny(), 24), half_card(384, 1)},
    {"vit_pe_core_small_patch16_384", encoder(small(), 24), half_card(384, 1)},
    {"vit_pe_core_base_patch16_224", encoder(base(), 14), half_card(224, 1)},
    {"vit_pe_core_large_patch14_336", encoder(large(14), 24), half_card(336, 1)},
    {"vit_pe_core_gigantic_patch14_448", no_class(encoder(gigantic_encoder(50), 32)), half_card(448, 1)},
    {"vit_pe_lang_large_patch14_448", scaled(spatial({14, 1024, 23, 16}, 32), 0.1f), half_card(448, 1)},
    {"vit_pe_lang_gigantic_patch14_448", no_class(scaled(spatial(gigantic_encoder(47), 32), 0.1f)), half_card(448, 1)},
    {"vit_pe_spatial_tiny_patch16_512", spatial(tiny(), 32), half_card(512, 1)},
    {"vit_pe_spatial_small_patch16_512", spatial(small(), 32), half_card(512, 1)},
    {"vit_pe_spatial_base_patch16_512", spatial(base(), 32), half_card(512, 1)},
    {"vit_pe_spatial_large_patch14_448", spatial(large(14), 32), half_card(448, 1)},
    {"vit_pe_spatial_gigantic_patch14_448", no_class(scaled(spatial(gigantic_encoder(50), 32), 0.1f)), half_card(448, 1)},
    {"vit_tiny_patch16_dinov3_qkvb", dino(tiny(), true), imagenet_card(256, 1)},
    {"vit_small_patch16_dinov3", dino(small()), imagenet_card(256, 1)},
    {"vit_small_patch16_dinov3_qkvb", dino(small(), true), imagenet_card(256, 1)},
    {"vit_small_plus_patch16_dinov3", plus(dino(small())), imagenet_card(256, 1)},
    {"vit_small_plus_patch16_dinov3_qkvb", plus(dino(small(), true)), imagenet_card(256, 1)},
    {"vit_base_patch16_dinov3", dino(base()), imagenet_card(256, 1)},
    {"vit_base_patch16_dinov3_qkvb", dino(base(), true), imagenet_card(256, 1)},
    {"vit_large_patch16_dinov3", dino(large()), imagenet_card(256, 1)},
    {"vit_large_patch16_dinov3_qkvb", dino(large(), true), imagenet_card(256, 1)},
    {"vit_huge_plus_patch16_dinov3", huge_plus(false), imagenet_card(256, 1)},
    {"vit_huge_plus_patch16_dinov3_qkvb", huge_plus(true), imagenet_card(256, 1)},
    {"vit_7b_patch16_dinov3", plus(dino({16, 4096, 40, 32, 2})), imagenet_card(256, 1)},
    {"vit_small_patch16_lingbot", lingbot(small()), lingbot_card()},
    {"vit_base_patch16_lingbot", lingbot(base()), lingbot_card()},
    {"vit_large_patch16_lingbot", lingbot(large()), lingbot_card()},
    {"vit_giant_patch16_lingbot", plus(lingbot({16, 1536, 40, 24, kThirds}, false)), lingbot_card()},
};

}  // namespace

std::vector<Model> models_of_eva() { return models_from<ViT>("eva", variants, build_vit); }

}  // namespace fovea
