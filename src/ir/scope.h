// Scope: where a module's parameters live. s["stages"][0]["conv1"] names the path stages.0.conv1, exactly as in the
// reference implementation's state dict.
#pragma once
#include <string>

#include "ir/graph.h"

namespace fovea {

class Scope {
 public:
  explicit Scope(Graph& g, std::string path = "", bool shared = false)
      : graph_(&g), path_(std::move(path)), shared_(shared) {}
  Scope operator[](const std::string& name) const { return Scope(*graph_, join(name), shared_); }
  Scope operator[](const char* name) const { return Scope(*graph_, join(name), shared_); }
  Scope operator[](int index) const { return Scope(*graph_, join(std::to_string(index)), shared_); }
  // For layers that are used more than once: what is asked for again is the same parameter, elsewhere an error.
  Scope shared() const { return Scope(*graph_, path_, true); }

  // A trainable parameter of this shape. file_axes: see Param; {0,3,1,2} for an OHWI kernel kept as OIHW in files.
  Tensor param(const std::string& name, const Shape& shape, Init init, const Dims& file_axes = {}) const;
  // Part of the state, never trained.
  Tensor buffer(const std::string& name, const Shape& shape, Init init) const;
  // Names a value: a tap, a layer unit, a profile row.
  Tensor out(Tensor t) const;
  // Names a map that others may want of this network, where the last tap of its size is not that map (passes/taps.h).
  Tensor feature(Tensor t) const;
  // What f() records without parameters, which would otherwise count as a part of what it reads, belongs here.
  template <class F>
  Tensor own(F f) const {
    graph_->enter(path_);
    Tensor t = f();
    graph_->enter("");
    return t;
  }

  Graph& graph() const { return *graph_; }
  const std::string& path() const { return path_; }

 private:
  Tensor leaf(Param p) const;
  std::string join(const std::string& name) const { return path_.empty() ? name : path_ + "." + name; }
  Graph* graph_;
  std::string path_;
  bool shared_;
};

}  // namespace fovea
