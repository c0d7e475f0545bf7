// Pieces of transformers on tokens [n,t,c].
#pragma once
#include "nn/layers.h"

namespace fovea {

// A stride-`patch` convolution, its pixels in a row: [n,h,w,c] -> [n,t,dim]; parameters proj.weight, proj.bias.
Tensor patch_embed(Scope s, Tensor image, int dim, int patch, bool bias = true);
// Multi-head self-attention; parameters qkv, proj.
struct SelfAttention {
  bool qkv_bias = true, proj_bias = true;
  Tensor bias = {};  // of the scores, [1 or n, 1 or heads, t, t]
};
Tensor self_attention(Scope s, Tensor x, int heads, const SelfAttention& a = {});
// One of `parts` equal shares of the channels, split into heads: [n,t,parts*c] -> [n,t,heads,c/heads].
Tensor split_heads(Tensor x, int part, int parts, int heads);
float attention_scale(Tensor q);  // of heads [n,t,h,d]: 1 / sqrt(d)
// One learned query reads all tokens, a residual MLP after it: [n,t,c] -> [n,c] (arXiv:1810.00825, as in SigLIP).
struct MapPool {
  int heads, hidden;
  Act act = Act::gelu;
  float eps = 1e-6f;
};
Tensor attention_pool(Scope s, Tensor x, const MapPool& a);
// Two linear layers, fc1 and fc2.
Tensor mlp(Scope s, Tensor x, int hidden, Act act = Act::gelu);
// The plain block: norm1, attn, norm2, mlp.
struct TransformerBlock {
  int heads, hidden;
  Act act = Act::gelu;
  float eps = 1e-6f;
};
Tensor transformer_block(Scope s, Tensor x, const TransformerBlock& a, float drop);

}  // namespace fovea
