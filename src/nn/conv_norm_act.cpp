#include "nn/conv_norm_act.h"

namespace fovea {

Tensor conv_norm_act(Scope s, Tensor x, int out, Pair window, const ConvNormAct& o) {
  ConvOptions c{
      .stride = o.stride, .pad = o.pad, .dilation = o.dilation, .groups = o.groups, .bias = o.bias, .init = o.init};
  return activation(batch_norm(s[o.norm], conv(s[o.conv], x, out, window, c), o.eps), o.act);
}

}  // namespace fovea
