// MaxViT (arXiv:2204.01697), timm's variants of it, and with ConvNeXt's blocks (MaxxViT). Names follow timm.
#include "models/maxxvit.h"

#include "models/cards.h"

namespace fovea {

namespace maxxvits {

namespace {

using Four = std::array<int, 4>;
using Two = std::array<int, 2>;

// Of timm's own variants.
MaxxViT rw(int dim, const Four& depths, const Two& stem, float scale = 0) {
  Conv conv{.of_output = false, .bias = false, .squeeze = 1.0 / 16, .act = Act::silu};
  return {dim, depths, stem, conv, {.scale = scale}};
}
MaxxViT rmlp(MaxxViT m) { return m.attention.places = Places::network, m; }
MaxxViT parallel(MaxxViT m) { return m.blocks = Blocks::parallel_axes, m; }
MaxxViT with_features(MaxxViT m, int features) { return m.features = features, m; }
// With ConvNeXt's blocks; the second version has no windows.
MaxxViT next(int dim, const Four& depths, Places places = Places::network, bool windows = true) {
  Conv conv{.next = true, .scale = 1e-6f};
  return {dim, depths, {dim / 2, dim}, conv, {.windows = windows, .places = places, .scale = 1e-6f}};
}
// The authors'.
MaxxViT tf(int dim, const Four& depths, int stem, int features) {
  Conv conv{.act = Act::gelu_tanh, .eps = 1e-3f, .pad = Padding::same};
  Attention attention{.by_head = false, .places = Places::table_tf, .act = Act::gelu_tanh, .eps = 1e-5f};
  return {dim, depths, {stem, stem}, conv, attention, Blocks::axes, features, false, true};
}

constexpr Four kNano = {1, 2, 3, 1}, kTiny = {2, 2, 5, 2}, kBase = {2, 6, 14, 2};
constexpr Two kNarrow = {24, 32}, kStem = {32, 64};
const MaxxViT pico = rw(32, kTiny, kNarrow), nano = rw(64, kNano, kStem), tiny = rw(64, kTiny, kStem),
              small_rmlp = rmlp(rw(96, kTiny, kStem, 1e-6f)), base_rmlp = with_features(rmlp(rw(96, kBase, kStem)), 768),
              base_v2 = next(128, {2, 6, 12, 2}, Places::network, false),
              large_v2 = with_features(next(160, {2, 6, 16, 2}, Places::network, false), 1280),
              tiny_tf = tf(64, kTiny, 64, 512), small_tf = tf(96, kTiny, 64, 768), base_tf = tf(96, kBase, 64, 768),
              large_tf = tf(128, kBase, 128, 1024), xlarge_tf = tf(192, kBase, 192, 1536);
Card card(int size, float crop = 0.95f) { return half_card(size, crop); }
Card first() { return imagenet_card(224, 0.95f); }

const Variant<MaxxViT> variants[] = {
    {"maxvit_pico_rw_256", pico, card(256)},
    {"maxvit_nano_rw_256", nano, card(256)},
    {"maxvit_tiny_rw_224", tiny, card(224)},
    {"maxvit_tiny_rw_256", tiny, card(256)},
    {"maxvit_tiny_pm_256", parallel(tiny), card(256)},
    {"maxvit_rmlp_pico_rw_256", rmlp(pico), card(256)},
    {"maxvit_rmlp_nano_rw_256", rmlp(nano), card(256)},
    {"maxvit_rmlp_tiny_rw_256", rmlp(tiny), card(256)},
    {"maxvit_rmlp_small_rw_224", small_rmlp, card(224, 0.9f)},
    {"maxvit_rmlp_small_rw_256", small_rmlp, card(256)},
    {"maxvit_rmlp_base_rw_224", base_rmlp, card(224)},
    {"maxvit_rmlp_base_rw_384", base_rmlp, card(384, 1)},
    {"maxxvit_rmlp_nano_rw_256", next(64, kNano), card(256)},
    {"maxxvit_rmlp_tiny_rw_256", next(64, kTiny), card(256)},
    {"maxxvit_rmlp_small_rw_256", next(96, kTiny), card(256)},
    {"maxxvitv2_nano_rw_256", next(96, kNano, Places::table, false), card(256)},
    {"maxxvitv2_rmlp_base_rw_224", base_v2, card(224)},
    {"maxxvitv2_rmlp_base_rw_384", base_v2, card(384, 1)},
    {"maxxvitv2_rmlp_large_rw_224", large_v2, card(224)},
    {"maxvit_tiny_tf_224", tiny_tf, first()},
    {"maxvit_tiny_tf_384", tiny_tf, card(384, 1)},
    {"maxvit_tiny_tf_512", tiny_tf, card(512, 1)},
    {"maxvit_small_tf_224", small_tf, first()},
    {"maxvit_small_tf_384", small_tf, card(384, 1)},
    {"maxvit_small_tf_512", small_tf, card(512, 1)},
    {"maxvit_base_tf_224", base_tf, first()},
    {"maxvit_base_tf_384", base_tf, card(384, 1)},
    {"maxvit_base_tf_512", base_tf, card(512, 1)},
    {"maxvit_large_tf_224", large_tf, first()},
    {"maxvit_large_tf_384", large_tf, card(384, 1)},
    {"maxvit_large_tf_512", large_tf, card(512, 1)},
    {"maxvit_xlarge_tf_224", xlarge_tf, card(224)},
    {"maxvit_xlarge_tf_384", xlarge_tf, card(384, 1)},
    {"maxvit_xlarge_tf_512", xlarge_tf, card(512, 1)},
};

}  // namespace

}  // namespace maxxvits

std::vector<Model> models_of_maxxvit() {
  using namespace maxxvits;
  return models_from<MaxxViT>("maxxvit", variants, maxxvit);
}

}  // namespace fovea
