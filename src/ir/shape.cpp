#include "ir/shape.h"

#include <fmt/format.h>

#include "base/error.h"

namespace fovea {

Dims::Dims(std::initializer_list<int> v) : Dims(std::span<const int>(v.begin(), v.size())) {}

Dims::Dims(std::span<const int> v) {
  for (int x : v) push(x);
}

void Dims::push(int v) {
  if (rank == kMaxRank) fail(Code::unsupported, "a tensor of more than {} dimensions", kMaxRank);
  d[static_cast<size_t>(rank++)] = v;
}

int64_t Dims::numel() const {
  int64_t n = 1;
  for (int v : *this)
    if (__builtin_mul_overflow(n, int64_t{v}, &n) || n > (int64_t{1} << 45))
      fail(Code::resources, "a tensor of shape {} is too large", str());
  return n;
}

std::string Dims::str() const { return fmt::format("[{}]", fmt::join(begin(), end(), ", ")); }

bool Dims::operator==(const Dims& o) const { return rank == o.rank && std::equal(begin(), end(), o.begin()); }

std::array<int64_t, kMaxRank> strides_of(const Shape& s) {
  std::array<int64_t, kMaxRank> r{};
  int64_t step = 1;
  for (int i = s.rank - 1; i >= 0; i--) r[static_cast<size_t>(i)] = step, step *= s[i];
  return r;
}

Shape broadcast(const Shape& a, const Shape& b) {
  const Shape &big = a.rank >= b.rank ? a : b, &small = a.rank >= b.rank ? b : a;
  Shape r = big;
  int shift = big.rank - small.rank;
  for (int i = 0; i < small.rank; i++) {
    int x = big[i + shift], y = small[i];
    if (x != y && x != 1 && y != 1) fail(Code::usage, "shapes {} and {} do not broadcast", a.str(), b.str());
    r[i + shift] = x == 1 ? y : x;
  }
  return r;
}

bool broadcasts_to(const Shape& from, const Shape& to) {
  if (from.rank > to.rank) return false;
  for (int i = 1; i <= from.rank; i++)
    if (from[-i] != 1 && from[-i] != to[-i]) return false;
  return true;
}

const char* dtype_name(DType t) { return t == DType::f32 ? "f32" : "u32"; }

std::string Type::str() const { return dtype_name(dtype) + shape.str(); }

}  // namespace fovea
