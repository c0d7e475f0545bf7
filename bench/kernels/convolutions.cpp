// Dense and grouped convolutions of known networks: the register-tile kernels, their narrower precisions, Winograd's.
#include <fmt/core.h>

#include "bench/kernels/conv_task.h"
#include "kernels/conv_gather.h"
#include "kernels/conv_weight.h"
#include "kernels/im2win.h"
#include "kernels/winograd.h"
#include "kernels/winograd_weight.h"

namespace fovea::bench {
namespace {

using kernels::Direction;
using kernels::GatherConv;
using kernels::Winograd;
using kernels::WinogradWeight;

// What is allowed of the magnitude of a sum. Both operands rounded to 8 bits; operands from -1 to 1 in steps of a hundredth
// and a 127th, by half of which they may be off; Winograd's bound is of max |x|, which is twice its mean here.
constexpr double kBf16 = 0x1p-8 + 0x1p-12, kInt8 = 0.04, kWinograd = 3 * 0x1p-24;

struct Shape {
  const char* name;
  ConvShape shape;
};

ConvShape pointwise(int n, int h, int w, int c, int o) { return {.n = n, .h = h, .w = w, .c = c, .o = o, .kh = 1, .kw = 1}; }

std::vector<Shape> shapes() {
  std::vector<Shape> all;
  for (int n : {1, 8}) {
    all.push_back({"resnet50 stem", square(n, 224, 3, 64, 7, 2)});
    for (auto [size, c] : {std::pair{56, 64}, {28, 128}, {14, 256}, {7, 512}}) {
      all.push_back({"resnet50 3x3", square(n, size, c, c, 3)});
      all.push_back({"resnet50 1x1 up", square(n, size, c, 4 * c, 1)});
      all.push_back({"resnet50 1x1 down", square(n, size, 4 * c, c, 1)});
      if (c < 512) all.push_back({"resnet50 3x3/2", square(n, size, 2 * c, 2 * c, 3, 2)});
      if (c < 512) all.push_back({"resnet50 1x1/2", square(n, size, 4 * c, 8 * c, 1, 2)});
    }
    for (auto [size, c] : {std::pair{224, 16}, {112, 32}, {56, 128}, {28, 256}})
      all.push_back({"vgg 3x3", square(n, size, c, c, 3)});
    for (auto [size, c] : {std::pair{56, 128}, {28, 256}, {14, 512}, {7, 1024}})
      all.push_back({"resnext50 3x3 g32", square(n, size, c, c, 3, 1, 32)});
    all.push_back({"classifier", pointwise(n, 1, 1, 2048, 1000)});
    all.push_back({"vit fc1", pointwise(1, 1, 197 * n, 768, 3072)});
    all.push_back({"vit fc2", pointwise(1, 1, 197 * n, 3072, 768)});
    all.push_back({"convnext fc1", pointwise(n, 56, 56, 96, 384)});
    all.push_back({"convnext fc2", pointwise(n, 56, 56, 384, 96)});
    all.push_back({"convnext fc1", pointwise(n, 7, 7, 768, 3072)});
    all.push_back({"mobilenet 1x1", pointwise(n, 112, 112, 16, 96)});
    all.push_back({"mobilenet 1x1", pointwise(n, 56, 56, 144, 24)});
  }
  all.push_back({"resnet20 stem", square(128, 32, 3, 16, 3)});
  all.push_back({"resnet20 16", square(128, 32, 16, 16, 3)});
  all.push_back({"resnet20 16/2", square(128, 32, 16, 32, 3, 2)});
  all.push_back({"resnet20 32", square(128, 16, 32, 32, 3)});
  all.push_back({"resnet20 32/2", square(128, 16, 32, 64, 3, 2)});
  all.push_back({"resnet20 64", square(128, 8, 64, 64, 3)});
  all.push_back({"cnn_mnist 32", square(256, 14, 32, 32, 3)});
  all.push_back({"cnn_mnist 64", square(256, 7, 64, 64, 3)});
  return all;
}

// The kernels that compute it, the one for any shape first.
std::vector<Subject> subjects(Suite& suite, std::shared_ptr<ConvTask> task) {
  const ConvShape& s = task->shape;
  const Isa isa = suite.options().isa;
  const int threads = suite.pool().size();
  std::vector<Subject> all;
  if (task->way == Way::weight) {
    all.push_back(weight_gradient("tiles", task, kernels::WeightConv(s, isa, threads), suite));
    if (!kernels::winograd_cannot(s)) {
      const WinogradWeight kernel(s, isa, threads);
      all.push_back(weight_gradient(kernel.name(), task, kernel, suite, kernels::winograd_weight_error(s) * kWinograd));
    }
  } else {
    const auto direction = task->way == Way::forward ? Direction::forward : Direction::backward_data;
    all.push_back(packed("tiles", task, GatherConv(s, direction, isa, threads), suite));
    if (task->way == Way::forward) {
      all.push_back(
          packed("tiles bf16", task, GatherConv(s, direction, isa, threads, kernels::Precision::bf16), suite, kBf16));
      all.push_back(
          packed("tiles int8", task, GatherConv(s, isa, threads, kernels::Quantization{0.01f, 100}), suite, kInt8));
    }
    if (!kernels::im2win_cannot(s, direction))
      all.push_back(packed("im2win", task, kernels::Im2win(s, direction, isa, threads), suite));
    if (const char* reason = kernels::winograd_refuses(kernels::winograd_shape(s, direction));
        !reason || std::string(reason).find("faster") != std::string::npos) {
      for (int tile : {2, 4}) {
        const Winograd kernel(s, direction, isa, threads, tile);
        all.push_back(packed(kernel.name(), task, kernel, suite, kernels::winograd_error(tile) * kWinograd));
      }
    }
  }
  if (suite.options().peers)
    if (auto peer = onednn(task, threads)) all.push_back(*peer);
  return all;
}

}  // namespace

void convolutions(Suite& suite) {
  suite.category("convolution");
  for (const auto& [name, s] : shapes()) {
    for (Way way : kWays) {
      const std::string text = fmt::format("{} {} n{} {}x{} {}->{}", way_name(way), name, s.n, s.h, s.w, s.c, s.o);
      if (!suite.takes(text)) continue;
      auto task = std::make_shared<ConvTask>(s, way);
      suite.add({text, task->flops(), task->bytes(), subjects(suite, task)});
    }
  }
}

}  // namespace fovea::bench
