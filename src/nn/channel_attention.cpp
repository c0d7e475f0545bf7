#include "nn/channel_attention.h"

#include <algorithm>
#include <cmath>

#include "ops/conv2d.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/softmax.h"

namespace fovea {

Tensor squeeze_excite(Scope s, Tensor x, const SqueezeExcite& a) {
  Tensor y = reduce_mean(x, {1, 2});  // [n,1,1,c]
  y = conv(s[a.reduce], y, a.hidden, 1, {.bias = a.bias, .init = a.init});
  y = activation(a.norm ? batch_norm(s[a.norm], y) : y, a.act);
  return x * activation(conv(s[a.expand], y, x.c(), 1, {.bias = a.bias, .init = a.init}), a.gate);
}

Tensor effective_squeeze_excite(Scope s, Tensor x) {
  return x * activation(conv(s["fc"], reduce_mean(x, {1, 2}), x.c(), 1, {.bias = true, .init = fan_out_normal}),
                        Act::hard_sigmoid);
}

Tensor efficient_channel_attention(Scope s, Tensor x, int channels) {
  int reach = static_cast<int>((std::log2(channels ? channels : x.c()) + 1) / 2), window = std::max(reach | 1, 3);
  Tensor weight = s["conv"].param("weight", {1, 1, window}, fan_in_uniform({1, window}, 1));
  Tensor y = reshape(reduce_mean(x, {1, 2}), {x.n(), x.c(), 1, 1});  // the channels are a column of pixels
  y = conv2d(y, reshape(weight, {1, window, 1, 1}), {.pad = Pair(window / 2, 0)});
  return x * sigmoid(reshape(y, {x.n(), 1, 1, x.c()}));
}

Tensor global_context(Scope s, Tensor x, int hidden, Act act, bool add) {
  int n = x.n(), c = x.c(), pixels = x.h() * x.w();
  Scope mlp = s[add ? "mlp_add" : "mlp_scale"];
  Tensor weight = conv(s["conv_attn"], x, 1, 1, {.bias = true, .init = fan_in_normal});  // [n,h,w,1]
  Tensor mean = matmul(softmax(reshape(weight, {n, 1, pixels})), reshape(x, {n, pixels, c}));
  Tensor y = conv(mlp["fc1"], reshape(mean, {n, 1, 1, c}), hidden, 1, {.bias = true});
  y = conv(mlp["fc2"], activation(layer_norm(mlp["norm"], y), act), c, 1, {.bias = true});
  return add ? x + y : x * sigmoid(y);
}

}  // namespace fovea
