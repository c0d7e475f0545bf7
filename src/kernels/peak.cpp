#include "kernels/peak.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <vector>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace fovea::kernels {
namespace {

// Enough chains to hide the latency of an FMA (4 cycles, two per cycle) with room to spare, few enough for 16 registers.
constexpr int kChains = 12;

// Each returns what keeps the compiler from dropping the work. The chains begin differently, at values that it cannot know:
// equal ones would be merged into one. One round is kChains FMA per lane.
volatile float kStart = 0.25f;
using Burn = float (*)(int64_t rounds);

float burn_portable(int64_t rounds) {
  typedef float V __attribute__((vector_size(16)));
  V acc[kChains], a = {0.5f, 0.5f, 0.5f, 0.5f}, b = {1, 1, 1, 1};
  for (V& v : acc) v = V{} + kStart * static_cast<float>(&v - acc);
  for (int64_t i = 0; i < rounds; i++)
    for (V& v : acc) v = v * a + b;
  float sum = 0;
  for (const V& v : acc) sum += v[0];
  return sum;
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) float burn_avx2(int64_t rounds) {
  __m256 acc[kChains], a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(1);
  for (__m256& v : acc) v = _mm256_set1_ps(kStart * static_cast<float>(&v - acc));
  for (int64_t i = 0; i < rounds; i++)
    for (__m256& v : acc) v = _mm256_fmadd_ps(v, a, b);
  float sum = 0;
  for (const __m256& v : acc) sum += _mm256_cvtss_f32(v);
  return sum;
}

__attribute__((target("avx512f"))) float burn_avx512(int64_t rounds) {
  __m512 acc[kChains], a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(1);
  for (__m512& v : acc) v = _mm512_set1_ps(kStart * static_cast<float>(&v - acc));
  for (int64_t i = 0; i < rounds; i++)
    for (__m512& v : acc) v = _mm512_fmadd_ps(v, a, b);
  float sum = 0;
  for (const __m512& v : acc) sum += _mm512_cvtss_f32(v);
  return sum;
}
#else
constexpr Burn burn_avx2 = burn_portable, burn_avx512 = burn_portable;
#endif

struct Probe {
  Burn burn;
  int lanes;
};
Probe probe_for(Isa isa) {
  switch (isa) {
    case Isa::avx512: return {burn_avx512, 16};
    case Isa::avx2: return {burn_avx2, 8};
    default: return {burn_portable, 4};
  }
}

}  // namespace

double measure_peak(Isa isa, Pool& pool) {
  constexpr int kRuns = 6;
  constexpr int64_t kRounds = 1 << 21;  // about 10 ms
  Probe probe = probe_for(isa);
  volatile float sink = 0;
  double best = 1e30;
  for (int run = 0; run < kRuns; run++) {
    auto start = std::chrono::steady_clock::now();
    pool.run([&](int thread) {
      float sum = probe.burn(kRounds);
      if (thread == 0) sink = sum;
    });
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return 2.0 * kChains * probe.lanes * static_cast<double>(kRounds) * pool.size() / best;
}

double measure_bandwidth(Pool& pool) {
  constexpr int kRuns = 5;
  constexpr size_t kWords = size_t{1} << 23;  // of each thread: 64 MiB, twice what a core may have of the last cache
  std::vector<std::vector<uint64_t>> memory(static_cast<size_t>(pool.size()));
  pool.run([&](int thread) { memory[static_cast<size_t>(thread)].assign(kWords, 1); });
  volatile uint64_t sink = 0;
  double best = 1e30;
  for (int run = 0; run < kRuns; run++) {
    auto start = std::chrono::steady_clock::now();
    pool.run([&](int thread) {
      const std::vector<uint64_t>& m = memory[static_cast<size_t>(thread)];
      const uint64_t sum = std::accumulate(m.begin(), m.end(), uint64_t{0});
      if (thread == 0) sink = sum;
    });
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return static_cast<double>(kWords * sizeof(uint64_t)) * pool.size() / best;
}

}  // namespace fovea::kernels
