// Does a model compute what its reference does? Builds the model a parity fixture names, fills its parameters by the
// fixture's rule, compares names and shapes, runs it and compares the outputs.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/threads.h"
#include "io/fixture.h"
#include "kernels/operand.h"
#include "models/registry.h"

namespace fovea {

struct VerifyResult {
  std::string path, model;
  bool passed = false;
  bool built = true;     // false: there is no model of that name, and so nothing was compared
  std::string message;   // what is wrong, one line; what was compared if nothing is
  int runs = 0;          // that were compared
  double error = 0;      // relative to the largest output, of the run that came nearest to its tolerance
  double tolerance = 0;  // of that run
};

// A fixture that cannot be read or names an unknown model has not passed; only bugs throw. In bf16 the tolerance is that of
// plan.h if the fixture's is smaller, or for ill-conditioned weights three times what weights do that are wrong by as much.
VerifyResult verify_fixture(const std::string& path, Pool& pool, kernels::Precision precision = {});

// The network or layer as the fixture wants it: its input's shape, its settings.
std::unique_ptr<Graph> fixture_graph(const Fixture& f, const Model& model);

// The fixtures that paths name: files as they are, and every .json and .json.gz in and below folders, by name.
std::vector<std::string> find_fixtures(const std::vector<std::string>& paths);

}  // namespace fovea
