#include "base/machine_code.h"

#include <sys/mman.h>

#include <cstring>
#include <map>
#include <mutex>
#include <string>

namespace fovea {

// Pages of its own, private and never writable and executable at once: forked processes do not meet in them.
static const void* map_code(const std::vector<uint8_t>& code) {
  void* p = mmap(nullptr, code.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return nullptr;
  std::memcpy(p, code.data(), code.size());
  if (mprotect(p, code.size(), PROT_READ | PROT_EXEC) == 0) return p;
  munmap(p, code.size());
  return nullptr;
}

const void* keep_code(const std::vector<uint8_t>& code) {
  constexpr size_t kMost = 4096;
  static std::mutex mutex;
  static std::map<std::string, const void*> kept;
  const std::string key(code.begin(), code.end());
  std::lock_guard lock(mutex);
  if (auto it = kept.find(key); it != kept.end()) return it->second;
  if (kept.size() >= kMost) return nullptr;
  return kept[key] = map_code(code);
}

}  // namespace fovea
