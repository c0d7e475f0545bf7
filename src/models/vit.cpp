// Vision Transformer (arXiv:2010.11929), DeiT (arXiv:2012.12877), DeiT III (arXiv:2204.07118). Names follow timm.
#include "models/vit.h"

#include "nn/transformer.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

Tensor norm(Scope s, Tensor x, const ViT& m) { return m.rms ? rms_norm(s, x, m.eps) : layer_norm(s, x, m.eps); }

Tensor block(Scope s, Tensor x, const ViT& m, float drop) {  // [n,t,c] -> same
  auto scaled = [&](const char* name, Tensor y) { return m.scale != 0 ? layer_scale(s[name], y, "gamma", m.scale) : y; };
  Tensor y = self_attention(s["attn"], norm(s["norm1"], x, m), m.heads, {.qkv_bias = m.qkv_bias});
  x = x + drop_path(s["attn"], scaled("ls1", y), drop);
  y = mlp(s["mlp"], norm(s["norm2"], x, m), static_cast<int>(m.dim * m.mlp_ratio), m.act);
  return s.out(x + drop_path(s["mlp"], scaled("ls2", y), drop));
}

int prefix(const ViT& m) { return (m.class_token ? 1 : 0) + (m.distilled ? 1 : 0) + m.registers; }

Tensor embed(Scope s, Tensor image, const ViT& m) {  // [n,h,w,3] -> [n,t,c]
  Tensor patches = patch_embed(s["patch_embed"], image, m.dim, m.patch, !m.norm_first);
  int n = patches.n(), t = patches.dim(1);
  std::vector<Tensor> tokens;
  auto add = [&](const char* name, int count, float std) {
    tokens.push_back(broadcast_to(s.param(name, {1, count, m.dim}, normal(std)), {n, count, m.dim}));
  };
  if (m.class_token) add("cls_token", 1, 1e-6f);
  if (m.distilled) add("dist_token", 1, 0.02f);
  if (m.registers) add("reg_token", m.registers, 1e-6f);
  Tensor position = s.param("pos_embed", {1, m.bare_prefix ? t : t + prefix(m), m.dim}, trunc_normal(0.02f));
  tokens.push_back(m.bare_prefix ? patches + position : patches);
  Tensor x = tokens.size() == 1 ? tokens[0] : concat(tokens, 1);
  return m.bare_prefix ? x : x + position;
}

Tensor pooled(Scope s, Tensor x, const ViT& m) {  // [n,t,c] -> [n,c]
  if (m.pool == TokenPool::token) return reshape(slice(x, 1, 0, 1), {x.n(), m.dim});
  int skip = m.pool_prefix ? 0 : prefix(m);
  if (skip) x = slice(x, 1, skip, x.dim(1) - skip);
  int hidden = static_cast<int>(m.dim * m.mlp_ratio);
  if (m.pool == TokenPool::attention) return attention_pool(s["attn_pool"], x, {m.heads, hidden, m.act, m.eps});
  x = reshape(reduce_mean(x, {1}), {x.n(), m.dim});
  return m.pool == TokenPool::average ? norm(s["fc_norm"], x, m) : x;
}

Tensor classify(Scope s, const char* name, Tensor x, const ModelOptions& o) {
  return linear(s[name], dropout(s[name], x, o.drop), o.classes, {.init = truncated_normal});
}

}  // namespace

Tensor vit(Scope s, Tensor x, const ViT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = embed(s, x, m);
  if (m.norm_first) x = norm(s["norm_pre"], x, m);
  for (int i = 0; i < m.depth; i++) x = block(s["blocks"][i], x, m, drop_rate(o.drop_path, i, m.depth));
  if (m.pool != TokenPool::average) x = norm(s["norm"], x, m);
  Tensor y = classify(s, "head", pooled(s, x, m), o);
  if (!m.distilled) return y;
  return (y + classify(s, "head_dist", reshape(slice(x, 1, 1, 1), {x.n(), m.dim}), o)) * 0.5f;
}

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

std::vector<Model> models_of_vit() { return models_from<ViT>("vit", variants, vit); }

}  // namespace fovea
