// Networks for detection given by a table of layers that read one another: a backbone, a neck, heads (YOLOv10's frame,
// arXiv:2405.14458, with MHAF-YOLO's blocks, arXiv:2502.04656).
#pragma once
#include <vector>

#include "nn/layers.h"

namespace fovea {

struct YoloLayer {
  enum class Kind : uint8_t {
    conv,      // 3x3/2
    hms,       // shares of the channels, each through bottlenecks of multi-size depthwise convolutions
    scdown,    // 1x1, then depthwise 3x3/2
    sppf,      // a pyramid of maxima
    psa,       // attention over half of the channels
    half,      // averages of 2x2 pixels
    twice,     // every pixel four times
    concat,    // of all maps read
    classify,  // the last layer of a classifier
    detect     // or of a detector: reads a map of each scale
  };
  Kind kind;
  int out = 0;                   // channels before the network's width
  std::vector<int> from = {-1};  // layers read: -1 the one before, -2 the one before that, ..., others by number
  int width = 2, depth = 1;      // hms: shares, and bottlenecks of each
  float expand = 3;              // of bottlenecks
  int window = 3;
};
struct YoloNet {
  double width;
  int most;  // channels of a layer before the width
  std::vector<YoloLayer> layers;
  float eps = 1e-3f;  // of norms
};
// A classifier's logits [n,classes]; or a detector's boxes (centre, size) in pixels and probabilities of every cell
// [n,4+classes,cells], and as further outputs what its two heads say of each map: one2one0, ..., one2many0, ...
Tensor yolo_net(Scope s, Tensor image, const YoloNet& m, int classes, float drop = 0);

}  // namespace fovea
