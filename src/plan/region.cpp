#include "plan/region.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace fovea {
namespace {

constexpr int kMaxStages = 8, kMaxOperands = 32;
constexpr int64_t kLocalBytes = int64_t{640} << 10;   // of what passes between stages, for one thread: most of its L2
constexpr int64_t kWeightBytes = int64_t{256} << 10;  // weights that stay there beside it
constexpr int64_t kFarBytes = int64_t{256} << 10;     // of a value, for one thread: larger ones come from beyond L2

// What one thread does in a second, roughly: the measure of what a region saves and costs.
constexpr double kFlops = 200e9, kNear = 80e9, kFar = 20e9;  // bytes from L2, and from L3 or another core's L2
constexpr double kStart = 1e-6;                              // of a step: fork, join, and what it finds out of cache

// Rows [begin, end) of an image.
struct Span {
  int begin = 0, end = 0;
};

struct Stage {
  Banded band;
  int64_t in_floats = 0, out_floats = 0;  // of a pixel
  int operands = 0;                       // of the step, the first of them the value of the stage before
  int first_operand = 0;                  // among those of the region
  int packed = -1;                        // likewise
  int kept = 0;                           // others read its result too: the output of the region that it is, else 0
  int capacity = 0;                       // rows that its local result holds at once
  size_t local = 0, work = 0;             // where in a thread's memory they begin, floats

  Span input_of(Span out) const {
    return {std::max(0, out.begin * band.stride - band.up),
            std::min(band.in.h, (out.end - 1) * band.stride + band.down + 1)};
  }
};

class Region {
 public:
  Region(std::vector<Stage> stages, int threads) : stages_(std::move(stages)) {
    const Frame& out = stages_.back().band.out;
    band_ = static_cast<int>((int64_t{out.images} * out.h + threads - 1) / threads);
    band_ = std::min(band_, out.h);
    while (plan_rows() > kLocalBytes && band_ > 1) band_ = band_ > 8 ? band_ * 7 / 8 : band_ - 1;
    size_t at = 0;
    for (Stage& s : stages_) {
      s.local = at, at += s.kept ? 0 : round_up(static_cast<size_t>(s.capacity) * row_floats(s));
      s.work = at, at += round_up((s.band.workspace_bytes + 3) / 4);
    }
    thread_floats_ = at;
  }

  int band() const { return band_; }
  int64_t local_bytes() const { return local_bytes_; }
  size_t thread_floats() const { return thread_floats_; }

  void run(const Call& c) const {
    const Frame& out = stages_.back().band.out;
    const int threads = c.pool->size();
    c.pool->run([&](int thread) {
      float* memory = static_cast<float*>(c.work) + static_cast<size_t>(thread) * thread_floats_;
      auto [row, end] = share(int64_t{out.images} * out.h, thread, threads);
      while (row < end) {
        const int image = static_cast<int>(row / out.h), y = static_cast<int>(row % out.h);
        const int stop = static_cast<int>(std::min<int64_t>(out.h, y + end - row));
        std::array<Span, kMaxStages> have{};
        for (int at = y; at < stop; at += band_) advance(c, memory, image, {at, std::min(stop, at + band_)}, have);
        row += stop - y;
      }
    });
  }

 private:
  static size_t round_up(size_t floats) { return (floats + 15) / 16 * 16; }
  static size_t row_floats(const Stage& s) { return static_cast<size_t>(s.band.out.w * s.out_floats); }

  // Capacities for the present height of a band; returns their bytes.
  int64_t plan_rows() {
    local_bytes_ = 0;
    int rows = band_;
    for (size_t i = stages_.size(); i-- > 0;) {
      Stage& s = stages_[i];
      s.capacity = i + 1 < stages_.size() ? rows : 0;  // the last one writes the region's result
      local_bytes_ += static_cast<int64_t>(s.capacity * row_floats(s) * sizeof(float));
      rows = std::min(s.band.in.h, (rows - 1) * s.band.stride + s.band.up + s.band.down + 1);
    }
    return local_bytes_;
  }

  // Where the pixels of image 0 would begin if the rows from `first` on of `image` lie at p.
  static float* base_of(float* p, const Frame& f, int64_t pixel_floats, int image, int first) {
    const int64_t before = (int64_t{image} * f.h + first) * f.w * pixel_floats;
    // as a number: it may lie before the array, where pointer arithmetic may not go
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    return reinterpret_cast<float*>(reinterpret_cast<uintptr_t>(p) - static_cast<uintptr_t>(before) * sizeof(float));
  }

  // Computes the last stage's rows `wanted`; have: what the other stages hold from the band before.
  void advance(const Call& c, float* memory, int image, Span wanted, std::array<Span, kMaxStages>& have) const {
    const size_t last = stages_.size() - 1;
    std::array<Span, kMaxStages> need;
    need[last] = wanted;
    for (size_t i = last; i > 0; i--) need[i - 1] = stages_[i].input_of(need[i]);
    const float* before = c.in[0];
    for (size_t i = 0; i <= last; i++) {
      const Stage& s = stages_[i];
      float* out = c.out[s.kept];
      if (s.kept) {
        have[i].end = std::max(have[i].end, need[i].begin);
      } else if (i < last) {
        keep(s, memory + s.local, need[i], have[i]);
        out = base_of(memory + s.local, s.band.out, s.out_floats, image, have[i].begin);
      } else {
        have[i] = {wanted.begin, wanted.begin};
      }
      run_stage(c, s, before, out, memory + s.work, image, {have[i].end, need[i].end});
      have[i].end = std::max(have[i].end, need[i].end);
      before = out;
    }
  }

  // Forgets the rows that are needed no more; those that are move to the front.
  static void keep(const Stage& s, float* local, Span need, Span& have) {
    if (have.end <= need.begin) have = {need.begin, need.begin};
    if (have.begin == need.begin) return;
    const size_t row = row_floats(s);
    std::copy_n(local + static_cast<size_t>(need.begin - have.begin) * row, static_cast<size_t>(have.end - need.begin) * row,
                local);
    have.begin = need.begin;
  }

  static void run_stage(const Call& c, const Stage& s, const float* in, float* out, float* work, int image, Span rows) {
    if (rows.begin >= rows.end) return;
    std::array<const float*, kMaxOperands> operands;
    operands[0] = in;
    std::copy_n(c.in + s.first_operand, s.operands - 1, operands.begin() + 1);
    const Call call{operands.data(), &out, work, s.packed < 0 ? nullptr : c.in[s.packed], c.pool, nullptr};
    const Frame& f = s.band.out;
    s.band.run(call, (int64_t{image} * f.h + rows.begin) * f.w, int64_t{rows.end - rows.begin} * f.w);
  }

  std::vector<Stage> stages_;
  int band_ = 1;
  int64_t local_bytes_ = 0;
  size_t thread_floats_ = 0;
};

int64_t floats_of(const Plan& plan, Ref r) { return plan.buffers[static_cast<size_t>(r.buffer)].floats; }

// Fits the stages without a frame of their own (they see pixel by pixel) to those around them; pixels: of the input of each.
// False if the frames differ.
bool fit_frames(std::vector<Stage>& stages, const std::vector<int64_t>& pixels) {
  auto whole = [](const Frame& f) { return f.images > 0; };
  Frame frame{};
  for (const Stage& s : stages)
    if (whole(s.band.in)) {
      frame = s.band.in;
      break;
    }
  if (!whole(frame)) frame = {1, static_cast<int>(pixels[0]), 1};
  for (size_t i = 0; i < stages.size(); i++) {
    Stage& s = stages[i];
    if (!whole(s.band.in)) s.band.in = s.band.out = frame;
    if (!(s.band.in == frame) || pixels[i] != int64_t{frame.images} * frame.h * frame.w) return false;
    frame = s.band.out;
  }
  return true;
}

class Builder {
 public:
  explicit Builder(Plan& plan) : plan_(plan), readers_(plan.buffers.size()), writers_(plan.buffers.size(), 0) {
    for (size_t i = 0; i < plan.steps.size(); i++) {
      const Step& s = plan.steps[i];
      for (Ref r : s.in)
        if (r.buffer >= 0) readers_[at(r)].push_back(i);
      if (s.packed.buffer >= 0) readers_[at(s.packed)].push_back(i);
      for (Ref r : s.out) writers_[at(r)]++;
    }
    const size_t outside = plan.steps.size();
    for (const NamedRef& o : plan.outputs) readers_[at(o.ref)].push_back(outside);
    for (auto& [from, to] : plan.copies) readers_[at(from)].push_back(outside);
  }

  void run() {
    std::vector<char> seen(plan_.steps.size(), 0);
    for (size_t i = 0; i < plan_.steps.size(); i++) {
      std::vector<size_t> chain;
      for (size_t k = i; k != 0 || chain.empty(); k = follower(k)) {
        if (seen[k]) break;
        chain.push_back(k), seen[k] = 1;
      }
      if (chain.size() > 1) cut(chain);
    }
    std::sort(dropped_.begin(), dropped_.end());
    for (size_t k = dropped_.size(); k-- > 0;) plan_.steps.erase(plan_.steps.begin() + static_cast<long>(dropped_[k]));
  }

 private:
  static size_t at(Ref r) { return static_cast<size_t>(r.buffer); }

  // Whether a step may run later than planned: not past an update in place of what it reads.
  bool may_wait(const Step& s) const {
    return std::none_of(s.in.begin(), s.in.end(), [&](Ref r) {
      return r.buffer >= 0 && plan_.buffers[at(r)].where == Buffer::state && writers_[at(r)] > 0;
    });
  }

  // The first step that reads what step i makes, as its first operand; 0 if there is none that can go on from there.
  size_t follower(size_t i) const {
    const Step& s = plan_.steps[i];
    if (!s.band || s.out.size() != 1 || s.in.size() > kMaxOperands || !may_wait(s)) return 0;
    const Ref out = s.out[0];
    if (plan_.buffers[at(out)].where != Buffer::arena || writers_[at(out)] != 1 || readers_[at(out)].empty()) return 0;
    const size_t next = *std::min_element(readers_[at(out)].begin(), readers_[at(out)].end());
    if (next >= plan_.steps.size()) return 0;
    const Step& n = plan_.steps[next];
    const bool whole = n.band && n.in[0].buffer == out.buffer && n.in[0].offset == 0 && n.in[0].floats == out.floats &&
                       n.in.size() <= kMaxOperands && floats_of(plan_, out) == out.floats;
    return whole ? next : 0;
  }

  // The stages of a chain; none if their frames do not fit together.
  std::vector<Stage> stages(const std::vector<size_t>& chain) const {
    std::vector<Stage> r;
    std::vector<int64_t> pixels;
    for (size_t i : chain) {
      const Step& s = plan_.steps[i];
      const int64_t channels_in = s.band->in_floats, channels_out = s.band->out_floats;
      r.push_back({.band = *s.band, .in_floats = channels_in, .out_floats = channels_out});
      r.back().operands = static_cast<int>(s.in.size());
      pixels.push_back(s.in[0].floats / channels_in);
    }
    return fit_frames(r, pixels) ? r : std::vector<Stage>{};
  }

  // Cuts a chain of steps into regions and single steps so that all together take the least time, by the measure above.
  void cut(const std::vector<size_t>& chain) {
    const size_t n = chain.size();
    std::vector<double> best(n + 1, 0);
    std::vector<size_t> from(n + 1, 0);  // where the last part of the best cut of the first n steps begins
    for (size_t end = 1; end <= n; end++) {
      best[end] = std::numeric_limits<double>::infinity();
      for (size_t begin = end; begin-- > 0 && end - begin <= kMaxStages;) {
        const double cost =
            best[begin] + part_cost({chain.begin() + static_cast<long>(begin), chain.begin() + static_cast<long>(end)});
        if (cost < best[end]) best[end] = cost, from[end] = begin;
      }
    }
    for (size_t end = n; end > 0; end = from[end]) {
      const std::vector<size_t> part(chain.begin() + static_cast<long>(from[end]), chain.begin() + static_cast<long>(end));
      if (part.size() < 2) continue;
      plan_.steps[part.back()] = make(part);
      dropped_.insert(dropped_.end(), part.begin(), part.end() - 1);
    }
  }

  // Seconds that a part of a chain takes beyond the arithmetic that every cut has in common; infinite if it cannot be one.
  double part_cost(const std::vector<size_t>& part) const {
    const int64_t out_bytes = plan_.steps[part.back()].out[0].floats * 4 / plan_.options.threads;
    const double outside = kStart + 2.0 * static_cast<double>(out_bytes) / (out_bytes > kFarBytes ? kFar : kNear);
    return part.size() == 1 ? outside : outside + region_cost(part);
  }

  // Others than its follower read what step i makes.
  bool kept(size_t i) const { return readers_[at(plan_.steps[i].out[0])].size() > 1; }

  // Others read what step i makes before the region has run, or within it, where not all rows are there yet.
  bool read_early(size_t i, const std::vector<size_t>& part) const {
    const auto& by = readers_[at(plan_.steps[i].out[0])];
    return std::count_if(by.begin(), by.end(), [&](size_t r) { return r <= part.back(); }) > 1;
  }

  // What a region does more than its steps one by one: rows that two threads both compute, shares that are not equal,
  // weights that come again for every band.
  double region_cost(const std::vector<size_t>& part) const {
    const int threads = plan_.options.threads;
    std::vector<Stage> all = stages(part);
    if (all.empty()) return std::numeric_limits<double>::infinity();
    const Region region(all, threads);
    if (region.local_bytes() > kLocalBytes) return std::numeric_limits<double>::infinity();
    const Frame out = all.back().band.out;
    const double rows = static_cast<double>(int64_t{out.images} * out.h), share = std::ceil(rows / threads);
    const double bands = std::ceil(share / region.band()), shared = 1 - 1.0 / threads;
    int64_t weights = 0;
    for (size_t i : part) weights += plan_.steps[i].packed.floats * 4;
    double cost = static_cast<double>(weights) * (bands - 1) / (weights > kWeightBytes ? kFar : kNear);
    double halo = 0;     // rows that a thread makes for the stages after this one, beyond its share
    bool skips = false;  // some of those stages leave rows out
    for (size_t k = part.size(); k-- > 0;) {
      const Step& step = plan_.steps[part[k]];
      if (k + 1 < part.size() && kept(part[k])) {
        if (halo > 0 || skips || read_early(part[k], part)) return std::numeric_limits<double>::infinity();
        const int64_t bytes = step.out[0].floats * 4 / threads;
        cost += static_cast<double>(bytes) / (bytes > kFarBytes ? kFar : kNear);  // written all the same
      }
      const Frame& f = all[k].band.out;
      const double bytes = static_cast<double>(step.out[0].floats + step.in[0].floats) * 4;
      const double time = std::max(static_cast<double>(step.flops) / kFlops, bytes / kNear) / threads;
      cost += time * (share * threads / rows - 1 + halo * shared * threads / (f.images * f.h));
      cost += std::max<double>(0, static_cast<double>(step.packed.floats - step.in[0].floats)) * 4 * shared / kFar;
      halo = halo * all[k].band.stride + all[k].band.up + all[k].band.down;
      skips = skips || all[k].band.stride > 1;
    }
    return cost;
  }

  Step make(const std::vector<size_t>& chain) {
    std::vector<Stage> all = stages(chain);
    const Step& last = plan_.steps[chain.back()];
    Step r{.scope = last.scope, .node = last.node, .out = last.out};
    for (size_t k = 0; k < chain.size(); k++) {
      const Step& s = plan_.steps[chain[k]];
      if (k == 0) r.in.push_back(s.in[0]);
      if (k + 1 < chain.size() && kept(chain[k])) all[k].kept = static_cast<int>(r.out.size()), r.out.push_back(s.out[0]);
      all[k].first_operand = static_cast<int>(r.in.size());
      r.in.insert(r.in.end(), s.in.begin() + 1, s.in.end());
      if (s.packed.buffer >= 0) all[k].packed = static_cast<int>(r.in.size()), r.in.push_back(s.packed);
      r.kernel += (k ? " > " : "") + s.kernel;
      r.flops += s.flops;
      r.refused.insert(r.refused.end(), s.refused.begin(), s.refused.end());
    }
    auto region = std::make_shared<Region>(std::move(all), plan_.options.threads);
    const int64_t floats = static_cast<int64_t>(region->thread_floats()) * plan_.options.threads;
    plan_.buffers.push_back({.floats = floats});
    r.work = {static_cast<int>(plan_.buffers.size()) - 1, 0, floats};
    r.run = [region](const Call& c) { region->run(c); };
    return r;
  }

  Plan& plan_;
  std::vector<std::vector<size_t>> readers_;  // by buffer
  std::vector<int> writers_;
  std::vector<size_t> dropped_;
};

}  // namespace

void form_regions(Plan& plan) { Builder(plan).run(); }

}  // namespace fovea
