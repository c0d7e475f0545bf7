#include <cmath>
#include <map>

#include "kernels/pointwise.h"

namespace fovea::kernels {
namespace {

bool is_bias(const PwProgram& p, const PwInput& in) {
  for (int d = 0; d < 3; d++)
    if (p.dims[d] > 1 && in.stride[d] != 0) return false;
  return p.dims[3] == 1 || in.stride[3] == 1;
}

bool is_dense(const PwProgram& p, const PwInput& in) {
  int64_t stride = 1;
  for (int d = 3; d >= 0; d--) {
    if (p.dims[d] > 1 && in.stride[d] != stride) return false;
    stride *= p.dims[d];
  }
  return true;
}

// Follows the value that began as y through the program.
class Reader {
 public:
  explicit Reader(const PwProgram& p) : p_(p) {}

  bool read(FinishForm& form) {
    for (const PwInst& i : p_.code)
      if (!step(i, form)) return false;
    return p_.outputs.size() == 1 && p_.outputs[0] == y_;
  }

 private:
  bool step(const PwInst& i, FinishForm& form) {
    switch (i.op) {
      case Pw::load: return inputs_[i.dst] = i.a, i.dst != y_;
      case Pw::constant: return constants_[i.dst] = i.imm, i.dst != y_;
      case Pw::add: return (i.a == y_ ? add(i.b, form) : i.b == y_ && add(i.a, form)) && move(i);
      case Pw::relu: return i.a == y_ && raise(0, form) && move(i);
      case Pw::max: return i.a == y_ && constants_.count(i.b) && raise(constants_[i.b], form) && move(i);
      case Pw::min: return i.a == y_ && constants_.count(i.b) && lower(constants_[i.b], form) && move(i);
      default: return false;
    }
  }
  bool move(const PwInst& i) { return y_ = i.dst, true; }

  bool add(int from, FinishForm& form) {
    const auto found = inputs_.find(from);
    if (found == inputs_.end() || std::isfinite(form.lo) || std::isfinite(form.hi) || form.residual >= 0) return false;
    const PwInput& in = p_.inputs[static_cast<size_t>(found->second)];
    if (form.bias < 0 && is_bias(p_, in)) return form.bias = found->second, true;
    return is_dense(p_, in) && (form.residual = found->second, true);
  }
  static bool raise(float lo, FinishForm& form) {
    if (std::isfinite(form.lo) || std::isfinite(form.hi) || !std::isfinite(lo)) return false;
    return form.lo = lo, true;
  }
  static bool lower(float hi, FinishForm& form) {
    if (std::isfinite(form.hi) || !std::isfinite(hi)) return false;
    return form.hi = hi, true;
  }

  const PwProgram& p_;
  int y_ = 0;  // register
  std::map<int, int> inputs_;
  std::map<int, float> constants_;
};

}  // namespace

std::optional<FinishForm> finish_form(const PwProgram& program) {
  FinishForm form;
  if (!Reader(program).read(form)) return std::nullopt;
  return form;
}

}  // namespace fovea::kernels
