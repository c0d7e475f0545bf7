#include "nn/map_attention.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "nn/windows.h"
#include "ops/biased_attention.h"
#include "ops/conv2d.h"
#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reshape.h"
#include "ops/softmax.h"

namespace fovea {

static Tensor project(Scope s, Tensor x, int out, int stride = 1) {
  return conv(s, x, out, 1, {.stride = stride, .init = lecun_normal});
}
static int key_channels(const MapAttention& a, int c) {
  return a.keys ? a.keys : round_channels(c * a.key_ratio, 8) / a.heads;
}

// What queries say to the distance to each key along one axis, from rows of the table [2*keys-1,d]:
// q [b,t,u,heads,d] -> [t,b*u*heads,keys] with t the axis.
static Tensor along(Tensor q, Tensor table, int keys) {
  Graph& g = *q.graph;
  int t = q.dim(1), d = q.c();
  Tensor distance = iota(g, {t, keys}, 1) - iota(g, {t, keys}, 0) + static_cast<float>(keys - 1);
  q = reshape(transpose(q, {1, 0, 2, 3, 4}), {t, -1, d});
  return matmul(q, gather(table, distance), {.tb = true});
}

// The bias of attention within windows, linear in the queries: q [b,hw,heads,d] -> [b,heads,hw,keys.h*keys.w].
static Tensor relative_logits(Scope s, Tensor q, Pair map, Pair keys) {
  int b = q.n(), heads = q.dim(2), d = q.c();
  Init init = trunc_normal(1 / std::sqrt(static_cast<float>(d)));
  Tensor rows = s.param("height_rel", {2 * keys.h - 1, d}, init), columns = s.param("width_rel", {2 * keys.w - 1, d}, init);
  q = reshape(q, {b, map.h, map.w, heads, d});
  Tensor y = reshape(along(q, rows, keys.h), {map.h, b, map.w, heads, keys.h});
  Tensor x = reshape(along(transpose(q, {0, 2, 1, 3, 4}), columns, keys.w), {map.w, b, map.h, heads, keys.w});
  y = reshape(transpose(y, {1, 3, 0, 2, 4}), {b, heads, map.h * map.w, keys.h, 1});
  x = reshape(transpose(x, {1, 3, 2, 0, 4}), {b, heads, map.h * map.w, 1, keys.w});
  return reshape(y + x, {b, heads, map.h * map.w, keys.h * keys.w});
}

static Tensor attend(Scope s, Tensor q, Tensor k, Tensor v, Pair map, Pair keys) {  // [b,t,heads,d] -> [b,t,c]
  Tensor bias = relative_logits(s["pos_embed"], q, map, keys);
  Tensor y = biased_attention(q, k, v, 1 / std::sqrt(static_cast<float>(q.c())), bias);
  return reshape(y, {q.n(), q.dim(1), -1});
}

static Tensor look_at_all(Scope s, Tensor x, const MapAttention& a, int stride) {
  int n = x.n(), c = x.c(), pixels = x.h() * x.w(), d = key_channels(a, c);
  Tensor qkv = project(s["qkv"], x, 2 * a.heads * d + c);
  auto part = [&](int i, int size) {
    return reshape(slice(qkv, 3, i * a.heads * d, a.heads * size), {n, pixels, a.heads, size});
  };
  Pair map{x.h(), x.w()};
  Tensor y = reshape(attend(s, part(0, d), part(1, d), part(2, c / a.heads), map, map), x.shape());
  return stride == 2 ? avg_pool(y, 2, 2) : y;
}

// Windows that begin every `block` elements of an axis and are longer than that:
// [..., (count-1)*block + window, ...] -> [..., count, window, ...].
static Tensor overlapping(Tensor x, int axis, int count, int block, int window) {
  Dims none, behind;
  Shape split;
  for (int i = 0; i < x.rank(); i++) {
    none.push(0), behind.push(i == axis ? block : 0), split.push(i == axis ? count : x.dim(i));
    if (i == axis) split.push(block);
  }
  x = pad(x, none, behind);
  std::vector<Tensor> parts;
  for (int at = 0; at < window; at += block)
    parts.push_back(slice(reshape(slice(x, axis, at, count * block), split), axis + 1, 0, std::min(block, window - at)));
  return concat(parts, axis + 1);
}

static Tensor look_around(Scope s, Tensor x, const MapAttention& a, int stride) {
  int c = x.c(), d = key_channels(a, c), e = c / a.heads, m = a.margin, window = a.block + 2 * m;
  int rows = x.h() / a.block, columns = x.w() / a.block;
  if (rows * a.block != x.h() || columns * a.block != x.w())
    fail(Code::usage, "{}: blocks of {} pixels do not fit a map of {}x{}", s.path(), a.block, x.h(), x.w());
  bool soft = stride == 2 && a.block % 2;  // odd blocks cannot be asked every other pixel
  int step = soft ? 1 : stride, block = a.block / step;
  Tensor q = to_windows(project(s["q"], x, a.heads * d, step), block);
  Tensor kv = pad(project(s["kv"], x, a.heads * (d + e)), {0, m, m, 0}, {0, m, m, 0});
  kv = overlapping(overlapping(kv, 1, rows, a.block, window), 3, columns, a.block,
                   window);  // [n,rows,window,columns,window,c]
  kv = reshape(transpose(kv, {0, 1, 3, 2, 4, 5}), {q.n(), window * window, a.heads, d + e});
  q = reshape(q, {q.n(), block * block, a.heads, d});
  Tensor y = attend(s, q, slice(kv, 3, 0, d), slice(kv, 3, d, e), block, window);
  y = from_windows(y, block, {x.n(), x.h() / step, x.w() / step, c});
  return soft ? avg_pool(y, 2, 2) : y;
}

// The functions that positions make of values [n,h,w,e]: [n,hw,keys,e], by a window that slides over every channel.
static Tensor window_lambda(Scope s, Tensor v, int window, int keys) {
  int n = v.n(), h = v.h(), w = v.w(), e = v.c();
  Init init = trunc_normal(1 / std::sqrt(static_cast<float>(keys)));
  Tensor weight = reshape(s.param("weight", {keys, 1, window, window, 1}, init), {keys, window, window, 1});
  Tensor y = conv2d(reshape(transpose(v, {0, 3, 1, 2}), {n * e, h, w, 1}), weight, {.pad = Pad(window / 2)});
  y = y + s.param("bias", {keys}, fan_in_uniform({keys, window, window, 1}, 1));
  return transpose(reshape(y, {n, e, h * w, keys}), {0, 2, 3, 1});
}

// The same by a table of where pixels lie from each other.
static Tensor table_lambda(Scope s, Tensor v, int keys) {
  Graph& g = *v.graph;
  int n = v.n(), h = v.h(), w = v.w(), pixels = h * w, e = v.c();
  Tensor table = reshape(s.param("pos_emb", {2 * h - 1, 2 * w - 1, keys}, trunc_normal(0.02f)), {-1, keys});
  auto difference = [&](int axis) {
    Tensor at = iota(g, {h, w}, axis);
    return reshape(at, {1, pixels}) - reshape(at, {pixels, 1}) + static_cast<float>(v.dim(axis + 1) - 1);
  };
  Tensor place = gather(table, difference(0) * static_cast<float>(2 * w - 1) + difference(1));  // [hw,hw,keys]
  place = reshape(transpose(place, {0, 2, 1}), {pixels * keys, pixels});
  Tensor values = reshape(transpose(reshape(v, {n, pixels, e}), {1, 0, 2}), {pixels, n * e});
  return transpose(reshape(matmul(place, values), {pixels, keys, n, e}), {2, 0, 1, 3});
}

static Tensor lambda_layer(Scope s, Tensor x, const MapAttention& a, int stride) {
  int n = x.n(), pixels = x.h() * x.w(), d = key_channels(a, x.c()), e = x.c() / a.heads;
  Tensor qkv = project(s["qkv"], x, (a.heads + 1) * d + e);
  Tensor q = reshape(batch_norm(s["norm_q"], slice(qkv, 3, 0, a.heads * d)), {n, pixels, a.heads, d});
  Tensor k = reshape(slice(qkv, 3, a.heads * d, d), {n, pixels, d});
  Tensor v = batch_norm(s["norm_v"], slice(qkv, 3, (a.heads + 1) * d, e));
  Tensor position = a.window ? window_lambda(s["conv_lambda"], v, a.window, d) : table_lambda(s, v, d);
  Tensor content = matmul(softmax(transpose(k, {0, 2, 1})), reshape(v, {n, pixels, e}));  // [n,d,e]
  Tensor y = matmul(q, position + reshape(content, {n, 1, d, e}));
  y = reshape(y, x.shape());
  return stride == 2 ? avg_pool(y, 2, 2) : y;
}

Tensor map_attention(Scope s, Tensor x, const MapAttention& a, int stride) {
  if (a.look == Look::lambda) return lambda_layer(s, x, a, stride);
  return a.look == Look::halo ? look_around(s, x, a, stride) : look_at_all(s, x, a, stride);
}

}  // namespace fovea
