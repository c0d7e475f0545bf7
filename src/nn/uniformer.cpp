#include "nn/uniformer.h"

#include "ops/pointwise.h"

namespace fovea {

static Tensor plain(Scope s, Tensor x, int out, int window = 1, int stride = 1, int groups = 1) {
  return conv(s, x, out, window, {.stride = stride, .groups = groups, .bias = true});
}

Tensor uniformer_stem(Scope s, Tensor image, int dim) {
  Scope at = s["proj"];
  Tensor x = gelu(batch_norm(at[1], plain(at[0], image, dim / 2, 3, 2)));
  return batch_norm(at[4], plain(at[3], x, dim, 3, 2));
}

Tensor uniformer_patches(Scope s, Tensor x, int dim, int patch) {
  x = conv(s["proj"], x, dim, patch, {.stride = patch, .pad = Padding::none, .bias = true});
  return layer_norm(s["norm"], x, 1e-5f);
}

Tensor uniformer_place(Scope s, Tensor x) { return x + plain(s, x, x.c(), 3, 1, x.c()); }

Tensor uniformer_local(Scope s, Tensor x, int expand, float drop, float scale) {
  int c = x.c();
  auto scaled = [&](const char* name, Tensor y) {
    return scale > 0 ? y * s.param(name, {1, 1, 1, c}, fill(scale), {0, 3, 1, 2}) : y;
  };
  x = uniformer_place(s["pos_embed"], x);
  Tensor y = plain(s["attn"], plain(s["conv1"], batch_norm(s["norm1"], x), c), c, 5, 1, c);
  x = x + drop_path(s["attn"], scaled("gamma_1", plain(s["conv2"], y, c)), drop);
  Scope f = s["mlp"];
  y = plain(f["fc2"], gelu(plain(f["fc1"], batch_norm(s["norm2"], x), expand * c)), c);
  return s.out(x + drop_path(f, scaled("gamma_2", y), drop));
}

}  // namespace fovea
