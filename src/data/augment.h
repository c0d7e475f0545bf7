// What training does to pictures before the network sees them. All off by default. Every random choice is a function of
// (seed, epoch, sample), or of (seed, epoch, batch) for mixes: never of threads or order.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/card.h"
#include "base/random.h"
#include "data/preprocess.h"

namespace fovea {

struct Augment {
  int pad = 0;                                         // pixels on every side before a random crop
  bool reflect = false;                                // pad with the mirrored picture instead of black
  float scale_min = 1, scale_max = 1;                  // random resized crop: its share of the area; off at 1, 1
  float ratio_min = 3.f / 4, ratio_max = 4.f / 3;      // and its aspect
  float hflip = 0, vflip = 0;                          // probabilities
  float brightness = 0, contrast = 0, saturation = 0;  // jitter by a factor in 1 +- this
  float hue = 0;                                       // jitter by +- this, of a full turn; at most 0.5
  int randaugment = 0;                                 // operations per picture (Cubuk 2019, arXiv:1909.13719), 0: off
  float magnitude = 9, magnitude_std = 0.5f;           // of RandAugment, 0 to 10
  float randaugment_prob = 0.5f;                       // of each operation
  float erase = 0;                                     // probability of random erasing (Zhong 2017, arXiv:1708.04896)
  float erase_min = 0.02f, erase_max = 1.f / 3;        // its share of the area
  int cutout = 0;                                      // side of a square around a random pixel (arXiv:1708.04552)
  bool erase_noise = false;                            // with normal noise instead of the mean colour
  float mixup = 0, cutmix = 0;                         // alpha of the Beta distribution (arXiv:1710.09412, arXiv:1905.04899)
  float mix_prob = 1, mix_switch = 0.5f;               // of a batch being mixed; of CutMix where both are on
  float label_smoothing = 0;
};

void check(const Augment& augment);  // usage error for a value out of range

// Makes training samples. Holds the memory between calls; one per thread.
class Augmenter {
 public:
  Augmenter(const Card& card, const Augment& augment);
  void make(ImageView image, Random& random, float* out);  // out: [height,width,channels]

 private:
  void place(ImageView image, Random& random);
  void resized_crop(ImageView image, Random& random);
  void padded_crop(Random& random);
  Card card_;
  Augment augment_;
  Preprocessor base_;
  std::vector<uint8_t> pixels_, spare_;  // [height,width,channels]
};

// torchvision's rule for the box of a random resized crop of an h x w picture.
struct Box {
  int y, x, h, w;
};
Box random_crop_box(int h, int w, const Augment& augment, Random& random);
// A box to erase or paste.
Box random_erase_box(int h, int w, const Augment& augment, Random& random);
Box random_square(int h, int w, int side, Random& random);  // around any pixel; what sticks out is cut
void erase(float* image, int h, int w, int c, const Augment& augment, Random& random);

}  // namespace fovea
