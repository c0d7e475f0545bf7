// Processes that add up numbers, and what becomes of them when one is lost.
#include "base/job.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "base/error.h"

namespace fovea {
namespace {

// In a child no test can fail: it throws, and the job's error does.
void need(bool so, const char* what) {
  if (!so) fail(Code::mismatch, "{}", what);
}

void expect_error(Code code, const std::string& text, int count, const std::function<void(Job&)>& body) {
  try {
    run_job(count, body);
    ADD_FAILURE() << "no error, need " << text;
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    EXPECT_NE(std::string(e.what()).find(text), std::string::npos) << e.what();
  }
}

void add_one(Job& job) {
  float one = 1, all;
  job.sum(&one, &all, 1, 0);
}

TEST(Job, SumsInTheOrderOfRanks) {
  run_job(3, [](Job& job) {
    need(job.count() == 3, "the count");
    for (int round = 0; round < 50; round++)
      for (int64_t n : {0, 1, 7, 1 << 14, (1 << 15) + 3}) {
        auto value = [&](int rank, int64_t i) {
          return 1.0f / static_cast<float>(i * 3 + rank + 1 + round) + (rank == 1 ? 1e6f : 0);
        };
        std::vector<float> mine(static_cast<size_t>(n)), all(mine.size(), -1);
        for (int64_t i = 0; i < n; i++) mine[static_cast<size_t>(i)] = value(job.rank(), i);
        job.sum(mine.data(), all.data(), n, round);
        for (int64_t i = 0; i < n; i++) {
          double sum = 0;
          for (int r = 0; r < 3; r++) sum += static_cast<double>(value(r, i));
          need(all[static_cast<size_t>(i)] == static_cast<float>(sum), "a sum");
        }
        if (job.rank() == round % 3)
          std::this_thread::sleep_for(std::chrono::microseconds(200));  // each comes late at times
      }
  });
}

TEST(Job, OneProcessSumsAlone) {
  run_job(1, [](Job& job) {
    float x[2] = {3, 4}, y[2];
    job.sum(x, y, 2, 0);
    need(y[0] == 3 && y[1] == 4, "the same");
  });
}

TEST(Job, ALostPeerIsAnErrorNotAHang) {
  expect_error(Code::peer_lost, "process 1 of 3 was ended by signal 9", 3, [](Job& job) {
    add_one(job);
    if (job.rank() == 1) kill(getpid(), SIGKILL);
    add_one(job);
  });
  expect_error(Code::peer_lost, "process 0 of 2 ended before the others", 2, [](Job& job) {
    if (job.rank() == 1) add_one(job);
  });
  expect_error(Code::bad_file, "weights: damaged", 3, [](Job& job) {  // the cause, not what it causes
    if (job.rank() == 2) fail(Code::bad_file, "weights: damaged");
    add_one(job);
  });
}

TEST(Job, DifferentProgramsAreNoticed) {
  expect_error(Code::bug, "their programs differ", 2, [](Job& job) {
    float x[3] = {}, y[3];
    job.sum(x, y, 2 + job.rank(), 0);
  });
  expect_error(Code::bug, "their programs differ", 2, [](Job& job) {
    float x[3] = {}, y[3];
    job.sum(x, y, 3, job.rank());
  });
  expect_error(Code::usage, "need 1 to 256", 0, [](Job&) {});
}

TEST(Job, EndsWithTheProcessThatStartedIt) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  pid_t parent = fork();
  if (parent == 0) {
    const pid_t starter = getpid();
    run_job(2, [&](Job& job) {
      if (job.rank() == 1) {
        while (getppid() == starter) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return;
      }
      kill(starter, SIGKILL);
      try {
        add_one(job);
      } catch (const Error& e) {
        if (e.code() == Code::peer_lost) [[maybe_unused]]
          ssize_t n = write(ready[1], "x", 1);
      }
    });
    _exit(0);
  }
  close(ready[1]);
  waitpid(parent, nullptr, 0);
  char byte;
  EXPECT_EQ(read(ready[0], &byte, 1), 1);
  close(ready[0]);
}

}  // namespace
}  // namespace fovea
