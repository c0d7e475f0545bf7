// Attention other than that of plain transformers, and the positions that go with it.
#pragma once
#include "ir/scope.h"

namespace fovea {

// Every head's query, key and value lie together (LeViT, arXiv:2104.01136):
// [n,t,heads*(2*keys+values)] -> [n,t,heads*values].
Tensor attend_by_head(Tensor qkv, int heads, int keys, Tensor bias);
// Channels look at channels (XCiT, arXiv:2106.09681); parameters temperature, qkv, proj. [n,t,c] -> same.
Tensor cross_covariance(Scope s, Tensor x, int heads);
// By the angle between queries and keys (arXiv:2111.09883); logit_scale holds the logarithm of every head's sharpness.
// [n,t,3c], bias [1 or n, heads, t, t] -> [n,t,c].
Tensor cosine_attention(Tensor qkv, int heads, Tensor logit_scale, Tensor bias);
Tensor normalized(Tensor x, int axis);  // of length 1 along an axis
// The first token looks at all (CaiT, arXiv:2103.17239); parameters q, k, v (or wq, ...), proj. [n,t,c] -> [n,1,c].
Tensor class_attention(Scope s, Tensor x, int heads, const std::string& prefix = "");
// How the first token looks at all, mean of the heads: q, k [n,t,h,d] -> [n,t].
Tensor class_view(Tensor q, Tensor k);
// Sines and cosines of the coordinates of a map [n,h,w,..], made its channels by token_projection: [1,h,w,dim].
Tensor fourier_position(Scope s, Tensor map, int dim);

}  // namespace fovea
