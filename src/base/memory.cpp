#include "base/memory.h"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "base/cgroup.h"

namespace fovea {

// The value in bytes of a line "NAME:   123 kB" of a file below /proc.
static uint64_t proc_bytes(const char* file, const std::string& name, uint64_t otherwise) {
  std::ifstream in(file);
  uint64_t kilobytes = 0;
  for (std::string word; in >> word;)
    if (word == name + ":" && in >> kilobytes) return kilobytes * 1024;
  return otherwise;
}

uint64_t available_memory() {
  return std::min(proc_bytes("/proc/meminfo", "MemAvailable", kNoMemoryLimit), cgroup_memory());
}

// Not getrusage's figure, which begins with that of the process that started this one.
uint64_t peak_resident() { return proc_bytes("/proc/self/status", "VmHWM", 0); }

}  // namespace fovea
