// The Vision Transformer (arXiv:2010.11929) as a value, with the switches by which its relatives differ.
#pragma once
#include <vector>

#include "nn/transformer.h"

namespace fovea {

enum class TokenPool : uint8_t {
  token,         // the class token, after a norm of all tokens
  average,       // of the patches, then a norm
  norm_average,  // of the patches, after a norm of all tokens
  attention      // a learned query over the patches, after a norm of all tokens
};
enum class ViTBlock : uint8_t {
  plain,      // a norm in front of attention and of the MLP
  post_norm,  // a norm behind them; it starts at `scale`
  parallel,   // both from one projection, side by side (arXiv:2302.05442)
  pairs       // two attentions side by side, then two MLPs (arXiv:2203.09795)
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
  ViTBlock block = ViTBlock::plain;
  MlpForm mlp = MlpForm::plain;
  QkvForm qkv = QkvForm::joined;
  bool layer_bias = true;       // of the attention's projection and the MLP
  bool norm_attention = false;  // a norm in front of the attention's projection
  bool norm_mlp = false;        // and of the MLP's last layer
  bool norm_queries = false;    // and of every head's queries and keys (parallel blocks)
  bool norm_patches = false;
  bool norm_last = true;
  bool differential = false;  // attention
  bool position = true;       // a learned vector for every token
  Rotary rotary = {};
  bool eva_names = false;  // layer scales are gamma_1 and gamma_2
  int pool_heads = 0;      // of pooling by attention, and its MLP's ratio; 0: those of the blocks
  double pool_ratio = 0;

  int hidden() const { return static_cast<int>(dim * mlp_ratio); }
  int pool_hidden() const { return static_cast<int>(dim * (pool_ratio != 0 ? pool_ratio : mlp_ratio)); }
  int prefix() const { return (class_token ? 1 : 0) + (distilled ? 1 : 0) + registers; }
  TokenNorm norm() const { return {eps, rms}; }
};

struct ViTRates {
  int classes = 0;
  float drop = 0, drop_path = 0;
};
Tensor vit(Scope s, Tensor image, const ViT& m, const ViTRates& r);  // [n,h,w,3] -> [n,classes]

// Its parts: tokens that are no patches, [n,.,c] each; one block; everything behind the embedding.
std::vector<Tensor> vit_prefix(Scope s, int n, const ViT& m);
Tensor vit_block(Scope s, Tensor x, const ViT& m, const Turns& turns, int layer, float drop);
Tensor vit_embed(Scope s, Tensor patches, const ViT& m);                             // [n,h,w,c] -> [n,t,c]
Tensor vit_body(Scope s, Tensor tokens, Pair map, const ViT& m, const ViTRates& r);  // [n,t,c] -> [n,classes]

}  // namespace fovea
