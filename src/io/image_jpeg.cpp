// JPEG by libjpeg-turbo with its default integer DCT and smooth chroma upsampling, which is what Pillow uses.
#include <fmt/format.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <memory>

// jpeglib.h needs cstdio before it.
#include <jpeglib.h>

#include <jerror.h>

#include "base/error.h"
#include "io/image_codecs.h"

namespace fovea {
namespace {

// libjpeg reports errors by a jump, so no object with a destructor may live in a function that calls it after setjmp.
struct Jump {
  jpeg_error_mgr base;
  std::jmp_buf to;
  Code code;
  char text[JMSG_LENGTH_MAX];
};

[[noreturn]] void leave(j_common_ptr j, Code code) {
  auto* jump = reinterpret_cast<Jump*>(j->err);
  j->err->format_message(j, jump->text);
  jump->code = code;
  std::longjmp(jump->to, 1);
}

void on_error(j_common_ptr j) {
  switch (j->err->msg_code) {
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
    case JERR_ARITH_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_CCIR601_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL: leave(j, Code::unsupported);
    case JERR_OUT_OF_MEMORY: leave(j, Code::resources);
    default: leave(j, Code::bad_file);
  }
}

// Most of libjpeg's warnings mean that pixels were made up: for a network that is worse than no picture. These are not.
bool harmless(int warning) {
  return warning == JWRN_EXTRANEOUS_DATA || warning == JWRN_ADOBE_XFORM || warning == JWRN_JFIF_MAJOR ||
         warning == JWRN_BOGUS_PROGRESSION;
}

void on_message(j_common_ptr j, int level) {
  if (level < 0 && !harmless(j->err->msg_code)) leave(j, Code::bad_file);
}

struct Decoder {
  jpeg_decompress_struct j{};
  Jump jump{};
  jpeg_progress_mgr progress{};
  int most_scans;

  Decoder(int scans) : most_scans(scans) {
    j.err = jpeg_std_error(&jump.base);
    jump.base.error_exit = on_error;
    jump.base.emit_message = on_message;
    jpeg_create_decompress(&j);
    j.progress = &progress;
    j.client_data = this;
    progress.progress_monitor = [](j_common_ptr c) {
      auto* d = reinterpret_cast<Decoder*>(c->client_data);
      if (reinterpret_cast<j_decompress_ptr>(c)->input_scan_number <= d->most_scans) return;
      std::snprintf(d->jump.text, sizeof d->jump.text, "has more than %d scans", d->most_scans);
      d->jump.code = Code::resources;
      std::longjmp(d->jump.to, 1);
    };
  }
  ~Decoder() { jpeg_destroy_decompress(&j); }
  Decoder(const Decoder&) = delete;
};

bool read_header(Decoder& d, std::span<const uint8_t> bytes) {
  if (setjmp(d.jump.to)) return false;
  jpeg_mem_src(&d.j, bytes.data(), bytes.size());
  jpeg_read_header(&d.j, TRUE);
  d.j.out_color_space = d.j.num_components == 4 ? JCS_CMYK : JCS_RGB;
  return true;
}

// Ink to light as Pillow has it: files hold inverted ink (Adobe's way), so a byte c is how much light the ink leaves.
void cmyk_to_rgb(const uint8_t* in, uint8_t* out, int w) {
  for (int x = 0; x < w; x++, in += 4, out += 3) {
    for (int i = 0; i < 3; i++) {
      int ink = (255 - in[i]) * in[3] + 128;
      out[i] = static_cast<uint8_t>(in[3] - ((ink + (ink >> 8)) >> 8));
    }
  }
}

bool read_pixels(Decoder& d, uint8_t* out) {
  if (setjmp(d.jump.to)) return false;
  jpeg_start_decompress(&d.j);
  auto w = d.j.output_width;
  bool cmyk = d.j.out_color_space == JCS_CMYK;
  JSAMPARRAY line = cmyk ? d.j.mem->alloc_sarray(reinterpret_cast<j_common_ptr>(&d.j), JPOOL_IMAGE, w * 4, 1) : nullptr;
  while (d.j.output_scanline < d.j.output_height) {
    JSAMPROW row = cmyk ? line[0] : out + size_t{d.j.output_scanline} * w * 3;
    size_t y = d.j.output_scanline;
    jpeg_read_scanlines(&d.j, &row, 1);
    if (cmyk) cmyk_to_rgb(row, out + y * w * 3, static_cast<int>(w));
  }
  jpeg_finish_decompress(&d.j);
  return true;
}

[[noreturn]] void fail_jpeg(const Decoder& d, const std::string& name) {
  std::string what = d.jump.text;
  if (d.jump.code == Code::unsupported)
    fail(Code::unsupported, "{}: this kind of JPEG is not read ({}). Convert it to an 8-bit baseline JPEG or PNG", name,
         what);
  if (d.jump.code == Code::resources) fail(Code::resources, "{}: JPEG {}", name, what);
  fail(Code::bad_file, "{}: JPEG is damaged or truncated: {}", name, what);
}

// Bytes besides the file's. Where scans hold less than whole pixels, all coefficients stay until the last.
uint64_t bytes_of(jpeg_decompress_struct& j) {
  uint64_t picture = uint64_t{3} * j.image_height * j.image_width, coefficients = 0;
  for (int i = 0; jpeg_has_multiple_scans(&j) && i < j.num_components; i++)
    coefficients += uint64_t{j.comp_info[i].width_in_blocks} * j.comp_info[i].height_in_blocks * sizeof(JBLOCK);
  return picture + std::max(picture, coefficients);  // turned the right way up it is there twice
}

}  // namespace

void decode_jpeg(std::span<const uint8_t> bytes, const std::string& name, Image& out, const ImageLimits& limits) {
  // On the heap: a jump back must find it unchanged.
  auto d = std::make_unique<Decoder>(limits.jpeg_scans);
  if (!read_header(*d, bytes)) fail_jpeg(*d, name);
  uint64_t h = d->j.image_height, w = d->j.image_width;
  check_image_size(name, h, w, limits);
  check_image_memory(name, bytes.size() + bytes_of(d->j), limits);
  // A Huffman code takes at least a bit per 8x8 block, so a short file cannot hold a large picture, whatever it claims.
  if (!d->j.arith_code && h * w / 1024 > bytes.size())
    fail(Code::bad_file, "{}: JPEG is truncated: got {} bytes, too few for {}x{} pixels", name, bytes.size(), w, h);
  d->most_scans = static_cast<int>(std::min<uint64_t>(d->most_scans, std::max<uint64_t>(16 * limits.pixels / (h * w), 16)));
  out.h = static_cast<int>(h), out.w = static_cast<int>(w);
  out.pixels.resize(h * w * 3);
  if (!read_pixels(*d, out.pixels.data())) fail_jpeg(*d, name);
}

namespace {

struct Encoder {
  jpeg_compress_struct j{};
  Jump jump{};
  unsigned char* bytes = nullptr;
  unsigned long size = 0;

  Encoder() {
    j.err = jpeg_std_error(&jump.base);
    jump.base.error_exit = on_error;
    jpeg_create_compress(&j);
  }
  ~Encoder() {
    jpeg_destroy_compress(&j);
    std::free(bytes);
  }
  Encoder(const Encoder&) = delete;
};

bool write_pixels(Encoder& e, ImageView image, int quality) {
  if (setjmp(e.jump.to)) return false;
  jpeg_mem_dest(&e.j, &e.bytes, &e.size);
  e.j.image_width = static_cast<JDIMENSION>(image.w);
  e.j.image_height = static_cast<JDIMENSION>(image.h);
  e.j.input_components = image.c;
  e.j.in_color_space = image.c == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&e.j);
  jpeg_set_quality(&e.j, quality, TRUE);
  jpeg_start_compress(&e.j, TRUE);
  for (int y = 0; y < image.h; y++) {
    auto row = const_cast<JSAMPROW>(image.row(y));
    jpeg_write_scanlines(&e.j, &row, 1);
  }
  jpeg_finish_compress(&e.j);
  return true;
}

}  // namespace

std::string encode_jpeg(ImageView image, int quality) {
  auto e = std::make_unique<Encoder>();
  if (!write_pixels(*e, image, quality)) fail(Code::bug, "cannot write a JPEG of {}x{}: {}", image.w, image.h, e->jump.text);
  return {reinterpret_cast<const char*>(e->bytes), e->size};
}

}  // namespace fovea
