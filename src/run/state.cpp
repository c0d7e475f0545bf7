#include "run/state.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>

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

Array& State::at(const std::string& name) {
  auto it = arrays_.find(name);
  if (it == arrays_.end()) fail(Code::bug, "no parameter {}", name);
  return it->second;
}
const Array& State::at(const std::string& name) const { return const_cast<State*>(this)->at(name); }

Array& State::put(const std::string& name, Array a) { return arrays_[name] = std::move(a); }

namespace {

// Draws initial values, shared out among threads in chunks that do not depend on their number.
class Initialiser {
 public:
  Initialiser(uint64_t seed, Pool& pool) : key_(splitmix(seed)), pool_(pool), room_(kChunks * kChunk) {}

  Array values(const Param& p) {
    Array a(p.type.shape);
    size_t n = static_cast<size_t>(a.size());
    if (p.init.kind == Init::Kind::constant || !p.file_axes.rank) return draw(p, {a.data(), n}), std::move(a);
    file_.resize(std::max(file_.size(), n));
    draw(p, {file_.data(), n});
    from_file_order(p, file_.data(), a.data());
    return a;
  }

 private:
  static constexpr int64_t kChunk = 4096, kChunks = 64;  // draws that a thread makes at once; chunks on their way

  void draw(const Param& p, std::span<float> out) {
    uint64_t name = fnv1a(p.name);
    switch (p.init.kind) {
      case Init::Kind::constant: std::ranges::fill(out, p.init.a); break;
      case Init::Kind::uniform: uniform(name, p.init.a, out); break;
      case Init::Kind::normal: normal(name, p.init.a, INFINITY, out); break;
      case Init::Kind::trunc_normal: normal(name, p.init.a, 2, out); break;  // cut at two standard deviations
      case Init::Kind::log_count: {
        const auto period = static_cast<size_t>(p.file_shape()[-1]);
        for (size_t i = 0; i < out.size(); i++) out[i] = std::log(static_cast<float>(i % period + 1));
        break;
      }
    }
  }

  void uniform(uint64_t name, float bound, std::span<float> out) {
    int64_t n = std::ssize(out);
    pool_.each((n + kChunk - 1) / kChunk, [&](int64_t i) {
      uint32_t bits[kChunk];
      int64_t begin = i * kChunk, count = std::min(kChunk, n - begin);
      draw_bits(key_, name, static_cast<uint64_t>(begin), {bits, static_cast<size_t>(count)});
      for (int64_t k = 0; k < count; k++) out[begin + k] = -bound + (bound + bound) * unit_float(bits[k]);
    });
  }

  // Those farther than `limit` from zero are left out, and the rest of every chunk moves up.
  void normal(uint64_t name, float std, float limit, std::span<float> out) {
    int64_t n = std::ssize(out);
    std::array<int64_t, kChunks + 1> begin{};  // of every chunk in `out`
    for (int64_t first = 0; begin[0] < n;) {
      int64_t chunks = std::min((n - begin[0]) / kChunk + 1, kChunks);
      pool_.each(chunks, [&](int64_t i) {
        float* chunk = &room_[static_cast<size_t>(i * kChunk)];
        draw_normals(key_, name, static_cast<uint64_t>(first + i * kChunk), {chunk, size_t{kChunk}});
        int64_t kept = 0;
        for (int64_t k = 0; k < kChunk; k++) {  // without a branch: they are hard to foresee
          float v = chunk[k];
          chunk[kept] = std * v, kept += std::fabs(v) <= limit;
        }
        begin[static_cast<size_t>(i) + 1] = kept;
      });
      for (size_t i = 0; i < static_cast<size_t>(chunks); i++) begin[i + 1] += begin[i];
      pool_.each(chunks, [&](int64_t i) {
        int64_t at = std::min(begin[static_cast<size_t>(i)], n), end = std::min(begin[static_cast<size_t>(i) + 1], n);
        std::copy_n(&room_[static_cast<size_t>(i * kChunk)], end - at, &out[0] + at);
      });
      first += chunks * kChunk, begin[0] = begin[static_cast<size_t>(chunks)];
    }
  }

  uint64_t key_;
  Pool& pool_;
  std::vector<float> room_, file_;
};

}  // namespace

void State::add(const Graph& g, uint64_t seed, Pool& pool) {
  Initialiser initialiser(seed, pool);
  for (const Param& p : g.params())
    if (!has(p.name)) arrays_.emplace(p.name, initialiser.values(p));
}

void State::add(const Graph& g, uint64_t seed) {
  Pool alone(1);
  add(g, seed, alone);
}

// visit(index in file order, index in graph order), rows of the file's last dimension in an inner loop
template <class F>
static void both_orders(const Param& p, F visit) {
  Shape file = p.file_shape();
  auto stride = strides_of(p.type.shape);
  std::array<int64_t, kMaxRank> step{};
  for (int d = 0; d < file.rank; d++)
    step[static_cast<size_t>(d)] = stride[static_cast<size_t>(p.file_axes.rank ? p.file_axes[d] : d)];
  int last = file.rank - 1;
  int64_t row = file.rank ? file[last] : 1, row_step = file.rank ? step[static_cast<size_t>(last)] : 0;
  Dims at = file;
  for (int& v : at) v = 0;
  int64_t graph = 0;
  for (int64_t i = 0, n = file.numel(); i < n; i += row) {
    for (int64_t k = 0; k < row; k++) visit(i + k, graph + k * row_step);
    for (int d = last - 1; d >= 0; d--) {
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
