#include "kernels/pointwise_engine.h"

#include <algorithm>
#include <cstring>

namespace fovea::kernels {

namespace {
// A uniform value of few columns repeats in rows of this many; no chain takes up more at once.
constexpr int64_t kRepeat = 128;
constexpr int64_t kBlockChunk = 512;
constexpr int kScalars = 16;  // copies of a scalar: chains load whole vectors
}  // namespace

// Whether a tile's uniform values need not fill it, since chains can find their place by a mask.
bool PwEngine::repeats(int64_t cols) const {
  return only_links_ && chunk_ >= kRepeat && cols >= kScalars && (cols & (cols - 1)) == 0;
}

// A block is a few thousand values at most: filling long uniform values for it would not pay.
int64_t PwEngine::block_chunk(int64_t cols) const {
  return repeats(cols) ? chunk_ : std::min(chunk_, std::max(cols, kBlockChunk));
}

void PwEngine::begin(Frame& f) const {
  for (size_t i = 0; i < values_.size(); i++) {
    const PwValue& v = values_[i];
    f.value[i] = v.stage == 0 ? f.scalar[i] : f.scratch + std::max(v.slot, 0) * chunk_;
    if (v.op == Pw::constant) std::fill_n(f.scalar[i], kScalars, v.imm);
  }
  for (int v : loads_[0]) std::fill_n(f.scalar[v], kScalars, *f.in[values_[v].input]);
  run_steps(f, 0, kScalars);
  for (int i = 0; i < outputs(); i++) {
    f.direct[i] = values_[outputs_[i]].stage == 2 && values_[outputs_[i]].op != Pw::load;
    for (int k = 0; k < i; k++) f.direct[i] = f.direct[i] && outputs_[k] != outputs_[i];
    for (size_t k = 0; f.out && k < strides_.size(); k++) {
      if (f.out[i] == f.in[k] && (late_[i] >> k & 1)) f.direct[i] = false;
    }
    if (f.y && (late_[i] >> strides_.size() & 1)) f.direct[i] = false;
  }
}

// Whether the rows of a block can stay where they are, all its varying values being equally far apart.
bool PwEngine::in_rows(const Frame& f, const Tile& t) const {
  if (!code_ || !f.y || !f.direct[0] || t.rows == 1 || f.ld == t.cols || t.cols < kScalars) return false;
  return std::all_of(loads_[2].begin(), loads_[2].end(), [&](int v) {
    const int input = values_[v].input;
    if (input == static_cast<int>(strides_.size())) return true;
    return strides_[input].stride[2] == f.ld && strides_[input].stride[3] == 1;
  });
}

void PwEngine::eval_rows(Frame& f, const Tile& t) const {
  const Tile first{t.outer, t.row, t.col, 1, t.cols};
  if (f.outer != t.outer || f.col != t.col || f.uniform_cols != t.cols || f.uniform_rows < 1) enter(f, first);
  for (int v : loads_[2]) bind(f, v, first);
  f.value[outputs_[0]] = f.y + (t.row - f.y_row) * f.ld + t.col - f.y_col;
  code_(f.value, t.cols, -1, t.rows, f.ld);
}

void PwEngine::eval(Frame& f, const Tile& t) const {
  if (in_rows(f, t)) return eval_rows(f, t);
  if (f.outer != t.outer || f.col != t.col || f.uniform_cols != t.cols || f.uniform_rows < t.rows) enter(f, t);
  for (int v : loads_[2]) bind(f, v, t);
  if (f.out) {
    int64_t offset = (t.outer * dims_[2] + t.row) * dims_[3] + t.col;
    for (int i = 0; i < outputs(); i++) {
      if (f.direct[i]) f.value[outputs_[i]] = f.out[i] + offset;
    }
  } else if (f.y && f.direct[0]) {
    bool dense = t.rows == 1 || f.ld == t.cols;
    const PwValue& v = values_[outputs_[0]];
    f.value[outputs_[0]] = dense ? f.y + (t.row - f.y_row) * f.ld + t.col - f.y_col : f.scratch + v.slot * chunk_;
  }
  if (code_)
    code_(f.value, t.rows * t.cols, f.mask, 1, 0);
  else
    run_steps(f, 2, t.rows * t.cols);
  if (!f.out && !f.y) return;
  for (int i = 0; i < (f.y ? 1 : outputs()); i++) deliver(f, i, t);
}

// Computes what holds for all rows of this outer index and column block.
void PwEngine::enter(Frame& f, const Tile& t) const {
  if (f.outer != t.outer) {
    for (size_t i = 0; i < strides_.size(); i++) {
      const int64_t* s = strides_[i].stride;
      f.base[i] = f.in[i] + t.outer / dims_[1] * s[0] + t.outer % dims_[1] * s[1];
    }
  }
  Tile u = t;
  f.mask = -1;
  if (t.rows > 1 && repeats(t.cols)) {
    u.rows = std::max<int64_t>(1, kRepeat / t.cols);
    f.mask = u.rows * t.cols - 1;
  }
  f.outer = t.outer, f.col = t.col, f.uniform_cols = t.cols;
  f.uniform_rows = f.mask < 0 ? t.rows : INT64_MAX;
  for (int v : loads_[1]) bind(f, v, u);
  run_steps(f, 1, u.rows * u.cols);
}

// Makes a load's value point to memory where the tile is contiguous there, else copies it.
void PwEngine::bind(Frame& f, int load, const Tile& t) const {
  const PwValue& v = values_[load];
  const float* p;
  int64_t rs, cs;
  if (v.input == static_cast<int>(strides_.size())) {
    p = f.y + (t.row - f.y_row) * f.ld + (t.col - f.y_col);
    rs = f.ld, cs = 1;
  } else {
    const int64_t* s = strides_[v.input].stride;
    rs = s[2], cs = s[3];
    p = f.base[v.input] + t.row * rs + t.col * cs;
  }
  if ((cs == 1 || t.cols == 1) && (t.rows == 1 || rs == t.cols)) {
    f.value[load] = p;
    return;
  }
  float* slot = f.scratch + v.slot * chunk_;
  f.value[load] = slot;
  table_->load2d(slot, p, t.rows, t.cols, rs, cs);
}

void PwEngine::run_steps(Frame& f, int stage, int64_t n) const {
  for (const Step& s : steps_[stage]) {
    auto* to = const_cast<float*>(f.value[s.d]);
    if (s.fn) {
      s.fn(to, f.value[s.a], f.value[s.b], f.value[s.c], n);
      continue;
    }
    const int64_t mask_of[3] = {0, f.mask, -1};
    PwLink links[kMaxLinks];
    int count = 0;
    for (int l = s.b; l < s.c; l++)
      links[count++] = {f.value[links_[l].value], mask_of[values_[links_[l].value].stage], links_[l].code};
    table_->chain(to, f.value[s.a], links, count, n);
  }
}

// Brings an output that was not computed in place to where it belongs.
void PwEngine::deliver(Frame& f, int i, const Tile& t) const {
  const float* from = f.value[outputs_[i]];
  int64_t ld = f.out ? t.cols : f.ld;
  float* to =
      f.out ? f.out[i] + (t.outer * dims_[2] + t.row) * dims_[3] + t.col : f.y + (t.row - f.y_row) * f.ld + t.col - f.y_col;
  if (from == to) return;
  if (scalar_result(i)) {
    for (int64_t r = 0; r < t.rows; r++) table_->load2d(to + r * ld, from, 1, t.cols, 0, 0);
  } else if (ld == t.cols) {
    std::memcpy(to, from, sizeof(float) * t.rows * t.cols);
  } else {
    table_->store2d(to, from, t.rows, t.cols, ld);
  }
}

}  // namespace fovea::kernels
