// Attention without its matrix. Operands that are channel slices of a fused projection are read where they are.
#include "kernels/attention.h"

#include "ops/attention.h"
#include "ops/biased_attention.h"
#include "ops/layout.h"
#include "ops/reshape.h"
#include "plan/rows/rows.h"

namespace fovea {
namespace {

// [b,n,h,d] somewhere in memory: which node holds it, and how.
struct Operand {
  int node;
  int64_t offset;
  kernels::TokenStrides strides;
};

Operand dense(int id, const Shape& s) { return {id, 0, {int64_t{s[1]} * s[2] * s[3], int64_t{s[2]} * s[3], s[3]}}; }

// Sees through reshape(slice of the channels of [b,n,C]).
Operand find_operand(const Query& q, int i) {
  int id = q.node.inputs[static_cast<size_t>(i)];
  const Shape& s = q.in(i);
  const Node& n = q.graph.node(id);
  if (n.op != &Reshape::op) return dense(id, s);
  const Node& cut = q.graph.node(n.inputs[0]);
  if (cut.op != &Slice::op || !(cut.type.shape == Shape{s[0], s[1], s[2] * s[3]})) return dense(id, s);
  const Slice& a = cut.attr.as<Slice>();
  const Shape& from = q.graph.node(cut.inputs[0]).type.shape;
  if (a.step[2] != 1 || from[0] != s[0] || from[1] != s[1]) return dense(id, s);
  return {cut.inputs[0], a.start[2], {int64_t{from[1]} * from[2], from[2], s[3]}};
}

struct Made {
  std::shared_ptr<kernels::Attention> kernel;
  std::vector<int> reads;
  int64_t offset[3];
};

// gradient: dq, dk, dv must lie as q, k, v do, so the operands are dense.
Made make(const Query& q, float scale, bool gradient) {
  Operand o[3];
  for (int i = 0; i < 3; i++) o[i] = gradient ? dense(q.node.inputs[static_cast<size_t>(i)], q.in(i)) : find_operand(q, i);
  const Shape &s = q.in(0), &k = q.in(1);
  kernels::AttentionShape shape{.b = s[0],
                                .heads = s[2],
                                .nq = s[1],
                                .nk = k[1],
                                .d = s[3],
                                .scale = scale,
                                .q = o[0].strides,
                                .k = o[1].strides,
                                .v = o[2].strides,
                                .y = dense(0, s).strides};
  if (q.node.inputs.size() == 4 && !gradient) {  // a bias, the same for all where it has one
    const Shape& bias = q.in(3);
    shape.bias_image = bias[0] == 1 ? 0 : int64_t{bias[1]} * bias[2] * bias[3];
    shape.bias_head = bias[1] == 1 ? 0 : int64_t{bias[2]} * bias[3];
  }
  return {std::make_shared<kernels::Attention>(shape, q.isa, q.threads),
          {o[0].node, o[1].node, o[2].node},
          {o[0].offset, o[1].offset, o[2].offset}};
}

Bound bind_forward(const Query& q, float scale) {
  Made m = make(q, scale, false);
  bool biased = q.node.inputs.size() == 4;
  Bound b;
  b.reads = m.reads;
  if (biased) b.reads.push_back(q.node.inputs[3]);
  b.workspace_bytes = m.kernel->forward_workspace_bytes();
  b.run = [m, biased](const Call& c) {
    m.kernel->forward(c.in[0] + m.offset[0], c.in[1] + m.offset[1], c.in[2] + m.offset[2], biased ? c.in[3] : nullptr,
                      c.out[0], nullptr, c.work, *c.pool);
  };
  return b;
}
Bound bind_attention(const Query& q) { return bind_forward(q, q.node.attr.as<Attention>().scale); }
Bound bind_biased(const Query& q) { return bind_forward(q, q.node.attr.as<BiasedAttention>().scale); }

std::string refuse_biased(const Query& q) {
  if (!(q.in(1) == q.in(2))) return "values are not as wide as keys";
  if (q.node.inputs.size() < 4) return {};
  const Shape& bias = q.in(3);
  bool whole = bias.rank == 4 && bias[2] == q.in(0)[1] && bias[3] == q.in(1)[1];
  return whole ? "" : "the bias is not one number for each pair";
}

// The forward pass again for the sums of its softmax, then the gradients.
Bound bind_grad(const Query& q) {
  Made m = make(q, q.node.attr.as<AttentionGrad>().scale, true);
  const Shape& s = q.in(0);
  int64_t y = (s.numel() + 15) / 16 * 16, lse = (int64_t{s[0]} * s[1] * s[2] + 15) / 16 * 16, nq = s.numel(),
          nk = q.in(1).numel();
  Bound b;
  b.workspace_bytes = static_cast<size_t>(y + lse) * sizeof(float) +
                      std::max(m.kernel->forward_workspace_bytes(), m.kernel->backward_workspace_bytes());
  b.run = [k = m.kernel, y, lse, nq, nk](const Call& c) {
    float *py = static_cast<float*>(c.work), *plse = py + y;
    void* work = plse + lse;
    k->forward(c.in[0], c.in[1], c.in[2], nullptr, py, plse, work, *c.pool);
    float* dq = c.out[0];
    k->backward({c.in[0], c.in[1], c.in[2], nullptr, py, plse}, c.in[3], dq, dq + nq, dq + nq + nk, nullptr, work, *c.pool);
  };
  return b;
}

const Row rows[] = {
    {&Attention::op, "attention", takes_all, bind_attention},
    {&BiasedAttention::op, "biased_attention", refuse_biased, bind_biased},
    {&AttentionGrad::op, "attention_grad", takes_all, bind_grad},
};

}  // namespace

std::span<const Row> attention_rows() { return rows; }

}  // namespace fovea
