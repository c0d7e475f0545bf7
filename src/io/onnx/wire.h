// Protocol buffers' wire format, the little of it that writing ONNX takes: every field is a tag (number and kind), then a
// varint, four bytes, or a length and so many bytes (protobuf.dev/programming-guides/encoding).
#pragma once
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace fovea::onnx {

struct Message {
  std::string bytes;

  void integer(int field, int64_t v) { tag(field, 0), varint(static_cast<uint64_t>(v)); }
  void number(int field, float v) {
    tag(field, 5);
    raw(std::bit_cast<uint32_t>(v));
  }
  void text(int field, std::string_view v) { open(field, v.size()), bytes.append(v); }
  void message(int field, const Message& m) { text(field, m.bytes); }
  void open(int field, uint64_t size) { tag(field, 2), varint(size); }  // what follows is `size` bytes long

 private:
  void tag(int field, unsigned kind) { varint(static_cast<unsigned>(field) << 3 | kind); }
  void varint(uint64_t v) {
    for (; v >= 0x80; v >>= 7) bytes += static_cast<char>(v | 0x80);
    bytes += static_cast<char>(v);
  }
  void raw(uint32_t v) {
    for (int i = 0; i < 4; i++) bytes += static_cast<char>(v >> 8 * i);
  }
};

}  // namespace fovea::onnx
