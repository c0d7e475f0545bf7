// Index arithmetic of the reference implementations: obviously right, never fast.
#pragma once
#include "ir/shape.h"

namespace fovea {

// Index of the element of a tensor of shape `from` that stands at flat index i of shape `to`.
class Broadcast {
 public:
  Broadcast(const Shape& from, const Shape& to) : to_(to) {
    auto s = strides_of(from);
    int shift = to.rank - from.rank;
    for (int i = 0; i < from.rank; i++)
      if (from[i] != 1) stride_[static_cast<size_t>(i + shift)] = s[static_cast<size_t>(i)];
  }
  int64_t operator()(int64_t i) const {
    int64_t r = 0;
    for (int d = to_.rank - 1; d >= 0; d--) r += i % to_[d] * stride_[static_cast<size_t>(d)], i /= to_[d];
    return r;
  }

 private:
  Shape to_;
  std::array<int64_t, kMaxRank> stride_{};
};

// The coordinates of flat index i.
inline Dims unravel(int64_t i, const Shape& s) {
  Dims r = s;
  for (int d = s.rank - 1; d >= 0; d--) r[d] = static_cast<int>(i % s[d]), i /= s[d];
  return r;
}
inline int64_t ravel(const Dims& at, const Shape& s) {
  int64_t r = 0;
  for (int d = 0; d < s.rank; d++) r = r * s[d] + at[d];
  return r;
}

}  // namespace fovea
