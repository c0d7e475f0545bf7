// An epilogue that sees whether it gets every element once, finished, with the right row and channel: it holds it against
// `plain` and puts the element's number in its place.
#pragma once
#include <gtest/gtest.h>

#include <cstdint>

#include "kernels/epilogue.h"

namespace fovea::test {

struct Tag {
  int64_t channels;
  const float* plain;
  bool* wrong;
};
inline void tag(const void* ctx, float* y, int64_t row0, int64_t rows, int64_t ld, int64_t c0, int64_t c1) {
  const Tag& t = *static_cast<const Tag*>(ctx);
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = c0; c < c1; c++) {
      float& v = y[r * ld + c - c0];
      if (v != t.plain[(row0 + r) * t.channels + c]) *t.wrong = true;
      v = static_cast<float>((row0 + r) * t.channels + c);
    }
  }
}

// run(epilogue) meets every element of `plain` [.., channels], what it gives without one, exactly once and finished.
template <class Floats, class Run>
void expect_tagged(const Floats& plain, int64_t channels, Run run) {
  bool wrong = false;
  const Tag ctx{channels, plain.data(), &wrong};
  const Floats tagged = run(kernels::Epilogue{tag, &ctx});
  EXPECT_FALSE(wrong) << "the epilogue met an unfinished element";
  ASSERT_EQ(tagged.size(), plain.size());
  for (size_t i = 0; i < tagged.size(); i++) ASSERT_EQ(tagged[i], static_cast<float>(i));
}

}  // namespace fovea::test
