#include "data/preprocess.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace fovea {

// Both sides by the same exact factor, to the nearest pixel.
static Placement place_rounded(int h, int w, const Card& card, double pct) {
  double scale = std::max(card.height / pct / h, card.width / pct / w);
  if (scale * std::max(h, w) > 1 << 30)
    fail(Code::unsupported, "a picture of {}x{} pixels is too narrow to be resized", w, h);
  Placement p;
  p.h = static_cast<int>(std::nearbyint(h * scale)), p.w = static_cast<int>(std::nearbyint(w * scale));
  p.y = (p.h - card.height) / 2, p.x = (p.w - card.width) / 2;
  return p;
}

Placement place_for_card(int h, int w, const Card& card) {
  // The card holds a float; the decimal that was meant gives the size that was meant (224 / 0.8 is 280, not 279).
  double pct = std::round(card.crop_pct * 1e6) / 1e6;
  if (card.round_size) return place_rounded(h, w, card, pct);
  int side_h = static_cast<int>(std::floor(card.height / pct)), side_w = static_cast<int>(std::floor(card.width / pct));
  Placement p;
  if (side_h == side_w) {
    int shorter = std::min(h, w);
    double longer = static_cast<double>(int64_t{side_h} * std::max(h, w)) / shorter;
    if (longer > 1 << 30)
      fail(Code::unsupported, "a picture of {}x{} pixels is too narrow to be resized to {}", w, h, side_h);
    p.h = h <= w ? side_h : static_cast<int>(longer), p.w = h <= w ? static_cast<int>(longer) : side_h;
  } else {
    double ratio = std::min(static_cast<double>(h) / side_h, static_cast<double>(w) / side_w);
    p.h = static_cast<int>(std::nearbyint(h / ratio)), p.w = static_cast<int>(std::nearbyint(w / ratio));
  }
  p.y = static_cast<int>(std::nearbyint((p.h - card.height) / 2.0));  // half to even, as Python rounds
  p.x = static_cast<int>(std::nearbyint((p.w - card.width) / 2.0));
  return p;
}

Preprocessor::Preprocessor(const Card& card) : card_(card), filter_(filter_from(card.interpolation)) {
  if (card.height < 1 || card.width < 1 || card.height > 65536 || card.width > 65536)
    fail(Code::usage, "image size: got {}x{}, need 1 to 65536", card.width, card.height);
  if (card.channels != 1 && card.channels != 3) fail(Code::usage, "channels: got {}, need 1 or 3", card.channels);
  if (!(card.crop_pct > 0.01f && card.crop_pct <= 1))
    fail(Code::usage, "crop_pct: got {}, need more than 0.01, at most 1", card.crop_pct);
  for (int c = 0; c < 3; c++) {
    for (int v = 0; v < 256; v++) table_[c][v] = (static_cast<float>(v) / 255.f - card.mean[c]) / card.std[c];
  }
}

ImageView Preprocessor::with_channels(ImageView image) {
  FOVEA_CHECK(image.c == 1 || image.c == 3);
  if (image.c == card_.channels) return image;
  converted_.resize(size_t(image.h) * image.w * card_.channels);
  uint8_t* to = converted_.data();
  for (int y = 0; y < image.h; y++) {
    const uint8_t* from = image.row(y);
    for (int x = 0; x < image.w; x++) {
      if (card_.channels == 1) {
        const uint8_t* p = from + 3 * x;
        *to++ = static_cast<uint8_t>((p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 0x8000) >> 16);
      } else {
        to = std::fill_n(to, 3, from[x]);
      }
    }
  }
  return {converted_.data(), image.h, image.w, card_.channels, int64_t{image.w} * card_.channels};
}

void Preprocessor::window(ImageView image, uint8_t* out) {
  Placement p = place_for_card(image.h, image.w, card_);
  resizer_.resize(image, p.h, p.w, filter_, p.y, p.x, card_.height, card_.width, out);
}

void Preprocessor::normalize(const uint8_t* pixels, float* out) const {
  int64_t n = int64_t{card_.height} * card_.width;
  if (card_.channels == 1) {
    for (int64_t i = 0; i < n; i++) out[i] = table_[0][pixels[i]];
    return;
  }
  for (int64_t i = 0; i < n; i++, pixels += 3, out += 3) {
    out[0] = table_[0][pixels[0]], out[1] = table_[1][pixels[1]], out[2] = table_[2][pixels[2]];
  }
}

void Preprocessor::operator()(ImageView image, float* out) {
  window_.resize(size_t(card_.height) * card_.width * card_.channels);
  window(with_channels(image), window_.data());
  normalize(window_.data(), out);
}

void preprocess(const Image& image, const Card& card, float* out) { Preprocessor{card}(view(image), out); }

}  // namespace fovea
