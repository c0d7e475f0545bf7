#include "nn/channel_attention.h"

#include <algorithm>
#include <cmath>

#include "ops/conv2d.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

Tensor squeeze_excite(Scope s, Tensor x, const SqueezeExcite& a) {
  Tensor y = reduce_mean(x, {1, 2});  // [n,1,1,c]
  y = activation(conv(s[a.reduce], y, a.hidden, 1, {.bias = true, .init = a.init}), a.act);
  return x * activation(conv(s[a.expand], y, x.c(), 1, {.bias = true, .init = a.init}), a.gate);
}

Tensor efficient_channel_attention(Scope s, Tensor x, int channels) {
  int reach = static_cast<int>((std::log2(channels ? channels : x.c()) + 1) / 2), window = std::max(reach | 1, 3);
  Tensor weight = s["conv"].param("weight", {1, 1, window}, fan_in_uniform({1, window}, 1));
  Tensor y = reshape(reduce_mean(x, {1, 2}), {x.n(), x.c(), 1, 1});  // the channels are a column of pixels
  y = conv2d(y, reshape(weight, {1, window, 1, 1}), {.pad = Pair(window / 2, 0)});
  return x * sigmoid(reshape(y, {x.n(), 1, 1, x.c()}));
}

}  // namespace fovea
