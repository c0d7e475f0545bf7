#include "kernels/conv_weight.h"

#include <algorithm>
#include <cstring>

#include "kernels/conv_split.h"
#include "kernels/gemm_pack.h"

namespace fovea::kernels {
namespace {

constexpr int64_t kChunkFloats = 96 * 1024;       // of both operands: they stay in L2 while all strips pass
constexpr int64_t kMaxChunkPixels = 512;          // enough to forget the cost of loading and storing the sums
constexpr int64_t kSplitPixels = 512;             // the least worth a sum of its own
constexpr int64_t kSumBytes = int64_t{16} << 20;  // the most that all sums may take
constexpr int64_t kTasks = 32;                    // that many, whatever the threads
constexpr int kFewChannels = 16;
constexpr int kStripOuts = 256;  // output channels of a strip: more strips, finer shares
constexpr int kCopyOuts = 96;    // from here on copying x's part of a strip pays: its rows may lie pages apart

}  // namespace

// Memory that the next chunk reads.
struct WeightConv::Ahead {
  const char *at, *end;
};

struct WeightConv::Space {
  const float** x;       // [terms]
  const float** dy;      // [terms]
  const float** copies;  // [terms] rows of the panel
  float** sum;           // [o] rows of the sum
  float* panel;          // [pixels][width] copy of x's part of a strip
  float* pad;            // padded rows of x
  Ahead next[2];         // x and dy of the next chunk, fetched while this one is at work
};

struct WeightConv::Job {
  const float *x, *dy;
  float* dw;  // or the sums of all splits
};

WeightConv::WeightConv(const ConvShape& shape, Isa isa, int threads)
    : shape_(shape), tiles_(tile_set(isa)), threads_(threads) {
  ConvShape& s = shape_;
  pointwise_ = s.kh == 1 && s.kw == 1 && s.sh == 1 && s.sw == 1 && s.pt == 0 && s.pl == 0 && s.pb == 0 && s.pr == 0;
  padded_ = s.groups == 1 && s.kw > 1 && s.dw == 1 && s.c <= kFewChannels;
  joined_ = groups_to_join(s.groups, s.c / s.groups, tiles_.lanes);
  panel_in_ = s.c / s.groups * joined_, panel_out_ = s.o / s.groups * joined_;
  add_strips();
  split_work();
}

void WeightConv::add_strips() {
  const ConvShape& s = shape_;
  const int span = padded_ ? s.kw * s.c : panel_in_;
  const Parts parts(tiles_.vectors_for(span), tiles_.vectors), outs(panel_out_, kStripOuts);
  for (int u = 0; u < s.kh; u++) {
    for (int v = 0; v < (padded_ ? 1 : s.kw); v++) {
      for (int group = 0; group < s.groups / joined_; group++) {
        for (int i = 0; i < parts.count; i++) {
          const int begin = int(parts.begin(i)) * tiles_.lanes, end = std::min(span, int(parts.end(i)) * tiles_.lanes);
          for (int o = 0; o < outs.count; o++) {
            strips_.push_back({u, v, group * panel_in_ + begin, end - begin, group * panel_out_ + int(outs.begin(o)),
                               int(outs.size(o)), (int64_t{u} * s.kw + v) * panel_in_ + begin});
          }
        }
      }
    }
  }
}

void WeightConv::split_work() {
  const ConvShape& s = shape_;
  const int64_t floats = std::min(panel_in_, tiles_.width()) + s.o;
  const int64_t pixels = int64_t{s.n} * s.oh() * s.ow();
  chunk_pixels_ = std::clamp<int64_t>(kChunkFloats / floats, 64, kMaxChunkPixels);
  if (pointwise_) {
    chunk_rows_ = 1;
    chunks_ = ceil_div(pixels, chunk_pixels_);
  } else {
    const Parts parts(padded_ ? s.oh() : int64_t{s.n} * s.oh(), std::max<int64_t>(1, chunk_pixels_ / s.ow()));
    chunks_ = padded_ ? s.n * parts.count : parts.count;
    chunk_rows_ = ceil_div(parts.n, parts.count);
  }
  const int64_t strips = static_cast<int64_t>(strips_.size()), sum_bytes = s.o * sum_row() * int64_t{sizeof(float)};
  const int64_t most = std::min({pixels / kSplitPixels, kSumBytes / sum_bytes, chunks_});
  while (splits_ * strips < kTasks && splits_ * 2 <= most) splits_ *= 2;  // any usual number of threads shares them evenly
  copies_ = panel_out_ >= kCopyOuts && !padded_;
  panel_floats_ = copies_ ? (pointwise_ ? chunk_pixels_ : chunk_rows_ * s.ow()) * tiles_.width() : 0;
  while (strip_groups_ < strips && splits_ * strip_groups_ % threads_ != 0 && splits_ * strip_groups_ < 8 * threads_)
    strip_groups_++;
  const size_t pad = padded_ ? ((chunk_rows_ - 1) * s.sh + (s.kh - 1) * s.dh + 1) * ((s.ow() - 1) * s.sw + s.kw) * s.c : 0;
  thread_bytes_ =
      round_up((3 * chunk_rows_ + s.o) * sizeof(float*), 64) + round_up((panel_floats_ + pad) * sizeof(float), 64);
}

size_t WeightConv::workspace_bytes() const {
  return threads_ * thread_bytes_ + (reduces() ? round_up(splits_ * shape_.o * sum_row() * sizeof(float), 64) : 0);
}

WeightConv::Space WeightConv::space(void* work, int thread) const {
  char* base = static_cast<char*>(work) + thread * thread_bytes_;
  Space space{};
  space.x = reinterpret_cast<const float**>(base);
  space.dy = space.x + chunk_rows_;
  space.copies = space.dy + chunk_rows_;
  space.sum = const_cast<float**>(space.copies + chunk_rows_);
  space.panel = reinterpret_cast<float*>(base + round_up((3 * chunk_rows_ + shape_.o) * sizeof(float*), 64));
  space.pad = space.panel + panel_floats_;
  return space;
}

void WeightConv::run(const float* x, const float* dy, float* dw, void* work, Pool& pool) const {
  const int threads = std::min(threads_, pool.size());
  float* sums = reinterpret_cast<float*>(static_cast<char*>(work) + threads_ * thread_bytes_);
  const Job job{x, dy, reduces() ? sums : dw};
  pool.run([&](int thread) {
    if (thread >= threads) return;
    Space s = space(work, thread);
    const auto [begin, end] = share(splits_ * strip_groups_, thread, threads);
    for (int64_t i = begin; i < end; i++) run_task(job, i / strip_groups_, i % strip_groups_, s);
  });
  if (!reduces()) return;
  pool.run([&](int thread) {
    const auto [begin, end] = share(shape_.o, thread, pool.size());
    reduce(sums, dw, begin, end);
  });
}

void WeightConv::run_task(const Job& job, int64_t split, int64_t group, Space& s) const {
  const int64_t strips = static_cast<int64_t>(strips_.size());
  const int64_t begin = strips * group / strip_groups_, end = strips * (group + 1) / strip_groups_;
  float* sum = job.dw + split * shape_.o * sum_row();
  for (int64_t o = 0; o < shape_.o; o++) s.sum[o] = sum + o * sum_row();
  const int64_t first = chunks_ * split / splits_, last = chunks_ * (split + 1) / splits_;
  for (int64_t chunk = first; chunk < last; chunk++) run_chunk(job, chunk, begin, end, chunk == first, s);
}

void WeightConv::run_chunk(const Job& job, int64_t chunk, int64_t begin, int64_t end, bool first, Space& s) const {
  const auto range = [&](const float* p, int64_t floats) {  // the next chunk's share of an operand, about
    return Ahead{reinterpret_cast<const char*>(p + floats * (chunk + 1) / chunks_),
                 reinterpret_cast<const char*>(p + floats * std::min(chunk + 2, chunks_) / chunks_)};
  };
  s.next[0] = range(job.x, int64_t{shape_.n} * shape_.h * shape_.w * shape_.c);
  s.next[1] = range(job.dy, int64_t{shape_.n} * shape_.oh() * shape_.ow() * shape_.o);
  if (pointwise_) {
    const int64_t all = int64_t{shape_.n} * shape_.h * shape_.w, p0 = all * chunk / chunks_,
                  p1 = all * (chunk + 1) / chunks_;
    s.x[0] = job.x + p0 * shape_.c, s.dy[0] = job.dy + p0 * shape_.o;
    for (int64_t i = begin; i < end; i++) run_strip(i, i > begin, 1, p1 - p0, first, s);
    return;
  }
  const int64_t oh = shape_.oh(), image_chunks = padded_ ? chunks_ / shape_.n : chunks_;
  const int64_t all = padded_ ? oh : shape_.n * oh, part = chunk % image_chunks;
  const int64_t row0 = chunk / image_chunks * oh + all * part / image_chunks;
  const int64_t rows = all * (part + 1) / image_chunks - all * part / image_chunks;
  if (padded_) copy_padded(job, row0, rows, s);
  int64_t terms = 0;
  for (int64_t i = begin; i < end; i++) {
    if (i == begin || strips_[i].u != strips_[i - 1].u) terms = point(job, row0, rows, strips_[i].u, s);
    run_strip(i, i > begin, terms, 0, first, s);
  }
}

// A strip over the rows that s.x and s.dy point to. pixels: of a pointwise chunk; follows: the strip before it was just run.
void WeightConv::run_strip(int64_t index, bool follows, int64_t terms, int64_t pixels, bool first, Space& s) const {
  const ConvShape& c = shape_;
  const Strip& strip = strips_[index];
  int64_t j0 = 0, j1 = pointwise_ ? pixels : c.ow(), shift = 0;
  if (!pointwise_ && !padded_) {  // only the columns whose pixel lies inside
    shift = int64_t{strip.v} * c.dw - c.pl;
    j0 = std::clamp<int64_t>(ceil_div(-shift, c.sw), 0, j1), j1 = std::clamp<int64_t>(ceil_div(c.w - shift, c.sw), j0, j1);
  }
  const int vectors = tiles_.vectors_for(strip.cols);
  Tile tile{};
  tile.a = s.x, tile.b = s.dy, tile.lda = int64_t{c.sw} * c.c, tile.ldb = c.o;
  tile.a_offset = (j0 * c.sw + shift) * c.c + strip.x_offset, tile.c_offset = strip.c_offset;
  tile.terms = j0 < j1 ? terms : 0, tile.depth = j1 - j0, tile.cols = strip.cols, tile.accumulate = !first;
  if (copies_) {
    const int64_t width = tiles_.width();
    const bool there = follows && strips_[index - 1].same_operand(strip);
    for (int64_t t = 0; t < tile.terms; t++) {
      float* to = s.panel + t * tile.depth * width;
      if (!there) pack_panel(s.x[t] + tile.a_offset, 1, tile.lda, tile.cols, tile.depth, to, width);
      s.copies[t] = to;
    }
    tile.a = s.copies, tile.a_offset = 0, tile.lda = width;
  }
  const Parts parts(strip.outs, tiles_.columns_form_rows[vectors - 1]);
  for (int64_t i = 0; i < parts.count; i++) {
    const int64_t o = strip.out_c + parts.begin(i);
    tile.b_offset = j0 * c.o + o, tile.c = s.sum + o;
    fetch_ahead(tile, s);
    tiles_.columns_form[vectors - 1][parts.size(i) - 1](tile);
  }
}

// Lets a tile fetch a part of the next chunk: a line per pixel.
void WeightConv::fetch_ahead(Tile& tile, Space& s) const {
  Ahead& next = s.next[s.next[0].at >= s.next[0].end];
  tile.ahead = next.at, tile.ahead_step = next.at < next.end ? 64 : 0;
  next.at += tile.ahead_step * tile.terms * tile.depth;
}

// The rows of x under kernel row u, and the rows of dy that meet them. Returns how many lie inside the image.
int64_t WeightConv::point(const Job& job, int64_t row0, int64_t rows, int u, Space& s) const {
  const ConvShape& c = shape_;
  const int64_t pad_row = ((int64_t{c.ow()} - 1) * c.sw + c.kw) * c.c;
  int64_t terms = 0;
  for (int64_t r = 0; r < rows; r++) {
    const int64_t image = (row0 + r) / c.oh(), iy = (row0 + r) % c.oh() * c.sh - c.pt + u * c.dh;
    if (iy < 0 || iy >= c.h) continue;
    s.x[terms] = padded_ ? s.pad + (r * c.sh + u * c.dh) * pad_row : job.x + (image * c.h + iy) * c.w * c.c;
    s.dy[terms++] = job.dy + (row0 + r) * c.ow() * c.o;
  }
  return terms;
}

void WeightConv::copy_padded(const Job& job, int64_t row0, int64_t rows, Space& s) const {
  const ConvShape& c = shape_;
  const int64_t width = (int64_t{c.ow()} - 1) * c.sw + c.kw, image = row0 / c.oh(), y_min = row0 % c.oh() * c.sh - c.pt;
  const int64_t lo = std::min<int64_t>(c.pl, width), hi = std::clamp<int64_t>(c.pl + c.w, lo, width);
  for (int64_t r = 0; r < (rows - 1) * c.sh + (c.kh - 1) * c.dh + 1; r++) {
    const int64_t iy = y_min + r;
    if (iy < 0 || iy >= c.h) continue;  // point() passes over such rows
    float* to = s.pad + r * width * c.c;
    std::fill_n(to, lo * c.c, 0.0f);
    std::memcpy(to + lo * c.c, job.x + (image * c.h + iy) * c.w * c.c, (hi - lo) * c.c * sizeof(float));
    std::fill_n(to + hi * c.c, (width - hi) * c.c, 0.0f);
  }
}

// dw = the sum of all splits, in their order; of joined groups only the diagonal blocks.
void WeightConv::reduce(const float* sums, float* dw, int64_t begin, int64_t end) const {
  const ConvShape& s = shape_;
  const int64_t cg = s.c / s.groups, og = s.o / s.groups, taps = int64_t{s.kh} * s.kw;
  const bool whole = cg == panel_in_;
  const int64_t runs = whole ? 1 : taps, run = whole ? taps * cg : cg;  // contiguous floats of a row
  for (int64_t o = begin; o < end; o++) {
    const int64_t diagonal = o / og % joined_ * cg;
    for (int64_t t = 0; t < runs; t++) {
      const float* from = sums + o * sum_row() + t * panel_in_ + diagonal;
      float* to = dw + (o * runs + t) * run;
      std::memcpy(to, from, run * sizeof(float));
      for (int64_t split = 1; split < splits_; split++) {
        from += s.o * sum_row();
        for (int64_t k = 0; k < run; k++) to[k] += from[k];
      }
    }
  }
}

}  // namespace fovea::kernels
