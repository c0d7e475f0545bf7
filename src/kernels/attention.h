// Softmax attention, y = softmax(scale * q k' + bias) v per image and head, a block of queries at a time: the matrix of
// scores is never whole. The backward pass computes the scores again from the saved log-sum-exp.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/cpu.h"
#include "base/threads.h"

namespace fovea::kernels {

struct AttentionTable;
struct TileSet;

// Where a token's channels lie: floats from an image, a token, a head to the next; channels are contiguous. A fused
// [b, n, 3, heads, d] gives q, k and v the strides {n*3*heads*d, 3*heads*d, d}.
struct TokenStrides {
  int64_t image, token, head;
};

struct AttentionShape {
  int b, heads, nq, nk, d;
  float scale = 1;
  TokenStrides q, k, v, y;
  int64_t bias_image = 0, bias_head = 0;  // floats to the next [nq, nk] of the bias; 0: the same for all
};

class Attention {
 public:
  Attention(const AttentionShape& shape, Isa isa, int threads);

  // bias [.., nq, nk] may be null. lse [b, heads, nq], for the backward pass, may be null.
  size_t forward_workspace_bytes() const;
  void forward(const float* q, const float* k, const float* v, const float* bias, float* y, float* lse, void* work,
               Pool& pool) const;

  struct Forward {
    const float *q, *k, *v, *bias, *y, *lse;
  };
  // dq, dk, dv lie as q, k, v; dy as y. dbias may be null, else there is a bias for every head: [heads, nq, nk], summed over
  // the images, or one of each image. If images share it, heads are all that is divided among the threads.
  size_t backward_workspace_bytes() const;
  void backward(const Forward& forward, const float* dy, float* dq, float* dk, float* dv, float* dbias, void* work,
                Pool& pool) const;

 private:
  struct Block;    // some queries of one head of one image
  struct Scratch;  // a thread's workspace
  Scratch scratch(void* work, int thread, int matrices) const;
  size_t scratch_bytes(int matrices) const;
  Block block(int64_t image, int64_t head, int64_t index) const;
  void scores(const Block& block, const Scratch& scratch, const float* k, const float* bias, int64_t first,
              int64_t count) const;
  void forward_block(const Block& block, const Scratch& scratch, const float* q, const float* k, const float* v,
                     const float* bias, float* y, float* lse) const;
  struct Gradients {
    float *dq, *dk, *dv, *dbias;
  };
  void backward_block(const Block& block, const Scratch& scratch, const Forward& forward, const float* dy,
                      const Gradients& out) const;
  void backward_keys(const Block& block, const Scratch& scratch, const Forward& forward, const float* dy,
                     const Gradients& out, int64_t first, int64_t count) const;

  AttentionShape s_;
  const AttentionTable& isa_;
  const TileSet& tiles_;
  int threads_;
};

}  // namespace fovea::kernels
