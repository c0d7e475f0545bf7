// The one EXIF tag that changes what a picture shows.
#pragma once
#include <cstdint>
#include <span>

namespace fovea {

// Orientation 1 to 8 of a JPEG, PNG or WebP file; 1 when there is none or it makes no sense. Follows no link within the
// file, so it ends after one pass whatever the bytes are.
int exif_orientation(std::span<const uint8_t> file);

}  // namespace fovea
