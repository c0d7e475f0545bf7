// Colour and geometry on 8-bit pixels [h,w,c], c = 1 or 3, with Pillow's arithmetic (ImageEnhance, ImageOps, transform).
#pragma once
#include <cstdint>
#include <vector>

namespace fovea {

struct Pixels {
  uint8_t* data;
  int h, w, c;
  int64_t bytes() const { return int64_t{h} * w * c; }
};

// Factor 1 changes nothing; 0 gives black, flat grey, grey or smooth.
void adjust_brightness(Pixels p, float factor);
void adjust_contrast(Pixels p, float factor);
void adjust_saturation(Pixels p, float factor);
void adjust_sharpness(Pixels p, float factor, std::vector<uint8_t>& room);
void adjust_hue(Pixels p, float turn);  // -0.5 to 0.5 of the full circle

void autocontrast(Pixels p);
void equalize(Pixels p);
void invert(Pixels p);
void posterize(Pixels p, int bits);
void solarize(Pixels p, int threshold);
void solarize_add(Pixels p, int add);

void flip_horizontal(Pixels p);
void flip_vertical(Pixels p);
// Output (x, y) shows the input at (m[0] x + m[1] y + m[2], m[3] x + m[4] y + m[5]), pixel centres at halves, bilinear;
// `fill` where that is outside.
void affine(Pixels p, const double (&m)[6], const uint8_t (&fill)[3], std::vector<uint8_t>& room);
void rotate(Pixels p, double degrees, const uint8_t (&fill)[3], std::vector<uint8_t>& room);  // counter-clockwise

}  // namespace fovea
