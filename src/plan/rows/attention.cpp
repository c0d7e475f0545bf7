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

// biased: the fourth input is a bias. gradient: dq, dk, dv must lie as q, k, v do, so the operands are dense.
Made make(const Query& q, float scale, bool biased, bool gradient) {
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
  if (biased) {  // the same for all where it has one
    const Shape& bias = q.in(3);
    shape.bias_image = bias[0] == 1 ? 0 : int64_t{bias[1]} * bias[2] * bias[3];
    shape.bias_head = bias[1] == 1 ? 0 : int64_t{bias[2]} * bias[3];
  }
  return {std::make_shared<kernels::Attention>(shape, q.isa, q.threads),
          {o[0].node, o[1].node, o[2].node},
          {o[0].offset, o[1].offset, o[2].offset}};
}

Bound bind_forward(const Query& q, float scale) {
  bool biased = q.node.inputs.size() == 4;
  Made m = make(q, scale, biased, false);
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

std::string refuse_operands(const Query& q, bool biased) {
  if (!(q.in(1) == q.in(2))) return "values are not as wide as keys";
  if (!biased) return {};
  const Shape& bias = q.in(3);
  bool whole = bias.rank == 4 && bias[2] == q.in(0)[1] && bias[3] == q.in(1)[1];
  return whole ? "" : "the bias is not one number for each pair";
}
std::string refuse_biased(const Query& q) { return refuse_operands(q, q.node.inputs.size() == 4); }
std::string refuse_biased_grad(const Query& q) {
  const bool shared = q.node.attr.as<BiasedAttentionGrad>().bias && q.in(3).rank == 4 && q.in(3)[1] != q.in(0)[2];
  return shared ? "heads share the bias" : refuse_operands(q, q.node.inputs.size() == 5);
}

// The forward pass again for the sums of its softmax, then the gradients.
Bound bind_grad(const Query& q, float scale, bool bias_wanted) {
  const bool biased = q.node.inputs.size() == 5;
  Made m = make(q, scale, biased, true);
  const Shape& s = q.in(0);
  int64_t y = (s.numel() + 15) / 16 * 16, lse = (int64_t{s[0]} * s[1] * s[2] + 15) / 16 * 16, nq = s.numel(),
          nk = q.in(1).numel();
  Bound b;
  b.workspace_bytes = static_cast<size_t>(y + lse) * sizeof(float) +
                      std::max(m.kernel->forward_workspace_bytes(), m.kernel->backward_workspace_bytes());
  b.run = [k = m.kernel, y, lse, nq, nk, biased, bias_wanted](const Call& c) {
    float *py = static_cast<float*>(c.work), *plse = py + y;
    void* work = plse + lse;
    const float *bias = biased ? c.in[3] : nullptr, *dy = c.in[biased ? 4 : 3];
    k->forward(c.in[0], c.in[1], c.in[2], bias, py, plse, work, *c.pool);
    float *dq = c.out[0], *dk = dq + nq, *dv = dk + nk, *dbias = bias_wanted ? dv + nk : nullptr;
    k->backward({c.in[0], c.in[1], c.in[2], bias, py, plse}, dy, dq, dk, dv, dbias, work, *c.pool);
  };
  return b;
}
Bound bind_attention_grad(const Query& q) { return bind_grad(q, q.node.attr.as<AttentionGrad>().scale, false); }
Bound bind_biased_grad(const Query& q) {
  const auto& a = q.node.attr.as<BiasedAttentionGrad>();
  return bind_grad(q, a.scale, a.bias);
}

const Row rows[] = {
    {&Attention::op, "attention", takes_all, bind_attention},
    {&BiasedAttention::op, "biased_attention", refuse_biased, bind_biased},
    {&AttentionGrad::op, "attention_grad", takes_all, bind_attention_grad},
    {&BiasedAttentionGrad::op, "biased_attention_grad", refuse_biased_grad, bind_biased_grad},
};

}  // namespace

std::span<const Row> attention_rows() { return rows; }

}  // namespace fovea
