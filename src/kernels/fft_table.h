// What an instruction set offers to convolutions by Fourier transforms. A point is a complex number for each of `lanes`
// channels: [real, imaginary][lanes] floats. A line is some points side by side.
#pragma once
#include <cstdint>

namespace fovea::kernels {

// Where values lie on a circle of n points: `count` of them, from point `at` on, beyond the last at the first.
struct FftPlace {
  int64_t n, at, count;
};

// Values of two real planes in memory; null: zeros. The channels of each are 1..lanes.
struct FftPair {
  float *first, *second;
  int64_t step;  // floats from a value to the next
  int64_t first_channels, second_channels;
};

struct FftTable {
  static constexpr int kMostRadix = 9;
  int lanes;
  // A block of the Monarch factorisation: `rest` x `stride` transforms of [radix] points, which lie rest * stride points
  // apart in x, times twiddles [rest][radix - 1][2], transposed to y [rest][radix][stride]. inverse: of the other sign.
  void (*pass[kMostRadix + 1])(const float* x, float* y, int64_t rest, int64_t stride, const float* twiddles, bool inverse);
  void (*load)(float* line, const FftPair& from, const FftPlace& place);  // zeros elsewhere
  void (*store)(const float* line, const FftPair& to, const FftPlace& place);
  // Of a line that held two real planes: twice the spectra of each, points 0 ... n / 2; and back.
  void (*split)(const float* line, float* first, float* second, int64_t n);
  void (*join)(const float* first, const float* second, float* line, int64_t n);
  void (*gather)(float* line, const float* from, int64_t step, const FftPlace& place);  // points; zeros elsewhere
  void (*scatter)(const float* line, float* to, int64_t step, const FftPlace& place);
  void (*multiply)(float* line, const float* spectrum, int64_t n);                     // line *= spectrum
  void (*correlate)(float* sum, const float* line, const float* spectrum, int64_t n);  // sum += line * conj(spectrum)
};

namespace portable {
extern const FftTable fft;
}
namespace avx2 {
extern const FftTable fft;
}
namespace avx512 {
extern const FftTable fft;
}

}  // namespace fovea::kernels
