// Sizes of the Vision Transformer that papers agree on, and the switches that many tables turn.
#pragma once
#include "models/cards.h"
#include "models/registry.h"
#include "nn/vit.h"

namespace fovea {

inline Tensor build_vit(Scope s, Tensor image, const ViT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  return vit(s, image, m, {o.classes, o.drop, o.drop_path});
}

namespace vits {
inline ViT tiny(int patch = 16) { return {patch, 192, 12, 3}; }
inline ViT small(int patch = 16) { return {patch, 384, 12, 6}; }
inline ViT medium(int patch = 16) { return {patch, 512, 12, 8}; }
inline ViT betwixt(int patch = 16) { return {patch, 640, 12, 10}; }
inline ViT base(int patch = 16) { return {patch, 768, 12, 12}; }
inline ViT plus(int patch) { return {patch, 896, 12, 14}; }
inline ViT large(int patch = 16) { return {patch, 1024, 24, 16}; }
inline ViT huge(int patch = 14) { return {patch, 1280, 32, 16}; }
inline ViT giant(int patch = 14) { return {patch, 1408, 40, 16, 48.0 / 11}; }
inline ViT gigantic() { return {14, 1664, 48, 16, 64.0 / 13}; }

inline ViT scaled(ViT m, float start = 1e-5f) { return m.scale = start, m; }
inline ViT bare(ViT m) { return m.bare_prefix = true, m; }
inline ViT no_bias(ViT m) { return m.qkv_bias = false, m; }
inline ViT average(ViT m) { return m.pool = TokenPool::average, m; }
}  // namespace vits

}  // namespace fovea
