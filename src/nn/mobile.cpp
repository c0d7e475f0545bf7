#include "nn/mobile.h"

#include <algorithm>
#include <cmath>

#include "nn/channel_attention.h"
#include "ops/pointwise.h"

namespace fovea {

namespace {

// One block: where its parameters live, its row, its stride and its own drop-path rate.
struct Block {
  Scope s;
  const MobileTrunk& m;
  const MobileRow& row;
  int stride, out;
  float drop;
  Act act() const { return row.act == Act::none ? m.act : row.act; }
};

Tensor conv_norm(const Block& b, const char* name, const char* norm, Tensor x, int out, int window = 1, int stride = 1,
                 int groups = 1) {
  x = conv(b.s[name], x, out, window, {.stride = stride, .pad = b.m.pad, .groups = groups, .init = group_fan_out_normal});
  return batch_norm(b.s[norm], x, b.m.eps);
}

Tensor squeeze(const Block& b, Tensor x) {
  if (!b.row.squeeze) return x;
  int hidden = b.m.squeeze_relu ? round_channels(x.c() * 0.25) : static_cast<int>(std::nearbyint(x.c() * 0.25));
  return squeeze_excite(b.s["se"], x,
                        {.hidden = hidden,
                         .act = b.m.squeeze_relu ? Act::relu : b.act(),
                         .gate = Act::hard_sigmoid,
                         .reduce = "conv_reduce",
                         .expand = "conv_expand",
                         .init = group_fan_out_normal});
}

Tensor depthwise(const Block& b, const char* norm, Tensor x) {
  return squeeze(b, activation(conv_norm(b, "conv_dw", norm, x, x.c(), b.row.window, b.stride, x.c()), b.act()));
}

Tensor shortcut(const Block& b, Tensor x, Tensor y) {
  return b.row.shortcut && b.stride == 1 && x.shape() == y.shape() ? x + drop_path(b.s, y, b.drop) : y;
}

// The 1x1 convolution at the end of a block.
Tensor projection(const Block& b, const char* name, const char* norm, Tensor x) {
  return activation(conv_norm(b, name, norm, x, b.out), b.row.active_end ? b.act() : Act::none);
}
Tensor separable(const Block& b, Tensor x) {
  return shortcut(b, x, projection(b, "conv_pw", "bn2", depthwise(b, "bn1", x)));
}
Tensor inverted(const Block& b, Tensor x) {
  Tensor y = activation(conv_norm(b, "conv_pw", "bn1", x, round_channels(x.c() * b.row.expand)), b.act());
  return shortcut(b, x, projection(b, "conv_pwl", "bn3", depthwise(b, "bn2", y)));
}
Tensor conv_block(const Block& b, Tensor x) {
  return activation(conv_norm(b, "conv", "bn1", x, b.out, b.row.window, b.stride), b.act());
}

Tensor block(const Block& b, Tensor x) {  // [n,h,w,c] -> [n,h/stride,w/stride,out]
  switch (b.row.block) {
    case MobileBlock::separable: return separable(b, x);
    case MobileBlock::inverted: return inverted(b, x);
    case MobileBlock::conv: return conv_block(b, x);
  }
  return x;
}

// The rows of a stage, one by one. Depth multiplies their number: rounded up, then shared out from the last row on.
std::vector<const MobileRow*> unrolled(const MobileStage& stage, double depth) {
  int given = 0;
  for (const MobileRow& row : stage) given += row.repeat;
  int left = static_cast<int>(std::ceil(given * depth));
  std::vector<const MobileRow*> blocks;
  for (auto row = stage.rbegin(); row != stage.rend(); row++) {
    int n = std::max(1, static_cast<int>(std::nearbyint(static_cast<double>(row->repeat) / given * left)));
    given -= row->repeat, left -= n;
    blocks.insert(blocks.begin(), static_cast<size_t>(n), &*row);
  }
  return blocks;
}

}  // namespace

Tensor mobile_trunk(Scope s, Tensor image, const MobileTrunk& m, float drop) {
  int stem = m.fixed_stem ? m.stem : round_channels(m.stem * m.width);
  Tensor x = conv(s["conv_stem"], image, stem, 3, {.stride = 2, .pad = m.pad, .init = group_fan_out_normal});
  x = activation(batch_norm(s["bn1"], x, m.eps), m.act);
  std::vector<std::vector<const MobileRow*>> stages;
  size_t total = 0;
  for (const MobileStage& stage : m.stages) {
    bool end = &stage == &m.stages.front() || &stage == &m.stages.back();
    stages.push_back(unrolled(stage, m.fixed_ends && end ? 1 : m.depth));
    total += stages.back().size();
  }
  int done = 0;
  for (size_t i = 0; i < stages.size(); i++)
    for (size_t j = 0; j < stages[i].size(); j++, done++) {
      const MobileRow& row = *stages[i][j];
      Scope at = s["blocks"][static_cast<int>(i)][static_cast<int>(j)];
      float rate = drop * static_cast<float>(done) / static_cast<float>(total);
      x = at.out(block({at, m, row, j == 0 ? row.stride : 1, round_channels(row.out * m.width), rate}, x));
    }
  return x;
}

Tensor mobile_classifier(Scope s, Tensor x, int classes, float drop) {
  return linear(s, dropout(s, x, drop), classes, {.init = fan_out_uniform});
}

}  // namespace fovea
