#include "nn/mobile.h"

#include <algorithm>
#include <cmath>

#include "nn/mobile_block.h"
#include "nn/resize.h"
#include "ops/layout.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace mobile {

MobileRow separable(int repeat, int window, int stride, int out, double squeeze) {
  return {MobileBlock::separable, repeat, window, stride, 1, out, squeeze};
}
MobileRow inverted(int repeat, int window, int stride, double expand, int out, double squeeze) {
  return {MobileBlock::inverted, repeat, window, stride, expand, out, squeeze};
}
MobileRow fused(int repeat, int window, int stride, double expand, int out, double squeeze) {
  return {MobileBlock::fused, repeat, window, stride, expand, out, squeeze};
}
MobileRow plain(int repeat, int window, int stride, int out, bool shortcut) {
  return {
      .block = MobileBlock::conv, .repeat = repeat, .window = window, .stride = stride, .out = out, .shortcut = shortcut};
}
MobileRow universal(int repeat, int first, int window, int stride, double expand, int out) {
  return {.block = MobileBlock::universal,
          .repeat = repeat,
          .window = window,
          .stride = stride,
          .expand = expand,
          .out = out,
          .first = first};
}
MobileRow with(MobileRow row, Act act) { return row.act = act, row; }
MobileRow no_shortcut(MobileRow row) { return row.shortcut = false, row; }

}  // namespace mobile

namespace {

// The rows of a stage, one by one. Depth multiplies their number, which is then shared out from the last row on.
std::vector<const MobileRow*> unrolled(const MobileStage& stage, double depth, bool round) {
  int given = 0;
  for (const MobileRow& row : stage) given += row.repeat;
  int left = static_cast<int>(round ? std::max(1.0, std::nearbyint(given * depth)) : std::ceil(given * depth));
  std::vector<const MobileRow*> blocks;
  for (auto row = stage.rbegin(); row != stage.rend(); row++) {
    int n = std::max(1, static_cast<int>(std::nearbyint(static_cast<double>(row->repeat) / given * left)));
    given -= row->repeat, left -= n;
    blocks.insert(blocks.begin(), static_cast<size_t>(n), &*row);
  }
  return blocks;
}

double depth_of(const MobileNet& m, size_t stage) {
  if (m.fixed_ends && (stage == 0 || stage + 1 == m.stages.size())) return 1;
  return m.late_depth > 0 && stage + 2 >= m.stages.size() ? m.late_depth : m.depth;
}

// The maps of the last two stages.
std::array<Tensor, 2> trunk(Scope s, Tensor x, const MobileNet& m, float drop) {
  std::vector<std::vector<const MobileRow*>> stages;
  size_t total = 0, done = 0;
  for (const MobileStage& stage : m.stages) {
    stages.push_back(unrolled(stage, depth_of(m, stages.size()), m.round_depth));
    total += stages.back().size();
  }
  bool deep = false;  // the map is halved already, its channels fourfold
  Tensor before;
  for (size_t i = 0; i < stages.size(); i++) {
    before = x;
    for (size_t j = 0; j < stages[i].size(); j++, done++) {
      const MobileRow& row = *stages[i][j];
      Scope at = s["blocks"][static_cast<int>(i)][static_cast<int>(j)];
      MobilePlace b{.s = at, .m = m, .row = row, .stride = j == 0 ? row.stride : 1, .out = m.channels(row.out)};
      b.to_depth = row.to_depth && !deep;
      b.expand = b.to_depth ? 4 : row.expand;
      if (deep && b.stride == 2)
        b.stride = 1, b.expand /= 4, deep = false;
      else if (deep || b.to_depth)
        b.out *= 4, deep = true;
      if (m.pruned) b.out = m.pruned->outs[i], b.pruned = &m.pruned->blocks[done];
      b.drop = drop * static_cast<float>(done) / static_cast<float>(total);
      x = at.out(mobile_block(b, x));
    }
  }
  return {before, x};
}

Tensor stem(Scope s, Tensor image, const MobileNet& m) {
  int out = m.fixed_stem ? m.stem : m.channels(m.stem);
  ConvOptions halving{.stride = 2, .pad = m.pad, .bias = m.nested_stem, .init = group_fan_out_normal};
  Tensor x = conv(m.nested_stem ? s["conv_stem"]["conv"] : s["conv_stem"], image, out, m.stem_window, halving);
  x = mobile_norm(m.nested_stem ? s["conv_stem"]["bn"] : s["bn1"], x, m, m.act);
  return m.stages[0][0].stride == 2 ? s["bn1"].feature(x) : x;  // else the first stage has this size
}

// The smaller map grows to the larger one; the result has 16 x 16 pixels.
Tensor fuse_scales(Scope s, Tensor large, Tensor small, MobileNet m) {
  constexpr int kSide = 16;
  Tensor both[] = {large, resize_nearest(small, large.h(), large.w())};
  MobileRow row = mobile::universal(1, 0, 0, 1, 2, m.features);
  row.shortcut = false, m.layer_scale = 0;
  Tensor x = mobile_block({.s = s["ffn"], .m = m, .row = row, .stride = 1, .out = m.features, .expand = 2}, concat(both, 3));
  bool whole = x.h() % kSide == 0 && x.w() % kSide == 0;
  Pair window(x.h() / kSide, x.w() / kSide);
  x = whole ? avg_pool(x, window, window) : resize_bilinear(x, kSide, kSide);
  return mobile_norm(s["norm"], x, m);
}

// [n,h,w,c] -> [n,features]
Tensor head(Scope s, const std::array<Tensor, 2>& maps, const MobileNet& m) {
  Tensor x = maps[1];
  auto last = [&](bool bias) {
    return conv(s["conv_head"], x, m.features, 1, {.bias = bias, .init = group_fan_out_normal});
  };
  if (m.head == MobileHead::before_pool) x = mobile_norm(s["bn2"], last(false), m, m.act);
  if (m.head == MobileHead::two_scales) x = fuse_scales(s["msfa"], maps[0], maps[1], m);
  x = reduce_mean(x, {1, 2});  // [n,1,1,c]
  if (m.head == MobileHead::after_pool) x = activation(last(m.head_bias), m.act);
  if (m.head == MobileHead::after_pool_norm) x = mobile_norm(s["norm_head"], last(false), m, m.act);
  return reshape(x, {x.n(), x.c()});
}

}  // namespace

Tensor mobile_net(Scope s, Tensor image, const MobileNet& m, const MobileRates& r) {
  Tensor x = head(s, trunk(s, stem(s, image, m), m, r.drop_path), m);
  return linear(s["classifier"], dropout(s["classifier"], x, r.drop), r.classes, {.init = fan_out_uniform});
}

}  // namespace fovea
