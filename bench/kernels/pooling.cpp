// Pooling in both directions. Bound by memory: GB/s are of x and y once.
#include <fmt/core.h>

#include <algorithm>
#include <memory>

#include "bench/kernels/measure.h"
#include "kernels/pool.h"

namespace fovea::bench {
namespace {

struct Task {
  Task(const kernels::PoolShape& s, Suite& suite)
      : most(s, suite.options().isa, suite.pool().size()),
        mean(s, {}, suite.options().isa, suite.pool().size()),
        x(size_t(s.n) * s.h * s.w * s.c, 1),
        dx(x.size),
        y(size_t(s.n) * s.oh() * s.ow() * s.c),
        dy(y.size, 2),
        work(std::max({most.forward_workspace_bytes(), most.backward_workspace_bytes(), mean.workspace_bytes()}) / 4) {}
  kernels::MaxPool most;
  kernels::AvgPool mean;
  Buffer x, dx, y, dy, work;
};

void one(Suite& suite, int size, int c, int k, int stride, int pad) {
  const std::string name = fmt::format("{}x{}/{} {}x{} {}", k, k, stride, size, size, c);
  if (!suite.takes(name)) return;
  kernels::PoolShape s{.n = 1, .h = size, .w = size, .c = c, .kh = k, .kw = k, .sh = stride, .sw = stride};
  s.pt = s.pl = s.pb = s.pr = pad;
  auto t = std::make_shared<Task>(s, suite);
  Pool& pool = suite.pool();
  const double bytes = 4.0 * static_cast<double>(t->x.size + t->y.size);
  suite.add({"max " + name,
             0,
             bytes,
             {{"forward", [t, &pool] { t->most.forward(t->x.data, t->y.data, t->work.data, pool); }},
              {"backward", [t, &pool] { t->most.backward(t->x.data, t->dy.data, t->dx.data, t->work.data, pool); }}}});
  suite.add({"mean " + name,
             0,
             bytes,
             {{"forward", [t, &pool] { t->mean.forward(t->x.data, t->y.data, t->work.data, pool); }},
              {"backward", [t, &pool] { t->mean.backward(t->dy.data, t->dx.data, t->work.data, pool); }}}});
}

}  // namespace

void pooling(Suite& suite) {
  suite.category("pooling");
  one(suite, 112, 64, 3, 2, 1);
  one(suite, 56, 256, 2, 2, 0);
  one(suite, 28, 256, 3, 1, 1);
}

}  // namespace fovea::bench
