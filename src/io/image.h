// Pictures as 8-bit pixels: JPEG, PNG and WebP in, by content and not by name; JPEG and PNG out.
// Decoded pixels are equal to Pillow's `Image.open(f).convert("RGB")`, except that 16-bit grey keeps its high byte.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace fovea {

struct Image {
  int h = 0, w = 0, c = 3;
  std::vector<uint8_t> pixels;  // [h,w,c]
  int orientation = 1;          // the EXIF tag met in the file, 1 to 8; the pixels are as stored until orient()
};

// A rectangle of somebody's pixels. Rows are `stride` bytes apart.
struct ImageView {
  const uint8_t* pixels = nullptr;
  int h = 0, w = 0, c = 3;
  int64_t stride = 0;
  const uint8_t* row(int y) const { return pixels + y * stride; }
};

inline ImageView view(const Image& a) { return {a.pixels.data(), a.h, a.w, a.c, int64_t{a.w} * a.c}; }
inline ImageView crop(ImageView v, int y, int x, int h, int w) { return {v.row(y) + int64_t{x} * v.c, h, w, v.c, v.stride}; }

struct ImageLimits {
  uint64_t pixels = 178956970;  // checked from the header, before anything is allocated
  uint64_t side = 1000000;
  uint64_t file_bytes = uint64_t{1} << 30;
  int jpeg_scans = 1000;         // of a progressive JPEG; scans x pixels are capped too, at 16 x `pixels`
  uint64_t memory = UINT64_MAX;  // bytes for the file, the picture and what the decoder keeps: see NoRoom
};

// Nothing is wrong with the picture, but ImageLimits::memory is less than it takes. Whoever trains must not go on without
// it: the result would depend on how much memory was free.
struct NoRoom : Error {
  using Error::Error;
};

// `bytes` as h x w x 3, reusing out's memory. `name` is only for messages. Errors: bad_file (damaged, truncated, not a
// picture), unsupported (a format or variant that is recognised but not read), resources (a limit).
void decode_image(std::span<const uint8_t> bytes, const std::string& name, Image& out, const ImageLimits& limits = {});
Image decode_image(std::span<const uint8_t> bytes, const std::string& name, const ImageLimits& limits = {});

// By the ending: .jpg, .jpeg, .jpe, .jfif, .png, .webp. Only for choosing among the files of folders.
bool is_picture_name(const std::string& name);
// A file, or standard input for "-". Only regular files are opened: a pipe or device never blocks.
Image load_image(const std::string& path, const ImageLimits& limits = {});
std::string read_image_bytes(const std::string& path, const ImageLimits& limits = {});

// The picture the right way up, by its EXIF orientation.
Image orient(const Image& image);

std::string encode_jpeg(ImageView image, int quality = 90);  // c = 1 or 3
std::string encode_png(ImageView image);

inline std::span<const uint8_t> as_bytes(const std::string& s) {
  return {reinterpret_cast<const uint8_t*>(s.data()), s.size()};
}

}  // namespace fovea
