#include "plan/reduce.h"

#include "kernels/reduce.h"
#include "ops/reduce.h"

namespace fovea {

ReduceGroup bind_reduce(const Graph& g, const Fusion& f, const std::vector<int>& ids, Isa isa) {
  const Reduce& a = g.node(ids[0]).attr.as<Reduce>();
  Dims apart = g.node(g.node(ids[0]).inputs[0]).type.shape;
  for (int& d : apart) d = 2;
  for (int axis : a.axes) apart[axis] = 1;
  std::vector<int> roots;
  for (int id : ids) roots.push_back(g.node(id).inputs[0]);
  Group group = make_group(g, f, roots, -1, apart);
  bool reduced[4];
  for (int d = 0; d < 4; d++) reduced[d] = group.flags[d] == 1;
  auto fold = a.kind == ReduceKind::sum ? kernels::Fold::sum : kernels::Fold::max;
  auto kernel = std::make_shared<kernels::Reduce>(group.program, reduced, fold, isa);
  return {group.leaves, kernel->workspace_bytes(), [kernel](const Call& c) { kernel->run(c.in, c.out, c.work, *c.pool); }};
}

bool one_program(const Graph& g, const Fusion& f, const std::vector<int>& ids) {
  std::vector<int> roots;
  for (int id : ids) roots.push_back(g.node(id).inputs[0]);
  return fits(g, f, roots);
}

}  // namespace fovea
