// The CPU quota that a container or a service manager set for this process (cgroups v2 and v1).
#pragma once
#include <string>

namespace fovea {

inline constexpr int kNoQuota = 1 << 20;

// Whole CPUs, rounded up; kNoQuota without a quota. `membership` is /proc/self/cgroup, `root` where cgroups are mounted.
int cgroup_cpus(const std::string& membership = "/proc/self/cgroup", const std::string& root = "/sys/fs/cgroup");

}  // namespace fovea
