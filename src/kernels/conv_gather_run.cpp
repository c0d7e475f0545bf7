// Packing and running.
#include <algorithm>
#include <cstring>

#include "kernels/conv_gather.h"
#include "kernels/conv_split.h"
#include "kernels/gemm_pack.h"

namespace fovea::kernels {
namespace {

constexpr int64_t kEpilogueTiles = 8;  // a call per that many tiles: the block is still in L1, and calls are few
constexpr int64_t kAhead = 8192;       // floats: how long before their turn pixels are asked for

// Brings floats into L2 that are read soon, or written.
template <int kWrite = 0>
void fetch(const float* from, int64_t floats) {
  for (int64_t i = 0; i < floats; i += 16) __builtin_prefetch(from + i, kWrite, 2);
}

void fill_pointers(const float** to, int64_t n, const float* first, int64_t step) {
  for (int64_t i = 0; i < n; i++) to[i] = first + i * step;
}

}  // namespace

struct GatherConv::Space {
  const float** in;  // [terms][chunk]
  float** out;       // [chunk]
  const float** a;   // [terms] weights of a panel
  float* zeros;      // [in_channels]
  float* pad;        // padded rows, or rounded pixels
  int64_t chunk;     // that all this was made for
};

struct GatherConv::Job {
  const float* in;
  const float* packed;
  float* out;
  const Epilogue* epilogue;
  bool part = false;   // of what a region does: in and out are in L2
  int64_t origin = 0;  // the pixel where `in` begins

  Job without_epilogue() const { return {in, packed, out, nullptr, part, origin}; }
};

GatherConv::Space GatherConv::space(void* work, int thread) const {
  char* base = static_cast<char*>(work) + thread * thread_bytes_;
  Space s{};
  s.in = reinterpret_cast<const float**>(base);
  s.out = const_cast<float**>(s.in + max_terms_ * max_chunk_);
  s.a = const_cast<const float**>(s.out + max_chunk_);
  const size_t pointers = ((max_terms_ + 1) * max_chunk_ + max_terms_) * sizeof(float*);
  s.zeros = reinterpret_cast<float*>(base + (pointers + 63) / 64 * 64);
  s.pad = s.zeros + in_channels_;
  s.chunk = -1;
  return s;
}

void GatherConv::pack(const float* w, float* packed, Pool& pool) const {
  const int64_t panels = static_cast<int64_t>(panels_.size());
  std::vector<float> words;
  if (operand_.round) {
    words.resize(static_cast<size_t>(shape_.o) * shape_.kh * shape_.kw * operand_.words(shape_.c / shape_.groups));
    round_weights(w, words.data(), packed, pool);
    w = words.data();
  }
  pool.each(static_cast<int64_t>(phases_.size()) * panels,
            [&](int64_t i) { pack_panel(phases_[i / panels], panels_[i % panels], w, packed); });
}

void GatherConv::round_weights(const float* w, float* words, float* packed, Pool& pool) const {
  const int64_t c = shape_.c / shape_.groups, taps = int64_t{shape_.kh} * shape_.kw, each = taps * operand_.words(c);
  pool.each(shape_.o, [&](int64_t o) {
    float *to = words + o * each, *scale = packed + scales_ + o;
    if (!operand_.integers) return operand_.round(to, w + o * taps * c, taps, c, {});
    const Int8Weights all = quantize_weights(to, w + o * taps * c, taps, c);
    const int32_t offset = operand_.x.zero * all.sum;
    *scale = operand_.x.scale * all.scale;
    std::memcpy(scale + shape_.o, &offset, sizeof(offset));
  });
}

// [tap][input channel][width], zeros where channels are of different groups and beyond the last column.
void GatherConv::pack_panel(const Phase& phase, const Panel& panel, const float* w, float* packed) const {
  const ConvShape& s = shape_;
  const int64_t in = in_channels_ / s.groups, out = out_channels_ / s.groups, cg = forward_ ? in : out;
  const int64_t o_step = int64_t{s.kh} * s.kw * cg;
  float* dst = packed + phase.packed + phase.taps.size() * panel_in_ * panel.offset;
  for (const Tap& tap : phase.taps) {
    const float* tap_w = w + (int64_t{tap.u} * s.kw + tap.v) * cg;
    if (joined_ > 1 || panel.cols < panel.width) std::fill_n(dst, int64_t{panel_in_} * panel.width, 0.0f);
    for (int64_t m = panel.out_c; m < panel.out_c + panel.cols;) {
      const int64_t group = m / out, end = std::min<int64_t>((group + 1) * out, panel.out_c + panel.cols);
      const float* src = forward_ ? tap_w + m * o_step : tap_w + group * in * o_step + (m - group * out);
      float* to = dst + (group * in - panel.in_c) * panel.width + (m - panel.out_c);
      kernels::pack_panel(src, forward_ ? o_step : 1, forward_ ? 1 : o_step, end - m, in, to, panel.width);
      m = end;
    }
    dst += int64_t{panel_in_} * panel.width;
  }
}

void GatherConv::run(const float* in, const float* packed, float* out, void* work, Pool& pool,
                     const Epilogue* epilogue) const {
  const Job job{in, packed, out, epilogue};
  const int threads = std::min(threads_, pool.size());
  pool.run([&](int thread) {
    if (thread >= threads) return;
    Space s = space(work, thread);
    std::memset(s.zeros, operand_.x.zero, in_channels_ * sizeof(float));
    for (const Phase& phase : phases_) {
      const auto [begin, end] = share(phase.chunks * phase.panel_groups, thread, threads);
      for (int64_t i = begin; i < end; i++) run_chunk(job, phase, i % phase.chunks, i / phase.chunks, s);
    }
  });
}

void GatherConv::run_chunk(const Job& job, const Phase& phase, int64_t chunk, int64_t group, Space& s) const {
  if (padded_) {
    const int64_t chunks = phase.chunks / shape_.n, part = chunk % chunks;
    return run_rows(job, phase, chunk / chunks, phase.rows * part / chunks, phase.rows * (part + 1) / chunks, s);
  }
  const int64_t all = int64_t{shape_.n} * phase.rows * phase.cols;
  const int64_t first = all * chunk / phase.chunks, pixels = all * (chunk + 1) / phase.chunks - first;
  if (s.chunk != chunk || phases_.size() > 1)
    point(operand_.round ? staged(job, phase, first, pixels, s) : job, phase, first, pixels, s);
  s.chunk = chunk;  // the next group's turn finds it so
  const int64_t panels = static_cast<int64_t>(panels_.size());
  const int64_t begin = panels * group / phase.panel_groups, end = panels * (group + 1) / phase.panel_groups;
  // A program finishes all channels of the chunk at once: its operands then lie together, as they do in memory.
  const bool program = job.epilogue && !job.epilogue->finish && begin == 0 && end == panels;
  const Job products = program ? job.without_epilogue() : job;
  for (int64_t i = begin; i < end; i++) run_panel(products, phase, panels_[i], first, pixels, s);
  if (program) (*job.epilogue)(s.out[0], first, pixels, out_channels_, 0, out_channels_);
}

int64_t GatherConv::most_rows(const Phase& phase) const { return ceil_div(phase.rows, phase.chunks / shape_.n); }

void GatherConv::run_part(const float* in, const float* packed, float* out, void* work, int64_t first, int64_t count,
                          const Epilogue* epilogue) const {
  const Job job{in, packed, out, epilogue, true};
  const Phase& phase = phases_[0];
  Space s = space(work, 0);
  std::memset(s.zeros, operand_.x.zero, in_channels_ * sizeof(float));
  const int64_t step = padded_ ? most_rows(phase) * phase.cols : max_chunk_;
  for (int64_t at = first, end = first + count; at < end; at += step) {
    const int64_t n = std::min(step, end - at), row = at / phase.cols, y = row % phase.rows;
    if (padded_) {
      run_rows(job, phase, row / phase.rows, y, y + n / phase.cols, s);
    } else {
      point(operand_.round ? staged(job, phase, at, n, s) : job, phase, at, n, s);
      for (const Panel& panel : panels_) run_panel(job, phase, panel, at, n, s);
    }
  }
}

void GatherConv::run_panel(const Job& job, const Phase& phase, const Panel& panel, int64_t first, int64_t pixels,
                           Space& s) const {
  const float* weights = job.packed + phase.packed + phase.taps.size() * panel_in_ * panel.offset;
  const int vectors = panel.width / tiles_.lanes;
  const Parts parts(pixels, tiles_.rows_form_rows[vectors - 1]);
  const int64_t c0 = panel.out_c, c1 = c0 + panel.cols;
  const float *scale = operand_.integers ? job.packed + scales_ : nullptr, *offset = scale ? scale + out_channels_ : nullptr;
  Tile tile{};
  tile.a = s.a, tile.lda = panel.width, tile.b_step = max_chunk_, tile.c_offset = c0, tile.cols = panel.cols;
  const bool streams = !job.part && &panel == &panels_[0] && phase.terms == 1 && phase.slices.size() == 1;
  for (const Slice& slice : phase.slices) {
    const bool last = &slice == &phase.slices.back();
    if (last) tile.finish = {job.epilogue ? job.epilogue->finish : nullptr, job.out, c0, scale, offset};
    tile.terms = slice.t1 - slice.t0, tile.depth = slice.k1 - slice.k0, tile.b_offset = panel.in_c + slice.k0;
    for (int64_t t = 0; t < tile.terms; t++)
      s.a[t] = weights + ((slice.t0 + t) * int64_t{phase.depth} + slice.k0) * panel.width;
    // While this slice is at work the next one is fetched, a line per step at most.
    const int64_t floats = tile.terms * tile.depth * panel.width;
    tile.ahead_step = std::min<int64_t>(64, panel.width * int64_t{sizeof(float)} / parts.count + 1);
    int64_t done = 0;
    for (int64_t i = 0; i < parts.count; i++) {
      tile.ahead = reinterpret_cast<const char*>(s.a[0] + floats + floats * i / parts.count);
      tile.b = s.in + slice.t0 * max_chunk_ + parts.begin(i), tile.c = s.out + parts.begin(i);
      if (!job.part && &slice == &phase.slices[0]) fetch_outputs(tile.c, parts.size(i), panel);
      if (streams) {  // pixels instead, a line per sixteen of their numbers
        tile.ahead = reinterpret_cast<const char*>(tile.b[0] + kAhead);
        tile.ahead_step = parts.size(i) * int64_t{sizeof(float)};
      }
      tiles_.rows_form[vectors - 1][parts.size(i) - 1](tile);
      if (!last || !job.epilogue || tile.finish.finish || ((i + 1) % kEpilogueTiles != 0 && i + 1 < parts.count)) continue;
      (*job.epilogue)(s.out[done] + c0, first + done, parts.end(i) - done, out_channels_, c0, c1);
      done = parts.end(i);
    }
    tile.accumulate = true;
  }
}

// Asks for the outputs that come some tiles later, as if all lay in a row.
void GatherConv::fetch_outputs(float* const* out, int64_t pixels, const Panel& panel) const {
  const int64_t ahead = kAhead / out_channels_ * out_channels_ + panel.out_c;
  for (int64_t i = 0; i < pixels; i++) fetch<1>(out[i] + ahead, panel.cols);
}

// The job as it is after its input pixels have been rounded into the workspace.
GatherConv::Job GatherConv::staged(Job job, const Phase& phase, int64_t first, int64_t pixels, Space& s) const {
  const auto [begin, end] = reads(phase, first, pixels);
  int64_t rows = (end - begin) * shape_.groups, c = shape_.c / shape_.groups;
  if (c % operand_.channels == 0) c *= rows, rows = 1;  // nothing between them
  operand_.round(s.pad, job.in + begin * shape_.c, rows, c, operand_.x);
  job.in = s.pad, job.origin = begin;
  return job;
}

// The pointers of a chunk: outputs, and for every tap its input pixels, or zeros outside the image.
void GatherConv::point(const Job& job, const Phase& phase, int64_t first, int64_t pixels, Space& s) const {
  for (int64_t at = 0, n = 0; at < pixels; at += n) {  // runs of pixels in one row
    const int64_t p = first + at, qx = p % phase.cols, qy = p / phase.cols % phase.rows, image = p / phase.cols / phase.rows;
    n = std::min(pixels - at, phase.cols - qx);
    fill_pointers(const_cast<const float**>(s.out) + at, n, out_pixel(job, phase, p), int64_t{out_step_x_} * out_channels_);
    const float** to = s.in + at;
    for (const Tap& tap : phase.taps) {
      const int64_t iy = qy * in_step_y_ + tap.dy, ix = qx * in_step_x_ + tap.dx;
      int64_t lo = std::clamp<int64_t>(ceil_div(-ix, in_step_x_), 0, n),
              hi = std::clamp<int64_t>(ceil_div(in_w_ - ix, in_step_x_), lo, n);
      if (iy < 0 || iy >= in_h_) lo = hi = n;
      fill_pointers(to, lo, s.zeros, 0);
      const int64_t step = int64_t{in_step_x_} * in_channels_;
      if (lo < hi)
        fill_pointers(to + lo, hi - lo,
                      job.in + ((image * in_h_ + iy) * in_w_ + ix + lo * in_step_x_ - job.origin) * in_channels_, step);
      fill_pointers(to + hi, n - hi, s.zeros, 0);
      to += max_chunk_;
    }
  }
}

// Where the output of pixel p of a phase lies.
float* GatherConv::out_pixel(const Job& job, const Phase& phase, int64_t p) const {
  const int64_t qx = p % phase.cols, qy = p / phase.cols % phase.rows, image = p / phase.cols / phase.rows;
  const int64_t oy = phase.y0 + qy * out_step_y_, ox = phase.x0 + qx * out_step_x_;
  return job.out + ((image * out_h_ + oy) * out_w_ + ox) * out_channels_;
}

// Some rows of one image: copied with zeros around, so that the taps of a kernel row see one run of pixels.
void GatherConv::run_rows(const Job& job, const Phase& phase, int64_t image, int64_t y0, int64_t y1, Space& s) const {
  if (phase.terms) copy_padded(job, phase, image, y0, y1, s);
  const int64_t in_row = int64_t{in_w_} * in_channels_, in_rows = int64_t{shape_.n} * in_h_;
  for (const Panel& panel : panels_) {
    for (int64_t y = y0; y < y1; y++) {
      const int64_t ahead = image * in_h_ + (y + y1 - y0) * in_step_y_;  // where the next chunk copies from, about
      if (&panel == &panels_[0] && ahead + in_step_y_ <= in_rows) fetch(job.in + ahead * in_row, in_step_y_ * in_row);
      run_row(job, phase, panel, image * phase.rows + y, y - y0, s);
    }
  }
  if (!job.epilogue || job.epilogue->finish) return;
  const int64_t first = (image * phase.rows + y0) * phase.cols;
  (*job.epilogue)(job.out + first * out_channels_, first, (y1 - y0) * phase.cols, out_channels_, 0, out_channels_);
}

void GatherConv::copy_padded(const Job& job, const Phase& phase, int64_t image, int64_t y0, int64_t y1, Space& s) const {
  const int64_t c = in_channels_, width = phase.padded_cols, x_min = phase.taps.front().dx;
  const int64_t lo = std::clamp<int64_t>(-x_min, 0, width), hi = std::clamp<int64_t>(in_w_ - x_min, lo, width);
  const int64_t first = y0 * in_step_y_ + phase.taps.front().dy, last = (y1 - 1) * in_step_y_ + phase.taps.back().dy;
  float* to = s.pad;
  for (int64_t y = first; y <= last; y++, to += width * c) {
    if (y < 0 || y >= in_h_ || lo >= hi) {
      std::fill_n(to, width * c, 0.0f);
      continue;
    }
    std::fill_n(to, lo * c, 0.0f);
    std::memcpy(to + lo * c, job.in + ((image * in_h_ + y) * in_w_ + x_min + lo) * c, (hi - lo) * c * sizeof(float));
    std::fill_n(to + hi * c, (width - hi) * c, 0.0f);
  }
}

// Output row `row` (of all images), which is row y of the chunk whose input was copied.
void GatherConv::run_row(const Job& job, const Phase& phase, const Panel& panel, int64_t row, int64_t y, Space& s) const {
  const float* weights = job.packed + phase.packed + phase.taps.size() * panel_in_ * panel.offset;
  const int vectors = panel.width / tiles_.lanes, step = in_step_x_;
  const LineFn* fns = tiles_.line[step <= 2 && phase.taps_x() > step ? step : 0][vectors - 1];
  const Parts parts(phase.cols, tiles_.line_pixels[vectors - 1]);
  LineTile tile{};
  tile.a = s.a, tile.b = s.in, tile.ldc = int64_t{out_step_x_} * out_channels_, tile.lda = panel.width;
  tile.ldb = in_channels_, tile.terms = phase.terms, tile.depth = in_channels_;
  tile.taps = phase.taps_x(), tile.step = step, tile.cols = panel.cols;
  if (job.epilogue) tile.finish = {job.epilogue->finish, job.out, panel.out_c};
  float* out = out_pixel(job, phase, row * phase.cols) + panel.out_c;
  for (int64_t i = 0; i < parts.count; i++) {
    for (int t = 0; t < phase.terms; t++) {
      const int64_t in_row = y * in_step_y_ + phase.taps[t * phase.taps_x()].dy - phase.taps.front().dy;
      s.a[t] = weights + int64_t{t} * phase.depth * panel.width;
      s.in[t] = s.pad + (in_row * phase.padded_cols + parts.begin(i) * step) * in_channels_;
    }
    tile.c = out + parts.begin(i) * tile.ldc;
    fns[parts.size(i) - 1](tile);
  }
}

}  // namespace fovea::kernels
