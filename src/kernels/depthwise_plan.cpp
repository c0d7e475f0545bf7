#include "kernels/depthwise_plan.h"

#include <numeric>

namespace fovea::kernels {
namespace {

int ceil_div(int a, int b) { return a <= 0 ? 0 : (a + b - 1) / b; }

// A run of packed taps [first, first + count) for the outputs of one class: tap t of output i reads column + (i + t) *
// x_step.
struct Run {
  int first, count, column;
};

// Cuts the outputs y0, y0 + y_step, ... (`count` of them) into even tiles, and the runs of taps into even pieces.
void add_class(DepthwiseColumns& plan, int in, int y0, int count, const std::vector<Run>& runs, int widest) {
  int tiles = ceil_div(count, widest);
  for (int tile = 0; tile < tiles; tile++) {
    int begin = static_cast<int>(int64_t{count} * tile / tiles), end = static_cast<int>(int64_t{count} * (tile + 1) / tiles);
    DepthwiseColumns::Tile t{y0 + begin * plan.y_step, end - begin, static_cast<int>(plan.pieces.size()), 0};
    for (const Run& run : runs) {
      int parts = ceil_div(run.count, kDepthwiseTaps);
      for (int part = 0; part < parts; part++) {
        int from = run.count * part / parts, to = run.count * (part + 1) / parts;
        int column = run.column + (begin + from) * plan.x_step;
        uint32_t inside = 0;
        for (int q = 0; q < t.width + to - from - 1; q++) {
          int at = column + q * plan.x_step;
          if (at >= 0 && at < in) inside |= 1u << q;
        }
        if (inside == 0) continue;
        plan.pieces.push_back({column, static_cast<int16_t>(to - from), static_cast<int16_t>(run.first + from), inside});
      }
    }
    t.npieces = static_cast<int>(plan.pieces.size()) - t.first_piece;
    plan.tiles.push_back(t);
  }
}

}  // namespace

// With g = gcd(stride, dilation), the taps v = v0 + t * stride/g and the outputs j = r + i * dilation/g meet at column
// r*stride + v0*dilation - pad + (i + t) * stride*dilation/g.
DepthwiseColumns depthwise_columns(const WindowAxis& a, int widest) {
  int g = std::gcd(a.stride, a.dilation), tap_step = a.stride / g, residues = a.dilation / g;
  DepthwiseColumns plan{a.stride * residues, residues, {}, {}, {}};
  std::vector<Run> runs;
  for (int v0 = 0; v0 < tap_step && v0 < a.taps; v0++) {
    int count = ceil_div(a.taps - v0, tap_step);
    runs.push_back({static_cast<int>(plan.order.size()), count, v0 * a.dilation - a.pad});
    for (int t = 0; t < count; t++) plan.order.push_back(v0 + t * tap_step);
  }
  for (int r = 0; r < residues; r++) {
    std::vector<Run> shifted = runs;
    for (Run& run : shifted) run.column += r * a.stride;
    add_class(plan, a.in, r, ceil_div(a.out - r, residues), shifted, widest);
  }
  return plan;
}

// x[i] gathers y[(i + pad - v * dilation) / stride] where that is whole: the taps of i's residue mod stride, last tap first.
DepthwiseColumns depthwise_columns_transposed(const WindowAxis& a, int widest) {
  int g = std::gcd(a.stride, a.dilation), residues = a.dilation / g;
  DepthwiseColumns plan{residues, a.stride * residues, {}, {}, {}};
  for (int phase = 0; phase < a.stride; phase++) {
    std::vector<Run> runs;
    int first = static_cast<int>(plan.order.size());
    for (int v = a.taps - 1; v >= 0; v--) {
      int at = phase + a.pad - v * a.dilation;
      if (at % a.stride != 0) continue;
      if (runs.empty()) runs.push_back({first, 0, at / a.stride});
      runs[0].count++;
      plan.order.push_back(v);
    }
    int count = ceil_div(a.in - phase, a.stride);
    for (int r = 0; r < residues; r++) {
      std::vector<Run> shifted = runs;
      for (Run& run : shifted) run.column += r;
      add_class(plan, a.out, phase + a.stride * r, ceil_div(count - r, residues), shifted, widest);
    }
  }
  return plan;
}

}  // namespace fovea::kernels
