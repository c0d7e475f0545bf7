// A dense convolution forward on guarded copies of its operands: at once, and some rows at a time as regions ask for it.
#pragma once
#include <algorithm>

#include "kernels/conv_cases.h"
#include "kernels/conv_gather.h"
#include "kernels/guarded.h"

namespace fovea::kernels {

inline Floats run_whole(const GatherConv& conv, const ConvShape& s, int threads, const Floats& x, const Floats& w,
                        const Epilogue* epilogue = nullptr) {
  using test::Guarded;
  Pool pool(threads);
  Guarded gx(x), gw(w), packed(conv.packed_floats()), y(y_size(s)), work((conv.workspace_bytes() + 3) / 4);
  conv.pack(gw.data(), packed.data(), pool);
  conv.run(gx.data(), packed.data(), y.data(), work.data(), pool, epilogue);
  return y.values();
}

inline Floats run_parts(const GatherConv& conv, const ConvShape& s, const Floats& x, const Floats& w) {
  using test::Guarded;
  Pool pool(1);
  Guarded gx(x), gw(w), packed(conv.packed_floats()), y(y_size(s)), work((conv.part_workspace_bytes() + 3) / 4);
  conv.pack(gw.data(), packed.data(), pool);
  for (int row = 0, count; row < s.n * s.oh(); row += count) {
    count = std::min(1 + row % 3, s.oh() - row % s.oh());
    conv.run_part(gx.data(), packed.data(), y.data(), work.data(), int64_t{row} * s.ow(), int64_t{count} * s.ow(), nullptr);
  }
  return y.values();
}

}  // namespace fovea::kernels
