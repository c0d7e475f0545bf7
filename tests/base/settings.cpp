#include "base/settings.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace fovea {
namespace {

TEST(Settings, KindsAndDefaults) {
  Settings s;
  s.put_numbers("k", {7});
  s.put_numbers("bias", {0});
  s.put_numbers("den", {0.6, 0.8});
  s.put_text("act", "GELU");
  EXPECT_EQ(s.integer("k", 3), 7);
  EXPECT_EQ(s.integer("none", 3), 3);
  EXPECT_FALSE(s.flag("bias", true));
  EXPECT_TRUE(s.flag("none", true));
  EXPECT_EQ(s.number("k", 1), 7.0f);
  EXPECT_EQ(s.text("act", "ReLU"), "GELU");
  EXPECT_EQ(s.text("k", "ReLU"), "ReLU");
  EXPECT_EQ(s.list("den"), (std::vector<double>{0.6, 0.8}));
  EXPECT_EQ(s.list("none", {1}), (std::vector<double>{1}));
  EXPECT_THROW(s.integer("den", 1), Error);
  EXPECT_THROW(s.number("den", 1), Error);
  s.put_numbers("half", {0.5});
  s.put_numbers("huge", {1e12});
  EXPECT_THROW(s.integer("half", 1), Error);
  EXPECT_THROW(s.integer("huge", 1), Error);
}

}  // namespace
}  // namespace fovea
