// One decoder per file format, called by decode_image once the first bytes have named it.
#pragma once
#include "io/image.h"

namespace fovea {

void decode_jpeg(std::span<const uint8_t> bytes, const std::string& name, Image& out, const ImageLimits& limits);
void decode_png(std::span<const uint8_t> bytes, const std::string& name, Image& out, const ImageLimits& limits);
void decode_webp(std::span<const uint8_t> bytes, const std::string& name, Image& out, const ImageLimits& limits);

// The size a header claims, checked before anything is allocated for it.
void check_image_size(const std::string& name, uint64_t h, uint64_t w, const ImageLimits& limits);
// And the bytes it takes, of which the decoder knows its own; throws NoRoom.
void check_image_memory(const std::string& name, uint64_t bytes, const ImageLimits& limits);

}  // namespace fovea
