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

}  // namespace

// A quota anywhere above this process counts. In a container the listed path may not be visible, but the root is.
int cgroup_cpus(const std::string& membership, const std::string& root) {
  int cpus = kNoQuota;
  std::ifstream in(membership);
  for (std::string line; std::getline(in, line);) {
    size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) continue;
    std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    std::vector<std::string> names = split(controllers, ',');
    bool v2 = controllers.empty(), v1 = std::find(names.begin(), names.end(), "cpu") != names.end();
    if (!v2 && !v1) continue;
    for (;;) {
      cpus = std::min(cpus, quota_of(root + (v1 ? "/cpu" : "") + path));
      size_t slash = path.rfind('/');
      if (slash == path.npos) break;
      path.resize(slash);
    }
  }
  return cpus;
}

}  // namespace fovea
