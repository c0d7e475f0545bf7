// What the depthwise classes share: weights packed by channel blocks, and the walk of windows over the rows of an image.
#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "base/cpu.h"
#include "kernels/depthwise_plan.h"
#include "kernels/shapes.h"

namespace fovea::kernels {

// Packed weights: [block][kh][order of the plan][lanes], zero beyond the last channel.
struct DepthwisePacking {
  const DepthwiseTable& isa;
  int channels, kh;
  std::vector<int> order;  // kernel column of every packed tap

  int lanes() const { return isa.lanes; }
  int64_t kw() const { return static_cast<int64_t>(order.size()); }
  int blocks() const { return (channels + lanes() - 1) / lanes(); }
  int64_t row() const { return kw() * lanes(); }
  int64_t block() const { return row() * kh; }
  size_t floats() const { return static_cast<size_t>(block() * blocks()); }
  int width(int b) const { return b + 1 < blocks() ? lanes() : channels - b * lanes(); }  // channels of block b

  void pack(const float* w, float* packed, int b) const;  // from [c,kh,kw]
  // To [c,kh,kw], the sum of some packed parts; it is taken in their order, in the first.
  void unpack(float* parts, int64_t n, float* w, int b) const;
};

// Some rows of one channel block of one image.
struct DepthwisePart {
  int row, height, block;
  TileFinish finish = {};
};

// Windows over a source image give a destination image; forward, or backward with the transposed plan.
struct DepthwiseWalk {
  const DepthwiseTable& isa;
  int images, source_h, source_w, h, w, channels;  // h, w: of the destination
  WindowTaps rows;
  DepthwiseColumns columns;

  // Runs kernel on every tile of a part, down its rows. `scratch` takes a compact copy of what they read, if that pays.
  void run(void (*const* kernels)(const DepthwiseStrip&), const DepthwisePart& part, const DepthwisePacking& packing,
           const float* source, float* packed, float* pixels, float* scratch) const;
  // Rows of a strip, so that what all channels of it read stays in L2.
  int strip_rows() const;
  size_t scratch_floats(int height) const;

 private:
  bool far() const;
  std::pair<int, int> reads(int row, int height) const;
  bool compact() const;
};

// y from x, or dx from dy.
DepthwiseWalk depthwise_walk(const ConvShape& s, Direction direction, Isa isa);

}  // namespace fovea::kernels
