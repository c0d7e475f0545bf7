#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/attention_table.h"
#include "kernels/gemm_tile.h"
#include "kernels/isa/tables.h"

namespace fovea::kernels {
namespace {

constexpr int64_t kQueries = 64;  // of a block of scores; a multiple of every ISA's lanes
constexpr int64_t kKeys = 256;

// C [rows, cols] (+)= B [rows, depth] A [depth, cols]; B may lie as its transpose.
struct Product {
  const float* a;
  int64_t lda;
  const float* b;
  int64_t ldb;
  bool b_transposed;
  float* c;
  int64_t ldc;
  int64_t rows, cols, depth;
  bool accumulate;
};

void multiply(const TileSet& set, const Product& p) {
  Parts strips(set.vectors_for(static_cast<int>(p.cols)), set.vectors);
  for (int64_t i = 0; i < strips.count; i++) {
    int64_t column = strips.begin(i) * set.lanes, vectors = strips.size(i);
    const float* a[1] = {p.a + column};
    const float* b[TileSet::kMaxRows];
    float* c[TileSet::kMaxRows];
    Tile tile{};
    tile.a = a, tile.b = b, tile.c = c, tile.lda = p.lda, tile.ldb = p.ldb, tile.terms = 1, tile.depth = p.depth;
    tile.cols = static_cast<int>(std::min(vectors * set.lanes, p.cols - column));
    tile.accumulate = p.accumulate;
    const auto& form = p.b_transposed ? set.columns_form[vectors - 1] : set.rows_form[vectors - 1];
    Parts bands(p.rows, p.b_transposed ? set.columns_form_rows[vectors - 1] : set.rows_form_rows[vectors - 1]);
    for (int64_t band = 0; band < bands.count; band++) {
      int64_t first = bands.begin(band), rows = bands.size(band);
      for (int64_t r = 0; r < rows; r++) {
        b[r] = p.b + (first + r) * (p.b_transposed ? 1 : p.ldb);
        c[r] = p.c + (first + r) * p.ldc + column;
      }
      form[rows - 1](tile);
    }
  }
}

int64_t offset(const TokenStrides& s, int64_t image, int64_t head, int64_t token) {
  return image * s.image + head * s.head + token * s.token;
}

}  // namespace

struct Attention::Block {
  int64_t image, head, first, count;
  int64_t lanes;  // count, up to whole vectors; the columns beyond count hold nothing of meaning
};

struct Attention::Scratch {
  float *queries, *gradients;  // [d, kQueries]
  float *scores, *slopes;      // [kKeys, kQueries]
  float *top, *sum, *factor;   // [kQueries]
};

Attention::Attention(const AttentionShape& s, Isa isa, int threads)
    : s_(s), isa_(FOVEA_TABLE(isa, attention)), tiles_(tile_set(isa)), threads_(threads) {}

size_t Attention::scratch_bytes(int matrices) const {
  return static_cast<size_t>((matrices * (s_.d + kKeys) + 3) * kQueries) * sizeof(float);
}

// The forward pass has one matrix of each kind, the backward pass two.
Attention::Scratch Attention::scratch(void* work, int thread, int matrices) const {
  float* at = static_cast<float*>(work) + static_cast<int64_t>(scratch_bytes(matrices) / sizeof(float)) * thread;
  auto take = [&](int64_t rows) { return std::exchange(at, at + rows * kQueries); };
  Scratch out{};
  out.top = take(1), out.sum = take(1), out.factor = take(1);
  out.queries = take(s_.d), out.scores = take(kKeys);
  if (matrices > 1) out.gradients = take(s_.d), out.slopes = take(kKeys);
  std::fill(out.queries, out.queries + s_.d * kQueries, 0.f);
  if (matrices > 1) std::fill(out.gradients, out.gradients + s_.d * kQueries, 0.f);
  return out;
}

size_t Attention::forward_workspace_bytes() const { return scratch_bytes(1) * static_cast<size_t>(threads_); }
size_t Attention::backward_workspace_bytes() const { return scratch_bytes(2) * static_cast<size_t>(threads_); }

static Parts query_blocks(const AttentionShape& s, int lanes) { return {(s.nq + lanes - 1) / lanes, kQueries / lanes}; }

Attention::Block Attention::block(int64_t image, int64_t head, int64_t index) const {
  Parts blocks = query_blocks(s_, isa_.lanes);
  int64_t first = blocks.begin(index) * isa_.lanes, lanes = blocks.size(index) * isa_.lanes;
  return {image, head, first, std::min(lanes, s_.nq - first), lanes};
}

void Attention::forward(const float* q, const float* k, const float* v, const float* bias, float* y, float* lse, void* work,
                        Pool& pool) const {
  int64_t blocks = query_blocks(s_, isa_.lanes).count;
  pool.run([&](int thread) {
    Scratch mine = scratch(work, thread, 1);
    auto [begin, end] = share(int64_t{s_.b} * s_.heads * blocks, thread, pool.size());
    for (int64_t at = begin; at < end; at++) {
      int64_t head = at / blocks;
      forward_block(block(head / s_.heads, head % s_.heads, at % blocks), mine, q, k, v, bias, y, lse);
    }
  });
}

// scores [keys, queries] = k q' + bias', for the keys [first, first + count); the queries carry the scale.
void Attention::scores(const Block& b, const Scratch& scratch, const float* k, const float* bias, int64_t first,
                       int64_t count) const {
  multiply(tiles_, {.a = scratch.queries,
                    .lda = kQueries,
                    .b = k + offset(s_.k, b.image, b.head, first),
                    .ldb = s_.k.token,
                    .b_transposed = false,
                    .c = scratch.scores,
                    .ldc = kQueries,
                    .rows = count,
                    .cols = b.lanes,
                    .depth = s_.d,
                    .accumulate = false});
  if (!bias) return;
  const float* from = bias + b.image * s_.bias_image + b.head * s_.bias_head + b.first * s_.nk + first;
  isa_.transpose(scratch.scores, kQueries, from, s_.nk, b.count, count, 1.f, true);
}

void Attention::forward_block(const Block& b, const Scratch& scratch, const float* q, const float* k, const float* v,
                              const float* bias, float* y, float* lse) const {
  isa_.transpose(scratch.queries, kQueries, q + offset(s_.q, b.image, b.head, b.first), s_.q.token, b.count, s_.d, s_.scale,
                 false);
  std::fill(scratch.top, scratch.top + b.lanes, -INFINITY);
  std::fill(scratch.sum, scratch.sum + b.lanes, 0.f);
  float* out = y + offset(s_.y, b.image, b.head, b.first);
  Parts parts(s_.nk, kKeys);
  for (int64_t part = 0; part < parts.count; part++) {
    int64_t first = parts.begin(part), count = parts.size(part);
    scores(b, scratch, k, bias, first, count);
    isa_.softmax(scratch.scores, kQueries, count, b.lanes, scratch.top, scratch.sum, scratch.factor);
    for (int64_t r = 0; r < b.count && part > 0; r++) isa_.scale(out + r * s_.y.token, s_.d, scratch.factor[r]);
    multiply(tiles_, {.a = v + offset(s_.v, b.image, b.head, first),
                      .lda = s_.v.token,
                      .b = scratch.scores,
                      .ldb = kQueries,
                      .b_transposed = true,
                      .c = out,
                      .ldc = s_.y.token,
                      .rows = b.count,
                      .cols = s_.d,
                      .depth = count,
                      .accumulate = part > 0});
  }
  for (int64_t r = 0; r < b.count; r++) isa_.scale(out + r * s_.y.token, s_.d, 1.f / scratch.sum[r]);
  if (!lse) return;
  float* to = lse + (b.image * s_.heads + b.head) * s_.nq + b.first;
  for (int64_t r = 0; r < b.count; r++) to[r] = scratch.top[r] + std::log(scratch.sum[r]);
}

// A thread takes a head whole, so that its dk and dv (and over all images the dbias that they share) add up in one order.
void Attention::backward(const Forward& f, const float* dy, float* dq, float* dk, float* dv, float* dbias, void* work,
                         Pool& pool) const {
  const bool shared = dbias && s_.bias_image == 0;
  int64_t blocks = query_blocks(s_, isa_.lanes).count, images = shared ? s_.b : 1, units = int64_t{s_.b} * s_.heads / images;
  pool.run([&](int thread) {
    Scratch mine = scratch(work, thread, 2);
    auto [begin, end] = share(units, thread, pool.size());
    for (int64_t unit = begin; unit < end; unit++) {
      for (int64_t i = 0; i < images * blocks; i++) {
        int64_t image = shared ? i / blocks : unit / s_.heads;
        backward_block(block(image, unit % s_.heads, i % blocks), mine, f, dy, {dq, dk, dv, dbias});
      }
    }
  });
}

void Attention::backward_block(const Block& b, const Scratch& scratch, const Forward& f, const float* dy,
                               const Gradients& out) const {
  int64_t at = offset(s_.y, b.image, b.head, b.first);
  isa_.transpose(scratch.queries, kQueries, f.q + offset(s_.q, b.image, b.head, b.first), s_.q.token, b.count, s_.d,
                 s_.scale, false);
  isa_.transpose(scratch.gradients, kQueries, dy + at, s_.y.token, b.count, s_.d, 1.f, false);
  const float* lse = f.lse + (b.image * s_.heads + b.head) * s_.nq + b.first;
  std::copy(lse, lse + b.count, scratch.top);
  std::fill(scratch.top + b.count, scratch.top + b.lanes, 0.f);
  std::fill(scratch.sum, scratch.sum + b.lanes, 0.f);
  for (int64_t r = 0; r < b.count; r++) scratch.sum[r] = isa_.dot(f.y + at + r * s_.y.token, dy + at + r * s_.y.token, s_.d);
  Parts parts(s_.nk, kKeys);
  for (int64_t part = 0; part < parts.count; part++)
    backward_keys(b, scratch, f, dy, out, parts.begin(part), parts.size(part));
}

void Attention::backward_keys(const Block& b, const Scratch& scratch, const Forward& f, const float* dy,
                              const Gradients& out, int64_t first, int64_t count) const {
  int64_t query = offset(s_.q, b.image, b.head, b.first), key = offset(s_.k, b.image, b.head, first);
  int64_t value = offset(s_.v, b.image, b.head, first);
  bool again = b.first > 0;
  scores(b, scratch, f.k, f.bias, first, count);
  isa_.probabilities(scratch.scores, kQueries, count, b.lanes, scratch.top);
  multiply(tiles_, {.a = scratch.gradients,
                    .lda = kQueries,
                    .b = f.v + value,
                    .ldb = s_.v.token,
                    .b_transposed = false,
                    .c = scratch.slopes,
                    .ldc = kQueries,
                    .rows = count,
                    .cols = b.lanes,
                    .depth = s_.d,
                    .accumulate = false});
  multiply(tiles_, {.a = dy + offset(s_.y, b.image, b.head, b.first),
                    .lda = s_.y.token,
                    .b = scratch.scores,
                    .ldb = kQueries,
                    .b_transposed = false,
                    .c = out.dv + value,
                    .ldc = s_.v.token,
                    .rows = count,
                    .cols = s_.d,
                    .depth = b.count,
                    .accumulate = again});
  isa_.gradient(scratch.scores, scratch.slopes, kQueries, count, b.lanes, scratch.sum, s_.scale);
  multiply(tiles_, {.a = f.q + query,
                    .lda = s_.q.token,
                    .b = scratch.slopes,
                    .ldb = kQueries,
                    .b_transposed = false,
                    .c = out.dk + key,
                    .ldc = s_.k.token,
                    .rows = count,
                    .cols = s_.d,
                    .depth = b.count,
                    .accumulate = again});
  multiply(tiles_, {.a = f.k + key,
                    .lda = s_.k.token,
                    .b = scratch.slopes,
                    .ldb = kQueries,
                    .b_transposed = true,
                    .c = out.dq + query,
                    .ldc = s_.q.token,
                    .rows = b.count,
                    .cols = s_.d,
                    .depth = count,
                    .accumulate = first > 0});
  if (!out.dbias) return;
  float* to = out.dbias + b.image * s_.bias_image + (b.head * s_.nq + b.first) * s_.nk + first;
  isa_.transpose(to, s_.nk, scratch.scores, kQueries, count, b.count, 1.f, s_.bias_image == 0 && b.image > 0);
}

}  // namespace fovea::kernels
