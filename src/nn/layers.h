// Layers with parameters: functions from a scope and a tensor to a tensor. Names are PyTorch's: weight, bias,
// running_mean, running_var. Maps are [n,h,w,c], tokens [n,t,c].
#pragma once
#include <span>

#include "ir/scope.h"
#include "nn/init.h"
#include "ops/activation.h"
#include "ops/norm.h"

namespace fovea {

enum class Padding : uint8_t {
  centred,  // half of the window on every side, what most PyTorch models write out
  same,     // TensorFlow's: the output has ceil(size / stride) pixels, an odd pixel goes to the bottom and right
  none
};
Pad padding(Padding p, const Shape& x, Pair window, Pair stride = 1, int dilation = 1);

struct ConvOptions {
  Pair stride = 1;
  Padding pad = Padding::centred;
  int dilation = 1, groups = 1;
  bool bias = false;
  InitRule init = fan_in_uniform;
};
Tensor conv(Scope s, Tensor x, int out, Pair window, const ConvOptions& o = {});  // [n,h,w,c] -> [n,h',w',out]

struct LinearOptions {
  bool bias = true;
  InitRule init = fan_in_uniform;
};
Tensor linear(Scope s, Tensor x, int out, const LinearOptions& o = {});  // [..., c] -> [..., out]

Tensor batch_norm(Scope s, Tensor x, float eps = 1e-5f, float gamma = 1);  // gamma: the scale's starting value
Tensor layer_norm(Scope s, Tensor x, float eps = 1e-6f, bool bias = true, float gamma = 1);
Tensor rms_norm(Scope s, Tensor x, float eps = 1e-6f, float gamma = 1);  // x / rms(x), arXiv:1910.07467
Tensor simple_norm(Scope s, Tensor x, float eps = 1e-6f);                // x / std(x): rms_norm with the spread for the size
Tensor group_norm(Scope s, Tensor x, int groups = 32, float eps = 1e-5f, bool bias = true);  // arXiv:1803.08494
Tensor global_response_norm(Scope s, Tensor x, float eps = 1e-6f);                           // arXiv:2301.00808
Tensor response_norm(Tensor x, Tensor scale, Tensor shift, float eps = 1e-6f);               // the same, with these
Tensor layer_scale(Scope s, Tensor x, const std::string& name, float start);                 // x * name, arXiv:2103.17239
Tensor prelu(Scope s, Tensor x);                                                             // arXiv:1502.01852

// The scope names the draw: two dropouts of one scope would share it.
Tensor dropout(Scope s, Tensor x, float rate);
Tensor drop_path(Scope s, Tensor x, float rate);
Tensor alpha_dropout(Scope s, Tensor x, float rate);
// The rate of block i of n when it grows from 0 at the first to `rate` at the last.
inline float drop_rate(float rate, int i, int n) {
  return n > 1 ? rate * static_cast<float>(i) / static_cast<float>(n - 1) : 0;
}
// The same, block after block through stages of these depths.
class DropRamp {
 public:
  DropRamp(float rate, std::span<const int> depths) : rate_(rate) {
    for (int d : depths) total_ += d;
  }
  float next() { return drop_rate(rate_, index_++, total_); }

 private:
  float rate_;
  int total_ = 0, index_ = 0;
};

// The multiple of `divisor` nearest to `channels` that loses at most a tenth of them (more for `keep` 0).
int round_channels(double channels, int divisor = 8, double keep = 0.9);

}  // namespace fovea
