// Layers read the arguments of their papers' code: what cannot be is refused in one line, and what must be the same is.
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "nn/varied_windows.h"
#include "nn/windows.h"
#include "ops/biased_attention.h"
#include "ops/layout.h"
#include "ops/reshape.h"
#include "run/interpret.h"

namespace fovea {
namespace {

struct Value {
  const char* name;
  std::vector<double> numbers;
  const char* text = nullptr;
};

Settings settings_of(const std::vector<Value>& values) {
  Settings s;
  for (const Value& v : values) {
    if (v.text)
      s.put_text(v.name, v.text);
    else
      s.put_numbers(v.name, v.numbers);
  }
  return s;
}

std::unique_ptr<Graph> build(const char* name, const Shape& x, const std::vector<Value>& values) {
  return build_layer(*find_reference(name), x, settings_of(values));
}

TEST(LayerSettings, Refused) {
  struct {
    const char* layer;
    Shape x;
    std::vector<Value> values;
    const char* message;
  } rows[] = {
      {"dcls2d", {1, 8, 8, 4}, {{"out_channels", {4}}, {"version", {}, "v9"}}, "v0, v1, max or gauss"},
      {"dcls2d", {1, 8, 8, 4}, {{"in_channels", {3}}, {"out_channels", {4}}}, "got 4 channels, need 3"},
      {"dcls2d", {1, 4, 8}, {{"out_channels", {4}}}, "dcls2d of [1, 4, 8]"},
      {"dcls1d", {1, 4, 8}, {{"out_channels", {6}}, {"groups", {4}}}, "4 groups of 4 channels to 6"},
      {"dcls2d", {1, 8, 8, 4}, {{"out_channels", {4}}, {"dilated_kernel_size", {9, 11}}}, "does not fit"},
      {"weighted_conv", {1, 8, 8, 4}, {{"out_channels", {4}}, {"kernel_size", {5}}, {"den", {0.5}}}, "a kernel of 3"},
      {"partial_conv", {1, 8, 8, 4}, {{"out_channels", {4}}, {"padding_mode", {}, "mirror"}}, "reflect, replicate"},
      {"partial_conv",
       {1, 8, 8, 4},
       {{"out_channels", {4}}, {"kernel_size", {3}}, {"padding", {}, "same"}, {"stride", {2}}},
       "needs stride 1"},
      {"partial_conv",
       {1, 8, 8, 4},
       {{"out_channels", {4}}, {"kernel_size", {3}}, {"padding", {8}}, {"padding_mode", {}, "reflect"}},
       "by themselves"},
      {"partial_conv", {1, 8, 8, 4}, {{"out_channels", {4}}, {"kernel_size", {3, 3, 3}}}, "one or two integers"},
      {"involution", {1, 8, 8, 20}, {{"kernel_size", {3}}}, "multiple of 16"},
      {"involution", {1, 8, 8, 16}, {{"kernel_size", {0}}}, "window of 0"},
      {"involution", {1, 8, 8, 16}, {{"kernel_size", {4}}}, "do not fit"},
      {"atconv_layer", {1, 8, 8, 16}, {{"kernel_size", {4}}}, "odd"},
      {"gnconv", {1, 8, 8, 20}, {{"order", {4}}}, "do not divide"},
      {"long_conv", {1, 8, 8}, {{"H", {4}}}, "[n,H,l]"},
      {"sgconv", {1, 6, 8}, {{"mode", {}, "other"}}, "no mode"},
      {"sgconv", {1, 6, 8}, {{"kernel_dim", {3}}, {"l_max", {12}}, {"init_scale", {-1}}}, "cannot be halved"},
      {"sgconv", {1, 6, 8}, {{"n_scales", {60}}}, "60 scales"},
      {"monarch_linear", {3, 24}, {{"args", {25, 40}}}, "from 25 to 40"},
      {"monarch_linear", {3, 24}, {{"args", {24, 40}}, {"nblocks", {0}}}, "at least 1 block"},
      {"vsa_window_attention", {1, 8, 8, 16}, {{"num_heads", {3}}, {"window_size", {4}}}, "3 heads of 16"},
      {"vsa_window_attention", {1, 8, 8, 16}, {{"window_size", {9}}}, "windows of 9"},
      {"vsa_window_attention", {1, 8, 8, 16}, {{"img_size", {7, 8}}, {"window_size", {4}}}, "img_size"},
  };
  for (auto& [layer, x, values, message] : rows) {
    try {
      build(layer, x, values);
      ADD_FAILURE() << layer << " takes what should be refused: " << message;
    } catch (const Error& e) {
      EXPECT_NE(e.code(), Code::bug) << e.what();
      EXPECT_NE(std::string(e.what()).find(message), std::string::npos) << layer << ": " << e.what();
    }
  }
}

// Parameters and inputs that two graphs share by name get the same values: a wave of each name's own.
std::vector<double> run(Graph& g, Tensor y) {
  Values given;
  auto fill = [&](const std::string& name, int id) {
    std::vector<double> v(static_cast<size_t>(g.node(id).type.shape.numel()));
    bool still = name.starts_with("sampling");  // what regresses windows says nothing
    for (size_t i = 0; i < v.size(); i++)
      v[i] = still ? 0 : 0.3 * std::sin(static_cast<double>(i) * 0.7 + static_cast<double>(name.size()));
    given[id] = v;
  };
  for (const Param& p : g.params()) fill(p.name, p.node);
  for (auto& [name, id] : g.inputs()) fill(name, id);
  return interpret(g, given, {y.id}).at(y.id);
}

void expect_same(Graph& a, Tensor x, Graph& b, Tensor y) {
  std::vector<double> got = run(a, x), need = run(b, y);
  ASSERT_EQ(got.size(), need.size());
  for (size_t i = 0; i < got.size(); i++) EXPECT_NEAR(got[i], need[i], 1e-6) << i;  // constants are floats
}

// Attention in windows that stay where they are.
Tensor window_attention(Scope s, Tensor x, int heads, int size) {
  int c = x.c();
  Tensor qkv = conv(s["qkv"], x, 3 * c, 1, {.bias = true});
  Tensor table = s.param("relative_position_bias_table", {(2 * size - 1) * (2 * size - 1), heads}, fill(0));
  auto part = [&](int i) { return reshape(to_windows(slice(qkv, 3, i * c, c), size), {-1, size * size, heads, c / heads}); };
  float scale = 1 / std::sqrt(static_cast<float>(c / heads));
  Tensor y = biased_attention(part(0), part(1), part(2), scale, relative_bias(table, size));
  return conv(s["proj"], from_windows(reshape(y, {-1, size * size, c}), size, x.shape()), c, 1, {.bias = true});
}

TEST(LayerSettings, VariedWindowsThatDoNotVary) {
  Graph varied, fixed;
  Shape map{2, 6, 9, 8};
  Tensor a = varied_window_attention(Scope(varied), varied.input("x", {map}), {.heads = 2, .out = 8, .window = 3});
  Tensor b = window_attention(Scope(fixed), fixed.input("x", {map}), 2, 3);
  expect_same(varied, a, fixed, b);
}

TEST(LayerSettings, DensityOfOne) {
  auto weighted = build("weighted_conv", {1, 7, 6, 4},
                        {{"out_channels", {6}}, {"kernel_size", {5}}, {"den", {1, 1}}, {"stride", {2}}, {"padding", {2}}});
  Graph plain;
  Tensor y = conv(Scope(plain), plain.input("image", {{1, 7, 6, 4}}), 6, 5, {.stride = 2});
  EXPECT_EQ(run(*weighted, weighted->output_tensor("logits")), run(plain, y));  // bit by bit
}

// Where nothing is padded a partial convolution is a plain one.
TEST(LayerSettings, PartialConvolutionWithoutPadding) {
  auto partial = build("partial_conv", {1, 7, 6, 4}, {{"out_channels", {6}}, {"kernel_size", {3}}, {"groups", {2}}});
  Graph plain;
  Tensor x = plain.input("image", {{1, 7, 6, 4}});
  Tensor y = conv(Scope(plain), x, 6, 3, {.pad = Padding::none, .groups = 2, .bias = true});
  expect_same(*partial, partial->output_tensor("logits"), plain, y);
}

}  // namespace
}  // namespace fovea
