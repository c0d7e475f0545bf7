#include "base/cgroup.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "base/text.h"

namespace fovea {
namespace {

// The first number or two of a small file; false if it is not there or says "max".
bool read_numbers(const std::string& path, double& a, double* b = nullptr) {
  std::ifstream in(path);
  return in >> a && (!b || in >> *b);
}

int quota_of(const std::string& folder) {
  double quota = 0, period = 0;
  bool set = read_numbers(folder + "/cpu.max", quota, &period) ||
             (read_numbers(folder + "/cpu.cfs_quota_us", quota) && read_numbers(folder + "/cpu.cfs_period_us", period));
  return set && quota > 0 && period > 0 ? static_cast<int>(std::clamp(std::ceil(quota / period), 1.0, double{kNoQuota}))
                                        : kNoQuota;
}

// Memory that a folder leaves free; kNoMemoryLimit without a limit.
uint64_t memory_of(const std::string& folder) {
  double limit = 0, used = 0;
  bool set =
      (read_numbers(folder + "/memory.max", limit) && read_numbers(folder + "/memory.current", used)) ||
      (read_numbers(folder + "/memory.limit_in_bytes", limit) && read_numbers(folder + "/memory.usage_in_bytes", used));
  return set && limit < 0x1p60 ? static_cast<uint64_t>(std::max(limit - used, 0.0)) : kNoMemoryLimit;
}

// visit(folder) for every group that this process is in, under `controller`, and those above. In a container the listed
// path may not be visible, but the root is.
template <class F>
void each_group(const std::string& membership, const std::string& root, const std::string& controller, F visit) {
  std::ifstream in(membership);
  for (std::string line; std::getline(in, line);) {
    size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) continue;
    std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    std::vector<std::string> names = split(controllers, ',');
    bool v2 = controllers.empty(), v1 = std::find(names.begin(), names.end(), controller) != names.end();
    if (!v2 && !v1) continue;
    for (;;) {
      visit(root + (v1 ? "/" + controller : "") + path);
      size_t slash = path.rfind('/');
      if (slash == path.npos) break;
      path.resize(slash);
    }
  }
}

}  // namespace

int cgroup_cpus(const std::string& membership, const std::string& root) {
  int cpus = kNoQuota;
  each_group(membership, root, "cpu", [&](const std::string& folder) { cpus = std::min(cpus, quota_of(folder)); });
  return cpus;
}

uint64_t cgroup_memory(const std::string& membership, const std::string& root) {
  uint64_t bytes = kNoMemoryLimit;
  each_group(membership, root, "memory", [&](const std::string& folder) { bytes = std::min(bytes, memory_of(folder)); });
  return bytes;
}

}  // namespace fovea
