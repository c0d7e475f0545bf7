// evMLP (arXiv:2507.01927): every patch goes through MLPs of its own, so that in a video only changed patches need to be
// computed again. Names follow the authors' implementation.
#include <vector>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "nn/windows.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct EvStage {
  int dim, patch, depth, expand = 4;
};
struct EvMlp {
  std::vector<EvStage> stages;  // which together merge the picture into one patch
};

Tensor block(Scope s, Tensor x, int expand, float drop) {  // [n,h,w,c] -> same
  Tensor y = dropout(s, gelu(linear(s["fn"][0], x, expand * x.c())), drop);
  return s.out(layer_norm(s["norm"], x + linear(s["fn"][3], y, x.c()), 1e-5f));
}

Tensor evmlp(Scope s, Tensor x, const EvMlp& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  for (size_t i = 0; i < m.stages.size(); i++) {
    const EvStage& a = m.stages[i];
    Scope stage = s["blks"][static_cast<int>(i)];
    Shape merged{x.n(), x.h() / a.patch, x.w() / a.patch, a.patch * a.patch * x.c()};
    x = linear(stage[1], reshape(to_windows(x, a.patch), merged), a.dim);
    bool last = i + 1 == m.stages.size();
    for (int j = 0; j < a.depth; j++) x = block(stage[2 + j], x, a.expand, last ? o.drop : 0);
  }
  Tensor y = linear(s["linear"], x, o.classes);  // [n,1,1,classes]
  return reshape(y, {y.n(), o.classes});
}

const Variant<EvMlp> variants[] = {
    {"evmlp", {{{64, 7, 5}, {128, 2, 5}, {512, 2, 7, 2}, {512, 2, 7, 2}, {512, 2, 9, 2}, {512, 2, 9, 2}}}, imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_evmlp() { return models_from<EvMlp>("evmlp", variants, evmlp); }

}  // namespace fovea
