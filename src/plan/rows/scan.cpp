#include "kernels/scan.h"

#include "ops/selective_scan.h"
#include "plan/rows/rows.h"

namespace fovea {
namespace {

std::shared_ptr<kernels::Scan> make(const Query& q, bool reverse) {
  const Shape &u = q.in(0), &a = q.in(2);
  kernels::ScanShape shape{.images = u[0], .tokens = u[1], .channels = u[2], .states = a[1], .reverse = reverse};
  return std::make_shared<kernels::Scan>(shape, q.isa, q.threads);
}
kernels::Scan::Inputs inputs(const Call& c) { return {c.in[0], c.in[1], c.in[2], c.in[3], c.in[4]}; }

Bound bind_scan(const Query& q) {
  Bound b;
  auto kernel = make(q, q.node.attr.as<SelectiveScan>().reverse);
  b.workspace_bytes = kernel->forward_workspace_bytes();
  b.run = [kernel](const Call& c) { kernel->forward(inputs(c), c.out[0], c.work, *c.pool); };
  return b;
}

Bound bind_grad(const Query& q) {
  Bound b;
  auto kernel = make(q, q.node.attr.as<SelectiveScanGrad>().reverse);
  int64_t each = q.in(0).numel(), decays = q.in(2).numel(), states = q.in(3).numel();
  b.workspace_bytes = kernel->backward_workspace_bytes();
  b.run = [=](const Call& c) {
    float *u = c.out[0], *delta = u + each, *a = delta + each, *db = a + decays;
    kernel->backward(inputs(c), c.in[5], {u, delta, a, db, db + states}, c.work, *c.pool);
  };
  return b;
}

const Row rows[] = {
    {&SelectiveScan::op, "scan", takes_all, bind_scan},
    {&SelectiveScanGrad::op, "scan_grad", takes_all, bind_grad},
};

}  // namespace

std::span<const Row> scan_rows() { return rows; }

}  // namespace fovea
