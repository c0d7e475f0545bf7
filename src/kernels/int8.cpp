#include "kernels/int8.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "base/error.h"

namespace fovea::kernels {

using Round = void(float* words, const float* x, int64_t rows, int64_t c, const Quantization& q);
Round round_to_bytes_portable;
TileSet tile_set_int8_portable();
#if defined(__x86_64__)
Round round_to_bytes_avx2, round_to_bytes_vnni;
TileSet tile_set_int8_avx2(), tile_set_int8_vnni();
#endif

Operand int8_operand(Isa isa, const Quantization& x) {
  FOVEA_CHECK(x.scale > 0 && std::isfinite(x.scale) && std::isfinite(1 / x.scale) && x.zero >= 0 && x.zero <= 255);
  Operand operand{.name = "int8", .channels = 4, .integers = true, .x = x};
#if defined(__x86_64__)
  if (isa == Isa::avx512 && cpu_has_vnni()) {
    static const TileSet set = tile_set_int8_vnni();
    operand.tiles = &set, operand.round = round_to_bytes_vnni;
    return operand;
  }
  if (isa >= Isa::avx2) {
    static const TileSet set = tile_set_int8_avx2();
    operand.tiles = &set, operand.round = round_to_bytes_avx2;
    return operand;
  }
#endif
  static_cast<void>(isa);
  static const TileSet set = tile_set_int8_portable();
  operand.tiles = &set, operand.round = round_to_bytes_portable;
  return operand;
}

Int8Weights quantize_weights(float* words, const float* w, int64_t taps, int64_t c) {
  float most = 0;
  for (int64_t i = 0; i < taps * c; i++) {
    if (std::isfinite(w[i])) most = std::max(most, std::fabs(w[i]));
  }
  Int8Weights all{std::max(most / 127, FLT_MIN), 0};
  auto* q = reinterpret_cast<int8_t*>(words);
  for (int64_t t = 0; t < taps; t++) {
    for (int64_t i = 0; i < (c + 3) / 4 * 4; i++) {
      const float v = i < c ? w[t * c + i] / all.scale : 0;
      *q = static_cast<int8_t>(std::isnan(v) ? 0 : std::nearbyint(std::clamp(v, -127.0f, 127.0f)));
      all.sum += *q++;
    }
  }
  return all;
}

}  // namespace fovea::kernels
