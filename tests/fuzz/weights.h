// What every weight fuzzer promises: a file loads and reads within bounds, or is refused in one line.
#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "io/tensor_file.h"
#include "io/weights_builders.h"

namespace fovea::test {

inline void load_all(const std::string& bytes, const char* name) {
  try {
    auto file = TensorFile::open(in_memory(bytes, name));
    uint64_t most = 1 << 22;  // enough to reach every way of reading, not to spend the time on copying
    for (const TensorEntry& t : file->tensors()) {
      if (file->find(t.name) != &t) __builtin_trap();
      auto count = static_cast<uint64_t>(t.count());
      if (count > most) break;
      most -= count;
      std::vector<float> values(count);
      file->read(t, values.data());
    }
  } catch (const Error& e) {
    std::string text = e.what();
    if (e.code() == Code::bug || text.size() > 1000 || text.find('\n') != text.npos) __builtin_trap();
  }
}

}  // namespace fovea::test
