// Linear layers whose matrices have a structure, each with the arguments and parameter names of its paper's code.
#include "base/error.h"
#include "models/registry.h"
#include "nn/monarch.h"

namespace fovea {

namespace {

// Positional or by name: in_features, out_features. A usage error if they do not fit the input.
int read_linear(const Settings& s, const Tensor& x) {
  std::vector<double> args = s.list("args");
  auto positional = [&](size_t i, int otherwise) { return i < args.size() ? static_cast<int>(args[i]) : otherwise; };
  int in = positional(0, s.integer("in_features", x.c())), out = positional(1, s.integer("out_features", 0));
  if (x.rank() == 4 || in != x.c() || out < 1)
    fail(Code::usage, "a linear layer from {} to {} features on {}", in, out, x.shape().str());
  return out;
}

Tensor monarch_layer(Scope s, Tensor x, const ModelOptions& o) {
  int out = read_linear(o.settings, x), blocks = o.settings.integer("nblocks", 4);
  if (blocks < 1) fail(Code::usage, "a block diagonal matrix has at least 1 block");
  return monarch_linear(s, x, out, blocks, o.settings.flag("bias", true));
}

}  // namespace

std::vector<Model> models_of_structured_layers() {
  return {{.name = "monarch_linear", .family = "structured_layers", .build = monarch_layer, .kind = ModelKind::layer}};
}

}  // namespace fovea
