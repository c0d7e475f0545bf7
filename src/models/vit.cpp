// Vision Transformer (arXiv:2010.11929), DeiT (arXiv:2012.12877), DeiT III (arXiv:2204.07118). Names follow timm.
#include "models/vit.h"

namespace fovea {

namespace {

using namespace vits;

ViT distilled(ViT m) { return m.distilled = true, m; }
ViT registered(ViT m, TokenPool pool) { return m.class_token = false, m.registers = 1, m.scale = 1e-5f, m.pool = pool, m; }
ViT with_map(ViT m) { return m = registered(m, TokenPool::attention), m.pool_prefix = true, m; }
ViT with_rms(ViT m) { return m = registered(m, TokenPool::average), m.rms = true, m; }
ViT deit3(const ViT& m) { return scaled(bare(m), 1e-6f); }

const Variant<ViT> variants[] = {
    {"vit_tiny_patch16_224", tiny(), half_card(224, 0.9f)},
    {"vit_tiny_patch16_384", tiny(), half_card(384, 1)},
    {"vit_small_patch32_224", small(32), half_card(224, 0.9f)},
    {"vit_small_patch32_384", small(32), half_card(384, 1)},
    {"vit_small_patch16_224", small(), half_card(224, 0.9f)},
    {"vit_small_patch16_384", small(), half_card(384, 1)},
    {"vit_small_patch8_224", small(8), imagenet_card(224, 0.9f)},
    {"vit_base_patch32_224", base(32), half_card(224, 0.9f)},
    {"vit_base_patch32_384", base(32), half_card(384, 1)},
    {"vit_base_patch16_224", base(), half_card(224, 0.9f)},
    {"vit_base_patch16_384", base(), half_card(384, 1)},
    {"vit_base_patch8_224", base(8), half_card(224, 0.9f)},
    {"vit_base_patch16_224_miil", no_bias(base()), unit_card(224, 0.875f)},
    {"vit_large_patch32_224", large(32), half_card(224, 0.9f)},
    {"vit_large_patch32_384", large(32), half_card(384, 1)},
    {"vit_large_patch16_224", large(), half_card(224, 0.9f)},
    {"vit_large_patch16_384", large(), half_card(384, 1)},
    {"vit_large_patch14_224", large(14), half_card(224, 0.9f)},
    {"vit_huge_patch14_224", huge(), half_card(224, 0.9f)},
    {"vit_giant_patch14_224", giant(), half_card(224, 0.9f)},
    {"vit_gigantic_patch14_224", gigantic(), half_card(224, 0.9f)},
    {"vit_base_patch32_plus_256", scaled(plus(32)), half_card(256, 0.95f)},
    {"vit_base_patch16_plus_240", scaled(plus(16)), half_card(240, 0.95f)},
    {"vit_small_patch16_36x1_224", scaled({16, 384, 36, 6}), half_card(224, 0.9f)},
    {"deit_tiny_patch16_224", tiny(), imagenet_card(224, 0.9f)},
    {"deit_small_patch16_224", small(), imagenet_card(224, 0.9f)},
    {"deit_base_patch16_224", base(), imagenet_card(224, 0.9f)},
    {"deit_base_patch16_384", base(), imagenet_card(384, 1)},
    {"deit_tiny_distilled_patch16_224", distilled(tiny()), imagenet_card(224, 0.9f)},
    {"deit_small_distilled_patch16_224", distilled(small()), imagenet_card(224, 0.9f)},
    {"deit_base_distilled_patch16_224", distilled(base()), imagenet_card(224, 0.9f)},
    {"deit_base_distilled_patch16_384", distilled(base()), imagenet_card(384, 1)},
    {"deit3_small_patch16_224", deit3(small()), imagenet_card(224, 0.9f)},
    {"deit3_small_patch16_384", deit3(small()), imagenet_card(384, 1)},
    {"deit3_medium_patch16_224", deit3(medium()), imagenet_card(224, 0.9f)},
    {"deit3_base_patch16_224", deit3(base()), imagenet_card(224, 0.9f)},
    {"deit3_base_patch16_384", deit3(base()), imagenet_card(384, 1)},
    {"deit3_large_patch16_224", deit3(large()), imagenet_card(224, 0.9f)},
    {"deit3_large_patch16_384", deit3(large()), imagenet_card(384, 1)},
    {"deit3_huge_patch14_224", deit3(huge()), imagenet_card(224, 0.9f)},
    {"test_vit", {16, 64, 6, 2, 3}, half_card(160, 0.95f)},
    {"test_vit2", registered({16, 64, 8, 2, 3}, TokenPool::average), half_card(160, 0.95f)},
    {"test_vit3", with_map({16, 96, 9, 3, 2}), half_card(160, 0.95f)},
    {"test_vit4", with_rms({16, 96, 9, 3, 3}), half_card(160, 0.95f)},
};

}  // namespace

std::vector<Model> models_of_vit() { return models_from<ViT>("vit", variants, build_vit); }

}  // namespace fovea
