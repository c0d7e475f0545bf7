// The plain Vision Transformer as a value, for the families that only choose its switches.
#pragma once
#include "models/cards.h"
#include "models/registry.h"
#include "ops/activation.h"

namespace fovea {

enum class TokenPool : uint8_t {
  token,         // the class token, after a norm of all tokens
  average,       // of the patches, then a norm
  norm_average,  // of the patches, after a norm of all tokens
  attention      // a learned query over the patches, after a norm of all tokens
};

struct ViT {
  int patch, dim, depth, heads;
  double mlp_ratio = 4;
  Act act = Act::gelu;
  float eps = 1e-6f;
  bool rms = false;
  bool qkv_bias = true;
  float scale = 0;  // where layer scale starts; 0: none
  TokenPool pool = TokenPool::token;
  bool class_token = true;
  bool distilled = false;    // a second class token with its own head, DeiT
  int registers = 0;         // further tokens (arXiv:2309.16588)
  bool bare_prefix = false;  // tokens that are no patches have no position
  bool pool_prefix = false;  // they take part in pooling
  bool norm_first = false;   // CLIP: a norm before the blocks, no bias in the patches
};
Tensor vit(Scope s, Tensor image, const ViT& m, const ModelOptions& o);  // [n,h,w,3] -> [n,classes]

namespace vits {  // the sizes that papers agree on
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
