// The reference interpreter: every operator by its plain definition, in double. Slow, obviously right; every test's oracle.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace fovea {

using Values = std::map<int, std::vector<double>>;  // by node id

// Values of the wanted nodes; `given` holds values of inputs and parameters (or of any other node).
Values interpret(const Graph& g, const Values& given, const std::vector<int>& wanted);

}  // namespace fovea
