// Shapes and types of tensors: plain values.
#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace fovea {

inline constexpr int kMaxRank = 8;

// Up to eight integers: a shape, axes, starts, a permutation.
struct Dims {
  int rank = 0;
  std::array<int, kMaxRank> d{};

  Dims() = default;
  Dims(std::initializer_list<int> v);
  explicit Dims(std::span<const int> v);
  int& operator[](int i) { return d[static_cast<size_t>(i < 0 ? i + rank : i)]; }
  int operator[](int i) const { return d[static_cast<size_t>(i < 0 ? i + rank : i)]; }
  const int* begin() const { return d.data(); }
  const int* end() const { return d.data() + rank; }
  int* begin() { return d.data(); }
  int* end() { return d.data() + rank; }
  void push(int v);
  int64_t numel() const;    // product; 1 for rank 0
  std::string str() const;  // [2, 3]
  bool operator==(const Dims& o) const;
};
using Shape = Dims;

// Row-major strides in elements.
std::array<int64_t, kMaxRank> strides_of(const Shape& s);
// numpy's rule, shapes aligned at their last axis; a usage error naming both when they do not fit.
Shape broadcast(const Shape& a, const Shape& b);
bool broadcasts_to(const Shape& from, const Shape& to);

enum class DType : uint8_t { f32, u32 };
const char* dtype_name(DType t);

struct Type {
  Shape shape;
  DType dtype = DType::f32;
  std::string str() const;  // f32[2, 3]
  bool operator==(const Type&) const = default;
};

struct Pair {  // height, width
  int h = 1, w = 1;
  Pair() = default;
  Pair(int both) : h(both), w(both) {}
  Pair(int height, int width) : h(height), w(width) {}
  bool operator==(const Pair&) const = default;
};

struct Pad {
  int top = 0, left = 0, bottom = 0, right = 0;
  Pad() = default;
  Pad(int all) : top(all), left(all), bottom(all), right(all) {}
  Pad(Pair p) : top(p.h), left(p.w), bottom(p.h), right(p.w) {}
  Pad(int t, int l, int b, int r) : top(t), left(l), bottom(b), right(r) {}
  bool operator==(const Pad&) const = default;
};

}  // namespace fovea
