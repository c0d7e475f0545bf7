// RepLKNet (arXiv:2203.06717): depthwise convolutions of up to 31x31, trained with a small one beside each. Names follow the
// authors' implementation.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/conv_norm.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct RepLKNet {
  std::array<int, 4> windows;
  int dim;            // of the first stage, twice as many in each that follows
  int small = 5;      // window beside the large one; 0: none
  double expand = 1;  // channels of the large convolutions, in block widths
};
constexpr ConvNorm conv_norm{.init = fan_in_uniform};

Tensor active(Scope s, Tensor x, int out, int window = 1, int stride = 1, int groups = 1) {
  return relu(conv_norm(s, x, out, window, stride, groups));
}

Tensor large_block(Scope s, Tensor x, int window, const RepLKNet& m, float drop) {  // [n,h,w,c] -> same
  Tensor y = active(s["pw1"], batch_norm(s["prelkb_bn"], x), static_cast<int>(x.c() * m.expand));
  Scope at = s["large_kernel"];
  Tensor large = conv_norm.depthwise(at["lkb_origin"], y, window);
  if (m.small) large = large + conv_norm.depthwise(at["small_conv"], y, m.small);
  return s.out(x + drop_path(s, conv_norm(s["pw2"], relu(large), x.c()), drop));
}

Tensor feed_forward(Scope s, Tensor x, float drop) {  // [n,h,w,c] -> same
  Tensor y = gelu(conv_norm(s["pw1"], batch_norm(s["preffn_bn"], x), 4 * x.c()));
  return s.out(x + drop_path(s, conv_norm(s["pw2"], y, x.c()), drop));
}

Tensor replknet(Scope s, Tensor x, const RepLKNet& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  const std::array<int, 4> depths = {2, 2, 18, 2};
  Scope stem = s["stem"];
  x = active(stem[0], x, m.dim, 3, 2);
  x = active(stem[1], x, m.dim, 3, 1, m.dim);
  x = active(stem[2], x, m.dim);
  x = active(stem[3], x, m.dim, 3, 2, m.dim);
  DropRamp drop(o.drop_path, depths);
  for (int i = 0; i < 4; i++) {
    Scope blocks = s["stages"][i]["blocks"], down = s["transitions"][i - 1];
    int out = m.dim << i;
    if (i > 0) x = active(down[1], active(down[0], x, out), out, 3, 2, out);
    for (int j = 0; j < depths[static_cast<size_t>(i)]; j++) {
      float rate = drop.next();
      x = large_block(blocks[2 * j], x, m.windows[static_cast<size_t>(i)], m, rate);
      x = feed_forward(blocks[2 * j + 1], x, rate);
    }
  }
  x = dropout(s["head"], global_avg_pool(batch_norm(s["norm"], x)), o.drop);
  return linear(s["head"], x, o.classes);
}

const Variant<RepLKNet> variants[] = {
    {"replknet31b", {{31, 29, 27, 13}, 128}, imagenet_card()},
    {"replknet31l", {{31, 29, 27, 13}, 192}, imagenet_card(384, 1)},
    {"replknetxl", {{27, 27, 27, 13}, 256, 0, 1.5}, imagenet_card(320, 1)},
};

}  // namespace

std::vector<Model> models_of_replknet() { return models_from<RepLKNet>("replknet", variants, replknet); }

}  // namespace fovea
