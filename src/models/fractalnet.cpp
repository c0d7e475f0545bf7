// FractalNet (arXiv:1605.07648): blocks of columns, each twice as deep as the one before, whose outputs are averaged
// wherever they end together; no residuals. Names of parameters follow an unofficial implementation in PyTorch.
#include <algorithm>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/conv_norm_act.h"
#include "nn/edges.h"
#include "nn/flatten.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

enum class Head : uint8_t { flat, mean, pixels };  // what the classifier reads; pixels: it is a convolution before the mean

struct FractalNet {
  int columns = 3, width = 16;  // of the first block; doubled by every block but the last
  Head head = Head::flat;
  bool doubling = false;  // a 1x1 convolution in front of a block widens the map
  Edge edge = Edge::zeros;
};

constexpr int kBlocks = 5;

// The mean of what several columns returned. In training some of them are dropped, never all.
Tensor join(Scope s, const std::vector<Tensor>& columns, float rate) {
  if (columns.size() == 1) return columns[0];
  if (rate == 0) {
    Tensor sum = columns[0];
    for (size_t i = 1; i < columns.size(); i++) sum = sum + columns[i];
    return sum / static_cast<float>(columns.size());
  }
  Tensor one = full(s.graph(), {columns[0].n(), 1, 1, 1}, 1), sum, count;
  for (size_t i = 0; i < columns.size(); i++) {
    Tensor kept = drop_path(s[static_cast<int>(i)], one, rate);
    sum = i ? sum + columns[i] * kept : columns[i] * kept;
    count = i ? count + kept : kept;
  }
  Tensor mean = columns[0];  // of all, where none is left
  for (size_t i = 1; i < columns.size(); i++) mean = mean + columns[i];
  mean = mean / static_cast<float>(columns.size());
  return select(greater(count, 0.0f), sum / maximum(count, 1e-6f), mean);
}

Tensor layer(Scope s, Tensor x, int out, int window, const FractalNet& m, float drop) {
  x = conv(s["conv"], pad_edges(x, Pad(window / 2), m.edge), out, window, {.pad = Padding::none, .init = xavier_normal});
  return relu(batch_norm(s["bn"], dropout(s, x, drop)));
}

Tensor block(Scope s, Tensor x, int out, const FractalNet& m, float drop, float drop_rate) {  // [n,h,w,c] -> [n,h,w,out]
  if (m.doubling) x = layer(s["doubler"], x, out, 1, m, drop);
  const int depth = 1 << (m.columns - 1);
  std::vector<Tensor> inputs(static_cast<size_t>(m.columns), x);
  for (int row = 0; row < depth; row++) {
    std::vector<Tensor> ends;
    int first = m.columns;
    for (int c = m.columns - 1; c >= 0 && (row + 1) % (depth >> c) == 0; c--) first = c;
    for (int c = first; c < m.columns; c++)
      ends.push_back(layer(s["columns"][c][row], inputs[static_cast<size_t>(c)], out, 3, m, drop));
    Tensor joined = join(s["join"][row], ends, drop_rate);
    for (int c = first; c < m.columns; c++) inputs[static_cast<size_t>(c)] = joined;
  }
  return s.out(inputs.back());
}

Tensor fractalnet(Scope s, Tensor x, const FractalNet& m, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  Scope layers = s["layers"];
  for (int i = 0; i < kBlocks; i++) {
    float drop = o.drop * static_cast<float>(i) / (kBlocks - 1);  // grows from nothing at the first block
    x = block(layers[2 * i], x, m.width << std::min(i, kBlocks - 2), m, drop, o.drop_path);
    if (i < kBlocks - 1 || m.head == Head::flat) x = max_pool(x, 2, 2);
  }
  if (m.head == Head::pixels)
    return global_avg_pool(conv(layers[2 * kBlocks - 1], x, o.classes, 1, {.bias = true, .init = xavier_normal}));
  x = m.head == Head::mean ? global_avg_pool(x) : flatten(x);
  return linear(layers[2 * kBlocks + 1], x, o.classes, {.init = xavier_normal});
}

const Variant<FractalNet> variants[] = {
    {"fractalnet_cifar", {}, unit_card(32)},
    {"fractalnet_cifar_c2", {2}, unit_card(32)},
    {"fractalnet_cifar_c4", {4}, unit_card(32)},
    {"fractalnet_cifar_64", {3, 64}, unit_card(32)},
    {"fractalnet_cifar_c4_64", {4, 64}, unit_card(32)},
    {"fractalnet_cifar_gap", {.head = Head::mean}, unit_card(32)},
    {"fractalnet_cifar_pixels", {.head = Head::pixels}, unit_card(32)},
    {"fractalnet_cifar_doubling", {.doubling = true}, unit_card(32)},
    {"fractalnet_cifar_reflect", {.edge = Edge::reflect}, unit_card(32)},
};

}  // namespace

std::vector<Model> models_of_fractalnet() { return models_from<FractalNet>("fractalnet", variants, fractalnet, 10); }

}  // namespace fovea
