// A graph whose parameters are final: what is computed from parameters alone becomes a parameter itself.
#pragma once
#include <memory>

#include "base/threads.h"
#include "run/state.h"

namespace fovea {

// Folded weights, transposed tables and the like are computed and put into the state, each under the name of the parameter
// that it takes the place of; parameters that nothing reads any more leave the state.
std::unique_ptr<Graph> freeze(const Graph& g, State& state, Pool& pool);

}  // namespace fovea
