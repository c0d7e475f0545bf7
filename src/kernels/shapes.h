// Shapes of the windowed kernels: plain numbers, already validated by the planner.
#pragma once

namespace fovea::kernels {

// y[n,i,j,o] = sum_{u,v,k} x[n, i*sh - pt + u*dh, j*sw - pl + v*dw, k] * w[o,u,v,k]; c and o count all groups.
struct ConvShape {
  int n, h, w, c, o, kh, kw;
  int sh = 1, sw = 1, pt = 0, pl = 0, pb = 0, pr = 0, dh = 1, dw = 1, groups = 1;

  int oh() const { return (h + pt + pb - (kh - 1) * dh - 1) / sh + 1; }
  int ow() const { return (w + pl + pr - (kw - 1) * dw - 1) / sw + 1; }
  bool depthwise() const { return groups == c && o == c; }
  bool operator==(const ConvShape&) const = default;
};

// Of a convolution: y from x, or the gradient of x from that of y.
enum class Direction { forward, backward_data };

}  // namespace fovea::kernels
