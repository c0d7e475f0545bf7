#include "base/machine_code.h"

#include <gtest/gtest.h>

namespace fovea {
namespace {

TEST(MachineCode, RunsAndIsKeptOnce) {
#if defined(__x86_64__)
  auto returns = [](uint8_t n) { return std::vector<uint8_t>{0xf3, 0x0f, 0x1e, 0xfa, 0xb8, n, 0, 0, 0, 0xc3}; };
  const void *three = keep_code(returns(3)), *four = keep_code(returns(4));
  if (!three) GTEST_SKIP() << "this system forbids code made at run time";
  EXPECT_NE(three, four);
  EXPECT_EQ(three, keep_code(returns(3)));
  EXPECT_EQ(reinterpret_cast<int (*)()>(const_cast<void*>(three))(), 3);
  EXPECT_EQ(reinterpret_cast<int (*)()>(const_cast<void*>(four))(), 4);
#endif
}

}  // namespace
}  // namespace fovea
