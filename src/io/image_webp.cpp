// WebP by libwebp: still pictures, lossy and lossless; alpha is dropped.
#include <webp/decode.h>

#include "base/error.h"
#include "io/image_codecs.h"

namespace fovea {
namespace {

const char* describe(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED: return "the file ends early";
    case VP8_STATUS_BITSTREAM_ERROR: return "its data makes no sense";
    case VP8_STATUS_UNSUPPORTED_FEATURE: return "it uses a feature that is not known";
    default: return "it cannot be decoded";
  }
}

[[noreturn]] void fail_webp(const std::string& name, VP8StatusCode status) {
  if (status == VP8_STATUS_OUT_OF_MEMORY) fail(Code::resources, "{}: no memory to decode this WebP", name);
  fail(Code::bad_file, "{}: WebP is damaged or truncated: {}", name, describe(status));
}

}  // namespace

void decode_webp(std::span<const uint8_t> bytes, const std::string& name, Image& out, const ImageLimits& limits) {
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) fail(Code::unsupported, "libwebp is not the version this program was built for");
  VP8StatusCode status = WebPGetFeatures(bytes.data(), bytes.size(), &config.input);
  if (status != VP8_STATUS_OK) fail_webp(name, status);
  if (config.input.has_animation)
    fail(Code::unsupported,
         "{}: is an animated WebP, need a still picture. Take a frame, for example: webpmux -get frame 1 "
         "IN.webp -o OUT.webp",
         name);
  int h = config.input.height, w = config.input.width;
  check_image_size(name, static_cast<uint64_t>(h), static_cast<uint64_t>(w), limits);
  check_image_memory(name, bytes.size() + uint64_t{8} * h * w, limits);  // 4 or 5 are the decoder's
  out.h = h, out.w = w;
  out.pixels.resize(size_t(h) * w * 3);
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {out.pixels.data(), w * 3, out.pixels.size()};
  status = WebPDecode(bytes.data(), bytes.size(), &config);
  if (status != VP8_STATUS_OK) fail_webp(name, status);
}

}  // namespace fovea
