#if defined(__x86_64__)
#include <immintrin.h>
#include <cstdint>

#include "kernels/math_fits.h"
#include "kernels/scan_table.h"

#define FOVEA_LANES 16
namespace fovea::kernels::avx512 {
namespace {
#include "kernels/isa/vec.inl"

#include "kernels/isa/math.inl"

#include "kernels/isa/scan.inl"
}  // namespace
constinit const ScanTable scan = make_scan_table();
}  // namespace fovea::kernels::avx512
#endif
