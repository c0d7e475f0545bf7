#include "plan/memory.h"

#include <algorithm>
#include <numeric>

namespace fovea {

// Largest first, each into the lowest gap left by those already placed whose lifetimes it meets.
int64_t assign_offsets(std::vector<Buffer>& buffers) {
  std::vector<int> order;
  for (size_t i = 0; i < buffers.size(); i++)
    if (buffers[i].where == Buffer::arena && buffers[i].floats > 0 && buffers[i].first <= buffers[i].last)
      order.push_back(static_cast<int>(i));  // the others are values of steps that went into a region
  auto size = [&](int i) { return (buffers[static_cast<size_t>(i)].floats + 15) / 16 * 16; };
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return size(a) > size(b); });
  std::vector<int> placed;  // by offset
  int64_t total = 0;
  for (int i : order) {
    Buffer& b = buffers[static_cast<size_t>(i)];
    int64_t at = 0;
    for (int j : placed) {
      const Buffer& o = buffers[static_cast<size_t>(j)];
      if (o.last < b.first || b.last < o.first) continue;
      if (o.offset - at >= size(i)) break;
      at = std::max(at, o.offset + size(j));
    }
    b.offset = at;
    total = std::max(total, at + size(i));
    auto where = std::upper_bound(placed.begin(), placed.end(), at,
                                  [&](int64_t v, int j) { return v < buffers[static_cast<size_t>(j)].offset; });
    placed.insert(where, i);
  }
  return total;
}

}  // namespace fovea
