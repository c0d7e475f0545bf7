#include "kernels/pointwise_engine.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace fovea::kernels {

namespace {

// Floats. A chunk of a single step is long; with more, chunks are so short that the processor overlaps the end of one step,
// which runs from L1, with the begin of the next, which waits for memory. A row of up to kRow stays whole.
constexpr int64_t kLong = 2048, kShort = 512, kRow = 1024, kLine = 16;

int arity(Pw op) {
  if (op <= Pw::constant) return 0;
  if (op < Pw::add) return 1;
  return op < Pw::select ? 2 : 3;
}

}  // namespace

PwEngine::PwEngine(const PwProgram& program, Isa isa, const int (&group)[4]) : table_(&FOVEA_TABLE(isa, pw)) {
  FOVEA_CHECK(program.inputs.size() < kMaxInputs && program.outputs.size() < kMaxInputs);
  merge(program, group);
  number(program);
  drop_unused();
  choose_stages();
  int slots = assign_slots();
  FOVEA_CHECK(slots * 4 * kLine <= kScratch);
  make_steps(*table_);
  chunk_ = steps() <= 1 ? kLong : dims_[3] <= kShort || dims_[3] > kRow ? kShort : (dims_[3] + kLine - 1) / kLine * kLine;
  if (slots > 0) chunk_ = std::min(chunk_, kScratch / slots / kLine * kLine);
  int64_t cols = dims_[3], blocks = (cols + chunk_ - 1) / chunk_;
  col_step_ = blocks == 1 ? cols : std::min(chunk_, ((cols + blocks - 1) / blocks + kLine - 1) / kLine * kLine);
  row_step_ = std::min(dims_[2], std::max<int64_t>(1, chunk_ / col_step_));
}

// Drops dimensions of size 1 and joins neighbours whose strides agree in every input; what is left moves to the inside.
void PwEngine::merge(const PwProgram& p, const int (&group)[4]) {
  size_t inputs = p.inputs.size();
  strides_.assign(inputs, PwInput{{0, 0, 0, 0}});
  std::fill(dims_, dims_ + 4, 1);
  std::fill(group_, group_ + 4, -1);
  int at = 4;  // the outermost merged dimension so far
  for (int d = 3; d >= 0; d--) {
    if (p.dims[d] == 1 && group[d] != kChannels) continue;
    bool joins = at < 4 && group_[at] == group[d];
    for (size_t i = 0; joins && i < inputs; i++) joins = p.inputs[i].stride[d] == strides_[i].stride[at] * dims_[at];
    if (joins) {
      dims_[at] *= p.dims[d];
      continue;
    }
    at--;
    dims_[at] = p.dims[d];
    group_[at] = group[d];
    for (size_t i = 0; i < inputs; i++) strides_[i].stride[at] = p.inputs[i].stride[d];
  }
}

// Single assignment: every write of a register becomes a value; equal loads become one.
void PwEngine::number(const PwProgram& p) {
  int at[256];
  std::fill(at, at + 256, -1);
  std::vector<int> loaded(p.inputs.size(), -1);
  auto read = [&](uint8_t reg) {
    if (at[reg] < 0) {
      FOVEA_CHECK(reg == 0);  // only register 0 may be read before it is written: it holds a block's y
      y_ = at[0] = static_cast<int>(values_.size());
      values_.push_back({.op = Pw::load, .input = static_cast<int>(p.inputs.size())});
    }
    return at[reg];
  };
  for (const PwInst& inst : p.code) {
    Value v{.op = inst.op, .imm = inst.imm};
    const uint8_t operand[3] = {inst.a, inst.b, inst.c};
    for (int i = 0; i < arity(inst.op); i++) v.operand[i] = read(operand[i]);
    if (inst.op == Pw::load) {
      FOVEA_CHECK(inst.a < p.inputs.size());
      v.input = inst.a;
      if (loaded[inst.a] < 0) loaded[inst.a] = static_cast<int>(values_.size());
      at[inst.dst] = loaded[inst.a];
      if (loaded[inst.a] < static_cast<int>(values_.size())) continue;
    }
    at[inst.dst] = static_cast<int>(values_.size());
    values_.push_back(v);
  }
  for (uint8_t reg : p.outputs) outputs_.push_back(read(reg));
  FOVEA_CHECK(values_.size() <= kMaxValues);
}

void PwEngine::drop_unused() {
  std::vector<int> rename(values_.size(), -1);
  for (int v : outputs_) rename[v] = 0;
  for (size_t v = values_.size(); v-- > 0;) {
    if (rename[v] < 0) continue;
    for (int o : values_[v].operand) {
      if (o >= 0) rename[o] = 0;
    }
  }
  std::vector<Value> kept;
  for (size_t v = 0; v < values_.size(); v++) {
    if (rename[v] < 0) continue;
    rename[v] = static_cast<int>(kept.size());
    for (int& o : values_[v].operand) o = o < 0 ? -1 : rename[o];
    kept.push_back(values_[v]);
  }
  values_ = std::move(kept);
  for (int& v : outputs_) v = rename[v];
  if (y_ >= 0) y_ = rename[y_];
}

void PwEngine::choose_stages() {
  for (Value& v : values_) {
    v.stage = 0;
    if (v.op == Pw::load) {
      if (v.input == static_cast<int>(strides_.size())) {
        v.stage = 2;
        continue;
      }
      const int64_t* s = strides_[v.input].stride;
      bool moves[4];
      for (int d = 0; d < 4; d++) moves[d] = s[d] != 0 && dims_[d] > 1;
      if (moves[2] || (moves[3] && dims_[2] == 1))
        v.stage = 2;
      else if (moves[0] || moves[1] || moves[3])
        v.stage = 1;
    }
    for (int o : v.operand) {
      if (o >= 0) v.stage = std::max(v.stage, values_[o].stage);
    }
  }
}

// Uniform values keep a slot of their own; varying ones share by linear scan. Returns the number of slots.
int PwEngine::assign_slots() {
  int count = static_cast<int>(values_.size());
  for (int v = 0; v < count; v++) {
    for (int o : values_[v].operand) {
      if (o >= 0) values_[o].last = v;
    }
  }
  for (int v : outputs_) values_[v].last = count;
  int slots = 0;
  std::vector<int> free;
  auto take = [&](Value& v) {
    if (free.empty()) free.push_back(slots++);
    v.slot = free.back();
    free.pop_back();
  };
  for (Value& v : values_) {
    if (v.stage == 1 || (v.stage == 2 && v.op == Pw::load)) v.slot = slots++;  // all loads precede all steps
  }
  for (int i = 0; i < count; i++) {
    Value& v = values_[i];
    if (v.stage != 2 || v.op == Pw::load) continue;
    for (int k = 0; k < 3; k++) {
      int o = v.operand[k];
      bool again = (k > 0 && o == v.operand[0]) || (k > 1 && o == v.operand[1]);
      if (o >= 0 && !again && values_[o].last == i && values_[o].stage == 2) free.push_back(values_[o].slot);
    }
    take(v);
  }
  return slots;
}

void PwEngine::make_steps(const PwTable& table) {
  std::vector<uint64_t> reads(values_.size() + 1, 0);  // inputs read by step v or a later one
  for (size_t v = values_.size(); v-- > 0;) {
    reads[v] = reads[v + 1];
    for (int o : values_[v].operand) {
      if (o >= 0 && values_[o].op == Pw::load) reads[v] |= uint64_t{1} << values_[o].input;
    }
  }
  uint64_t copied = 0;  // outputs that are inputs are read last of all
  for (int v : outputs_) {
    if (values_[v].op == Pw::load) copied |= uint64_t{1} << values_[v].input;
  }
  for (int v : outputs_) late_.push_back(reads[v + 1] | copied);
  for (size_t i = 0; i < values_.size(); i++) {
    const Value& v = values_[i];
    if (v.op == Pw::load) {
      loads_[v.stage].push_back(static_cast<int>(i));
    } else if (v.op != Pw::constant) {
      int scalars = 0;
      for (int k = 0; k < 3; k++) {
        if (v.stage > 0 && v.operand[k] >= 0 && values_[v.operand[k]].stage == 0) scalars |= 1 << k;
      }
      PwFn fn = table.fn[static_cast<int>(v.op)][scalars];
      FOVEA_CHECK(fn != nullptr);
      auto id = [](int x) { return static_cast<int16_t>(std::max(x, 0)); };
      steps_[v.stage].push_back({fn, id(static_cast<int>(i)), id(v.operand[0]), id(v.operand[1]), id(v.operand[2])});
    }
  }
}

void PwEngine::begin(Frame& f) const {
  for (size_t i = 0; i < values_.size(); i++) {
    const Value& v = values_[i];
    f.value[i] = v.stage == 0 ? f.scalar + i : f.scratch + v.slot * chunk_;
    if (v.op == Pw::constant) f.scalar[i] = v.imm;
  }
  for (int v : loads_[0]) f.scalar[v] = *f.in[values_[v].input];
  run_steps(f, 0, 1);
  for (int i = 0; i < outputs(); i++) {
    f.direct[i] = values_[outputs_[i]].stage == 2 && values_[outputs_[i]].op != Pw::load;
    for (int k = 0; k < i; k++) f.direct[i] = f.direct[i] && outputs_[k] != outputs_[i];
    for (size_t k = 0; f.out && k < strides_.size(); k++) {
      if (f.out[i] == f.in[k] && (late_[i] >> k & 1)) f.direct[i] = false;
    }
    if (f.y && (late_[i] >> strides_.size() & 1)) f.direct[i] = false;
  }
}

void PwEngine::eval(Frame& f, const Tile& t) const {
  if (f.outer != t.outer || f.col != t.col || f.uniform_cols != t.cols || f.uniform_rows < t.rows) enter(f, t);
  for (int v : loads_[2]) bind(f, v, t);
  if (f.out) {
    int64_t offset = (t.outer * dims_[2] + t.row) * dims_[3] + t.col;
    for (int i = 0; i < outputs(); i++) {
      if (f.direct[i]) f.value[outputs_[i]] = f.out[i] + offset;
    }
  } else if (f.y && f.direct[0]) {
    bool dense = t.rows == 1 || f.ld == t.cols;
    const Value& v = values_[outputs_[0]];
    f.value[outputs_[0]] = dense ? f.y + (t.row - f.y_row) * f.ld + t.col - f.y_col : f.scratch + v.slot * chunk_;
  }
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
  f.outer = t.outer, f.col = t.col, f.uniform_cols = t.cols, f.uniform_rows = t.rows;
  for (int v : loads_[1]) bind(f, v, t);
  run_steps(f, 1, t.rows * t.cols);
}

// Makes a load's value point to memory where the tile is contiguous there, else copies it.
void PwEngine::bind(Frame& f, int load, const Tile& t) const {
  const Value& v = values_[load];
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
  for (const Step& s : steps_[stage]) s.fn(const_cast<float*>(f.value[s.d]), f.value[s.a], f.value[s.b], f.value[s.c], n);
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
