// The fuzzers' seeds and everything that they ever found, replayed without a fuzzer.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/atomic_file.h"

#define LLVMFuzzerTestOneInput fuzz_safetensors
#include "fuzz/fuzz_safetensors.cpp"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_pickle
#include "fuzz/fuzz_pickle.cpp"
#undef LLVMFuzzerTestOneInput

namespace fovea::test {
namespace {

int replay(const std::string& fuzzer, int (*target)(const uint8_t*, size_t)) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator("tests/fuzz/corpus/" + fuzzer)) {
    SCOPED_TRACE(entry.path().string());
    std::string bytes = read_file(entry.path().string());
    target(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    files++;
  }
  return files;
}

TEST(Corpus, Safetensors) { EXPECT_GE(replay("fuzz_safetensors", fuzz_safetensors), 10); }
TEST(Corpus, Pickle) { EXPECT_GE(replay("fuzz_pickle", fuzz_pickle), 20); }

}  // namespace
}  // namespace fovea::test
