#include "base/cpu.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"

namespace fovea {
namespace {

TEST(Cpu, NamesGoBothWays) {
  for (Isa isa : {Isa::portable, Isa::avx2, Isa::avx512}) EXPECT_EQ(isa_from(isa_name(isa), "x"), isa);
  try {
    isa_from("sse9", "x");
    FAIL() << "nothing thrown";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::usage);
    EXPECT_STREQ(e.what(), "x: got \"sse9\", need portable, avx2 or avx512");
  }
}

#if defined(__x86_64__)
TEST(Cpu, AgreesWithTheCompilersOwnDetection) {
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  EXPECT_EQ(detected_isa() >= Isa::avx2, avx2);
  EXPECT_EQ(detected_isa() == Isa::avx512, avx512);
  EXPECT_EQ(cpu_has_vnni(), avx512 && __builtin_cpu_supports("avx512vnni"));
  EXPECT_EQ(cpu_has_bf16(), avx512 && __builtin_cpu_supports("avx512bf16"));
}
#endif

TEST(Cpu, ForcesLowerOnesOnly) {
  Isa before = active_isa();
  for (Isa isa : {Isa::portable, Isa::avx2, Isa::avx512}) {
    if (isa > detected_isa()) {
      EXPECT_THROW(force_isa(isa), Error);
    } else {
      force_isa(isa);
      EXPECT_EQ(active_isa(), isa);
    }
  }
  force_isa(before);
}

TEST(Cpu, KnowsItsModel) { EXPECT_FALSE(cpu_model().empty()); }

// The choice is made once per process, so each of these needs its own.
TEST(CpuDeathTest, ObeysTheEnvironment) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto isa_of = [](const char* wish) {
    setenv("FOVEA_ISA", wish, 1);
    try {
      std::exit(100 + static_cast<int>(active_isa()));
    } catch (const Error& e) { std::exit(static_cast<int>(e.code())); }
  };
  int best = 100 + static_cast<int>(detected_isa());
  EXPECT_EXIT(isa_of("portable"), testing::ExitedWithCode(100), "");
  EXPECT_EXIT(isa_of("avx2"), testing::ExitedWithCode(std::min(101, best)), "");
  EXPECT_EXIT(isa_of("avx512"), testing::ExitedWithCode(best), "");
  EXPECT_EXIT(isa_of(""), testing::ExitedWithCode(best), "");
  EXPECT_EXIT(isa_of("AVX"), testing::ExitedWithCode(2), "");
}

}  // namespace
}  // namespace fovea
