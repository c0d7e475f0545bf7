#include "io/file_type.h"

#include <array>
#include <bit>
#include <cstring>

namespace fovea {

namespace {

struct Info {
  const char* name;
  size_t bytes;
};

constexpr std::array<Info, 13> kTypes = {{{"F32", 4},
                                          {"F64", 8},
                                          {"F16", 2},
                                          {"BF16", 2},
                                          {"I64", 8},
                                          {"I32", 4},
                                          {"I16", 2},
                                          {"I8", 1},
                                          {"U64", 8},
                                          {"U32", 4},
                                          {"U16", 2},
                                          {"U8", 1},
                                          {"BOOL", 1}}};  // in the order of FileType

const Info& info(FileType type) { return kTypes[static_cast<size_t>(type)]; }

// IEEE half. A subnormal is an integer times 2^-24, so multiplying is exact.
float from_f16(uint16_t h) {
  uint32_t sign = uint32_t{h & 0x8000u} << 16, exponent = (h >> 10) & 31, mantissa = h & 0x3FFu;
  if (exponent == 0) {
    float value = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -value : value;
  }
  uint32_t wide = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23 | mantissa << 13);
}

float from_bf16(uint16_t b) { return std::bit_cast<float>(uint32_t{b} << 16); }

template <class T, class F>
void convert(const void* from, float* to, size_t count, F to_float) {
  auto* at = static_cast<const unsigned char*>(from);
  for (size_t i = 0; i < count; i++) {
    T value;
    std::memcpy(&value, at + i * sizeof(T), sizeof(T));
    to[i] = to_float(value);
  }
}

template <class T>
void cast(const void* from, float* to, size_t count) {
  convert<T>(from, to, count, [](T value) { return static_cast<float>(value); });
}

}  // namespace

size_t file_type_bytes(FileType type) { return info(type).bytes; }

const char* file_type_name(FileType type) { return info(type).name; }

std::optional<FileType> file_type_from(std::string_view name) {
  for (size_t i = 0; i < kTypes.size(); i++)
    if (name == kTypes[i].name) return static_cast<FileType>(i);
  return std::nullopt;
}

void convert_to_f32(FileType type, const void* from, float* to, size_t count) {
  switch (type) {
    case FileType::f32: std::memcpy(to, from, count * sizeof(float)); return;
    case FileType::f64: return cast<double>(from, to, count);
    case FileType::f16: return convert<uint16_t>(from, to, count, from_f16);
    case FileType::bf16: return convert<uint16_t>(from, to, count, from_bf16);
    case FileType::i64: return cast<int64_t>(from, to, count);
    case FileType::i32: return cast<int32_t>(from, to, count);
    case FileType::i16: return cast<int16_t>(from, to, count);
    case FileType::i8: return cast<int8_t>(from, to, count);
    case FileType::u64: return cast<uint64_t>(from, to, count);
    case FileType::u32: return cast<uint32_t>(from, to, count);
    case FileType::u16: return cast<uint16_t>(from, to, count);
    case FileType::u8: return cast<uint8_t>(from, to, count);
    case FileType::boolean: return convert<uint8_t>(from, to, count, [](uint8_t v) { return v ? 1.0f : 0.0f; });
  }
}

}  // namespace fovea
