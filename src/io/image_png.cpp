// PNG by libpng. Every kind becomes 8-bit RGB: palettes are looked up, alpha is dropped, of 16 bits the high byte stays.
// Text, colour profiles and the like are skipped unread: nothing here needs them and they may inflate without end.
#include <png.h>

#include <csetjmp>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "io/image_codecs.h"

namespace fovea {
namespace {

// libpng reports errors by a jump, so no object with a destructor may live in a function that calls it after setjmp.
struct Jump {
  std::jmp_buf to;
  char text[160] = "";
};

void on_error(png_structp png, png_const_charp text) {
  auto* jump = static_cast<Jump*>(png_get_error_ptr(png));
  std::strncpy(jump->text, text, sizeof jump->text - 1);
  std::longjmp(jump->to, 1);
}

void on_warning(png_structp, png_const_charp) {}

struct Decoder {
  Jump jump;
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::span<const uint8_t> left;

  explicit Decoder(std::span<const uint8_t> bytes) : left(bytes) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &jump, on_error, on_warning);
    info = png ? png_create_info_struct(png) : nullptr;
    if (!info) fail(Code::resources, "no memory for a PNG decoder");
  }
  ~Decoder() { png_destroy_read_struct(&png, &info, nullptr); }
  Decoder(const Decoder&) = delete;
};

void read_bytes(png_structp png, png_bytep to, size_t n) {
  auto* d = static_cast<Decoder*>(png_get_io_ptr(png));
  if (n > d->left.size()) png_error(png, "the file ends early");
  std::memcpy(to, d->left.data(), n);
  d->left = d->left.subspan(n);
}

bool read_header(Decoder& d) {
  if (setjmp(d.jump.to)) return false;
  png_set_read_fn(d.png, &d, read_bytes);
  png_set_user_limits(d.png, 0x7fffffff, 0x7fffffff);  // the product is what counts: check_image_size
  png_set_keep_unknown_chunks(d.png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_read_info(d.png, d.info);
  return true;
}

bool read_pixels(Decoder& d, uint8_t* out, size_t row_bytes) {
  if (setjmp(d.jump.to)) return false;
  if (png_get_color_type(d.png, d.info) == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(d.png);
  png_set_expand_gray_1_2_4_to_8(d.png);
  png_set_strip_16(d.png);
  png_set_gray_to_rgb(d.png);
  png_set_strip_alpha(d.png);
  int passes = png_set_interlace_handling(d.png);
  png_read_update_info(d.png, d.info);
  if (png_get_rowbytes(d.png, d.info) != row_bytes) png_error(d.png, "unexpected row size");
  auto h = png_get_image_height(d.png, d.info);
  for (int pass = 0; pass < passes; pass++) {
    for (png_uint_32 y = 0; y < h; y++) png_read_row(d.png, out + y * row_bytes, nullptr);
  }
  png_read_end(d.png, nullptr);
  return true;
}

}  // namespace

void decode_png(std::span<const uint8_t> bytes, const std::string& name, Image& out, const ImageLimits& limits) {
  auto d = std::make_unique<Decoder>(bytes);
  auto fail_png = [&] { fail(Code::bad_file, "{}: PNG is damaged or truncated: {}", name, d->jump.text); };
  if (bytes.size() < 33) fail(Code::bad_file, "{}: PNG is truncated: got {} bytes", name, bytes.size());
  uint64_t w = png_get_uint_32(&bytes[16]), h = png_get_uint_32(&bytes[20]);
  check_image_size(name, h, w, limits);
  check_image_memory(name, bytes.size() + 6 * h * w, limits);  // turned the right way up it is there twice
  if (!read_header(*d)) fail_png();
  // Deflate packs at most 1032 bytes into one, so a short file cannot hold a large picture, whatever its header claims.
  if (h * png_get_rowbytes(d->png, d->info) / 1032 > bytes.size())
    fail(Code::bad_file, "{}: PNG is truncated: got {} bytes, too few for {}x{} pixels", name, bytes.size(), w, h);
  out.h = static_cast<int>(h), out.w = static_cast<int>(w);
  out.pixels.resize(h * w * 3);
  if (!read_pixels(*d, out.pixels.data(), w * 3)) fail_png();
}

namespace {

struct Encoder {
  Jump jump;
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::string out;

  Encoder() {
    png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &jump, on_error, on_warning);
    info = png ? png_create_info_struct(png) : nullptr;
    if (!info) fail(Code::resources, "no memory for a PNG encoder");
  }
  ~Encoder() { png_destroy_write_struct(&png, &info); }
  Encoder(const Encoder&) = delete;
};

void append(png_structp png, png_bytep from, size_t n) {
  static_cast<Encoder*>(png_get_io_ptr(png))->out.append(reinterpret_cast<const char*>(from), n);
}

bool write_pixels(Encoder& e, ImageView image) {
  if (setjmp(e.jump.to)) return false;
  png_set_write_fn(e.png, &e, append, nullptr);
  png_set_IHDR(e.png, e.info, static_cast<png_uint_32>(image.w), static_cast<png_uint_32>(image.h), 8,
               image.c == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  png_write_info(e.png, e.info);
  for (int y = 0; y < image.h; y++) png_write_row(e.png, image.row(y));
  png_write_end(e.png, e.info);
  return true;
}

}  // namespace

std::string encode_png(ImageView image) {
  auto e = std::make_unique<Encoder>();
  if (!write_pixels(*e, image)) fail(Code::bug, "cannot write a PNG of {}x{}: {}", image.w, image.h, e->jump.text);
  return std::move(e->out);
}

}  // namespace fovea
