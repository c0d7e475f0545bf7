#include "plan/reduce.h"

#include <algorithm>

#include "kernels/reduce.h"
#include "kernels/rows.h"
#include "ops/reduce.h"

namespace fovea {

static std::vector<int> summed(const Graph& g, const std::vector<int>& ids) {
  std::vector<int> r(ids.size());
  std::transform(ids.begin(), ids.end(), r.begin(), [&](int id) { return g.node(id).inputs[0]; });
  return r;
}

ReduceGroup bind_reduce(const Graph& g, const Fusion& f, const std::vector<int>& ids, Isa isa) {
  const Reduce& a = g.node(ids[0]).attr.as<Reduce>();
  Group group = make_group(g, f, summed(g, ids), -1, apart_of(a, g.node(g.node(ids[0]).inputs[0]).type.shape));
  bool reduced[4];
  for (int d = 0; d < 4; d++) reduced[d] = group.flags[d] == 1;
  auto fold = a.kind == ReduceKind::sum ? kernels::Fold::sum : kernels::Fold::max;
  auto kernel = std::make_shared<kernels::Reduce>(group.program, reduced, fold, isa);
  return {group.leaves, kernel->workspace_bytes(), [kernel](const Call& c) { kernel->run(c.in, c.out, c.work, *c.pool); }};
}

bool sums_images(const Graph& g, const Fusion& f, int id) {
  const Reduce& a = g.node(id).attr.as<Reduce>();
  const int from = g.node(id).inputs[0];
  const Shape& s = g.node(from).type.shape;
  return a.kind == ReduceKind::sum && a.axes.rank == 2 && a.axes[0] == 1 && a.axes[1] == 2 && s.rank == 4 && s[1] > 1 &&
         s[2] > 1 && s[2] <= 256 && cone_leaves(g, f, from, false) == std::vector<int>{from};
}

ImageSum bind_image_sum(const Shape& image, Isa isa) {
  const int64_t n = image[0], h = image[1], w = image[2], c = image[3];
  const kernels::Rows kernel(isa);
  auto part = [kernel, w, c](const Call& call, int64_t first, int64_t count) {
    kernel.sum_groups(call.in[0] + first * w * c, call.out[0] + first * c, count, w, c);
  };
  ImageSum r;
  r.rows = std::make_shared<Banded>(
      Banded{.in = {image[0], image[1], image[2]}, .out = {image[0], image[1], 1}, .in_floats = c, .out_floats = c});
  r.rows->run = part;
  r.run_rows = [part, n, h](const Call& call) {
    call.pool->run([&](int thread) {
      auto [begin, end] = share(n * h, thread, call.pool->size());
      part(call, begin, end - begin);
    });
  };
  const kernels::PwProgram rows{.dims = {1, n, h, c},
                                .inputs = {{{0, h * c, c, 1}}},
                                .code = {{.op = kernels::Pw::load}},
                                .outputs = {0},
                                .registers = 1};
  const bool over_rows[4] = {false, false, true, false};
  auto rest = std::make_shared<kernels::Reduce>(rows, over_rows, kernels::Fold::sum, isa);
  r.workspace_bytes = rest->workspace_bytes();
  r.run = [rest](const Call& call) { rest->run(call.in, call.out, call.work, *call.pool); };
  return r;
}

bool one_program(const Graph& g, const Fusion& f, const std::vector<int>& ids) { return fits(g, f, summed(g, ids)); }

}  // namespace fovea
