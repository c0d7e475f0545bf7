// RandAugment (Cubuk 2019, arXiv:1909.13719): a few operations drawn from one list, all at one strength. The list and the
// meaning of the strength are timm's "increasing" ones.
#pragma once
#include <cstdint>
#include <vector>

#include "base/random.h"
#include "data/augment.h"
#include "data/pixel_ops.h"

namespace fovea {

// `fill` is shown where a turned or moved picture has no pixel.
void randaugment(Pixels p, const Augment& augment, const uint8_t (&fill)[3], Random& random, std::vector<uint8_t>& room);

// One operation of the list by its number, at strength 0 to 1 (tests).
int randaugment_count();
const char* randaugment_name(int op);
void randaugment_apply(int op, Pixels p, float strength, const uint8_t (&fill)[3], Random& random,
                       std::vector<uint8_t>& room);

}  // namespace fovea
