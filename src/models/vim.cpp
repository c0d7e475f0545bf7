// Vision Mamba (arXiv:2401.09417): tokens in a row, scanned from both ends, the class token in their middle. Names follow
// hustvl/Vim; "stride8" variants have patches that overlap by half.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/mamba.h"
#include "nn/transformer.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct Vim {
  int dim;
  int stride = 16;
  int depth = 24;
};

Tensor vim(Scope s, Tensor image, const Vim& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  const ConvOptions patch{.stride = m.stride, .pad = Padding::none, .bias = true, .init = lecun_normal};
  Tensor x = reshape(conv(s["patch_embed"]["proj"], image, m.dim, 16, patch), {image.n(), -1, m.dim});
  const int patches = x.dim(1), middle = patches / 2;
  Tensor token = broadcast_to(s.param("cls_token", {1, 1, m.dim}, trunc_normal(0.02f)), {x.n(), 1, m.dim});
  Tensor parts[] = {slice(x, 1, 0, middle), token, slice(x, 1, middle, patches - middle)};
  x = concat(parts, 1) + s.param("pos_embed", {1, patches + 1, m.dim}, trunc_normal(0.02f));
  for (int i = 0; i < m.depth; i++) {
    Scope at = s["layers"][i];
    Tensor y = mamba(at["mixer"], rms_norm(at["norm"], x, 1e-5f), {.bidirectional = true});
    x = at.out(x + drop_path(at, y, i + 1 < m.depth ? drop_rate(o.drop_path, i, m.depth) : o.drop_path));
  }
  x = reshape(slice(rms_norm(s["norm_f"], x, 1e-5f), 1, middle, 1), {x.n(), m.dim});
  return linear(s["head"], dropout(s["head"], x, o.drop), o.classes, {.init = truncated_normal});
}

const Card card = imagenet_card(224, 0.875f);
const Variant<Vim> variants[] = {
    {"vim_tiny", {192}, card},  {"vim_tiny_stride8", {192, 8}, card},
    {"vim_small", {384}, card}, {"vim_small_stride8", {384, 8}, card},
    {"vim_base", {768}, card},
};

}  // namespace

std::vector<Model> models_of_vim() { return models_from<Vim>("vim", variants, vim); }

}  // namespace fovea
