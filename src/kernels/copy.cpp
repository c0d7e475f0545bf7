#include "kernels/copy.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace fovea::kernels {

namespace {

constexpr int64_t kPiece = 1 << 14;  // floats of one unit of work
constexpr int64_t kTile = 64;        // side of a tile of a transpose
constexpr int64_t kSmall = 1 << 13;

typedef float F4 __attribute__((vector_size(16)));

F4 load4(const float* p) {
  F4 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
void store4(float* p, F4 v) { std::memcpy(p, &v, sizeof v); }

// d[j * ld + i] = s[i * ls + j] for 4 x 4.
void transpose4(float* d, int64_t ld, const float* s, int64_t ls) {
  F4 a = load4(s), b = load4(s + ls), c = load4(s + 2 * ls), e = load4(s + 3 * ls);
  F4 ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab1 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  F4 ce0 = __builtin_shufflevector(c, e, 0, 4, 1, 5), ce1 = __builtin_shufflevector(c, e, 2, 6, 3, 7);
  store4(d, __builtin_shufflevector(ab0, ce0, 0, 1, 4, 5));
  store4(d + ld, __builtin_shufflevector(ab0, ce0, 2, 3, 6, 7));
  store4(d + 2 * ld, __builtin_shufflevector(ab1, ce1, 0, 1, 4, 5));
  store4(d + 3 * ld, __builtin_shufflevector(ab1, ce1, 2, 3, 6, 7));
}

// d[j * ld + i] = s[i * ls + j] for i < n, j < m.
void transpose(float* d, int64_t ld, const float* s, int64_t ls, int64_t n, int64_t m) {
  int64_t n4 = n / 4 * 4, m4 = m / 4 * 4;
  for (int64_t j = 0; j < m4; j += 4) {
    for (int64_t i = 0; i < n4; i += 4) transpose4(d + j * ld + i, ld, s + i * ls + j, ls);
  }
  for (int64_t j = 0; j < m; j++) {
    for (int64_t i = j < m4 ? n4 : 0; i < n; i++) d[j * ld + i] = s[i * ls + j];
  }
}

void copy_run(float* d, const float* s, int64_t n) {
  if (n >= 32) {
    std::memcpy(d, s, sizeof(float) * static_cast<size_t>(n));
    return;
  }
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) store4(d + i, load4(s + i));
  for (; i < n; i++) d[i] = s[i];
}

// Outer dimensions first, neighbours joined where both sides allow.
std::vector<StridedCopy::Dim> simplify(std::vector<StridedCopy::Dim> dims) {
  using Dim = StridedCopy::Dim;
  std::erase_if(dims, [](const Dim& d) { return d.size == 1; });
  std::stable_sort(dims.begin(), dims.end(), [](const Dim& x, const Dim& y) { return x.dst > y.dst; });
  std::vector<Dim> out;
  for (const Dim& d : dims) {
    if (!out.empty() && out.back().dst == d.dst * d.size && out.back().src == d.src * d.size) {
      out.back() = {out.back().size * d.size, d.dst, d.src};
    } else {
      out.push_back(d);
    }
  }
  return out;
}

template <class F>
void over(int64_t units, bool small, Pool& pool, F body) {
  int threads = small ? 1 : pool.size();
  pool.run([&](int thread) {
    if (thread >= threads) return;
    auto [begin, end] = share(units, thread, threads);
    if (begin < end) body(begin, end);
  });
}

int64_t pieces(int64_t n, int64_t step) { return (n + step - 1) / step; }

}  // namespace

StridedCopy::StridedCopy(const std::vector<int64_t>& dims, const std::vector<int64_t>& dst,
                         const std::vector<int64_t>& src) {
  FOVEA_CHECK(dims.size() <= 8 && dst.size() == dims.size() && src.size() == dims.size());
  for (size_t d = 0; d < dims.size(); d++) outer_.push_back({dims[d], dst[d], src[d]});
  outer_ = simplify(std::move(outer_));
  auto take = [&](size_t i) {
    Dim d = outer_[i];
    outer_.erase(outer_.begin() + static_cast<int64_t>(i));
    return d;
  };
  if (!outer_.empty()) a_ = take(outer_.size() - 1);
  way_ = a_.dst == 1 && a_.src == 1 ? Way::runs : Way::strided;
  size_t turned = 0;
  while (turned < outer_.size() && outer_[turned].src != 1) turned++;
  if (way_ == Way::strided && a_.dst == 1 && a_.src > 1 && turned < outer_.size()) {
    way_ = Way::transpose;
    b_ = take(turned);
    a_step_ = std::min(a_.size, kTile);
    b_step_ = std::min(b_.size, std::max(kTile, kTile * kTile / a_step_));
  } else {
    if (!outer_.empty()) b_ = take(outer_.size() - 1);
    a_step_ = std::min(a_.size, kPiece);
    b_step_ = std::min(b_.size, std::max<int64_t>(1, kPiece / a_step_));
  }
  units_ = pieces(a_.size, a_step_) * pieces(b_.size, b_step_);
  for (const Dim& d : outer_) units_ *= d.size;
}

void StridedCopy::run(float* dst, const float* src, Pool& pool) const {
  if (units_ == 0) return;
  over(units_, units_ * a_step_ * b_step_ < kSmall, pool, [&](int64_t begin, int64_t end) {
    for (int64_t u = begin; u < end; u++) run_unit(dst, src, u);
  });
}

void StridedCopy::run_unit(float* dst, const float* src, int64_t unit) const {
  int64_t na = pieces(a_.size, a_step_), nb = pieces(b_.size, b_step_);
  int64_t i = unit % na * a_step_, j = unit / na % nb * b_step_, n = std::min(a_step_, a_.size - i),
          m = std::min(b_step_, b_.size - j);
  float* d = dst + i * a_.dst + j * b_.dst;
  const float* s = src + i * a_.src + j * b_.src;
  unit /= na * nb;
  for (size_t k = outer_.size(); k-- > 0;) {
    d += unit % outer_[k].size * outer_[k].dst;
    s += unit % outer_[k].size * outer_[k].src;
    unit /= outer_[k].size;
  }
  if (way_ == Way::transpose) return transpose(d, b_.dst, s, a_.src, n, m);
  for (int64_t r = 0; r < m; r++, d += b_.dst, s += b_.src) {
    if (way_ == Way::runs) {
      copy_run(d, s, n);
    } else {
      for (int64_t k = 0; k < n; k++) d[k * a_.dst] = s[k * a_.src];
    }
  }
}

void fill(float* dst, float value, int64_t n, Pool& pool) {
  over(pieces(n, kPiece), n < kSmall, pool, [&](int64_t begin, int64_t end) {
    int64_t first = begin * kPiece;
    std::fill_n(dst + first, std::min(n, end * kPiece) - first, value);
  });
}

}  // namespace fovea::kernels
