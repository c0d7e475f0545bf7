// Graph to graph: what a pass is to those who list, apply and test them all.
#pragma once
#include <memory>
#include <vector>

#include "ir/graph.h"

namespace fovea {

struct Pass {
  const char* name;
  const char* what;  // one line, said by `fovea inspect --pass NAME`
  double tolerance;  // of the outputs, relative to the largest; 0: the same bits; < 0: it changes what the graph means
  std::unique_ptr<Graph> (*apply)(const Graph&);
};

// Once per pass, in its own file, named as the file.
#define FOVEA_PASS(name, what, tolerance)                 \
  const Pass& pass_of_##name() {                          \
    static const Pass pass{#name, what, tolerance, name}; \
    return pass;                                          \
  }

// All passes, by the files of this folder.
std::vector<const Pass*> all_passes();

}  // namespace fovea
