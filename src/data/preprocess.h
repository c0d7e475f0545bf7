// A picture as the network wants it, by its card: timm's evaluation transform.
#pragma once
#include <cstdint>
#include <vector>

#include "base/card.h"
#include "io/image.h"
#include "io/resize.h"

namespace fovea {

// The size that a picture is resized to, and the corner of the card's window in that.
struct Placement {
  int h = 0, w = 0, y = 0, x = 0;
};
Placement place_for_card(int h, int w, const Card& card);

// Holds the memory between calls; one per thread.
class Preprocessor {
 public:
  explicit Preprocessor(const Card& card);
  void operator()(ImageView image, float* out);  // [height,width,channels]
  ImageView with_channels(ImageView image);      // grey <-> RGB, as Pillow's convert("L") and convert("RGB")
  void window(ImageView image, uint8_t* out);    // resized and cropped, still 8 bits; image has the card's channels
  void normalize(const uint8_t* pixels, float* out) const;  // (v / 255 - mean) / std
  Resizer& resizer() { return resizer_; }
  Filter filter() const { return filter_; }

 private:
  Card card_;
  Filter filter_;
  float table_[3][256];
  Resizer resizer_;
  std::vector<uint8_t> converted_, window_;
};

void preprocess(const Image& image, const Card& card, float* out);

}  // namespace fovea
