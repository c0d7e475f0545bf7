// Pieces of transformers on tokens [n,t,c].
#pragma once
#include "nn/layers.h"
#include "nn/rotary.h"

namespace fovea {

// What normalises tokens: by mean and spread, or by size alone.
struct TokenNorm {
  float eps = 1e-6f;
  bool rms = false;
  Tensor operator()(Scope s, Tensor x, float gamma = 1) const;  // gamma: the scale's starting value
};

// A stride-`patch` convolution, its pixels in a row: [n,h,w,c] -> [n,t,dim]; parameters proj.weight, proj.bias.
Tensor patch_embed(Scope s, Tensor image, int dim, int patch, bool bias = true);

enum class QkvForm : uint8_t {
  joined,       // qkv
  no_key_bias,  // qkv without a bias, q_bias, v_bias: a bias of keys changes nothing
  split         // q_proj, k_proj without a bias, v_proj
};
// Multi-head self-attention; parameters qkv (or another form), proj.
struct SelfAttention {
  bool qkv_bias = true, proj_bias = true;
  Tensor bias = {};  // of the scores, [1 or n, 1 or heads, t, t]
  QkvForm form = QkvForm::joined;
  bool out_norm = false;  // in front of proj
  TokenNorm norm = {};
  Turns turns = {};       // rotary positions
  int differential = -1;  // the layer's number: what two attentions have in common cancels (arXiv:2410.05258)
};
Tensor self_attention(Scope s, Tensor x, int heads, const SelfAttention& a = {});
// One of `parts` equal shares of the channels, split into heads: [n,t,parts*c] -> [n,t,heads,c/heads].
Tensor split_heads(Tensor x, int part, int parts, int heads);
float attention_scale(Tensor q);  // of heads [n,t,h,d]: 1 / sqrt(d)
// Every head has two queries and two keys, each half as wide, and one value. What it attends to is the difference of the
// two, with a learned weight that grows with the layer's number. Parameters lambda_q1, ..., sub_norm. q, k, v [n,t,c] ->
// [n,t,c].
Tensor differential_attention(Scope s, Tensor q, Tensor k, Tensor v, int heads, int layer);
// One learned query reads all tokens, a residual MLP after it: [n,t,c] -> [n,c] (arXiv:1810.00825, as in SigLIP).
struct MapPool {
  int heads, hidden;
  Act act = Act::gelu;
  float eps = 1e-6f;
};
Tensor attention_pool(Scope s, Tensor x, const MapPool& a);

enum class MlpForm : uint8_t {
  plain,   // fc1, fc2
  packed,  // gated (arXiv:2002.05202): the first half of fc1, activated, times the second
  split,   // gated, the halves are fc1_g and fc1_x
  normed   // gated, behind a norm: norm, w0, w1, w2 (ViTamin)
};
// Two linear layers, or three.
struct Mlp {
  int hidden;
  Act act = Act::gelu;
  MlpForm form = MlpForm::plain;
  bool bias = true;
  bool inner_norm = false;  // in front of fc2
  TokenNorm norm = {};
};
Tensor mlp(Scope s, Tensor x, const Mlp& m);
inline Tensor mlp(Scope s, Tensor x, int hidden, Act act = Act::gelu) { return mlp(s, x, Mlp{hidden, act}); }
// The plain block: norm1, attn, norm2, mlp.
struct TransformerBlock {
  int heads, hidden;
  Act act = Act::gelu;
  float eps = 1e-6f;
};
Tensor transformer_block(Scope s, Tensor x, const TransformerBlock& a, float drop);

}  // namespace fovea
