#include "kernels/pointwise_engine.h"

#include <algorithm>

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
  link_chains();
  int slots = assign_slots();
  FOVEA_CHECK(slots * 4 * kLine <= kScratch);
  make_steps();
  if (isa == Isa::avx512) code_ = compile_pointwise(values_, outputs_);
  if (code_) only_links_ = true;
  find_late();
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
    PwValue v{.op = inst.op, .imm = inst.imm};
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
  std::vector<bool> used(values_.size());
  for (int v : outputs_) used[v] = true;
  for (size_t v = values_.size(); v-- > 0;) {
    if (!used[v]) continue;
    for (int o : values_[v].operand) {
      if (o >= 0) used[o] = true;
    }
  }
  std::vector<int> kept;
  for (size_t v = 0; v < values_.size(); v++) {
    if (used[v]) kept.push_back(static_cast<int>(v));
  }
  renumber(kept);
}

// values_ becomes values_[order[0]], values_[order[1]], ...
void PwEngine::renumber(const std::vector<int>& order) {
  std::vector<int> name(values_.size(), -1);
  for (size_t i = 0; i < order.size(); i++) name[order[i]] = static_cast<int>(i);
  std::vector<PwValue> moved;
  for (int v : order) {
    moved.push_back(values_[v]);
    for (int& o : moved.back().operand) o = o < 0 ? -1 : name[o];
  }
  values_ = std::move(moved);
  for (int& v : outputs_) v = name[v];
  if (y_ >= 0) y_ = name[y_];
}

void PwEngine::choose_stages() {
  for (PwValue& v : values_) {
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

// A varying value that only one other takes up, and both by ops that chains have, is linked to that one. Chains are then
// moved together, to where they end.
void PwEngine::link_chains() {
  std::vector<int> uses(values_.size());
  for (const PwValue& v : values_) {
    for (int o : v.operand) {
      if (o >= 0) uses[o]++;
    }
  }
  for (int v : outputs_) uses[v] += 2;
  std::vector<int> length(values_.size(), 1);
  for (size_t i = 0; i < values_.size(); i++) {
    PwValue& v = values_[i];
    if (v.stage != 2 || !PwLink::has(v.op)) continue;
    for (int k = 0; k < 2 && v.chain < 0; k++) {
      int o = v.operand[k];
      if (o < 0 || uses[o] != 1 || values_[o].stage != 2 || !PwLink::has(values_[o].op) || length[o] == kMaxLinks) continue;
      v.chain = k;
      values_[o].linked = true;
      length[i] = length[o] + 1;
    }
  }
  std::vector<int> order, members;
  for (size_t i = 0; i < values_.size(); i++) {
    if (values_[i].linked) continue;
    members.assign(1, static_cast<int>(i));
    while (values_[members.back()].chain >= 0)
      members.push_back(values_[members.back()].operand[values_[members.back()].chain]);
    order.insert(order.end(), members.rbegin(), members.rend());
  }
  renumber(order);
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
  for (PwValue& v : values_) {
    if (v.stage == 1 || (v.stage == 2 && v.op == Pw::load)) v.slot = slots++;  // all loads precede all steps
  }
  for (int i = 0; i < count; i++) {
    PwValue& v = values_[i];
    if (v.stage != 2 || v.op == Pw::load) continue;
    for (int k = 0; k < 3; k++) {
      int o = v.operand[k];
      bool again = (k > 0 && o == v.operand[0]) || (k > 1 && o == v.operand[1]);
      if (o >= 0 && !again && values_[o].last == i && values_[o].stage == 2 && !values_[o].linked)
        free.push_back(values_[o].slot);
    }
    if (v.linked) continue;
    if (free.empty()) free.push_back(slots++);
    v.slot = free.back();
    free.pop_back();
  }
  return slots;
}

// Which inputs are still read after an output has been computed: if it replaces one of them, it must wait.
void PwEngine::find_late() {
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
  for (int v : outputs_) {
    late_.push_back(reads[v + 1] | copied);
    if (values_[v].stage == 1) only_links_ = false;
  }
}

void PwEngine::make_steps() {
  for (size_t i = 0; i < values_.size(); i++) {
    const PwValue& v = values_[i];
    if (v.op == Pw::load) loads_[v.stage].push_back(static_cast<int>(i));
    if (v.op == Pw::load || v.op == Pw::constant || v.linked) continue;
    if (v.chain >= 0) {
      make_chain(static_cast<int>(i));
      continue;
    }
    int scalars = 0;
    for (int k = 0; k < 3; k++) {
      if (v.stage == 2 && v.operand[k] >= 0 && values_[v.operand[k]].stage == 1) only_links_ = false;
      if (v.stage > 0 && v.operand[k] >= 0 && values_[v.operand[k]].stage == 0) scalars |= 1 << k;
    }
    PwFn fn = table_->fn[static_cast<int>(v.op)][scalars];
    FOVEA_CHECK(fn != nullptr);
    auto id = [](int x) { return static_cast<int16_t>(std::max(x, 0)); };
    steps_[v.stage].push_back({fn, id(static_cast<int>(i)), id(v.operand[0]), id(v.operand[1]), id(v.operand[2])});
  }
}

// The members of the chain that ends at `end` are the values before it.
void PwEngine::make_chain(int end) {
  int begin = end;
  while (values_[begin].chain >= 0) begin--;
  auto first = links_.size();
  int start = 0;
  for (int i = begin; i <= end; i++) {
    const PwValue& v = values_[i];
    // Which operand the chain hands over; the first member begins with what varies.
    int from = i > begin ? v.chain : values_[v.operand[0]].stage == 2 ? 0 : 1;
    if (i == begin) start = v.operand[from];
    if (i == begin && values_[start].stage == 1) only_links_ = false;
    bool binary = arity(v.op) == 2, turned = from == 1 && !PwLink::commutes(v.op);
    int other = binary ? v.operand[1 - from] : start;
    links_.push_back({PwLink::code_of(v.op, turned), other});
  }
  steps_[2].push_back({nullptr, static_cast<int16_t>(end), static_cast<int16_t>(start), static_cast<int16_t>(first),
                       static_cast<int16_t>(links_.size())});
}

}  // namespace fovea::kernels
