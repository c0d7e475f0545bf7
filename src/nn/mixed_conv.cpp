#include "nn/mixed_conv.h"

#include "ops/conv2d.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/reshape.h"

namespace fovea {

Tensor mixed_conv(Scope s, Tensor x, int out, const Dims& windows, const ConvOptions& o) {
  if (windows.rank == 1) return conv(s, x, out, windows[0], o);
  int n = windows.rank, start = 0;
  auto share = [&](int channels, int i) { return channels / n + (i == 0 ? channels % n : 0); };
  std::vector<Tensor> parts;
  for (int i = 0; i < n; i++) {
    int size = share(x.c(), i);
    ConvOptions own = o;
    if (o.groups == x.c()) own.groups = size;
    parts.push_back(conv(s[i], slice(x, 3, start, size), share(out, i), windows[i], own));
    start += size;
  }
  return concat(parts, 3);
}

// Pictures become groups of one wide picture: a convolution has one kernel for each group.
Tensor conv_per_sample(Tensor x, Tensor kernels, const Conv2d& a) {
  int n = x.n(), out = kernels.dim(0) / n;
  Tensor wide = reshape(transpose(x, {1, 2, 0, 3}), {1, x.h(), x.w(), n * x.c()});
  Tensor y = conv2d(wide, kernels, {a.stride, a.pad, a.dilation, n * a.groups});
  return transpose(reshape(y, {y.h(), y.w(), n, out}), {2, 0, 1, 3});
}

Tensor expert_conv(Scope s, Tensor x, Tensor routing, int experts, int out, int window, const ConvOptions& o) {
  int n = x.n(), in = x.c() / o.groups;
  Tensor kernels = s.param("weight", {experts, out * in * window * window}, o.init({out, window, window, in}, o.groups));
  Tensor mixed = reshape(matmul(routing, kernels), {n * out, in, window, window});  // as files have them: OIHW
  Pad pad = padding(o.pad, x.shape(), window, o.stride, o.dilation);
  return conv_per_sample(x, transpose(mixed, {0, 2, 3, 1}), {o.stride, pad, o.dilation, o.groups});
}

}  // namespace fovea
