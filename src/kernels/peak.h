// What this machine can do at most: the measure of every speed figure.
#pragma once
#include "base/cpu.h"
#include "base/threads.h"

namespace fovea::kernels {

// Floating-point operations per second (an FMA is two) of all threads of the pool at once, measured: independent chains of
// f32 FMA that never leave the registers, the best of a few runs. Takes about 60 ms.
double measure_peak(Isa isa, Pool& pool);

// Bytes per second that all threads of the pool together read from beyond the caches, the best of a few runs.
double measure_bandwidth(Pool& pool);

}  // namespace fovea::kernels
