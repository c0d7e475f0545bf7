// What each ISA offers to the selective scan: channels side by side in the lanes, their states one vector after the other.
#pragma once
#include <cstdint>

namespace fovea::kernels {

// The channels of one vector, from some token on. Steps are floats to the next token, negative where the scan runs back.
struct ScanStrip {
  const float *u, *delta, *b, *c;
  int64_t step;         // of u, delta and what lies as they do
  int64_t states_step;  // of b, c and what lies as they do
  int states;
  int64_t count;   // channels: 0 for all lanes
  const float* a;  // [states, lanes]
};

struct ScanGradients {
  const float* dy;
  float *du, *ddelta;  // as dy
  float *db, *dc;      // sums over the strip's channels are added to them
  float *da, *dh;      // [states, lanes]: grows; the gradient of the states before the token where the walk stops
};

struct ScanTable {
  int lanes;
  // h [states, lanes]: before the first token, then behind the last one.
  void (*forward)(const ScanStrip& s, float* h, float* y, int64_t tokens);
  // h [1 + tokens, states, lanes]: from the first, all others; keep_last: there is only one, as above.
  void (*states)(const ScanStrip& s, float* h, int64_t tokens, bool keep_last);
  // From the last token to the first; h as made by states.
  void (*backward)(const ScanStrip& s, const float* h, const ScanGradients& g, int64_t tokens);
};

namespace portable {
extern const ScanTable scan;
}
namespace avx2 {
extern const ScanTable scan;
}
namespace avx512 {
extern const ScanTable scan;
}

}  // namespace fovea::kernels
