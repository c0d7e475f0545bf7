// Buffers that end at (or begin after) a page that may not be touched: a kernel that reads or writes one float too far
// crashes.
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "base/cpu.h"

namespace fovea::test {

class Guarded {
 public:
  enum class At { end, begin };

  explicit Guarded(int64_t n, At at = At::end, float value = 0) : size_(n) {
    size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), bytes = static_cast<size_t>(n) * sizeof(float);
    size_t body = (bytes + page - 1) / page * page;
    total_ = body + 2 * page;
    void* map = mmap(nullptr, total_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) abort();
    map_ = static_cast<char*>(map);
    if (body && mprotect(map_ + page, body, PROT_READ | PROT_WRITE) != 0) abort();
    data_ = reinterpret_cast<float*>(at == At::begin ? map_ + page : map_ + page + body - bytes);
    for (int64_t i = 0; i < n; i++) data_[i] = value;
  }
  Guarded(const std::vector<float>& v, At at = At::end) : Guarded(static_cast<int64_t>(v.size()), at) {
    for (size_t i = 0; i < v.size(); i++) data_[i] = v[i];
  }
  ~Guarded() {
    if (map_) munmap(map_, total_);
  }
  Guarded(Guarded&& o) noexcept : map_(o.map_), total_(o.total_), data_(o.data_), size_(o.size_) { o.map_ = nullptr; }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  float* data() { return data_; }
  const float* data() const { return data_; }
  float& operator[](int64_t i) { return data_[i]; }
  float operator[](int64_t i) const { return data_[i]; }
  int64_t size() const { return size_; }
  std::vector<float> values() const { return {data_, data_ + size_}; }

 private:
  char* map_;
  size_t total_;
  float* data_;
  int64_t size_;
};

// Every instruction set that this machine can run.
inline std::vector<Isa> isas() {
  std::vector<Isa> all;
  for (Isa isa : {Isa::portable, Isa::avx2, Isa::avx512}) {
    if (isa <= detected_isa()) all.push_back(isa);
  }
  return all;
}

}  // namespace fovea::test
