// Attributes of operators: small plain structs, held by value in the node. One fields() visitor serves hashing
// and printing; equality is that of all members, also those that the visitor leaves out.
//
//   struct MaxPool { Pair window, stride; Pad pad; FOVEA_ATTR(MaxPool, window, stride, pad) };
#pragma once
#include <cstddef>
#include <cstring>
#include <new>
#include <string>
#include <type_traits>

#include "ir/shape.h"

namespace fovea {

struct Op;

// Declares the visitor, equality and the operator's own description (defined by FOVEA_OP in its .cpp).
#define FOVEA_ATTR(Self, ...)                       \
  template <class V>                                \
  void fields(V&& visit) const {                    \
    visit(#__VA_ARGS__ __VA_OPT__(, ) __VA_ARGS__); \
  }                                                 \
  bool operator==(const Self&) const = default;     \
  static const ::fovea::Op op;

uint64_t hash_mix(uint64_t h, uint64_t v);
uint64_t hash_field(uint64_t h, double v);
uint64_t hash_field(uint64_t h, const Dims& v);
uint64_t hash_field(uint64_t h, Pair v);
uint64_t hash_field(uint64_t h, Pad v);
std::string print_field(double v);
std::string print_field(const Dims& v);
std::string print_field(Pair v);
std::string print_field(Pad v);
std::string window_text(Pair size, Pair stride);                                      // "3x3", "3x3/2", "3x3/2x1"
std::string name_fields(const char* names, const std::string* values, size_t count);  // "stride=2, pad=1"

template <class T>
uint64_t hash_any(uint64_t h, const T& v) {
  if constexpr (std::is_enum_v<T> || std::is_integral_v<T>)
    return hash_mix(h, static_cast<uint64_t>(v));
  else
    return hash_field(h, v);
}
template <class T>
std::string print_any(const T& v) {
  if constexpr (std::is_enum_v<T>)
    return enum_name(v);
  else if constexpr (std::is_integral_v<T>)
    return std::to_string(v);
  else
    return print_field(v);
}

// Any attribute struct, by value.
class Attr {
 public:
  template <class A, class = std::enable_if_t<!std::is_same_v<A, Attr>>>
  explicit Attr(const A& a) : table_(&kTable<A>) {
    static_assert(sizeof(A) <= sizeof(data_) && std::is_trivially_copyable_v<A>);
    new (data_) A(a);
  }
  template <class A>
  const A& as() const {
    return *std::launder(reinterpret_cast<const A*>(data_));
  }
  uint64_t hash() const { return table_->hash(data_); }
  std::string str() const { return table_->str(data_); }
  bool operator==(const Attr& o) const { return table_ == o.table_ && table_->equal(data_, o.data_); }

 private:
  struct Table {
    uint64_t (*hash)(const void*);
    bool (*equal)(const void*, const void*);
    std::string (*str)(const void*);
  };
  template <class A>
  static uint64_t hash_of(const void* p) {
    uint64_t h = 0;
    static_cast<const A*>(p)->fields([&](const char*, const auto&... f) { ((h = hash_any(h, f)), ...); });
    return h;
  }
  template <class A>
  static bool equal_of(const void* a, const void* b) {
    return *static_cast<const A*>(a) == *static_cast<const A*>(b);
  }
  template <class A>
  static std::string str_of(const void* p) {
    std::string r;
    static_cast<const A*>(p)->fields([&](const char* names, const auto&... f) {
      std::string values[] = {print_any(f)..., std::string()};
      r = name_fields(names, values, sizeof...(f));
    });
    return r;
  }
  template <class A>
  static constexpr Table kTable{hash_of<A>, equal_of<A>, str_of<A>};

  const Table* table_;
  alignas(8) std::byte data_[152];
};

}  // namespace fovea
