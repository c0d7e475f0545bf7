// The CPU quota and the memory that a container or a service manager set for this process (cgroups v2 and v1).
#pragma once
#include <cstdint>
#include <string>

namespace fovea {

inline constexpr int kNoQuota = 1 << 20;

// Whole CPUs, rounded up; kNoQuota without a quota. `membership` is /proc/self/cgroup, `root` where cgroups are mounted.
int cgroup_cpus(const std::string& membership = "/proc/self/cgroup", const std::string& root = "/sys/fs/cgroup");

inline constexpr uint64_t kNoMemoryLimit = uint64_t{1} << 60;
// Bytes that the groups above this process leave free; kNoMemoryLimit without a limit. Arguments as above.
uint64_t cgroup_memory(const std::string& membership = "/proc/self/cgroup", const std::string& root = "/sys/fs/cgroup");

}  // namespace fovea
