// One bad weight file per row: what it is, and what the user must be told.
#pragma once
#include <gtest/gtest.h>
#include <regex.h>

#include <ctime>
#include <fstream>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "io/tensor_file.h"
#include "weights_builders.h"

namespace fovea::test {

struct BadCase {
  const char* id;  // of the table of promises, then a letter: "ST02b"
  std::function<std::string()> bytes;
  Code code;
  const char* message;  // a regular expression, found somewhere in it
  uint64_t size = 0;    // of the file, if it ends in a hole
  std::string name = "bad.pth";
};

// POSIX's extended regular expressions: GCC 12 warns about std::regex when sanitizing.
inline bool found(const std::string& text, const char* expression) {
  regex_t compiled;
  if (regcomp(&compiled, expression, REG_EXTENDED | REG_NOSUB) != 0) return false;
  bool hit = regexec(&compiled, text.c_str(), 0, nullptr, 0) == 0;
  regfree(&compiled);
  return hit;
}

// Opens and reads everything, as a careless caller would.
inline std::optional<Error> refusal(InputFile file, const TensorFileOptions& options = {}) {
  try {
    auto weights = TensorFile::open(std::move(file), options);
    for (const TensorEntry& t : weights->tensors()) {
      std::vector<float> values(static_cast<size_t>(t.count()));
      weights->read(t, values.data());
    }
  } catch (const Error& e) { return e; }
  return std::nullopt;
}

// Peak resident memory in KiB since the last reset; 0 where the kernel does not tell.
inline uint64_t peak_memory(bool reset) {
  if (reset) std::ofstream("/proc/self/clear_refs") << "5";
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind("VmHWM:", 0) == 0) return std::stoull(line.substr(6));
  return 0;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMeasured = false;  // sanitizers have their own memory and time
#else
constexpr bool kMeasured = true;
#endif

inline void expect_refused(const BadCase& bad) {
  SCOPED_TRACE(bad.id);
  InputFile file = in_memory(bad.bytes(), bad.name, bad.size);
  uint64_t megabytes = std::max(bad.size, file.size()) >> 20, before = peak_memory(true);
  const std::clock_t start = std::clock();  // of the processor: the machine may be busy
  std::optional<Error> error = refusal(std::move(file));
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  ASSERT_TRUE(error) << "it loaded";
  std::string text = error->what();
  EXPECT_EQ(static_cast<int>(error->code()), static_cast<int>(bad.code)) << text;
  EXPECT_TRUE(found(text, bad.message)) << text << "\nneed: " << bad.message;
  EXPECT_EQ(text.rfind(bad.name + ": ", 0), 0u) << text;
  EXPECT_EQ(text.find('\n'), std::string::npos) << text;
  EXPECT_LE(text.size(), 300u) << text;
  EXPECT_TRUE(text.find(". ") != text.npos || text.find("; ") != text.npos || text.find('?') != text.npos)
      << "no hint: " << text;
  if (!kMeasured) return;
  EXPECT_LT(seconds, 2.0 + 0.1 * static_cast<double>(megabytes));
  EXPECT_LT(peak_memory(false) - before, (64 + 4 * megabytes) << 10) << "KiB";
}

std::vector<BadCase> zip_cases();  // weights_bad_zip.cpp

// Every id "XX01".."XXnn" has a row, or is named in `elsewhere`.
inline void expect_covered(const std::vector<BadCase>& cases, const std::string& kind, int count,
                           const std::set<std::string>& elsewhere) {
  std::set<std::string> seen = elsewhere;
  for (const BadCase& bad : cases) seen.insert(std::string(bad.id).substr(0, 4));
  for (int i = 1; i <= count; i++) EXPECT_TRUE(seen.count(kind + (i < 10 ? "0" : "") + std::to_string(i))) << kind << i;
}

}  // namespace fovea::test
