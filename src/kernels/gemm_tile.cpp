#include "kernels/gemm_tile.h"

namespace fovea::kernels {

TileSet tile_set_portable();
#if defined(__x86_64__)
TileSet tile_set_avx2();
TileSet tile_set_avx512();
#endif

const TileSet& tile_set(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) {
    static const TileSet set = tile_set_avx512();
    return set;
  }
  if (isa == Isa::avx2) {
    static const TileSet set = tile_set_avx2();
    return set;
  }
#endif
  static_cast<void>(isa);
  static const TileSet set = tile_set_portable();
  return set;
}

}  // namespace fovea::kernels
