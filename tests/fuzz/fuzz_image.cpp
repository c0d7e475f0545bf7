// decode_image: any bytes give a picture or an Error.
#include <cstdint>

#include "base/error.h"
#include "io/image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    fovea::Image image = fovea::decode_image({data, size}, "fuzz", {.pixels = 1 << 16, .jpeg_scans = 20});
    image = fovea::orient(image);
    if (image.pixels.size() != size_t(image.h) * image.w * 3) __builtin_trap();
  } catch (const fovea::Error&) {}
  return 0;
}
