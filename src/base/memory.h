// How much memory there is, and how much was taken.
#pragma once
#include <cstdint>

namespace fovea {

// Bytes that this process may still take: what the system has available, less if its control groups leave less.
uint64_t available_memory();
// The most that this process has had resident so far.
uint64_t peak_resident();

}  // namespace fovea
