// NesT (arXiv:2105.12723): transformers within the blocks of a map; between the levels, convolution and pooling let blocks
// talk and merge four of them into one. The weights of "jx" variants are of JAX, with its padding. Names follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/transformer.h"
#include "nn/windows.h"
#include "ops/attention.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

using Three = std::array<int, 3>;
struct Nest {
  int dim, heads;  // of the first level, twice as many in each that follows
  Three depths;
  Padding pad = Padding::centred;
};
constexpr int kPatch = 4, kBlocks = 4;  // blocks along a side of the first level
const LinearOptions kLinear{.init = truncated_normal};

// The heads' channels are interleaved in the result, not one head after the other.
Tensor attend(Scope s, Tensor x, int heads) {  // [n,t,c] -> same
  Tensor qkv = linear(s["qkv"], x, 3 * x.c(), kLinear);
  Tensor q = split_heads(qkv, 0, 3, heads), k = split_heads(qkv, 1, 3, heads), v = split_heads(qkv, 2, 3, heads);
  Tensor y = transpose(attention(q, k, v, attention_scale(q)), {0, 1, 3, 2});
  return linear(s["proj"], reshape(y, x.shape()), x.c(), kLinear);
}

Tensor layer(Scope s, Tensor x, int heads, float drop) {  // [n,t,c] -> same
  x = x + drop_path(s["attn"], attend(s["attn"], layer_norm(s["norm1"], x), heads), drop);
  return s.out(x + drop_path(s["mlp"], mlp(s["mlp"], layer_norm(s["norm2"], x), 4 * x.c()), drop));
}

Tensor merge(Scope s, Tensor x, int out, Padding pad) {  // [n,h,w,c] -> [n,h/2,w/2,out]
  x = layer_norm(s["norm"], conv(s["conv"], x, out, 3, {.pad = pad, .bias = true, .init = truncated_normal}));
  return max_pool(x, 3, 2, padding(pad, x.shape(), 3, 2));
}

Tensor nest(Scope s, Tensor x, const Nest& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = conv(s["patch_embed"]["proj"], x, m.dim, kPatch, {.stride = kPatch, .pad = Padding::none, .bias = true});
  Pair block(x.h() / kBlocks, x.w() / kBlocks);
  DropRamp drop(o.drop_path, m.depths);
  for (int i = 0; i < 3; i++) {
    Scope level = s["levels"][i];
    if (i > 0) x = merge(level["pool"], x, m.dim << i, m.pad);
    Shape map = x.shape();
    int blocks = map[1] / block.h * (map[2] / block.w), pixels = block.h * block.w, c = x.c();
    Tensor places = level.param("pos_embed", {1, blocks, pixels, c}, trunc_normal(0.02f));
    x = reshape(reshape(to_windows(x, block), {map[0], blocks, pixels, c}) + places, {map[0] * blocks, pixels, c});
    for (int j = 0; j < m.depths[static_cast<size_t>(i)]; j++)
      x = layer(level["transformer_encoder"][j], x, m.heads << i, drop.next());
    x = level.feature(from_windows(x, block, map));
  }
  x = dropout(s["head"], global_avg_pool(layer_norm(s["norm"], x)), o.drop);
  return linear(s["head"], x, o.classes, kLinear);
}

constexpr Three kTiny = {2, 2, 8}, kSmall = {2, 2, 20};

const Variant<Nest> variants[] = {
    {"nest_tiny", {96, 3, kTiny}, imagenet_card()},
    {"nest_small", {96, 3, kSmall}, imagenet_card()},
    {"nest_base", {128, 4, kSmall}, imagenet_card()},
    {"nest_tiny_jx", {96, 3, kTiny, Padding::same}, imagenet_card()},
    {"nest_small_jx", {96, 3, kSmall, Padding::same}, imagenet_card()},
    {"nest_base_jx", {128, 4, kSmall, Padding::same}, imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_nest() { return models_from<Nest>("nest", variants, nest); }

}  // namespace fovea
