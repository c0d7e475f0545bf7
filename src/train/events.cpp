#include "train/events.h"

#include <cstring>

#include "base/atomic_file.h"
#include "base/checksum.h"

namespace fovea {
namespace {

template <class T>
std::string bytes_of(T value) {  // little endian, as every machine that this runs on
  std::string r(sizeof value, '\0');
  std::memcpy(r.data(), &value, sizeof value);
  return r;
}

std::string masked_crc(const std::string& bytes) {
  uint32_t crc = crc32c(bytes.data(), bytes.size());
  return bytes_of(((crc >> 15) | (crc << 17)) + 0xA282EAD8u);
}

// Protocol buffers: a field is a varint of (number, wire type), then its value.
std::string varint(uint64_t v) {
  std::string r;
  for (; v >= 0x80; v >>= 7) r += static_cast<char>(v | 0x80);
  return r + static_cast<char>(v);
}
std::string field(int number, int wire, const std::string& value) {
  return varint(static_cast<uint64_t>(number) << 3 | static_cast<uint64_t>(wire)) + value;
}
std::string double_field(int number, double v) { return field(number, 1, bytes_of(v)); }
std::string float_field(int number, float v) { return field(number, 5, bytes_of(v)); }
std::string bytes_field(int number, const std::string& v) { return field(number, 2, varint(v.size()) + v); }

}  // namespace

std::string tf_record(const std::string& payload) {
  std::string length = bytes_of(static_cast<uint64_t>(payload.size()));
  return length + masked_crc(length) + payload + masked_crc(payload);
}

std::string version_event(double wall_time) { return double_field(1, wall_time) + bytes_field(3, "brain.Event:2"); }

std::string scalars_event(double wall_time, int64_t step, std::span<const std::pair<std::string, float>> scalars) {
  std::string summary;
  for (auto& [tag, value] : scalars) summary += bytes_field(1, bytes_field(1, tag) + float_field(2, value));
  return double_field(1, wall_time) + field(2, 0, varint(static_cast<uint64_t>(step))) + bytes_field(5, summary);
}

}  // namespace fovea
