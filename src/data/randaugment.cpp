#include "data/randaugment.h"

#include <algorithm>

namespace fovea {
namespace {

struct Call {
  Pixels p;
  float s;  // strength, 0 to 1
  Random& random;
  const uint8_t (&fill)[3];
  std::vector<uint8_t>& room;

  float either_way(float v) { return random.uniform() < 0.5f ? -v : v; }
  float factor() { return std::max(0.1f, 1 + either_way(0.9f * s)); }
  void move(double a, double b, double c, double d, double e, double f) { affine(p, {a, b, c, d, e, f}, fill, room); }
};

struct Operation {
  const char* name;
  void (*apply)(Call& c);
};

constexpr Operation kOperations[] = {
    {"AutoContrast", [](Call& c) { autocontrast(c.p); }},
    {"Equalize", [](Call& c) { equalize(c.p); }},
    {"Invert", [](Call& c) { invert(c.p); }},
    {"Rotate", [](Call& c) { rotate(c.p, c.either_way(30 * c.s), c.fill, c.room); }},
    {"Posterize", [](Call& c) { posterize(c.p, 4 - static_cast<int>(4 * c.s)); }},
    {"Solarize", [](Call& c) { solarize(c.p, 256 - static_cast<int>(256 * c.s)); }},
    {"SolarizeAdd", [](Call& c) { solarize_add(c.p, static_cast<int>(110 * c.s)); }},
    {"Color", [](Call& c) { adjust_saturation(c.p, c.factor()); }},
    {"Contrast", [](Call& c) { adjust_contrast(c.p, c.factor()); }},
    {"Brightness", [](Call& c) { adjust_brightness(c.p, c.factor()); }},
    {"Sharpness", [](Call& c) { adjust_sharpness(c.p, c.factor(), c.room); }},
    {"ShearX", [](Call& c) { c.move(1, c.either_way(0.3f * c.s), 0, 0, 1, 0); }},
    {"ShearY", [](Call& c) { c.move(1, 0, 0, c.either_way(0.3f * c.s), 1, 0); }},
    {"TranslateX", [](Call& c) { c.move(1, 0, c.either_way(0.45f * c.s) * c.p.w, 0, 1, 0); }},
    {"TranslateY", [](Call& c) { c.move(1, 0, 0, 0, 1, c.either_way(0.45f * c.s) * c.p.h); }},
};
constexpr int kCount = static_cast<int>(std::size(kOperations));

}  // namespace

int randaugment_count() { return kCount; }
const char* randaugment_name(int op) { return kOperations[op].name; }

void randaugment_apply(int op, Pixels p, float strength, const uint8_t (&fill)[3], Random& random,
                       std::vector<uint8_t>& room) {
  Call call{p, strength, random, fill, room};
  kOperations[op].apply(call);
}

void randaugment(Pixels p, const Augment& a, const uint8_t (&fill)[3], Random& random, std::vector<uint8_t>& room) {
  for (int i = 0; i < a.randaugment; i++) {
    int op = static_cast<int>(random.below(kCount));
    if (random.uniform() >= a.randaugment_prob) continue;
    float magnitude = a.magnitude_std > 0 ? a.magnitude + a.magnitude_std * random.normal() : a.magnitude;
    randaugment_apply(op, p, std::clamp(magnitude, 0.f, 10.f) / 10, fill, random, room);
  }
}

}  // namespace fovea
