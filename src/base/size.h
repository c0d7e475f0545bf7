// Checked arithmetic on sizes: the only way to compute a number of bytes from a file's figures.
#pragma once
#include <cstdint>

namespace fovea {

inline constexpr uint64_t kMaxBytes = uint64_t{1} << 47;

// false if the result wraps or passes kMaxBytes.
inline bool checked_mul(uint64_t a, uint64_t b, uint64_t& out) {
  return !__builtin_mul_overflow(a, b, &out) && out <= kMaxBytes;
}
inline bool checked_add(uint64_t a, uint64_t b, uint64_t& out) {
  return !__builtin_add_overflow(a, b, &out) && out <= kMaxBytes;
}

}  // namespace fovea
