// Parameters and everything else that lives from run to run, by name.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/threads.h"
#include "ir/graph.h"

namespace fovea {

struct FreeFloats {
  size_t mapped = 0;  // bytes, if the memory is a mapping of its own
  void operator()(float* p) const;
};

// 64-byte aligned floats.
class Array {
 public:
  Array() = default;
  explicit Array(Shape shape, float fill = 0);
  explicit Array(int64_t floats);  // zeros without a shape
  const Shape& shape() const { return shape_; }
  int64_t size() const { return data_ ? size_ : 0; }
  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  bool empty() const { return !data_; }

 private:
  void allocate();  // zeros
  Shape shape_;
  int64_t size_ = 0;
  std::unique_ptr<float, FreeFloats> data_;
};

class State {
 public:
  // Adds the parameters of g that are not there yet, each at its initial value (a function of its path and the seed).
  void add(const Graph& g, uint64_t seed, Pool& pool);
  void add(const Graph& g, uint64_t seed);  // on this thread alone
  Array& at(const std::string& name);       // bug error if absent
  const Array& at(const std::string& name) const;
  bool has(const std::string& name) const { return arrays_.count(name) != 0; }
  Array& put(const std::string& name, Array a);
  void erase(const std::string& name) { arrays_.erase(name); }
  const std::map<std::string, Array>& arrays() const { return arrays_; }
  std::map<std::string, Array>& arrays() { return arrays_; }

 private:
  std::map<std::string, Array> arrays_;
};

// Between the order of weight files (OIHW) and that of the graph (OHWI).
void from_file_order(const Param& p, const float* file, float* out);
void to_file_order(const Param& p, const float* in, float* file);

}  // namespace fovea
