// Matrix products against plain loops in double: every transposition, batches with shared and interleaved operands, every
// ISA, any number of threads.
#include "kernels/gemm.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/guarded.h"
#include "kernels/noise.h"
#include "kernels/tagged.h"

namespace fovea::kernels {
namespace {

using test::Guarded;
using test::isas;
using test::noise;
using test::Tag;
using test::tag;
using Floats = std::vector<float>;

std::string text(const MatmulShape& s) {
  return fmt::format("{}x{}x{} batch {}x{}{}{}", s.m, s.n, s.k, s.outer, s.inner, s.a.transposed ? " ta" : "",
                     s.b.transposed ? " tb" : "");
}

// Where element (row, column) of matrix (outer, inner) lies.
size_t at(const MatmulShape::Operand& o, int64_t outer, int64_t inner, int64_t row, int64_t column) {
  if (o.transposed) std::swap(row, column);
  return outer * o.outer_step + inner * o.inner_step + row * o.ld + column;
}

size_t span(const MatmulShape& s, const MatmulShape::Operand& o, int64_t rows, int64_t columns) {
  return rows && columns ? at(o, s.outer - 1, s.inner - 1, rows - 1, columns - 1) + 1 : 0;
}

Floats product(const MatmulShape& s, Isa isa, int threads, const Floats& a, const Floats& b, const Epilogue* epilogue) {
  Pool pool(threads);
  const Matmul matmul(s, isa, threads);
  Guarded ga(a), gb(b), c(span(s, s.c, s.m, s.n), Guarded::At::end, -9), work((matmul.workspace_bytes() + 3) / 4);
  matmul.run(ga.data(), gb.data(), c.data(), work.data(), pool, epilogue);
  return c.values();
}

void check(const MatmulShape& s) {
  const Floats a = noise(span(s, s.a, s.m, s.k), 1), b = noise(span(s, s.b, s.k, s.n), 2);
  for (Isa isa : isas()) {
    const Floats c = product(s, isa, 1, a, b, nullptr);
    for (int64_t o = 0; o < s.outer; o++) {
      for (int64_t i = 0; i < s.inner; i++) {
        for (int64_t m = 0; m < s.m; m++) {
          for (int64_t n = 0; n < s.n; n++) {
            double want = 0, magnitude = 0;
            for (int64_t k = 0; k < s.k; k++) {
              const double term = double(a[at(s.a, o, i, m, k)]) * b[at(s.b, o, i, k, n)];
              want += term, magnitude += std::abs(term);
            }
            ASSERT_LE(std::abs(c[at(s.c, o, i, m, n)] - want), (s.k + 2) * 0x1p-24 * magnitude)
                << text(s) << " " << isa_name(isa) << " at " << o << "," << i << "," << m << "," << n;
          }
        }
      }
    }
    for (int threads : {2, 3, 7}) {
      const Floats many = product(s, isa, threads, a, b, nullptr);
      EXPECT_EQ(std::memcmp(c.data(), many.data(), c.size() * sizeof(float)), 0) << text(s) << ": " << threads << " threads";
    }
  }
}

TEST(Matmul, EveryTranspositionAndTail) {
  for (bool ta : {false, true}) {
    for (bool tb : {false, true}) {
      check(MatmulShape::dense(1, 1, 1, ta, tb));
      check(MatmulShape::dense(1, 100, 37, ta, tb));
      check(MatmulShape::dense(5, 17, 3, ta, tb, 3));
      check(MatmulShape::dense(33, 65, 64, ta, tb, 2));
      check(MatmulShape::dense(13, 130, 31, ta, tb));
      check(MatmulShape::dense(19, 15, 2500, ta, tb));  // several slices of the depth
      check(MatmulShape::dense(2100, 5, 7, ta, tb));    // several chunks of rows
    }
  }
}

TEST(Matmul, EmptyDepthGivesZeros) {
  for (float v : product(MatmulShape::dense(3, 20, 0), active_isa(), 1, {}, {}, nullptr)) EXPECT_EQ(v, 0);
}

// softmax(q k^T) v on tokens x (3, heads, d) as they leave one linear layer.
TEST(Matmul, InterleavedHeads) {
  const int64_t tokens = 11, heads = 3, d = 8, row = 3 * heads * d;
  MatmulShape s{.m = tokens, .n = tokens, .k = d};
  s.outer = 2, s.inner = heads;
  s.a = {.ld = row, .outer_step = tokens * row, .inner_step = d};
  s.b = {.ld = row, .outer_step = tokens * row, .inner_step = d, .transposed = true};
  s.c = {.ld = tokens, .outer_step = heads * tokens * tokens, .inner_step = tokens * tokens};
  check(s);
}

TEST(Matmul, SharedOperand) {
  MatmulShape s = MatmulShape::dense(20, 21, 22, false, false, 4);
  s.b.outer_step = 0;
  check(s);
}

TEST(Matmul, EpilogueSeesEveryElementOnce) {
  const MatmulShape s = MatmulShape::dense(70, 90, 1500, false, true, 2);
  const Floats a = noise(span(s, s.a, s.m, s.k), 1), b = noise(span(s, s.b, s.k, s.n), 2);
  for (Isa isa : isas()) {
    const Floats plain = product(s, isa, 2, a, b, nullptr);
    bool wrong = false;
    const Tag ctx{s.n, plain.data(), &wrong};
    const Epilogue epilogue{tag, &ctx};
    const Floats tagged = product(s, isa, 2, a, b, &epilogue);
    EXPECT_FALSE(wrong);
    for (size_t i = 0; i < tagged.size(); i++) ASSERT_EQ(tagged[i], static_cast<float>(i));
  }
}

}  // namespace
}  // namespace fovea::kernels
