// Pictures come out as Pillow has them, the right way up if asked, and go in again.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "io/exif.h"
#include "io/image.h"
#include "io/images.h"

namespace fovea {
namespace {

struct Golden {
  const char* file;
  int h, w;
  const char *pixels, *turned;
};

const Golden kGolden[] = {
#define GOLDEN_RESIZE(...)
#define GOLDEN_OP(...)
#define GOLDEN_FILE(...) {__VA_ARGS__},
#include "io/golden_images.inc"
#undef GOLDEN_RESIZE
#undef GOLDEN_OP
#undef GOLDEN_FILE
};

TEST(Image, EqualsPillow) {
  for (const Golden& g : kGolden) {
    SCOPED_TRACE(g.file);
    Image a = load_image(sample_file(g.file));
    EXPECT_EQ(a.h, g.h);
    EXPECT_EQ(a.w, g.w);
    EXPECT_EQ(digest(a.pixels), g.pixels);
    EXPECT_EQ(digest(orient(a).pixels), g.turned);
  }
}

// Each of the eight ways against a plain description of it: where the top left corner and its right neighbour go.
TEST(Image, OrientationsTurnCorners) {
  Image a = noise(2, 3, 1);
  auto turned = [&](int o) {
    Image b = a;
    b.orientation = o;
    b = orient(b);
    return std::tuple(b.h, b.w, b.pixels.front(), b.pixels.back(), b.orientation);
  };
  auto at = [&](int y, int x) { return a.pixels[size_t(y) * 3 + x]; };
  EXPECT_EQ(turned(1), std::tuple(2, 3, at(0, 0), at(1, 2), 1));
  EXPECT_EQ(turned(2), std::tuple(2, 3, at(0, 2), at(1, 0), 1));
  EXPECT_EQ(turned(3), std::tuple(2, 3, at(1, 2), at(0, 0), 1));
  EXPECT_EQ(turned(4), std::tuple(2, 3, at(1, 0), at(0, 2), 1));
  EXPECT_EQ(turned(5), std::tuple(3, 2, at(0, 0), at(1, 2), 1));
  EXPECT_EQ(turned(6), std::tuple(3, 2, at(1, 0), at(0, 2), 1));
  EXPECT_EQ(turned(7), std::tuple(3, 2, at(1, 2), at(0, 0), 1));
  EXPECT_EQ(turned(8), std::tuple(3, 2, at(0, 2), at(1, 0), 1));
}

TEST(Image, OrientationThatMakesNoSenseIsOne) {
  std::string jpeg = read_file(sample_file("exif6.jpg"));
  EXPECT_EQ(exif_orientation(as_bytes(jpeg)), 6);
  size_t tag = jpeg.find(std::string("\x01\x12\0\x03", 4));
  for (int value : {0, 9, 200}) {
    std::string changed = jpeg;
    changed[tag + 9] = static_cast<char>(value);
    EXPECT_EQ(exif_orientation(as_bytes(changed)), 1) << value;
  }
  for (size_t n = 0; n < jpeg.size(); n++) exif_orientation(as_bytes(jpeg).first(n));  // must end, whatever is cut
}

TEST(Image, PngRoundTripIsExact) {
  for (int c : {1, 3}) {
    Image a = noise(13, 29, c), b = decode_image(as_bytes(encode_png(view(a))), "a.png");
    ASSERT_EQ(b.pixels.size(), 13u * 29 * 3);
    for (size_t i = 0; i < b.pixels.size(); i++) ASSERT_EQ(b.pixels[i], a.pixels[c == 3 ? i : i / 3]);
  }
}

TEST(Image, JpegRoundTripIsNear) {
  Image a = waves(40, 60), b = decode_image(as_bytes(encode_jpeg(view(a), 95)), "a.jpg");
  ASSERT_EQ(b.pixels.size(), a.pixels.size());
  int worst = 0;
  for (size_t i = 0; i < a.pixels.size(); i++) worst = std::max(worst, std::abs(a.pixels[i] - b.pixels[i]));
  EXPECT_LE(worst, 12);
  EXPECT_GT(worst, 0);
  EXPECT_LT(encode_jpeg(view(a), 20).size(), encode_jpeg(view(a), 95).size());
  Image window = decode_image(as_bytes(encode_png(crop(view(a), 5, 7, 10, 20))), "crop");
  EXPECT_EQ(window.pixels[0], a.pixels[(5 * 60 + 7) * 3]);
}

TEST(Image, KindIsByContentNotByName) {
  std::string path = testing::TempDir() + "fovea_" + std::to_string(getpid()) + ".jpg";
  write_file(path, read_file(sample_file("rgb.png")));
  EXPECT_EQ(load_image(path).w, 34);
  std::remove(path.c_str());
}

}  // namespace
}  // namespace fovea
