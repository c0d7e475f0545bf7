#include "run/program.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.h"

namespace fovea {

Program::Program(std::unique_ptr<Plan> plan, State& state, Pool& pool, bool consume)
    : plan_(std::move(plan)),
      state_(state),
      pool_(pool),
      consume_(consume),
      base_(plan_->buffers.size()),
      setup_(plan_->buffers.size()) {
  for (const Buffer& b : plan_->buffers)
    if (b.where == Buffer::state && state_.at(b.param).size() != b.floats)
      fail(Code::bug, "parameter {} has another size than planned", b.param);
  FOVEA_CHECK(plan_->arena_floats < (int64_t{1} << 31));
  arena_ = Array({static_cast<int>(plan_->arena_floats)});
  for (size_t i = 0; i < base_.size(); i++) {
    const Buffer& b = plan_->buffers[i];
    if (b.where == Buffer::arena) base_[i] = arena_.data() + b.offset;
    if (b.where == Buffer::state) base_[i] = state_.at(b.param).data();
  }
  run_setup();
}

Program::~Program() = default;

float* Program::at(Ref r) { return r.buffer < 0 ? nullptr : base_[static_cast<size_t>(r.buffer)] + r.offset; }

// Runs what depends on parameters alone; every intermediate goes as soon as nothing reads it any more.
void Program::run_setup() {
  std::vector<int> last(base_.size(), -1);
  auto keep = [&](Ref r, int step) {
    if (r.buffer >= 0) last[static_cast<size_t>(r.buffer)] = step;
  };
  int count = static_cast<int>(plan_->setup.size());
  auto keep_all = [&](const Step& s, int step) {
    for (Ref r : s.in) keep(r, step);
    for (Ref r : s.out) keep(r, step);
    keep(s.work, step), keep(s.packed, step);
  };
  for (int i = 0; i < count; i++) keep_all(plan_->setup[static_cast<size_t>(i)], i);
  for (const Step& s : plan_->steps) keep_all(s, count);
  for (const NamedRef& o : plan_->outputs) keep(o.ref, count);
  for (int i = 0; i < count; i++) {
    const Step& s = plan_->setup[static_cast<size_t>(i)];
    auto need = [&](Ref r) {
      if (r.buffer < 0 || plan_->buffers[static_cast<size_t>(r.buffer)].where != Buffer::setup) return;
      Array& a = setup_[static_cast<size_t>(r.buffer)];
      if (a.empty()) a = Array({static_cast<int>(plan_->buffers[static_cast<size_t>(r.buffer)].floats)});
      base_[static_cast<size_t>(r.buffer)] = a.data();
    };
    for (Ref r : s.out) need(r);
    need(s.work), need(s.packed);
    execute(s);
    for (size_t b = 0; b < base_.size(); b++) {
      if (last[b] != i) continue;
      setup_[b] = Array();
      if (consume_ && plan_->buffers[b].where == Buffer::state) state_.erase(plan_->buffers[b].param), base_[b] = nullptr;
    }
  }
}

void Program::refresh() {
  FOVEA_CHECK(!consume_);
  run_setup();
}

void Program::execute(const Step& s) {
  const float* in[40];
  float* out[8];
  FOVEA_CHECK(s.in.size() <= 40 && s.out.size() <= 8);
  for (size_t i = 0; i < s.in.size(); i++) in[i] = at(s.in[i]);
  for (size_t i = 0; i < s.out.size(); i++) out[i] = at(s.out[i]);
  s.run({in, out, at(s.work), at(s.packed), &pool_, nullptr});
}

void Program::run() {
  for (const Step& s : plan_->steps) execute(s);
  for (auto& [from, to] : plan_->copies)
    std::copy_n(at(from), plan_->buffers[static_cast<size_t>(to.buffer)].floats, at(to));
}

bool Program::has_input(const std::string& name) const {
  return std::any_of(plan_->inputs.begin(), plan_->inputs.end(), [&](const NamedRef& i) { return i.name == name; });
}

float* Program::input(const std::string& name) {
  for (const NamedRef& i : plan_->inputs)
    if (i.name == name) return at(i.ref);
  fail(Code::bug, "the program has no input {}", name);
}

static const NamedRef& find_output(const Plan& plan, const std::string& name) {
  for (const NamedRef& o : plan.outputs)
    if (o.name == name) return o;
  fail(Code::bug, "the program has no output {}", name);
}
const float* Program::output(const std::string& name) const {
  return const_cast<Program*>(this)->at(find_output(*plan_, name).ref);
}
const Shape& Program::output_shape(const std::string& name) const { return find_output(*plan_, name).type.shape; }

std::vector<double> Program::profile() {
  std::vector<double> r;
  for (const Step& s : plan_->steps) {
    auto start = std::chrono::steady_clock::now();
    execute(s);
    r.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return r;
}

int Program::first_non_finite() {
  for (size_t i = 0; i < plan_->steps.size(); i++) {
    const Step& s = plan_->steps[i];
    execute(s);
    for (Ref r : s.out) {
      const float* p = at(r);
      for (int64_t k = 0; k < r.floats; k++)
        if (!std::isfinite(p[k])) return static_cast<int>(i);
    }
  }
  return -1;
}

}  // namespace fovea
