// One convolution in one direction with its operands, and the kernels that can do it as subjects of a case.
#pragma once
#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "bench/kernels/measure.h"
#include "kernels/shapes.h"

namespace fovea::bench {

using kernels::ConvShape;

enum class Way { forward, data, weight };
constexpr Way kWays[] = {Way::forward, Way::data, Way::weight};
const char* way_name(Way way);

// A square kernel with padding on all sides.
ConvShape square(int n, int size, int c, int o, int k, int stride = 1, int groups = 1);

// forward: a = x, b = w, out = y. data: a = dy, b = w, out = dx. weight: a = x, b = dy, out = dw.
struct ConvTask {
  ConvTask(const ConvShape& shape, Way way);

  double flops() const;
  double bytes() const { return 4.0 * static_cast<double>(a.size + b.size + out.size); }
  // The largest error of some elements of out over what is allowed: (terms + 2) * 2^-24 of the sum of the magnitudes of an
  // element's products, or `rounding` of the largest such sum if that is given.
  double error(double rounding = 0) const;

  ConvShape shape;
  Way way;
  Buffer a, b, out;
};

// By a kernel that packs b. cold: every run takes the next of several copies, which together exceed the caches.
template <class Kernel>
Subject packed(std::string name, std::shared_ptr<ConvTask> task, Kernel kernel, Suite& suite, double rounding = 0) {
  struct State {
    State(Kernel k, size_t n) : kernel(std::move(k)), copies(n), weights(kernel.packed_floats() * n) {}
    Kernel kernel;
    size_t copies;
    Buffer weights;
    Buffer work{kernel.workspace_bytes() / 4};
    size_t turn = 0;
  };
  const size_t floats = kernel.packed_floats();
  auto s = std::make_shared<State>(std::move(kernel), suite.options().cold ? (size_t{48} << 20) / (floats * 4) + 2 : 1);
  for (size_t i = 0; i < s->copies; i++) s->kernel.pack(task->b.data, s->weights.data + i * floats, suite.pool());
  return {std::move(name),
          [=, &suite] {
            const float* weights = s->weights.data + floats * (s->turn++ % s->copies);
            s->kernel.run(task->a.data, weights, task->out.data, s->work.data, suite.pool(), nullptr);
          },
          [=] { return task->error(rounding); }};
}

// By a kernel of the weight gradient.
template <class Kernel>
Subject weight_gradient(std::string name, std::shared_ptr<ConvTask> task, Kernel kernel, Suite& suite, double rounding = 0) {
  auto k = std::make_shared<Kernel>(std::move(kernel));
  auto work = std::make_shared<Buffer>(k->workspace_bytes() / 4);
  return {std::move(name), [=, &suite] { k->run(task->a.data, task->b.data, task->out.data, work->data, suite.pool()); },
          [=] { return task->error(rounding); }};
}

// By oneDNN, channels last, weights in the order that it likes best. None if the build has not found it.
std::optional<Subject> onednn(std::shared_ptr<ConvTask> task, int threads);

}  // namespace fovea::bench
