// ONNX files, read back by a few lines that know protocol buffers and nothing of the writer. That other engines compute the
// same from them is what tools/verify_onnx checks.
#include "io/onnx/onnx.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <set>

#include "base/error.h"
#include "io/onnx/wire.h"
#include "nn/layers.h"
#include "ops/activation.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {
namespace {

struct Field {
  int number;
  uint64_t value = 0;  // of varints and fixed numbers
  std::string bytes;
};

uint64_t read_varint(const std::string& s, size_t& at) {
  uint64_t v = 0;
  for (int shift = 0;; shift += 7) {
    uint64_t byte = static_cast<unsigned char>(s.at(at++));
    v |= (byte & 0x7f) << shift;
    if (byte < 0x80) return v;
  }
}

std::vector<Field> fields_of(const std::string& s) {
  std::vector<Field> r;
  for (size_t at = 0; at < s.size();) {
    uint64_t tag = read_varint(s, at);
    Field f{static_cast<int>(tag >> 3), 0, ""};
    if ((tag & 7) == 0) {
      f.value = read_varint(s, at);
    } else if ((tag & 7) == 5) {
      std::memcpy(&f.value, s.data() + at, 4), at += 4;
    } else {
      EXPECT_EQ(tag & 7, 2u);
      uint64_t size = read_varint(s, at);
      EXPECT_LE(size, s.size() - at);
      f.bytes = s.substr(at, size), at += size;
    }
    r.push_back(f);
  }
  return r;
}

std::vector<Field> all(const std::string& message, int number) {
  std::vector<Field> r;
  for (Field& f : fields_of(message))
    if (f.number == number) r.push_back(f);
  return r;
}
Field one(const std::string& message, int number) {
  std::vector<Field> r = all(message, number);
  EXPECT_EQ(r.size(), 1u) << "field " << number;
  return r.empty() ? Field{number} : r[0];
}

// Numbers by the field that holds them, as text: "group" -> "3", "pads" -> "1 1 1 1".
std::map<std::string, std::string> attributes(const std::string& node) {
  std::map<std::string, std::string> r;
  for (const Field& a : all(node, 5)) {
    std::string& text = r[one(a.bytes, 1).bytes];
    for (const Field& f : fields_of(a.bytes))
      if (f.number == 3 || f.number == 8) text += (text.empty() ? "" : " ") + std::to_string(static_cast<int64_t>(f.value));
  }
  return r;
}

std::vector<int64_t> dims_of_input(const std::string& info) {
  std::vector<int64_t> r;
  for (const Field& d : all(one(one(one(info, 2).bytes, 1).bytes, 2).bytes, 1))
    r.push_back(static_cast<int64_t>(one(d.bytes, 1).value));
  return r;
}

struct Weight {
  std::vector<int64_t> dims;
  std::vector<float> values;
};

struct Parsed {
  std::string graph;
  std::vector<std::string> types, nodes;
  std::map<std::string, Weight> weights;

  explicit Parsed(const OnnxModel& m) : graph(one(m.head + m.nodes + m.weights, 7).bytes) {
    for (const Field& n : all(graph, 1)) nodes.push_back(n.bytes), types.push_back(one(n.bytes, 4).bytes);
    for (const Field& t : all(graph, 5)) {
      Weight w;
      for (const Field& d : all(t.bytes, 1)) w.dims.push_back(static_cast<int64_t>(d.value));
      std::string raw = one(t.bytes, 9).bytes;
      if (one(t.bytes, 2).value == 1) w.values.resize(raw.size() / 4), std::memcpy(w.values.data(), raw.data(), raw.size());
      weights[one(t.bytes, 8).bytes] = w;
    }
  }
  // Every operator reads what stands before it.
  void expect_ordered() const {
    std::set<std::string> known{"", one(one(graph, 11).bytes, 1).bytes};
    for (auto& [name, w] : weights) known.insert(name);
    for (const std::string& n : nodes) {
      for (const Field& in : all(n, 1)) EXPECT_TRUE(known.count(in.bytes)) << in.bytes;
      EXPECT_TRUE(known.insert(one(n, 2).bytes).second) << one(n, 2).bytes;
    }
    EXPECT_TRUE(known.count("logits"));
  }
};

// Parameters hold 0, 1, 2 ...
OnnxModel exported(Graph& g) {
  static std::vector<float> counting(4096);
  for (size_t i = 0; i < counting.size(); i++) counting[i] = static_cast<float>(i);
  return to_onnx(g, [](const std::string&) { return counting.data(); }, {{"key", "value"}});
}

using Types = std::vector<std::string>;

TEST(Onnx, WireFormat) {  // the examples of protobuf.dev/programming-guides/encoding
  onnx::Message inner, outer, text;
  inner.integer(1, 150);
  EXPECT_EQ(inner.bytes, std::string("\x08\x96\x01"));
  text.text(2, "testing");
  EXPECT_EQ(text.bytes, "\x12\x07testing");
  outer.message(3, inner);
  EXPECT_EQ(outer.bytes, std::string("\x1a\x03\x08\x96\x01"));
  onnx::Message negative, number;
  negative.integer(1, -2);
  EXPECT_EQ(negative.bytes, std::string("\x08\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
  number.number(2, 1.5f);
  EXPECT_EQ(number.bytes, std::string("\x15\x00\x00\xc0\x3f", 5));
}

TEST(Onnx, ConvolutionalNetwork) {
  Graph g;
  Scope s(g);
  Tensor x = g.input("image", {{2, 8, 6, 3}});
  x = activation(conv(s["stem"], x, 4, {3, 5}, {.stride = 2, .bias = true}), Act::relu);
  x = max_pool(x, 2, 2);
  g.output("logits", linear(s["fc"], global_avg_pool(x), 7));
  OnnxModel m = exported(g);
  Parsed p(m);
  p.expect_ordered();
  EXPECT_EQ(p.types, (Types{"Conv", "Relu", "MaxPool", "GlobalAveragePool", "Reshape", "Gemm"}));
  EXPECT_EQ(m.operators, 6);
  EXPECT_EQ(dims_of_input(one(p.graph, 11).bytes), (std::vector<int64_t>{2, 3, 8, 6}));
  EXPECT_EQ(dims_of_input(one(p.graph, 12).bytes), (std::vector<int64_t>{2, 7}));
  auto a = attributes(p.nodes[0]);
  EXPECT_EQ(a["kernel_shape"], "3 5");
  EXPECT_EQ(a["strides"], "2 2");
  EXPECT_EQ(a["pads"], "1 2 1 2");
  EXPECT_EQ(a["group"], "1");
  const Weight& w = p.weights.at("stem.weight");  // OIHW of a parameter kept as OHWI
  EXPECT_EQ(w.dims, (std::vector<int64_t>{4, 3, 3, 5}));
  EXPECT_EQ(w.values[1], 3);   // o 0, i 0, h 0, w 1
  EXPECT_EQ(w.values[15], 1);  // o 0, i 1, h 0, w 0
  EXPECT_EQ(w.values[45], 45);
  EXPECT_EQ(p.weights.at("stem.bias").dims, (std::vector<int64_t>{4}));
  EXPECT_EQ(p.weights.at("fc.weight").dims, (std::vector<int64_t>{7, 4}));
  std::string file = m.head + m.nodes + m.weights;
  EXPECT_EQ(one(file, 1).value, 8u);                 // IR version
  EXPECT_EQ(one(one(file, 8).bytes, 2).value, 17u);  // operator set
  EXPECT_EQ(one(one(file, 14).bytes, 2).bytes, "value");
  EXPECT_EQ(static_cast<int64_t>(file.size()), m.bytes());
}

// Values stay as they were made; one Transpose to the layer norm, one back.
TEST(Onnx, TransposesOnlyWhereNeeded) {
  Graph g;
  Scope s(g);
  Tensor x = g.input("image", {{1, 4, 4, 3}});
  x = conv(s["a"], x, 8, 3);
  Tensor y = gelu(linear(s["fc1"], layer_norm(s["norm"], x, 1e-6f), 16));
  y = linear(s["fc2"], y, 8);
  x = conv(s["b"], x + layer_scale(s, y, "gamma", 1), 2, 3);
  g.output("logits", global_avg_pool(x));
  Parsed p(exported(g));
  p.expect_ordered();
  EXPECT_EQ(p.types, (Types{"Conv", "Transpose", "LayerNormalization", "MatMul", "Add", "Div", "Erf", "Add", "Mul", "Mul",
                            "MatMul", "Add", "Mul", "Transpose", "Add", "Conv", "GlobalAveragePool", "Reshape"}));
  EXPECT_EQ(attributes(p.nodes[1])["perm"], "0 2 3 1");
  EXPECT_EQ(attributes(p.nodes[13])["perm"], "0 3 1 2");
  EXPECT_EQ(p.weights.at("fc1.weight").dims, (std::vector<int64_t>{8, 16}));  // MatMul takes it transposed
  EXPECT_EQ(p.weights.at("fc1.weight").values[1], 8);
}

TEST(Onnx, CompositesAreOpened) {
  Graph g;
  Tensor x = g.input("image", {{2, 5}});
  g.output("logits", activation(activation(x, Act::silu), Act::relu6));
  Parsed p(exported(g));
  p.expect_ordered();
  EXPECT_EQ(p.types, (Types{"Sigmoid", "Mul", "Clip"}));
}

void expect_unsupported(Graph& g, const std::string& a, const std::string& b) {
  try {
    exported(g);
    FAIL() << "was exported";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::unsupported);
    EXPECT_NE(std::string(e.what()).find(a), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find(b), std::string::npos) << e.what();
  }
}

TEST(Onnx, WithoutCounterpart) {
  Graph g;
  g.enter("blocks.1");
  Tensor noise = uniform(g.input("key", {{2}, DType::u32}), {2, 3}, 1);
  g.enter("");
  g.output("logits", noise + 1.0f);
  expect_unsupported(g, "blocks.1", "uniform");
  Graph spread;
  Tensor x = spread.input("image", {{2, 3}});
  spread.output("logits", pad_to(x, {{4, 7}, {1, 0}, {2, 3}}));
  expect_unsupported(spread, "pad", "step");
}

// An output that is an input or another output still has its own name.
TEST(Onnx, OutputsHaveTheirNames) {
  Graph g;
  Tensor x = g.input("image", {{2, 3}}), y = activation(x, Act::relu);
  g.output("logits", y), g.output("same", y), g.output("input", x);
  Parsed p(exported(g));
  EXPECT_EQ(p.types, (Types{"Relu", "Identity", "Identity"}));
  for (size_t i = 0; i < 3; i++) EXPECT_EQ(one(p.nodes[i], 2).bytes, one(all(p.graph, 12)[i].bytes, 1).bytes);
}

}  // namespace
}  // namespace fovea
