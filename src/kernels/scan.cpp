#include "kernels/scan.h"

#include <algorithm>
#include <utility>

#include "kernels/isa/tables.h"
#include "kernels/scan_table.h"

namespace fovea::kernels {
namespace {

constexpr int64_t kChunk = 16;  // tokens whose states are computed again at once
constexpr int64_t kParts = 8;

int64_t blocks(int64_t n, int64_t size) { return (n + size - 1) / size; }

// From another token on.
ScanStrip from(ScanStrip s, int64_t token) {
  s.u += token * s.step, s.delta += token * s.step;
  s.b += token * s.states_step, s.c += token * s.states_step;
  return s;
}

}  // namespace

struct Scan::Part {
  int64_t image;
  float *db, *dc;                   // [tokens, states], sums over the part's channels
  float *a, *da, *dh, *kept, *all;  // of a strip; kept: states before every chunk, all: states of a chunk
};

Scan::Scan(const ScanShape& s, Isa isa, int threads) : s_(s), isa_(FOVEA_TABLE(isa, scan)), threads_(threads) {}

int64_t Scan::strips() const { return blocks(s_.channels, isa_.lanes); }
int64_t Scan::parts() const { return std::min(strips(), kParts); }
int64_t Scan::strip_floats() const { return int64_t{s_.states} * isa_.lanes; }
int64_t Scan::tokens_floats() const { return int64_t{s_.tokens} * s_.states; }
int64_t Scan::thread_floats() const { return strip_floats() * (2 + blocks(s_.tokens, kChunk) + kChunk + 1); }

// a receives the strip's decays, zeros where the strip has no channel.
ScanStrip Scan::strip(const Inputs& in, int64_t image, int64_t index, float* a) const {
  int64_t first = index * isa_.lanes, count = std::min<int64_t>(isa_.lanes, s_.channels - first);
  std::fill_n(a, strip_floats(), 0.f);
  for (int64_t i = 0; i < count; i++)
    for (int64_t j = 0; j < s_.states; j++) a[j * isa_.lanes + i] = in.a[(first + i) * s_.states + j];
  int64_t token = image * s_.tokens + (s_.reverse ? s_.tokens - 1 : 0), sign = s_.reverse ? -1 : 1;
  const float *u = in.u + token * s_.channels + first, *delta = in.delta + token * s_.channels + first;
  return {.u = u,
          .delta = delta,
          .b = in.b + token * s_.states,
          .c = in.c + token * s_.states,
          .step = sign * s_.channels,
          .states_step = sign * s_.states,
          .states = s_.states,
          .count = count == isa_.lanes ? 0 : count,
          .a = a};
}

size_t Scan::forward_workspace_bytes() const { return static_cast<size_t>(2 * strip_floats() * threads_) * sizeof(float); }

void Scan::forward(const Inputs& in, float* y, void* work, Pool& pool) const {
  pool.run([&](int thread) {
    float *a = static_cast<float*>(work) + 2 * strip_floats() * thread, *h = a + strip_floats();
    auto [begin, end] = share(s_.images * strips(), thread, pool.size());
    for (int64_t at = begin; at < end; at++) {
      ScanStrip s = strip(in, at / strips(), at % strips(), a);
      std::fill_n(h, strip_floats(), 0.f);
      isa_.forward(s, h, y + (s.u - in.u), s_.tokens);
    }
  });
}

size_t Scan::backward_workspace_bytes() const {
  int64_t tokens = s_.images * parts() * 2 * tokens_floats(), decays = s_.images * strips() * strip_floats();
  return static_cast<size_t>(tokens + decays + threads_ * thread_floats()) * sizeof(float);
}

// Sums over channels are made part by part, sums over images image by image: in one order on any number of threads.
void Scan::backward(const Inputs& in, const float* dy, const Gradients& out, void* work, Pool& pool) const {
  auto* tokens = static_cast<float*>(work);                            // [images, parts, 2, tokens, states]
  float* decays = tokens + s_.images * parts() * 2 * tokens_floats();  // [images, strips, states, lanes]
  float* scratch = decays + s_.images * strips() * strip_floats();
  pool.run([&](int thread) {
    float* mine = scratch + thread * thread_floats();
    auto take = [&](int64_t count) { return std::exchange(mine, mine + count * strip_floats()); };
    Part part{};
    part.a = take(1), part.dh = take(1), part.all = take(kChunk + 1), part.kept = mine;
    auto [begin, end] = share(s_.images * parts(), thread, pool.size());
    for (int64_t at = begin; at < end; at++) {
      part.image = at / parts();
      part.db = tokens + at * 2 * tokens_floats(), part.dc = part.db + tokens_floats();
      std::fill_n(part.db, 2 * tokens_floats(), 0.f);
      auto [first, last] = share(strips(), static_cast<int>(at % parts()), static_cast<int>(parts()));
      for (int64_t index = first; index < last; index++) {
        part.da = decays + (part.image * strips() + index) * strip_floats();
        backward_strip(in, dy, out, part, index);
      }
    }
  });
  add_decays(decays, out.a);
  add_tokens(tokens, out, pool);
}

void Scan::backward_strip(const Inputs& in, const float* dy, const Gradients& out, const Part& p, int64_t index) const {
  ScanStrip s = strip(in, p.image, index, p.a);
  const int64_t floats = strip_floats(), chunks = blocks(s_.tokens, kChunk), u = s.u - in.u;
  const int64_t b = s.b - in.b - p.image * tokens_floats();
  std::fill_n(p.da, floats, 0.f);
  std::fill_n(p.dh, floats, 0.f);
  std::fill_n(p.kept, floats, 0.f);
  for (int64_t k = 1; k < chunks; k++) {
    std::copy_n(p.kept + (k - 1) * floats, floats, p.kept + k * floats);
    isa_.states(from(s, (k - 1) * kChunk), p.kept + k * floats, kChunk, true);
  }
  for (int64_t k = chunks - 1; k >= 0; k--) {
    const int64_t first = k * kChunk, count = std::min(kChunk, s_.tokens - first);
    const int64_t at = u + first * s.step, states = b + first * s.states_step;
    std::copy_n(p.kept + k * floats, floats, p.all);
    isa_.states(from(s, first), p.all, count, false);
    ScanGradients g{dy + at, out.u + at, out.delta + at, p.db + states, p.dc + states, p.da, p.dh};
    isa_.backward(from(s, first), p.all, g, count);
  }
}

void Scan::add_decays(const float* decays, float* da) const {
  std::fill_n(da, int64_t{s_.channels} * s_.states, 0.f);
  for (int64_t image = 0; image < s_.images; image++, decays += strips() * strip_floats())
    for (int64_t i = 0; i < s_.channels; i++)
      for (int64_t j = 0; j < s_.states; j++)
        da[i * s_.states + j] += decays[i / isa_.lanes * strip_floats() + j * isa_.lanes + i % isa_.lanes];
}

void Scan::add_tokens(const float* tokens, const Gradients& out, Pool& pool) const {
  pool.run([&](int thread) {
    auto [begin, end] = share(s_.images, thread, pool.size());
    for (int64_t image = begin; image < end; image++)
      for (int which = 0; which < 2; which++) {
        float* sum = (which == 0 ? out.b : out.c) + image * tokens_floats();
        std::fill_n(sum, tokens_floats(), 0.f);
        for (int64_t part = 0; part < parts(); part++) {
          const float* from = tokens + ((image * parts() + part) * 2 + which) * tokens_floats();
          for (int64_t i = 0; i < tokens_floats(); i++) sum[i] += from[i];
        }
      }
  });
}

}  // namespace fovea::kernels
