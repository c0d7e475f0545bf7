#include "base/threads.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <limits>
#include <thread>
#include <vector>

#include "base/cgroup.h"
#include "base/error.h"

namespace fovea {
namespace {

// Half the smallest normal number: zero where denormals are flushed.
float half_of_smallest() {
  volatile float smallest = std::numeric_limits<float>::min();
  return smallest * 0.5f;
}

TEST(Pool, EveryIndexOnce) {
  for (int threads : {1, 2, 3, 8}) {
    Pool pool(threads);
    std::vector<int> runs(threads);
    for (int i = 0; i < 2000; i++) pool.run([&](int t) { runs[t]++; });
    EXPECT_EQ(runs, std::vector<int>(threads, 2000));
  }
}

TEST(Pool, WorkersTakeTheirShareOfLongWork) {
  Pool pool(2);
  std::thread::id caller = std::this_thread::get_id();
  int elsewhere = 0;
  for (int i = 0; i < 20; i++) {
    pool.run([&](int) {
      if (std::this_thread::get_id() != caller) elsewhere++;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    });
  }
  EXPECT_GT(elsewhere, 0);
  EXPECT_LE(elsewhere, 20) << "the caller works too";
}

TEST(Pool, WakesWorkersThatFellAsleep) {
  Pool pool(3);
  std::vector<int> runs(3);
  for (int i = 0; i < 20; i++) {
    pool.run([&](int t) { runs[t]++; });
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_EQ(runs, std::vector<int>(3, 20));
}

TEST(Pool, WaitsForTheSlowest) {
  Pool pool(3);
  int slow = 0;
  for (int i = 0; i < 10; i++) {
    pool.run([&](int t) {
      if (t != 2) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));  // long enough for the caller to fall asleep
      slow++;
    });
    EXPECT_EQ(slow, i + 1);
  }
}

TEST(Pool, EachItemOnce) {
  for (int threads : {1, 2, 5}) {
    Pool pool(threads);
    for (int64_t n : {0, 1, 2, 1000}) {
      std::vector<int> hits(n);
      pool.each(n, [&](int64_t i) { hits[i]++; });
      EXPECT_EQ(hits, std::vector<int>(n, 1)) << threads << " threads";
    }
  }
}

TEST(Pool, NestedCallsRunInline) {
  Pool pool(3);
  std::vector<int> hits(3 * 50), runs(3);
  pool.each(3, [&](int64_t outer) {
    auto self = std::this_thread::get_id();
    pool.each(50, [&](int64_t i) { hits[outer * 50 + i] += std::this_thread::get_id() == self; });
    if (outer == 1) pool.run([&](int t) { runs[t] += std::this_thread::get_id() == self; });
  });
  EXPECT_EQ(hits, std::vector<int>(150, 1));
  EXPECT_EQ(runs, std::vector<int>(3, 1));
}

TEST(Pool, TwoCallersAtOnce) {
  Pool pool(2);
  auto count = [&pool](std::vector<int>& hits) {
    for (int i = 0; i < 500; i++) pool.each(static_cast<int64_t>(hits.size()), [&](int64_t k) { hits[k]++; });
  };
  std::vector<int> a(100), b(100);
  std::thread other(count, std::ref(a));
  count(b);
  other.join();
  EXPECT_EQ(a, std::vector<int>(100, 500));
  EXPECT_EQ(b, std::vector<int>(100, 500));
}

TEST(Pool, FlushesDenormalsOnlyInside) {
  ASSERT_GT(half_of_smallest(), 0.f);
  for (int threads : {1, 3}) {
    Pool pool(threads);
    std::vector<float> inside(threads, 1.f);
    pool.run([&](int t) { inside[t] = half_of_smallest(); });
    EXPECT_EQ(inside, std::vector<float>(threads, 0.f));
    float in_each = 1;
    pool.each(1, [&](int64_t) { in_each = half_of_smallest(); });
    EXPECT_EQ(in_each, 0.f);
    EXPECT_GT(half_of_smallest(), 0.f);  // the caller's own mode is back
  }
}

TEST(Pool, RefusesOddCounts) {
  EXPECT_THROW(Pool(0), Error);
  EXPECT_THROW(Pool(257), Error);
}

TEST(PoolDeathTest, ABodyMustNotThrow) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(Pool(1).run([](int) { throw 1; }), "");
}

TEST(Share, CoversEverythingOnceInWholeUnits) {
  for (int64_t n : {0, 1, 7, 16, 100, 101}) {
    for (int threads : {1, 2, 3, 8}) {
      for (int64_t unit : {1, 4, 16}) {
        int64_t at = 0;
        for (int t = 0; t < threads; t++) {
          auto [begin, end] = share(n, t, threads, unit);
          ASSERT_EQ(begin, at);
          ASSERT_LE(begin, end);
          ASSERT_TRUE(end == n || end % unit == 0);
          at = end;
        }
        ASSERT_EQ(at, n);
      }
    }
  }
}

TEST(AvailableThreads, FollowsTheAffinity) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  int first = 0;
  while (!CPU_ISSET(first, &before)) first++;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(available_threads(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
  EXPECT_GE(available_threads(), 1);
  EXPECT_LE(available_threads(), CPU_COUNT(&before));
}

class Cgroup : public testing::Test {
 protected:
  void put(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  int cpus() { return cgroup_cpus(root_ + "/self", root_ + "/fs"); }
  void TearDown() override { std::filesystem::remove_all(root_); }
  std::string root_ = testing::TempDir() + "fovea_cgroup_" + std::to_string(getpid());
};

TEST_F(Cgroup, Version2TakesTheTightestAbove) {
  put("/self", "0::/user.slice/app.service\n");
  EXPECT_EQ(cpus(), kNoQuota);
  put("/fs/user.slice/app.service/cpu.max", "max 100000\n");
  EXPECT_EQ(cpus(), kNoQuota);
  put("/fs/user.slice/cpu.max", "150000 100000\n");
  EXPECT_EQ(cpus(), 2);
  put("/fs/user.slice/app.service/cpu.max", "50000 100000\n");
  EXPECT_EQ(cpus(), 1);
}

TEST_F(Cgroup, Version1AndTheRootOfAContainer) {
  put("/self", "12:cpuset:/docker/x\n4:cpu,cpuacct:/docker/x\nnonsense\n");
  put("/fs/cpu/cpu.cfs_quota_us", "-1\n");
  put("/fs/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cpus(), kNoQuota);
  put("/fs/cpu/cpu.cfs_quota_us", "300000\n");
  EXPECT_EQ(cpus(), 3);
  put("/fs/cpu/cpu.cfs_period_us", "0\n");
  EXPECT_EQ(cpus(), kNoQuota);
}

}  // namespace
}  // namespace fovea
