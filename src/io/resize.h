// Resampling equal to Pillow's Image.resize in every bit: separable, antialiased, horizontal before vertical, 8 bits
// between the passes, weights rounded to 22 bits.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "io/image.h"

namespace fovea {

enum class Filter { nearest, box, bilinear, hamming, bicubic, lanczos };

const std::vector<std::string>& filter_names();
Filter filter_from(const std::string& name);  // usage error with the choices

// For outputs i: the inputs first[i] .. first[i] + count[i] - 1 and their weights, scaled by 2^22.
struct Taps {
  int stride = 0;
  std::vector<int> first, count;
  std::vector<int32_t> weights;  // [outputs, stride]
  const int32_t* at(int i) const { return &weights[size_t(i) * stride]; }
};

// Holds the memory between calls; one per thread.
class Resizer {
 public:
  // What `src` resized to h x w shows in the rectangle (y, x, out_h, out_w); only that is computed.  // out: [out_h,out_w,c]
  void resize(ImageView src, int h, int w, Filter filter, int y, int x, int out_h, int out_w, uint8_t* out);

 private:
  void nearest(ImageView src, int h, int w, int y, int x, int out_h, int out_w, uint8_t* out);
  Taps across_, down_;
  std::vector<uint8_t> between_;  // [rows needed, out_w, c]
};

Image resize(ImageView src, int h, int w, Filter filter);

}  // namespace fovea
