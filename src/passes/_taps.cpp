#include "passes/taps.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "ir/rewrite.h"

namespace fovea {
namespace {

using Named = std::pair<std::string, int>;

bool inside(const std::string& name, const std::string& scope) { return name == scope || name.starts_with(scope + "."); }

// How many pixels along a side: of a map, or of as many tokens as make a square (others of them are no pixels).
int side(const Shape& s) {
  if (s.rank == 4) return s[1];
  return s.rank == 3 ? static_cast<int>(std::sqrt(static_cast<double>(s[1]))) : 0;
}

int image_side(const Graph& g) {
  for (auto& [name, id] : g.inputs())
    if (g.node(id).type.shape.rank == 4) return g.node(id).type.shape[1];
  return 0;
}

// A power of two where one explains the size, rounded up or down. Else patches of tokens have any size, but maps were halved
// several times, each of which may have lost a pixel.
int stride(int image, int map, bool tokens) {
  const double ratio = static_cast<double>(image) / map;
  const int halved = 1 << static_cast<int>(std::lround(std::log2(ratio)));
  bool fits = image / halved == map || (image + halved - 1) / halved == map;
  return fits || (!tokens && image % map) ? halved : static_cast<int>(std::lround(ratio));
}

using Sizes = std::map<int, std::vector<Named>, std::greater<>>;  // by side, the largest first

Sizes by_size(const Graph& g, const std::vector<Named>& values) {
  Sizes r;
  for (const Named& v : values)
    if (int s = side(g.node(v.second).type.shape); s > 1) r[s].push_back(v);
  return r;
}

// The shortest scope of the tap that has no taps of other sizes: stages.1 for stages.1.blocks.3.
std::string module_name(const std::string& tap, int size, const Sizes& taps) {
  for (size_t dot = tap.find('.'); dot != tap.npos; dot = tap.find('.', dot + 1)) {
    const std::string scope = tap.substr(0, dot);
    bool alone = std::all_of(taps.begin(), taps.end(), [&](auto& other) {
      return other.first == size ||
             std::none_of(other.second.begin(), other.second.end(), [&](auto& t) { return inside(t.first, scope); });
    });
    if (alone) return scope;
  }
  return tap;
}

}  // namespace

std::vector<Named> outer_taps(const Graph& g) {
  std::vector<Named> r;
  for (const Named& tap : g.taps()) {
    bool within = std::any_of(g.taps().begin(), g.taps().end(),
                              [&](auto& other) { return other.first != tap.first && inside(tap.first, other.first); });
    if (!within) r.push_back(tap);
  }
  return r;
}

std::vector<Feature> feature_info(const Graph& g) {
  const Sizes taps = by_size(g, outer_taps(g));
  Sizes chosen = by_size(g, g.features());
  bool plain = taps.size() == 1;
  for (auto& [size, same] : taps) {
    if (chosen.count(size)) continue;
    chosen[size] = plain ? same : std::vector<Named>{{module_name(same.back().first, size, taps), same.back().second}};
  }
  std::vector<Feature> r;
  for (auto& [size, same] : chosen)
    for (auto& [name, id] : same) {
      const Shape& s = g.node(id).type.shape;
      r.push_back({name, id, stride(image_side(g), size, s.rank == 3), s[-1]});
    }
  return r;
}

std::unique_ptr<Graph> features(const Graph& g) {
  std::vector<Named> values;
  for (const Feature& f : feature_info(g)) values.emplace_back(f.name, f.node);
  if (values.empty()) fail(Code::unsupported, "features: the network names no ends of blocks that are maps or tokens");
  return extract(g, values);
}

}  // namespace fovea
