// NaFlexViT: a Vision Transformer for maps of any size (as in arXiv:2307.06304, arXiv:2502.14786), whose positions are
// resampled. Names follow timm.
#include <algorithm>

#include "models/vit.h"
#include "nn/resize.h"
#include "nn/windows.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

enum class Positions : uint8_t {
  map,         // learned for a map of 16x16, stretched
  square,      // the same, stretched the same way along both axes
  two_vectors  // one for the row and one for the column, stretched the same way
};
struct NaFlex {
  ViT vit;
  Positions positions = Positions::map;
};
constexpr int kGrid = 16;

Tensor positions(Scope s, int h, int w, const NaFlex& m) {  // [1,h,w,c]
  int dim = m.vit.dim, side = std::max(h, w);
  if (m.positions == Positions::two_vectors) {
    auto stretched = [&](const char* name) {
      Tensor table = s.param(name, {1, kGrid, dim}, trunc_normal(0.02f));
      return resize_bilinear(reshape(table, {1, kGrid, 1, dim}), side, 1);  // [1,side,1,c]
    };
    Tensor rows = slice(stretched("pos_embed_y"), 1, 0, h), columns = slice(stretched("pos_embed_x"), 1, 0, w);
    return rows + reshape(columns, {1, 1, w, dim});
  }
  Tensor table = s.param("pos_embed", {1, kGrid, kGrid, dim}, trunc_normal(0.02f));
  if (m.positions == Positions::map) return resize_smooth(table, h, w);
  return slice(slice(resize_smooth(table, side, side), 1, 0, h), 2, 0, w);
}

Tensor naflexvit(Scope s, Tensor x, const NaFlex& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  const ViT& v = m.vit;
  Scope at = s["embeds"];
  Pair map(x.h() / v.patch, x.w() / v.patch);
  Tensor pixels = reshape(to_windows(x, v.patch), {x.n(), map.h * map.w, v.patch * v.patch * x.c()});
  std::vector<Tensor> tokens = vit_prefix(at, x.n(), v);
  Tensor place = reshape(positions(at, map.h, map.w, m), {1, map.h * map.w, v.dim});
  tokens.push_back(linear(at["proj"], pixels, v.dim, {.init = truncated_normal}) + place);
  return vit_body(s, concat(tokens, 1), map, v, {o.classes, o.drop, o.drop_path});
}

using namespace vits;
ViT bare(ViT m, TokenPool pool, int registers) { return m.class_token = false, m.pool = pool, m.registers = registers, m; }
ViT siglip(ViT m) { return m = bare(m, TokenPool::attention, 0), m.act = Act::gelu_tanh, m; }
ViT average4() { return bare(scaled(base()), TokenPool::average, 4); }
ViT so150m2(TokenPool pool) { return bare(no_bias(scaled({16, 832, 21, 13, 34.0 / 13})), pool, 1); }
Card card() { return half_card(384, 1); }

const Variant<NaFlex> variants[] = {
    {"naflexvit_base_patch16_gap", {average4()}, card()},
    {"naflexvit_base_patch16_par_gap", {average4(), Positions::square}, card()},
    {"naflexvit_base_patch16_parfac_gap", {average4(), Positions::two_vectors}, card()},
    {"naflexvit_base_patch16_map", {bare(scaled(base()), TokenPool::attention, 1)}, card()},
    {"naflexvit_so150m2_patch16_reg1_gap", {so150m2(TokenPool::average)}, card()},
    {"naflexvit_so150m2_patch16_reg1_map", {so150m2(TokenPool::attention)}, card()},
    {"naflexvit_base_patch16_siglip", {siglip(base())}, card()},
    {"naflexvit_so400m_patch16_siglip", {siglip({16, 1152, 27, 16, 3.7362})}, card()},
};

}  // namespace

std::vector<Model> models_of_naflexvit() { return models_from<NaFlex>("naflexvit", variants, naflexvit); }

}  // namespace fovea
