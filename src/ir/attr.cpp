#include "ir/attr.h"

#include <fmt/format.h>

#include <bit>

#include "base/random.h"
#include "base/text.h"

namespace fovea {

uint64_t hash_mix(uint64_t h, uint64_t v) { return splitmix(h ^ splitmix(v)); }
uint64_t hash_field(uint64_t h, double v) { return hash_mix(h, std::bit_cast<uint64_t>(v)); }
uint64_t hash_field(uint64_t h, const Dims& v) {
  h = hash_mix(h, static_cast<uint64_t>(v.rank));
  for (int x : v) h = hash_mix(h, static_cast<uint64_t>(x));
  return h;
}
uint64_t hash_field(uint64_t h, Pair v) { return hash_field(h, Dims{v.h, v.w}); }
uint64_t hash_field(uint64_t h, Pad v) { return hash_field(h, Dims{v.top, v.left, v.bottom, v.right}); }

std::string print_field(double v) { return fmt::format("{}", v); }
std::string print_field(const Dims& v) { return v.str(); }
std::string print_field(Pair v) { return v.h == v.w ? fmt::format("{}", v.h) : fmt::format("{}x{}", v.h, v.w); }
std::string print_field(Pad v) {
  if (v == Pad(v.top)) return fmt::format("{}", v.top);
  return fmt::format("({},{},{},{})", v.top, v.left, v.bottom, v.right);
}

std::string window_text(Pair size, Pair stride) {
  std::string text = fmt::format("{}x{}", size.h, size.w);
  return stride == Pair(1) ? text : text + "/" + print_field(stride);
}

std::string name_fields(const char* names, const std::string* values, size_t count) {
  std::string r;
  std::vector<std::string> list = split(names, ',');
  for (size_t i = 0; i < count; i++) r += fmt::format("{}{}={}", i ? ", " : "", trim(list[i]), values[i]);
  return r;
}

}  // namespace fovea
