// Soft targets, and batches whose pictures are mixed in pairs (i, n-1-i): Mixup (arXiv:1710.09412), CutMix
// (arXiv:1905.04899).
#pragma once
#include "data/augment.h"

namespace fovea {

enum class MixKind { none, mixup, cutmix };

struct Mix {
  MixKind kind = MixKind::none;
  float lambda = 1;     // how much of itself a picture keeps: for CutMix the exact share of pixels
  Box box{0, 0, 0, 0};  // that is exchanged
};

// One draw for a batch of h x w pictures.
Mix draw_mix(const Augment& augment, int h, int w, Random& random);

// 1 - smoothing + smoothing / classes at the label, smoothing / classes elsewhere; all 0 for label -1 (an empty place).
void soft_target(int label, int classes, float smoothing, float* target);

// images [n,h,w,c], targets [n,classes]. Pairs with an empty place are left alone.
void mix_batch(const Mix& mix, int n, int h, int w, int c, int classes, const int* labels, float* images, float* targets);

}  // namespace fovea
