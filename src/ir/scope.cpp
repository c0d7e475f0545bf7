#include "ir/scope.h"

#include "base/error.h"

namespace fovea {

Tensor Scope::leaf(Param p) const {
  const Param* known = shared_ ? graph_->find_param(p.name) : nullptr;
  if (!known) return graph_->param(std::move(p));
  if (!(known->type == p.type)) fail(Code::bug, "parameter {} is {} and {}", p.name, known->type.str(), p.type.str());
  return graph_->at(known->node);
}

Tensor Scope::param(const std::string& name, const Shape& shape, Init init, const Dims& file_axes) const {
  return leaf({.name = join(name), .init = init, .file_axes = file_axes, .type = {shape}});
}

Tensor Scope::buffer(const std::string& name, const Shape& shape, Init init) const {
  return leaf({.name = join(name), .init = init, .trainable = false, .file_axes = {}, .type = {shape}});
}

Tensor Scope::out(Tensor t) const {
  graph_->tap(path_, t);
  return t;
}

Tensor Scope::feature(Tensor t) const {
  graph_->feature(path_, t);
  return t;
}

}  // namespace fovea
