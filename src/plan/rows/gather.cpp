// Rows of tables by number.
#include "kernels/gather.h"

#include "ops/gather.h"
#include "plan/rows/rows.h"

namespace fovea {
namespace {

kernels::GatherShape shape_of(const Shape& table, const Shape& index) {
  return {table[0], table.numel() / table[0], index.numel()};
}

Bound bind_gather(const Query& q) {
  Bound b;
  b.run = [s = shape_of(q.in(0), q.in(1))](const Call& c) { kernels::gather(s, c.in[0], c.in[1], c.out[0], *c.pool); };
  return b;
}
Bound bind_gather_grad(const Query& q) {
  Bound b;
  b.run = [s = shape_of(q.out(), q.in(0))](const Call& c) { kernels::gather_grad(s, c.in[0], c.in[1], c.out[0], *c.pool); };
  return b;
}

const Row rows[] = {
    {&Gather::op, "gather_rows", takes_all, bind_gather},
    {&GatherGrad::op, "gather_rows_grad", takes_all, bind_gather_grad},
};

}  // namespace

std::span<const Row> gather_rows() { return rows; }

}  // namespace fovea
