#include "kernels/window.h"

namespace fovea::kernels {

WindowTaps window_taps(const WindowAxis& a) {
  WindowTaps list{{}, {0}};
  for (int i = 0; i < a.out; i++) {
    for (int k = 0; k < a.taps; k++) {
      int64_t x = int64_t{i} * a.stride + int64_t{k} * a.dilation - a.pad;
      if (x >= 0 && x < a.in) list.taps.push_back({k, static_cast<int32_t>(x)});
    }
    list.begin.push_back(static_cast<int>(list.taps.size()));
  }
  return list;
}

WindowTaps window_taps_transposed(const WindowAxis& a) {
  WindowTaps list{{}, {0}};
  for (int x = 0; x < a.in; x++) {
    for (int k = 0; k < a.taps; k++) {
      int64_t y = int64_t{x} + a.pad - int64_t{k} * a.dilation;
      if (y >= 0 && y % a.stride == 0 && y / a.stride < a.out) list.taps.push_back({k, static_cast<int32_t>(y / a.stride)});
    }
    list.begin.push_back(static_cast<int>(list.taps.size()));
  }
  return list;
}

}  // namespace fovea::kernels
