// Mamba-ND (arXiv:2402.05892): layers of one direction each, which take turns along rows and columns, there and back. Names
// follow jacklishufan/Mamba-ND.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "nn/mamba.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct MambaND {
  int dim;
  int depth = 24;
  int merge = 9;  // the layer that ends with a quarter of the pixels
  int patch = 8;
};

Tensor turn(Tensor x) { return transpose(x, {0, 2, 1, 3}); }  // columns for rows

// The norm is no side branch: what follows adds to its result. [n,h,w,c] -> same
Tensor block(Scope s, Tensor x, bool columns, bool reverse, float drop) {
  x = layer_norm(s["norm"], x, 1e-5f);
  Tensor y = columns ? turn(x) : x;
  Tensor tokens = mamba(s["mixer"], reshape(y, {x.n(), -1, x.c()}), {.reverse = reverse});
  y = reshape(drop_path(s, tokens, drop), y.shape());
  return s.out(x + (columns ? turn(y) : y));
}

Tensor merge(Scope s, Tensor x) {  // [n,2h,2w,c] -> [n,h,w,c]
  int h = x.h() / 2, w = x.w() / 2, c = x.c();
  x = slice(slice(x, 1, 0, 2 * h), 2, 0, 2 * w);
  x = reshape(transpose(reshape(x, {x.n(), h, 2, w, 2, c}), {0, 1, 3, 5, 2, 4}), {x.n(), h, w, 4 * c});
  return linear(s["reduction"], layer_norm(s["norm"], x, 1e-5f), c, {.bias = false});
}

Tensor mamband(Scope s, Tensor image, const MambaND& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  Scope body = s["backbone"];
  Tensor x = conv(body["patch_embed"]["projection"], image, m.dim, m.patch,
                  {.stride = m.patch, .pad = Padding::none, .bias = true});
  Tensor position = body.param("pos_embed", {1, x.h() * x.w(), m.dim}, trunc_normal(0.02f));
  x = x + reshape(position, {1, x.h(), x.w(), m.dim});
  for (int i = 0; i < m.depth; i++) {
    Scope at = body["layers"][i];
    x = block(at, x, i % 4 >= 2, i % 2 == 1, drop_rate(o.drop_path, i, m.depth));
    if (i == m.merge) x = merge(at["down_sample_layer"], x);
  }
  x = layer_norm(body["ln2"], global_avg_pool(layer_norm(body["ln1"], x)));
  Scope head = s["head"]["fc"];
  return linear(head, dropout(head, x, o.drop), o.classes, {.init = truncated_normal});
}

const Variant<MambaND> variants[] = {
    {"mamband_small", {384}, imagenet_card()},
    {"mamband_base", {768}, imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_mamband() { return models_from<MambaND>("mamband", variants, mamband); }

}  // namespace fovea
