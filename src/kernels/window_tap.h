#pragma once
#include <cstdint>

namespace fovea::kernels {

// Tap `tap` of a window meets position `at` of the image, along one axis.
struct WindowTap {
  int32_t tap, at;
};

}  // namespace fovea::kernels
