#include "ir/scope.h"

namespace fovea {

Tensor Scope::param(const std::string& name, const Shape& shape, Init init, const Dims& file_axes) const {
  return graph_->param({.name = join(name), .init = init, .file_axes = file_axes, .type = {shape}});
}

Tensor Scope::buffer(const std::string& name, const Shape& shape, Init init) const {
  return graph_->param({.name = join(name), .init = init, .trainable = false, .file_axes = {}, .type = {shape}});
}

Tensor Scope::out(Tensor t) const {
  graph_->tap(path_, t);
  return t;
}

}  // namespace fovea
