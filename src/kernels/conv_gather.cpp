// Planning: phases, panels, slices of the depth, shares of the work.
#include "kernels/conv_gather.h"

#include <algorithm>

#include "base/error.h"
#include "kernels/conv_split.h"

namespace fovea::kernels {
namespace {

constexpr int64_t kSliceFloats = 64 * 1024;  // of packed weights: a quarter of the L2 of current CPUs, measured best
constexpr int64_t kChunkPixels = 256;        // enough for a slice of weights to be read from L3 for nothing
constexpr int64_t kPaddedPixels = 512;       // of a chunk of copied rows

struct Reach {
  int offset, tap;
};

// The taps of one dimension that output position `start` (modulo the output step) sees, by input offset.
std::vector<Reach> reach(bool forward, int taps, int dilation, int pad, int stride, int start) {
  std::vector<Reach> all;
  for (int i = 0; i < taps; i++) {
    const int tap = forward ? i : taps - 1 - i;
    if (forward) all.push_back({tap * dilation - pad, tap});
    if (!forward && (start + pad - tap * dilation) % stride == 0)
      all.push_back({(start + pad - tap * dilation) / stride, tap});
  }
  return all;
}

bool consecutive(const std::vector<Reach>& all) {
  for (size_t i = 1; i < all.size(); i++) {
    if (all[i].offset != all[i - 1].offset + 1) return false;
  }
  return true;
}

}  // namespace

GatherConv::GatherConv(const ConvShape& s, Direction direction, int threads, const Operand& operand)
    : shape_(s), forward_(direction == Direction::forward), operand_(operand), tiles_(*operand_.tiles), threads_(threads) {
  FOVEA_CHECK(forward_ || !operand_.round);
  FOVEA_CHECK(!operand_.integers || int64_t{s.kh} * s.kw * (s.c / s.groups) <= kInt8Terms);
  in_h_ = forward_ ? s.h : s.oh(), in_w_ = forward_ ? s.w : s.ow();
  in_channels_ = s.groups * static_cast<int>(operand_.words((forward_ ? s.c : s.o) / s.groups));
  out_h_ = forward_ ? s.oh() : s.h, out_w_ = forward_ ? s.ow() : s.w, out_channels_ = forward_ ? s.o : s.c;
  in_step_y_ = forward_ ? s.sh : 1, in_step_x_ = forward_ ? s.sw : 1;
  out_step_y_ = forward_ ? 1 : s.sh, out_step_x_ = forward_ ? 1 : s.sw;
  joined_ = groups_to_join(s.groups, out_channels_ / s.groups, tiles_.lanes);
  panel_in_ = in_channels_ / s.groups * joined_;
  add_phases();
  add_panels();
  const size_t width = panels_.back().offset + panels_.back().width;
  for (Phase& phase : phases_) {
    phase.packed = packed_floats_;
    packed_floats_ += phase.taps.size() * panel_in_ * width;
    split_depth(phase);
    split_work(phase);
    max_chunk_ = std::max(max_chunk_, phase.chunk_pixels);
    max_terms_ = std::max<int64_t>(max_terms_, phase.terms);
  }
  if (operand_.integers) scales_ = packed_floats_, packed_floats_ += 2 * static_cast<size_t>(s.o);
  if (operand_.round) pad_floats_ = most_read(phases_[0]) * in_channels_;
  const size_t pointers = (max_terms_ + 1) * max_chunk_ + max_terms_;
  thread_bytes_ = round_up(pointers * sizeof(float*), 64) + round_up((in_channels_ + pad_floats_) * sizeof(float), 64);
}

std::string GatherConv::name() const {
  return padded_ ? "gather, padded rows" : operand_.round ? std::string("gather ") + operand_.name : "gather";
}

void GatherConv::add_panels() {
  const int span = out_channels_ / shape_.groups * joined_;
  size_t offset = 0;
  for (int group = 0; group < shape_.groups / joined_; group++) {
    const Parts parts(tiles_.vectors_for(span), padded_ ? std::min(tiles_.vectors, TileSet::kLineVectors) : tiles_.vectors);
    for (int i = 0; i < parts.count; i++) {
      const int begin = static_cast<int>(parts.begin(i)) * tiles_.lanes,
                width = static_cast<int>(parts.size(i)) * tiles_.lanes;
      panels_.push_back({group * panel_in_, group * span + begin, std::min(width, span - begin), width, offset});
      offset += width;
    }
  }
}

void GatherConv::add_phases() {
  const ConvShape& s = shape_;
  padded_ = !operand_.round && s.groups == 1 && s.kw > 1 && in_channels_ <= tiles_.line_channels[in_step_x_ > 1];
  for (int y0 = 0; y0 < std::min(out_step_y_, out_h_); y0++) {
    for (int x0 = 0; x0 < std::min(out_step_x_, out_w_); x0++) {
      Phase phase{};
      phase.y0 = y0, phase.x0 = x0;
      phase.rows = (out_h_ - y0 + out_step_y_ - 1) / out_step_y_, phase.cols = (out_w_ - x0 + out_step_x_ - 1) / out_step_x_;
      const auto columns = reach(forward_, s.kw, s.dw, s.pl, s.sw, x0);
      padded_ = padded_ && consecutive(columns);
      for (Reach y : reach(forward_, s.kh, s.dh, s.pt, s.sh, y0)) {
        for (Reach x : columns) phase.taps.push_back({y.offset, x.offset, y.tap, x.tap});
        phase.terms += !columns.empty();
      }
      phases_.push_back(phase);
    }
  }
  for (Phase& phase : phases_) {
    if (!padded_) phase.terms = static_cast<int>(phase.taps.size());
    phase.depth = phase.terms ? static_cast<int>(phase.taps.size()) / phase.terms * panel_in_ : 0;
  }
}

void GatherConv::split_depth(Phase& phase) const {
  const int64_t most = std::max<int64_t>(1, kSliceFloats / tiles_.width());
  if (phase.terms == 0) phase.slices.push_back({0, 0, 0, 0});  // no tap reaches these pixels: they become zero
  if (phase.depth < most) {
    const Parts parts(phase.terms, most / std::max(1, phase.depth));
    for (int i = 0; i < parts.count; i++) phase.slices.push_back({int(parts.begin(i)), int(parts.end(i)), 0, phase.depth});
    return;
  }
  const Parts parts(phase.depth, most);
  for (int t = 0; t < phase.terms; t++) {
    for (int i = 0; i < parts.count; i++) phase.slices.push_back({t, t + 1, int(parts.begin(i)), int(parts.end(i))});
  }
}

// The input pixels [first, second) that some output pixels see, and those between. Forward.
std::pair<int64_t, int64_t> GatherConv::reads(const Phase& phase, int64_t first, int64_t pixels) const {
  const ConvShape& s = shape_;
  if (s.kh == 1 && s.kw == 1 && s.sh == 1 && s.sw == 1 && in_h_ == out_h_ && in_w_ == out_w_) return {first, first + pixels};
  const auto row = [&](int64_t p, const Tap& tap) {
    const int64_t image = p / phase.cols / phase.rows, y = p / phase.cols % phase.rows * in_step_y_ + tap.dy;
    return image * in_h_ + std::clamp<int64_t>(y, 0, in_h_ - 1);
  };
  return {row(first, phase.taps.front()) * in_w_, (row(first + pixels - 1, phase.taps.back()) + 1) * in_w_};
}

// Of any chunk that run() or run_part() may ask for.
int64_t GatherConv::most_read(const Phase& phase) const {
  const int64_t all = int64_t{shape_.n} * phase.rows * phase.cols;
  int64_t most = 0;
  for (int64_t at = 0; at < all; at += phase.cols) {  // from a row's first pixel, and from its last
    for (int64_t first : {at, at + phase.cols - 1}) {
      const auto [begin, end] = reads(phase, first, std::min(phase.chunk_pixels, all - first));
      most = std::max(most, end - begin);
    }
  }
  return most;
}

// Chunks of rows of one image: enough of them that few rows are copied twice.
void GatherConv::split_rows(Phase& phase) {
  int64_t count = ceil_div(phase.rows, std::max<int64_t>(1, kPaddedPixels / phase.cols));
  while (shape_.n * count % threads_ != 0 && count < phase.rows) count++;
  phase.chunks = shape_.n * count, phase.panel_groups = 1, phase.chunk_pixels = 1;
  if (phase.terms == 0) return;
  const int64_t rows = ceil_div(phase.rows, count), span = phase.taps.back().dy - phase.taps.front().dy + 1;
  phase.padded_cols = (int64_t{phase.cols} - 1) * in_step_x_ + phase.taps_x();
  pad_floats_ = std::max(pad_floats_, ((rows - 1) * in_step_y_ + span) * phase.padded_cols * in_channels_);
}

// Chunks of pixels x groups of panels, of which every thread gets the same number, group by group. Splitting pixels makes
// every thread read all weights, splitting panels makes it read all pixels: the cheapest mixture wins.
void GatherConv::split_work(Phase& phase) {
  if (padded_) return split_rows(phase);
  const int64_t pixels = int64_t{shape_.n} * phase.rows * phase.cols, panels = static_cast<int64_t>(panels_.size());
  const double weights = double(phase.terms) * phase.depth * panels * tiles_.width(), image = double(pixels) * in_channels_;
  double best = 0;
  for (int64_t groups = 1; groups <= panels; groups++) {
    if (groups > threads_ && groups < panels) continue;  // few of them, or all for the evenest shares
    int64_t chunks = std::max<int64_t>(1, ceil_div(pixels, kChunkPixels));
    while (chunks * groups % threads_ != 0 && chunks < pixels) chunks++;
    const int64_t tasks = ceil_div(chunks * groups, threads_), touched = std::min(tasks, chunks);
    const double products = double(phase.terms) * phase.depth * tiles_.width() *
                            double(ceil_div(panels, groups) * ceil_div(pixels, chunks) * tasks);
    const double reads =
        weights * double(ceil_div(tasks, chunks)) / double(groups) + image * double(touched) / double(chunks);
    const double cost = products / 32 + reads;  // cycles, roughly: 32 products or one float from L3
    if (groups == 1 || cost < best) best = cost, phase.chunks = chunks, phase.panel_groups = groups;
  }
  phase.chunk_pixels = ceil_div(pixels, phase.chunks);
}

}  // namespace fovea::kernels
