#include <gtest/gtest.h>

#include <cstdint>

#include "base/error.h"
#include "base/size.h"

namespace fovea {
namespace {

TEST(Error, CarriesItsCodeAndOneSafeLine) {
  try {
    fail(Code::bad_file, "{}: got {}", "a\nb\x1b[31m", 7);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::bad_file);
    EXPECT_STREQ(e.what(), "a\\x0ab\\x1b[31m: got 7");
    return;
  }
  FAIL() << "nothing thrown";
}

TEST(Error, ACheckIsABug) {
  EXPECT_NO_THROW(FOVEA_CHECK(1 + 1 == 2));
  try {
    FOVEA_CHECK(1 + 1 == 3);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::bug);
    EXPECT_NE(std::string(e.what()).find("1 + 1 == 3"), std::string::npos);
    return;
  }
  FAIL() << "nothing thrown";
}

TEST(Size, RefusesWhatWrapsOrIsTooLarge) {
  uint64_t out = 0;
  EXPECT_TRUE(checked_mul(1u << 20, 1u << 20, out));
  EXPECT_EQ(out, uint64_t{1} << 40);
  EXPECT_TRUE(checked_mul(kMaxBytes, 1, out));
  EXPECT_FALSE(checked_mul(kMaxBytes, 2, out));
  EXPECT_FALSE(checked_mul(uint64_t{1} << 32, uint64_t{1} << 32, out));  // wraps to 0
  EXPECT_FALSE(checked_mul(UINT64_MAX, UINT64_MAX, out));                // wraps to 1
  EXPECT_TRUE(checked_mul(UINT64_MAX, 0, out));
  EXPECT_EQ(out, 0u);
  EXPECT_TRUE(checked_add(kMaxBytes - 1, 1, out));
  EXPECT_FALSE(checked_add(kMaxBytes, 1, out));
  EXPECT_FALSE(checked_add(UINT64_MAX, 2, out));  // wraps to 1
}

}  // namespace
}  // namespace fovea
