// A map as a vector, channels outermost as PyTorch has them: [n,h,w,c] -> [n,c*h*w].
#pragma once
#include "ir/graph.h"

namespace fovea {
Tensor flatten(Tensor x);
}
