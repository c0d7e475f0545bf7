#include "run/state.h"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/error.h"
#include "base/random.h"

namespace fovea {
namespace {

// Large arrays are mappings of their own: what is freed goes back to the system at once, and zeros cost nothing until
// they are touched. Very large ones ask for huge pages: a training step walks through hundreds of megabytes.
constexpr size_t kMapped = size_t{1} << 18, kHuge = size_t{1} << 24;  // bytes

}  // namespace

void FreeFloats::operator()(float* p) const {
  if (mapped)
    munmap(p, mapped);
  else
    std::free(p);
}

Array::Array(Shape shape, float fill_value) : shape_(shape), size_(shape.numel()) {
  allocate();
  if (fill_value != 0) std::fill_n(data_.get(), size_, fill_value);
}

Array::Array(int64_t floats) : size_(floats) { allocate(); }

void Array::allocate() {
  const size_t bytes = std::max<size_t>((static_cast<size_t>(size_) * sizeof(float) + 63) / 64 * 64, 64);
  void* p = nullptr;
  if (bytes >= kMapped) {
    p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) p = nullptr;
    if (p && bytes >= kHuge) madvise(p, bytes, MADV_HUGEPAGE);  // a wish: kernels that cannot just go on
  } else if ((p = std::aligned_alloc(64, bytes))) {
    std::memset(p, 0, bytes);
  }
  if (!p) fail(Code::resources, "out of memory: {} bytes for {}", bytes, shape_.rank ? shape_.str() : "a program");
  data_ = std::unique_ptr<float, FreeFloats>(static_cast<float*>(p), FreeFloats{bytes >= kMapped ? bytes : 0});
}

void State::add(const Graph& g, uint64_t seed) {
  for (const Param& p : g.params()) {
    if (has(p.name)) continue;
    Array a(p.type.shape);
    initialise(p, seed, a.data());
    arrays_.emplace(p.name, std::move(a));
  }
}

Array& State::at(const std::string& name) {
  auto it = arrays_.find(name);
  if (it == arrays_.end()) fail(Code::bug, "no parameter {}", name);
  return it->second;
}
const Array& State::at(const std::string& name) const { return const_cast<State*>(this)->at(name); }

Array& State::put(const std::string& name, Array a) { return arrays_[name] = std::move(a); }

void initialise(const Param& p, uint64_t seed, float* out) {
  Random random(splitmix(seed), fnv1a(p.name));
  auto draw = [&]() -> float {
    switch (p.init.kind) {
      case Init::Kind::constant: return p.init.a;
      case Init::Kind::uniform: return random.uniform(-p.init.a, p.init.a);
      case Init::Kind::normal: return p.init.a * random.normal();
      case Init::Kind::trunc_normal:  // cut at two standard deviations
        for (;;)
          if (float v = random.normal(); std::fabs(v) <= 2) return p.init.a * v;
    }
    return 0;
  };
  std::vector<float> file(static_cast<size_t>(p.type.shape.numel()));
  for (float& v : file) v = draw();
  from_file_order(p, file.data(), out);
}

// visit(index in file order, index in graph order)
template <class F>
static void both_orders(const Param& p, F visit) {
  Shape file = p.file_shape();
  auto stride = strides_of(p.type.shape);
  std::array<int64_t, kMaxRank> step{};
  for (int d = 0; d < file.rank; d++)
    step[static_cast<size_t>(d)] = stride[static_cast<size_t>(p.file_axes.rank ? p.file_axes[d] : d)];
  Dims at = file;
  for (int& v : at) v = 0;
  int64_t graph = 0;
  for (int64_t i = 0, n = file.numel(); i < n; i++) {
    visit(i, graph);
    for (int d = file.rank - 1; d >= 0; d--) {
      graph += step[static_cast<size_t>(d)];
      if (++at[d] < file[d]) break;
      graph -= step[static_cast<size_t>(d)] * file[d], at[d] = 0;
    }
  }
}

void from_file_order(const Param& p, const float* file, float* out) {
  both_orders(p, [&](int64_t f, int64_t g) { out[g] = file[f]; });
}
void to_file_order(const Param& p, const float* in, float* file) {
  both_orders(p, [&](int64_t f, int64_t g) { file[f] = in[g]; });
}

}  // namespace fovea
