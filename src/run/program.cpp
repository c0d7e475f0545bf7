#include "run/program.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.h"

namespace fovea {

Program::Program(std::unique_ptr<Plan> plan, State& state, Pool& pool, bool consume, Job* job)
    : plan_(std::move(plan)),
      state_(state),
      pool_(pool),
      job_(job),
      consume_(consume),
      base_(plan_->buffers.size()),
      setup_(plan_->buffers.size()) {
  for (const Buffer& b : plan_->buffers)
    if (b.where == Buffer::state && state_.at(b.param).size() != b.floats)
      fail(Code::bug, "parameter {} has another size than planned", b.param);
  FOVEA_CHECK(pool_.size() <= plan_->options.threads);
  FOVEA_CHECK(!job_ || !plan_->options.reference);  // a reference computes alone
  arena_ = Array(plan_->arena_floats);
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
  FloatMode mode;
  for (int i = 0; i < static_cast<int>(plan_->setup.size()); i++) {
    for (size_t b = 0; b < base_.size(); b++) {
      const Buffer& buffer = plan_->buffers[b];
      if (buffer.where != Buffer::setup || buffer.first != i || !setup_[b].empty()) continue;
      setup_[b] = Array(buffer.floats);
      base_[b] = setup_[b].data();
    }
    execute(plan_->setup[static_cast<size_t>(i)]);
    for (size_t b = 0; b < base_.size(); b++) {
      const Buffer& buffer = plan_->buffers[b];
      if (buffer.where == Buffer::arena || buffer.last != i) continue;
      setup_[b] = Array();
      if (consume_ && buffer.where == Buffer::state) state_.erase(buffer.param), base_[b] = nullptr;
    }
  }
}

void Program::refresh() {
  FOVEA_CHECK(!consume_);
  run_setup();
}

void Program::execute(const Step& s) {
  in_.clear(), out_.clear();  // they keep their memory: no allocation once every step ran
  for (Ref r : s.in) in_.push_back(at(r));
  for (Ref r : s.out) out_.push_back(at(r));
  s.run({in_.data(), out_.data(), at(s.work), at(s.packed), &pool_, nullptr, job_});
}

// after_each(step index) returns whether to go on.
template <class F>
void Program::run_steps(F after_each) {
  FloatMode mode;
  for (size_t i = 0; i < plan_->steps.size(); i++) {
    execute(plan_->steps[i]);
    if (!after_each(i)) return;
  }
  for (auto& [from, to] : plan_->copies)
    std::copy_n(at(from), plan_->buffers[static_cast<size_t>(to.buffer)].floats, at(to));
}

void Program::run() {
  run_steps([](size_t) { return true; });
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
  using Clock = std::chrono::steady_clock;
  std::vector<double> seconds;
  Clock::time_point start = Clock::now();
  run_steps([&](size_t) {
    const Clock::time_point now = Clock::now();
    seconds.push_back(std::chrono::duration<double>(now - start).count());
    start = Clock::now();
    return true;
  });
  return seconds;
}

int Program::first_non_finite() {
  FOVEA_CHECK(!job_, "who stops early leaves the others of the job waiting");
  int found = -1;
  run_steps([&](size_t i) {
    for (Ref r : plan_->steps[i].out)
      if (!std::all_of(at(r), at(r) + r.floats, [](float v) { return std::isfinite(v); })) found = static_cast<int>(i);
    return found < 0;
  });
  return found;
}

}  // namespace fovea
