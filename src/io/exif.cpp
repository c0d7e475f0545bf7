#include "io/exif.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace fovea {
namespace {

using Bytes = std::span<const uint8_t>;

bool starts_with(Bytes b, std::string_view prefix) {
  return b.size() >= prefix.size() && std::memcmp(b.data(), prefix.data(), prefix.size()) == 0;
}

// `n` bytes at `at` as a number; the caller has checked that they are there.
uint32_t number(Bytes b, size_t at, int n, bool big) {
  uint32_t v = 0;
  for (int i = 0; i < n; i++) v |= uint32_t{b[at + i]} << 8 * (big ? n - 1 - i : i);
  return v;
}

// The payload of the APP1 segment that holds EXIF: not the first APP1 when XMP stands before it.
Bytes find_in_jpeg(Bytes b) {
  for (size_t at = 2; at + 4 <= b.size() && b[at] == 0xFF;) {
    uint8_t marker = b[at + 1];
    if (marker == 0xFF) {
      at++;
      continue;
    }
    size_t size = number(b, at + 2, 2, true);
    if (marker == 0xDA || marker == 0xD9 || size < 2 || size > b.size() - at - 2) return {};
    Bytes body = b.subspan(at + 4, size - 2);
    if (marker == 0xE1 && starts_with(body, std::string_view("Exif\0\0", 6))) return body.subspan(6);
    at += 2 + size;
  }
  return {};
}

Bytes find_in_png(Bytes b) {
  for (size_t at = 8; at + 12 <= b.size();) {
    size_t size = number(b, at, 4, true);
    if (size > b.size() - at - 12) return {};
    if (starts_with(b.subspan(at + 4), "eXIf")) return b.subspan(at + 8, size);
    at += 12 + size;
  }
  return {};
}

Bytes find_in_webp(Bytes b) {
  for (size_t at = 12; at + 8 <= b.size();) {
    size_t size = number(b, at + 4, 4, false);
    if (size > b.size() - at - 8) return {};
    Bytes body = b.subspan(at + 8, size);
    if (starts_with(b.subspan(at), "EXIF"))
      return starts_with(body, std::string_view("Exif\0\0", 6)) ? body.subspan(6) : body;
    at += 8 + size + size % 2;
  }
  return {};
}

}  // namespace

int exif_orientation(Bytes file) {
  Bytes tiff = starts_with(file, "\xFF\xD8")  ? find_in_jpeg(file)
               : starts_with(file, "\x89PNG") ? find_in_png(file)
               : starts_with(file, "RIFF")    ? find_in_webp(file)
                                              : Bytes{};
  if (tiff.size() < 8) return 1;
  bool big = starts_with(tiff, "MM");
  if (!big && !starts_with(tiff, "II")) return 1;
  size_t at = number(tiff, 4, 4, big);
  if (number(tiff, 2, 2, big) != 42 || at > tiff.size() - 2) return 1;
  size_t entries = std::min<size_t>(number(tiff, at, 2, big), (tiff.size() - at - 2) / 12);
  for (size_t i = 0; i < entries; i++) {
    size_t entry = at + 2 + 12 * i;
    if (number(tiff, entry, 2, big) != 0x0112) continue;
    uint32_t value = number(tiff, entry + 8, 2, big);
    bool is_short = number(tiff, entry + 2, 2, big) == 3;
    return is_short && value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

}  // namespace fovea
