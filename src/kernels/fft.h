// Depthwise convolution with large kernels through the frequency domain: a channel's plane is laid on circles so large that
// what wraps around does not matter, and its two-dimensional spectrum is multiplied with the kernel's. Each transform is the
// Monarch factorisation of FlashFFTConv (arXiv:2311.05908), products with small matrices and twiddles in turn, and all that
// belongs to a column happens while it is in L1: its transform, the product, the way back. A row of pixels or a single
// column works too (sequences). Stride 1, no dilation. x [n,h,w,c], y [n,oh,ow,c], w [c,kh,kw].
#pragma once
#include <cstddef>
#include <vector>

#include "base/threads.h"
#include "kernels/depthwise_walk.h"
#include "kernels/epilogue.h"
#include "kernels/fft_table.h"
#include "kernels/shapes.h"

namespace fovea::kernels {

// |error| <= kFftError * 2^-24 * the root of the sum of squares of a channel of an image * that of the channel's kernel (of
// the weight gradient: of both planes, over all images). A value that is not finite spoils its whole plane.
// Measured over 1500 random shapes (1 to 70 pixels in each direction, sequences of up to 2000, uniform, normal and nearly
// constant values): at most 4.6, and 5.9 of the weight gradient.
constexpr double kFftError = 10;

// Why these kernels do not take a shape, or null.
const char* fft_cannot(const ConvShape& shape);
// Why they do not or are slower there than direct sums, or null. Of the shape of one image: a picture's answer must not
// depend on its company. changing: the weights are transformed in every run, once for the batch.
const char* fft_refuses(const ConvShape& shape, bool changing);
const char* fft_weight_refuses(const ConvShape& shape);

// Transforms of n points, which n is at least what was asked for and a product of small numbers.
class Fft {
 public:
  Fft(int least, const FftTable& table);
  int64_t size() const { return n_; }
  int64_t half() const { return n_ / 2 + 1; }  // points of the spectrum of real values
  // Of the line a, with another one for intermediates; returns the one of the two where the result is.
  float* transform(float* a, float* b, bool inverse) const;
  static double cost(int least);  // of a transform: operations on vectors, loads and stores included, nearly
  static int size(int least);

 private:
  struct Pass {
    int radix;
    int64_t rest, stride;
    std::vector<float> twiddles;
  };
  const FftTable& table_;
  int64_t n_;
  std::vector<Pass> passes_;
};

// What the directions share: planes of one or two channel blocks and their spectra [plane][row][half] or [half][row].
class FftPlanes {
 public:
  FftPlanes(const ConvShape& shape, Isa isa);

 protected:
  // A rectangle of pixels, [rows][columns] of all channels, on the circles.
  struct Area {
    FftPlace rows, columns;
  };
  // Workspace: lines of real planes' spectra, and two lines at work.
  struct Space {
    float *spectra, *a, *b;
  };
  size_t space_floats() const;
  Space space(float* work) const;
  int blocks_of(int64_t group) const;  // channel blocks of a group: 1 or 2
  template <class F>
  void each_pair(float* pixels, int64_t step, int64_t plane_step, int64_t group, const Area& area, F&& body) const;
  void forward_rows(const float* pixels, int64_t step, int64_t plane_step, int64_t group, const Area& area, float* spectra,
                    const Space& s) const;
  void backward_rows(float* pixels, int64_t step, int64_t plane_step, int64_t group, const Area& area, float* spectra,
                     const Space& s) const;

  ConvShape shape_;
  const FftTable& table_;
  Fft rows_, columns_;
  DepthwisePacking packing_;  // of the weights as they are convolved or come out
  int64_t planes_;            // channel blocks side by side: two where an image has one row
  int64_t groups_;            // of so many blocks
  int64_t lines_;             // of spectra: planes x the most rows of an area
  int64_t point_, line_;      // floats of a point, of a row's spectrum
};

// y from x, or the gradient of x from that of y.
class FftConv : FftPlanes {
 public:
  FftConv(const ConvShape& shape, Direction direction, Isa isa, int threads);

  const char* name() const { return "fft"; }
  size_t packed_floats() const {  // spectra, and what their making takes
    return spectrum_ * static_cast<size_t>(packing_.blocks()) + packing_.floats() + space_floats() * threads_;
  }
  size_t workspace_bytes() const { return space_floats() * threads_ * sizeof(float); }
  void pack(const float* w, float* packed, Pool& pool) const;
  void run(const float* in, const float* packed, float* out, void* work, Pool& pool, const Epilogue* epilogue) const;

 private:
  void pack_group(const float* w, float* packed, float* scratch, int64_t group) const;
  void run_group(const float* in, const float* packed, float* out, float* work, int64_t image, int64_t group) const;

  int in_h_, in_w_, out_h_, out_w_;
  Area kernel_;
  size_t spectrum_, threads_;  // spectrum_: floats of a block
};

class FftWeightConv : FftPlanes {
 public:
  FftWeightConv(const ConvShape& shape, Isa isa, int threads);

  const char* name() const { return "fft"; }
  size_t workspace_bytes() const { return (packing_.floats() + scratch_ * threads_) * sizeof(float); }
  void run(const float* x, const float* dy, float* dw, void* work, Pool& pool) const;

 private:
  void run_group(const float* x, const float* dy, float* taps, float* work, int64_t group) const;

  int64_t sums_;  // floats of a block's spectrum
  size_t scratch_, threads_;
};

}  // namespace fovea::kernels
