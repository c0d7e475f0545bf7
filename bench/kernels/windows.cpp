// The twelve convolutions on which im2win was published (arXiv:2306.14316), in window order, directly, as a product with all
// windows written out (im2col), and by plain loops. After each case: what the two copies take.
#include <fmt/core.h>

#include "bench/kernels/conv_task.h"
#include "kernels/conv_gather.h"
#include "kernels/im2win.h"

namespace fovea::bench {
namespace {

using kernels::Direction;
using kernels::GatherConv;

struct Windows {  // all of them, [pixels][kh][kw][c], and the product with the weights
  Windows(const ConvShape& s, Suite& suite)
      : matrix(size_t(s.n) * s.oh() * s.ow() * s.kh * s.kw * s.c),
        product({.n = 1, .h = 1, .w = s.n * s.oh() * s.ow(), .c = s.kh * s.kw * s.c, .o = s.o, .kh = 1, .kw = 1},
                Direction::forward, suite.options().isa, suite.pool().size()),
        weights(product.packed_floats()),
        work(product.workspace_bytes() / 4) {}
  Buffer matrix;
  GatherConv product;
  Buffer weights, work;
};

void write_out(const ConvShape& s, const float* x, float* to, int64_t row) {
  const int64_t n = row / s.oh(), i = row % s.oh();
  to += row * s.ow() * s.kh * s.kw * s.c;
  for (int j = 0; j < s.ow(); j++)
    for (int u = 0; u < s.kh; u++, to += s.kw * s.c)
      std::copy_n(x + ((n * s.h + i * s.sh + u) * s.w + j * s.sw) * s.c, s.kw * s.c, to);
}

Subject im2col(Suite& suite, std::shared_ptr<ConvTask> task) {
  auto w = std::make_shared<Windows>(task->shape, suite);
  w->product.pack(task->b.data, w->weights.data, suite.pool());
  return {"im2col + product",
          [=, &suite] {
            const ConvShape& s = task->shape;
            suite.pool().each(int64_t{s.n} * s.oh(), [&](int64_t row) { write_out(s, task->a.data, w->matrix.data, row); });
            w->product.run(w->matrix.data, w->weights.data, task->out.data, w->work.data, suite.pool(), nullptr);
          },
          [=] { return task->error(); }};
}

Subject loops(Suite& suite, std::shared_ptr<ConvTask> task) {
  const auto row = [task](int64_t at) {
    const ConvShape& s = task->shape;
    const int64_t n = at / s.oh(), i = at % s.oh();
    for (int64_t j = 0; j < s.ow(); j++) {
      for (int64_t o = 0; o < s.o; o++) {
        float sum = 0;
        for (int64_t u = 0; u < s.kh; u++)
          for (int64_t v = 0; v < s.kw; v++)
            for (int64_t k = 0; k < s.c; k++)
              sum += task->a.data[((n * s.h + i * s.sh + u) * s.w + j * s.sw + v) * s.c + k] *
                     task->b.data[((o * s.kh + u) * s.kw + v) * s.c + k];
        task->out.data[(at * s.ow() + j) * s.o + o] = sum;
      }
    }
  };
  return {"loops", [=, &suite] { suite.pool().each(int64_t{task->shape.n} * task->shape.oh(), row); },
          [=] { return task->error(); }};
}

}  // namespace

void windows(Suite& suite) {
  suite.category("windows");
  struct {
    int size, c, o, k, stride;
  } const shapes[] = {{227, 3, 96, 11, 4}, {231, 3, 96, 11, 4},  {227, 3, 64, 7, 2},   {224, 64, 64, 7, 2},
                      {24, 96, 256, 5, 1}, {12, 256, 512, 3, 1}, {224, 3, 64, 3, 1},   {112, 64, 128, 3, 1},
                      {56, 64, 64, 3, 1},  {28, 128, 128, 3, 1}, {14, 256, 256, 3, 1}, {7, 512, 512, 3, 1}};
  const Isa isa = suite.options().isa;
  const int threads = suite.pool().size();
  for (int n : {1, 8}) {
    for (const auto& [size, c, o, k, stride] : shapes) {
      const std::string text = fmt::format("forward {}x{}/{} n{} {}x{} {}->{}", k, k, stride, n, size, size, c, o);
      if (!suite.takes(text)) continue;
      const ConvShape s{.n = n, .h = size, .w = size, .c = c, .o = o, .kh = k, .kw = k, .sh = stride, .sw = stride};
      auto task = std::make_shared<ConvTask>(s, Way::forward);
      const kernels::Im2win kernel(s, Direction::forward, isa, threads);
      std::vector<Subject> all{packed("im2win", task, kernel, suite),
                               packed("tiles", task, GatherConv(s, Direction::forward, isa, threads), suite),
                               im2col(suite, task)};
      if (n == 1) all.push_back(loops(suite, task));
      suite.add({text, task->flops(), task->bytes(), all});
      const double whole = 4e-6 * n * s.oh() * s.ow() * k * k * c,
                   own = 1e-6 * static_cast<double>(kernel.workspace_bytes());
      fmt::print("  workspace: {:.3f} MB of im2win, {:.3f} MB of im2col: {:.3f}\n", own, whole, own / whole);
    }
  }
}

}  // namespace fovea::bench
