// Every filter equals Pillow's, bit by bit, on every instruction set; a window equals the same window of the whole.
#include <gtest/gtest.h>

#include "base/cpu.h"
#include "base/error.h"
#include "io/images.h"
#include "io/resize.h"

namespace fovea {
namespace {

struct Golden {
  const char* filter;
  int h, w, c, out_h, out_w;
  const char* pixels;
};

const Golden kGolden[] = {
#define GOLDEN_RESIZE(f, ...) {#f, __VA_ARGS__},
#define GOLDEN_OP(...)
#define GOLDEN_FILE(...)
#include "io/golden_images.inc"
#undef GOLDEN_RESIZE
#undef GOLDEN_OP
#undef GOLDEN_FILE
};

class EveryIsa : public testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (GetParam() > detected_isa()) GTEST_SKIP() << "this CPU has no " << isa_name(GetParam());
    force_isa(GetParam());
  }
  void TearDown() override { force_isa(detected_isa()); }
};

TEST_P(EveryIsa, EqualsPillow) {
  for (const Golden& g : kGolden) {
    Image a = resize(view(noise(g.h, g.w, g.c)), g.out_h, g.out_w, filter_from(g.filter));
    EXPECT_EQ(digest(a.pixels), g.pixels) << g.filter << " " << g.h << "x" << g.w << "x" << g.c << " to " << g.out_h << "x"
                                          << g.out_w;
  }
}

TEST_P(EveryIsa, WindowIsPartOfTheWhole) {
  Image source = noise(60, 47, 3);
  ImageView inner = crop(view(source), 3, 5, 50, 40);
  for (const char* name : {"nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"}) {
    Filter filter = filter_from(name);
    Image whole = resize(inner, 33, 71, filter), part{10, 20, 3, std::vector<uint8_t>(600)};
    Resizer().resize(inner, 33, 71, filter, 23, 51, 10, 20, part.pixels.data());
    for (int y = 0; y < 10; y++) {
      for (int x = 0; x < 60; x++) ASSERT_EQ(part.pixels[y * 60 + x], whole.pixels[(23 + y) * 71 * 3 + 51 * 3 + x]) << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Resize, EveryIsa, testing::Values(Isa::portable, Isa::avx2, Isa::avx512),
                         [](const auto& i) { return std::string(isa_name(i.param)); });

// The last row of a picture may end where its memory ends: run under the address sanitizer.
TEST(Resize, ReadsNothingBehindTheLastPixel) {
  for (int w : {1, 2, 3, 5, 16}) {
    auto memory = std::make_unique<uint8_t[]>(size_t(w) * 3);
    ImageView source{memory.get(), 1, w, 3, int64_t{w} * 3};
    EXPECT_EQ(resize(source, 2, 2 * w + 1, Filter::bicubic).pixels, std::vector<uint8_t>(size_t(2 * w + 1) * 6, 0));
  }
}

TEST(Resize, UnknownFilterIsAUsageError) {
  try {
    filter_from("bicubik");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::usage);
    EXPECT_NE(std::string(e.what()).find("bicubic"), std::string::npos);
  }
}

}  // namespace
}  // namespace fovea
