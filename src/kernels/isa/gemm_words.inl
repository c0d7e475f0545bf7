// A set whose operands are words of several channels has only the rows form: the smallest tables for the others.
constexpr int kColumnsForm[TileSet::kMaxVectors] = {1, 1, 1, 1};
constexpr int kLine[TileSet::kLineVectors] = {1, 1};
constexpr int kLineChannels[] = {0, 0};

#include "kernels/isa/gemm_tile.inl"
