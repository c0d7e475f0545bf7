#include "io/resample.h"

namespace fovea {

void resample(const float* in, int h, int w, int c, Filter filter, float* out, int out_h, int out_w) {
  std::vector<double> down, across, sum;
  for (int y = 0; y < out_h; y++) {
    int top = resample_weights(h, out_h, y, filter, down);
    for (int x = 0; x < out_w; x++, out += c) {
      int left = resample_weights(w, out_w, x, filter, across);
      sum.assign(size_t(c), 0);
      for (size_t i = 0; i < down.size(); i++) {
        for (size_t j = 0; j < across.size(); j++) {
          const float* from = in + ((top + int64_t(i)) * w + left + int64_t(j)) * c;
          double share = down[i] * across[j];
          for (int k = 0; k < c; k++) sum[size_t(k)] += share * static_cast<double>(from[k]);
        }
      }
      for (int k = 0; k < c; k++) out[k] = static_cast<float>(sum[size_t(k)]);
    }
  }
}

}  // namespace fovea
