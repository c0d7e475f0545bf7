#include "train/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "io/resample.h"
#include "train/optim.h"

namespace fovea {
namespace {

// "blocks.*.w" -> "layers.*.weight": what each * takes in the pattern stands for the * of the replacement.
bool capture(std::string_view pattern, std::string_view text, std::vector<std::string_view>& taken) {
  size_t star = pattern.find('*');
  if (star == pattern.npos) return pattern == text;
  if (text.substr(0, star) != pattern.substr(0, star)) return false;
  for (size_t end = star; end <= text.size(); end++) {
    taken.push_back(text.substr(star, end - star));
    if (capture(pattern.substr(star + 1), text.substr(end), taken)) return true;
    taken.pop_back();
  }
  return false;
}

bool ignored(const std::string& name) { return name.ends_with("num_batches_tracked") || is_slot(name); }

std::string dims_text(std::span<const int64_t> d) { return fmt::format("[{}]", fmt::join(d, ", ")); }

std::vector<int64_t> wanted_shape(const Param& p) {
  Shape s = p.file_shape();
  return {s.begin(), s.end()};
}

// p is of the classifier, and the file's differs in nothing but the number of classes.
bool other_classes(const Param& p, const std::vector<int64_t>& got, int classes) {
  std::vector<int64_t> want = wanted_shape(p);
  return got.size() == want.size() && !got.empty() && want[0] == classes &&
         std::equal(got.begin() + 1, got.end(), want.begin() + 1);
}

// Two of a list, or the first and how many more there are.
std::string some(const std::vector<std::string>& names) {
  std::string r;
  for (size_t i = 0; i < (names.size() == 2 ? 2 : 1); i++) r += (i ? ", " : "") + escape_control(clip(names[i], 60));
  if (names.size() > 2) r += fmt::format(" and {} more", names.size() - 1);
  return r;
}

// NaN and infinities: all bits of the exponent are set. Counted in blocks, which the compiler turns into vectors of ints.
int64_t not_finite(const std::vector<float>& values) {
  constexpr size_t kBlock = 4096;
  int64_t count = 0;
  for (size_t i = 0; i < values.size(); i += kBlock) {
    int32_t some = 0;
    for (float v : std::span(values).subspan(i, std::min(kBlock, values.size() - i)))
      some += (std::bit_cast<uint32_t>(v) & 0x7F800000u) == 0x7F800000u;
    count += some;
  }
  return count;
}

// The map that p lies over where it is a table of positions [1, prefix + h * w, c] beside a patch embedding.
struct Positions {
  int prefix = 0, h = 0, w = 0;
};
Positions positions_of(const Graph& g, const Param& p) {
  constexpr std::string_view kName = "pos_embed";
  if (!p.name.ends_with(kName) || p.type.shape.rank != 3 || g.inputs().empty()) return {};
  const Param* patch = g.find_param(p.name.substr(0, p.name.size() - kName.size()) + "patch_embed.proj.weight");
  const Shape& image = g.node(g.inputs()[0].second).type.shape;  // [n,h,w,c]
  if (!patch || patch->type.shape.rank != 4 || image.rank != 4) return {};
  int h = image[1] / patch->type.shape[1], w = image[2] / patch->type.shape[2], prefix = p.type.shape[1] - h * w;
  bool fits = prefix >= 0 && prefix <= 16;  // class tokens and registers; more is another kind of patches
  return fits ? Positions{prefix, h, w} : Positions{};
}

// The side of the square map that a file's table was made for; 0: it is none for these positions.
int64_t side_in_file(const Param& p, const Positions& at, const std::vector<int64_t>& got) {
  if (at.h == 0 || got.size() != 3 || got[0] != 1 || got[2] != p.type.shape[2] || got[1] <= at.prefix) return 0;
  int64_t places = got[1] - at.prefix, side = std::lround(std::sqrt(static_cast<double>(places)));
  return side * side == places ? side : 0;
}

// For pictures of another size, as timm does it: the rows of class tokens and their like stay, the map is resampled.
void resample_positions(const Positions& at, int side, int c, const float* file, float* out) {
  std::copy_n(file, at.prefix * c, out);
  resample(file + at.prefix * c, side, side, c, Filter::bicubic, out + at.prefix * c, at.h, at.w);
}

struct Match {
  std::map<const Param*, const TensorEntry*> pairs;
  std::vector<std::string> missing, extra, shapes, replaced;
};

[[noreturn]] void refuse(const Match& m, const TensorFile& file, const std::string& path) {
  std::string what;
  auto say = [&](const char* kind, const std::vector<std::string>& names) {
    if (!names.empty()) what += fmt::format("{}{} {} ({})", what.empty() ? "" : "; ", names.size(), kind, some(names));
  };
  say("missing", m.missing), say("of another shape", m.shapes), say("unknown", m.extra);
  bool renamed = m.extra.size() == m.missing.size();  // else it is the file of another model
  std::string hint = m.extra.empty() || !renamed ? "" : suggestion(m.extra[0], m.missing);
  if (std::string nearest; hint.empty() && !(nearest = nearest_models(file)).empty()) hint = ". " + nearest;
  fail(Code::bad_file, "{}: its tensors do not fit the model: {}{}", path, what, hint);
}

Match match(const Graph& g, const TensorFile& file, const std::string& path, const LoadOptions& options) {
  Match m;
  std::set<std::string> met;
  for (const TensorEntry& t : file.tensors()) {
    std::string name = renamed(t.name, g, options.renames);
    const Param* p = g.find_param(name);
    if (!p || !met.insert(name).second) {
      if (!ignored(name)) m.extra.push_back(t.name);
    } else if (t.shape == wanted_shape(*p) || side_in_file(*p, positions_of(g, *p), t.shape)) {
      m.pairs[p] = &t;
    } else if (other_classes(*p, t.shape, options.classes)) {
      m.replaced.push_back(name);
    } else {
      m.shapes.push_back(fmt::format("{}: got {}, need {}", name, dims_text(t.shape), dims_text(wanted_shape(*p))));
    }
  }
  for (const Param& p : g.params())
    if (!met.count(p.name)) m.missing.push_back(p.name);
  if (!m.missing.empty() || !m.extra.empty() || !m.shapes.empty()) refuse(m, file, path);
  return m;
}

}  // namespace

std::string renamed(const std::string& name, const Graph& g, const Renames& renames) {
  for (auto& [pattern, replacement] : renames) {
    std::vector<std::string_view> taken;
    if (g.find_param(name) || !capture(pattern, name, taken)) continue;
    std::string r;
    size_t next = 0;
    for (char c : replacement) r += c == '*' && next < taken.size() ? taken[next++] : std::string_view(&c, 1);
    if (g.find_param(r)) return r;
  }
  return name;
}

double agreement(const Graph& g, const TensorFile& file, const LoadOptions& options) {
  int64_t both = 0, theirs = 0, ours = static_cast<int64_t>(g.params().size());
  for (const TensorEntry& t : file.tensors()) {
    if (ignored(t.name)) continue;
    const Param* p = g.find_param(renamed(t.name, g, options.renames));
    both += p && (t.shape == wanted_shape(*p) || other_classes(*p, t.shape, options.classes));
    theirs++;
  }
  return static_cast<double>(both) / static_cast<double>(ours + theirs - both);
}

std::string nearest_models(const TensorFile& file) {
  constexpr size_t kNamed = 3;
  std::vector<std::pair<double, std::string>> found;
  for (const Model& m : all_models())
    if (double a = agreement(*build_model(m, 1), file, {.classes = m.classes, .renames = m.renames}); a > 0.5)
      found.emplace_back(-a, m.name);
  std::stable_sort(found.begin(), found.end(), [](auto& a, auto& b) { return a.first < b.first; });
  std::string names;
  for (size_t i = 0; i < std::min(kNamed, found.size()) && found[i].first == found[0].first; i++)
    names += (i ? ", " : "") + found[i].second;
  if (names.empty()) return "";
  return (found[0].first == -1 ? "It fits " : "Nearest: ") + names;
}

void check_fit(const Graph& g, const TensorFile& file, const std::string& path, const LoadOptions& options) {
  match(g, file, path, options);
}

Loaded load_weights(State& state, const Graph& g, const TensorFile& file, const std::string& path,
                    const LoadOptions& options) {
  Match m = match(g, file, path, options);
  verify_checksum(file, path);
  Loaded r{static_cast<int>(m.pairs.size()), m.replaced, file.note(), ""};
  auto say = [&](const std::string& text) { r.note += (r.note.empty() ? "" : "; ") + text; };
  std::vector<float> room;
  int64_t bad = 0;
  std::string first_bad;
  for (auto& [p, entry] : m.pairs) {
    room.resize(static_cast<size_t>(entry->count()));
    file.read(*entry, room.data());
    if (int64_t count = not_finite(room)) bad += count, first_bad = first_bad.empty() ? p->name : first_bad;
    float* out = state.at(p->name).data();
    if (entry->shape == wanted_shape(*p)) {
      from_file_order(*p, room.data(), out);
    } else {
      Positions at = positions_of(g, *p);
      int side = static_cast<int>(side_in_file(*p, at, entry->shape));
      resample_positions(at, side, p->type.shape[2], room.data(), out);
      say(fmt::format("{} resampled from {}x{} to {}x{}", p->name, side, side, at.h, at.w));
    }
  }
  if (bad) r.warning = fmt::format("{}: {} numbers are not finite, the first in {}", path, group_digits(bad), first_bad);
  if (!m.replaced.empty()) say(fmt::format("new classifier ({}): the file's is for other classes", some(m.replaced)));
  return r;
}

void save_weights(const std::string& path, const State& state, const Graph& g, const ModelInfo& info,
                  const std::string& prefix) {
  std::vector<Saved> saved;
  for (const Param& p : g.params()) saved.push_back({p.name, &p, &state.at(prefix + p.name)});
  Metadata metadata;
  describe(info, metadata);
  write_params(path, saved, std::move(metadata));
}

}  // namespace fovea
