// Normalisations. batch_norm is recorded without a mode: inference() and training() lower it.
#pragma once
#include "ir/op.h"

namespace fovea {

// Mean and biased variance of each channel over all leading axes: [..., c] -> [2, c].
struct Moments {
  FOVEA_ATTR(Moments)
};
// in: x [..., c], gamma, beta, running mean, running var, each [c] (arXiv:1502.03167).
struct BatchNorm {
  float eps = 1e-5f, momentum = 0.1f;
  FOVEA_ATTR(BatchNorm, eps, momentum)
};
// With the statistics of the batch itself, of which each of a job's processes has an equal share. in: x, gamma, beta.
struct BatchNormTrain {
  float eps = 1e-5f;
  int processes = 1;
  FOVEA_ATTR(BatchNormTrain, eps, processes)
};
// Over the last axis (arXiv:1607.06450). in: x, gamma, beta.
struct LayerNorm {
  float eps = 1e-6f;
  FOVEA_ATTR(LayerNorm, eps)
};

// d loss / d x of LayerNorm. in: x, gamma, dy.
struct LayerNormGrad {
  float eps = 1e-6f;
  FOVEA_ATTR(LayerNormGrad, eps)
};

// d loss / d gamma and d loss / d beta of LayerNorm: [2, c]. in: x, dy.
struct LayerNormSums {
  float eps = 1e-6f;
  FOVEA_ATTR(LayerNormSums, eps)
};

Tensor moments(Tensor x, int processes = 1);  // of what all of them hold
Tensor batch_norm(Tensor x, Tensor gamma, Tensor beta, Tensor mean, Tensor var, BatchNorm a = {});
Tensor batch_norm_train(Tensor x, Tensor gamma, Tensor beta, BatchNormTrain a);
Tensor layer_norm(Tensor x, Tensor gamma, Tensor beta, float eps = 1e-6f);
// x * a + b per channel, what batch_norm amounts to with given statistics.
std::pair<Tensor, Tensor> batch_norm_affine(Tensor gamma, Tensor beta, Tensor mean, Tensor var, float eps);

}  // namespace fovea
