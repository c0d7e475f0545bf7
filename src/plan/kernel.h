// How an operator finds its kernel: an ordered list of rows, each of which either binds a node or says why it refuses.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/threads.h"
#include "ir/op.h"
#include "kernels/epilogue.h"
#include "kernels/operand.h"

namespace fovea {

class Job;

// What a step gets at run time. Pointers are those of Bound::reads, in order.
struct Call {
  const float* const* in;
  float* const* out;
  void* work;
  const float* packed;  // weights in the kernel's own order, if it packs
  Pool* pool;
  const kernels::Epilogue* epilogue;
  Job* job = nullptr;  // null: this process is alone
};

// The pixels of a value, whatever they hold.
struct Frame {
  int images = 0, h = 0, w = 0;
  bool operator==(const Frame&) const = default;
};

// A kernel that can also make some rows of its output, on one thread: what regions are made of. Operand 0 is its image.
// Output rows [y0, y1) read input rows [y0 * stride - up, (y1 - 1) * stride + down], as far as they exist.
struct Banded {
  Frame in, out;                  // no images: any frame, pixel by pixel
  int64_t in_floats, out_floats;  // of a pixel
  int stride = 1, up = 0, down = 0;
  size_t workspace_bytes = 0;  // of one thread
  // Pixels [first, first + count) of the output: whole rows of one image, if there is a frame.
  std::function<void(const Call&, int64_t first, int64_t count)> run;
};

// A kernel made for one node.
struct Bound {
  std::string name;        // the row's, for `bench --layers`
  std::vector<int> reads;  // node ids it reads; by default the node's inputs
  int packs = -1;          // which of reads is packed
  size_t packed_floats = 0;
  std::function<void(const float* w, float* packed, Pool&)> pack;
  size_t workspace_bytes = 0;
  bool takes_epilogue = false;
  std::function<void(const Call&)> run;
  std::shared_ptr<Banded> band;  // if it can
};

struct Query {
  const Graph& graph;
  int id;
  const Node& node;
  Isa isa;
  int threads;
  const std::vector<char>* fixed = nullptr;  // by node: made of parameters alone that do not change; null: not known
  bool winograd = false;                     // may be used
  kernels::Precision precision{};            // of products of constant weights
  bool reference = false;                    // by the last row
  const Shape& in(int i) const { return graph.node(node.inputs[static_cast<size_t>(i)]).type.shape; }
  const Shape& out() const { return node.type.shape; }
  bool fixed_input(int i) const { return fixed && (*fixed)[static_cast<size_t>(node.inputs[static_cast<size_t>(i)])]; }
  // Of a product of `channels`, in groups, with the weights that are input i: f32 for few channels, as of pictures.
  kernels::Precision precision_with(int i, int channels, int groups = 1) const;
};

struct Row {
  const Op* op;  // null: any operator
  const char* name;
  std::string (*refuse)(const Query&);  // empty: takes it
  Bound (*bind)(const Query&);
};

// In the order of preference; the reference row is last and takes every primitive.
const std::vector<Row>& kernel_rows();
// The first row that takes the node, null if none does (a composite to be opened). refused: "row: reason" of those before
// it.
const Row* find_row(const Query& q, std::vector<std::string>* refused = nullptr);

}  // namespace fovea
