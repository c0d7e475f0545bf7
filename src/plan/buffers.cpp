#include "plan/buffers.h"

#include <algorithm>

#include "plan/memory.h"

namespace fovea {
namespace {

Buffer& at(Plan& plan, int buffer) { return plan.buffers[static_cast<size_t>(buffer)]; }
Buffer& at(Plan& plan, Ref r) { return at(plan, r.buffer); }

// f for every buffer that a step reads or writes.
template <class F>
void each_ref(const Step& s, F f) {
  for (Ref r : s.in) f(r);
  for (Ref r : s.out) f(r);
  f(s.work), f(s.packed);
}

// One whole, even reading of a buffer can be overwritten as it is read.
bool reads_whole_once(const Step& s, int buffer, int64_t floats) {
  auto n = std::count_if(s.in.begin(), s.in.end(), [&](const Ref& r) { return r.buffer == buffer; });
  return n == 0 || (n == 1 && std::any_of(s.in.begin(), s.in.end(),
                                          [&](const Ref& r) { return r.buffer == buffer && r.floats == floats; }));
}

// All that used buffer `from` uses `into`.
void merge(Plan& plan, int from, int into) {
  auto move = [&](Ref& r) { r.buffer = r.buffer == from ? into : r.buffer; };
  for (Step& s : plan.steps) {
    for (Ref& r : s.in) move(r);
    for (Ref& r : s.out) move(r);
  }
  for (NamedRef& o : plan.outputs) move(o.ref);
  for (auto& [source, to] : plan.copies) move(source);
  at(plan, from).floats = 0;
}

// Values that a kernel reads elsewhere (a slice that it takes in place) need no step.
void drop_unread(Plan& plan) {
  std::vector<char> read(plan.buffers.size(), 0);
  auto mark = [&](Ref r) {
    if (r.buffer >= 0) read[static_cast<size_t>(r.buffer)] = 1;
  };
  auto needed = [&](Ref r) { return read[static_cast<size_t>(r.buffer)] || at(plan, r).where == Buffer::state; };
  for (const NamedRef& o : plan.outputs) mark(o.ref);
  for (auto& [from, to] : plan.copies) mark(from);
  for (auto* list : {&plan.steps, &plan.setup}) {
    std::vector<Step> kept;
    for (; !list->empty(); list->pop_back()) {
      Step& s = list->back();
      if (std::none_of(s.out.begin(), s.out.end(), needed)) continue;
      for (Ref r : s.in) mark(r);
      mark(s.packed);
      kept.push_back(std::move(s));
    }
    std::move(kept.rbegin(), kept.rend(), std::back_inserter(*list));
  }
}

void find_lifetimes(Plan& plan) {
  for (Buffer& b : plan.buffers) b.first = 1 << 30, b.last = -1;
  const int after_setup = static_cast<int>(plan.setup.size()), end = static_cast<int>(plan.steps.size());
  auto touch = [&](Ref r, int setup_step, int step) {
    if (r.buffer < 0) return;
    Buffer& b = at(plan, r);
    const int now = b.where == Buffer::arena ? step : setup_step;
    b.first = std::min(b.first, now), b.last = std::max(b.last, now);
  };
  for (int i = 0; i < after_setup; i++) each_ref(plan.setup[static_cast<size_t>(i)], [&](Ref r) { touch(r, i, 0); });
  for (int i = 0; i < end; i++) each_ref(plan.steps[static_cast<size_t>(i)], [&](Ref r) { touch(r, after_setup, i); });
  for (const NamedRef& in : plan.inputs) touch(in.ref, after_setup, -1);
  for (const NamedRef& out : plan.outputs) touch(out.ref, after_setup, end);
  for (auto& [from, to] : plan.copies) touch(from, after_setup, end), touch(to, after_setup, end);
}

// An elementwise result may stand where an operand of its own size dies.
void share_in_place(Plan& plan) {
  std::vector<char> is_input(plan.buffers.size(), 0);
  for (const NamedRef& in : plan.inputs) is_input[static_cast<size_t>(in.ref.buffer)] = 1;
  for (size_t i = 0; i < plan.steps.size(); i++) {
    const Step& s = plan.steps[i];
    if (!s.elementwise || s.out.size() != 1 || at(plan, s.out[0]).where != Buffer::arena) continue;
    const int out = s.out[0].buffer;
    const Buffer& o = at(plan, out);
    auto dies_here = [&](Ref r) {
      const Buffer& b = at(plan, r);
      return b.where == Buffer::arena && r.offset == 0 && !is_input[static_cast<size_t>(r.buffer)] &&
             b.last == static_cast<int>(i) && b.floats == o.floats && reads_whole_once(s, r.buffer, o.floats);
    };
    auto found = std::find_if(s.in.begin(), s.in.end(), dies_here);
    if (found == s.in.end()) continue;
    const int into = found->buffer;
    at(plan, into).last = std::max(o.last, at(plan, into).last);
    merge(plan, out, into);
  }
}

void sum_up(Plan& plan) {
  for (Step& s : plan.steps) {
    for (Ref r : s.in) s.bytes += r.buffer >= 0 ? r.floats * 4 : 0;
    for (Ref r : s.out) s.bytes += r.floats * 4;
    s.bytes += s.packed.floats * 4;
  }
  for (const Buffer& b : plan.buffers) {
    if (b.where == Buffer::state) plan.state_floats += b.floats;
    if (b.where == Buffer::setup && b.last == static_cast<int>(plan.setup.size())) plan.setup_floats += b.floats;
  }
}

}  // namespace

bool write_in_place(Plan& plan, Ref from, int target) {
  const Buffer& b = at(plan, from);
  if (b.where != Buffer::arena || from.floats != b.floats) return false;
  int writer = -1, last_reader = -1;
  for (size_t i = 0; i < plan.steps.size(); i++) {
    for (Ref r : plan.steps[i].out)
      if (r.buffer == from.buffer) writer = static_cast<int>(i);
    for (Ref r : plan.steps[i].in)
      if (r.buffer == target) last_reader = static_cast<int>(i);
  }
  if (writer < 0 || last_reader > writer || !plan.steps[static_cast<size_t>(writer)].elementwise) return false;
  if (!reads_whole_once(plan.steps[static_cast<size_t>(writer)], target, from.floats)) return false;
  for (const NamedRef& o : plan.outputs)
    if (o.ref.buffer == from.buffer || o.ref.buffer == target) return false;
  for (auto& [source, to] : plan.copies)
    if (source.buffer == from.buffer || source.buffer == target) return false;
  merge(plan, from.buffer, target);
  return true;
}

void lay_out(Plan& plan) {
  drop_unread(plan);
  find_lifetimes(plan);
  share_in_place(plan);
  plan.arena_floats = assign_offsets(plan.buffers);
  sum_up(plan);
}

int64_t Plan::loading_floats(bool consume) const {
  std::vector<int64_t> change(setup.size() + 2, 0);  // by setup step
  for (const Buffer& b : buffers) {
    const bool made = b.where == Buffer::setup && b.last >= 0, loaded = b.where == Buffer::state;
    if (made) change[static_cast<size_t>(b.first)] += b.floats;
    if ((made || (loaded && consume)) && b.last >= 0) change[static_cast<size_t>(b.last) + 1] -= b.floats;
  }
  int64_t now = state_floats, most = now;
  for (size_t i = 0; i < setup.size(); i++) now += change[i], most = std::max(most, now);
  return most;
}

}  // namespace fovea
