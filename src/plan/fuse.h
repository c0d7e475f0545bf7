// Which pointwise values get memory of their own and which live only inside programs; and the programs themselves.
#pragma once
#include <vector>

#include "ir/graph.h"
#include "kernels/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

// Which axes of a reduction's input are summed (1) and which stay (2): they cannot be one dimension.
Dims apart_of(const Reduce& a, const Shape& from);
// A pointwise node would be a program of more than four dimensions, so differently are these inputs broadcast.
bool too_many_dimensions(const Graph& g, const Node& n, const std::vector<int>& inputs);
bool too_many_dimensions(const Graph& g, const Reduce& a, int input);  // or a reduction, of so many separate axes

struct Fusion {
  std::vector<char> live;
  std::vector<char> fixed;         // depends on parameters and constants alone, in a program that updates none
  std::vector<char> materialised;  // leaves, kernel outputs, and the pointwise values that others need whole
};
Fusion find_fusion(const Graph& g);

// A pointwise program for one or several values of one shape.
struct Group {
  kernels::PwProgram program;
  std::vector<int> leaves;  // node ids, in the order of the program's inputs
  int flags[4] = {};        // of the program's dimensions, from `apart`
};
// block: the value of this node arrives in register 0 (-1: none). With one, or with `channels`, the last dimension stays
// apart. apart: a flag for each dimension of the domain; dimensions merge only with their like. Then roots may be leaves.
// The last leaf of the domain's own shape comes first.
Group make_group(const Graph& g, const Fusion& f, const std::vector<int>& roots, int block = -1, const Dims& apart = {},
                 bool channels = false);
// Whether one program can compute all roots: it must not read too much at once.
bool fits(const Graph& g, const Fusion& f, const std::vector<int>& roots);
// The materialised values that a program reads for `id`: to compute it if it is the program's root, else to have it.
std::vector<int> cone_leaves(const Graph& g, const Fusion& f, int id, bool root);

}  // namespace fovea
