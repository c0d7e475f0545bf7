// Which taps of a window meet which input positions along one axis, for every output position.
#pragma once
#include <vector>

#include "kernels/window_tap.h"

namespace fovea::kernels {

// Output i looks at the inputs i * stride + k * dilation - pad, for the taps k.
struct WindowAxis {
  int in, out, taps, stride, dilation, pad;
};

// The taps of position p are taps[begin[p], begin[p + 1]), in the order of the taps.
struct WindowTaps {
  std::vector<WindowTap> taps;
  std::vector<int> begin;

  const WindowTap* of(int p) const { return taps.data() + begin[p]; }
  int count(int p) const { return begin[p + 1] - begin[p]; }
};

WindowTaps window_taps(const WindowAxis& axis);             // for every output, the inputs inside the image
WindowTaps window_taps_transposed(const WindowAxis& axis);  // for every input, the outputs that look at it

}  // namespace fovea::kernels
