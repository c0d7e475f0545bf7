#include "kernels/pointwise_code.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>

#include "base/machine_code.h"
#include "kernels/evex.h"
#include "kernels/math_fits.h"

namespace fovea::kernels {
namespace {

constexpr EvexOp kMove{1, 0, 0x10}, kStore{1, 0, 0x11}, kAdd{1, 0, 0x58}, kMul{1, 0, 0x59}, kSub{1, 0, 0x5c},
    kMin{1, 0, 0x5d}, kDiv{1, 0, 0x5e}, kMax{1, 0, 0x5f}, kSqrt{1, 0, 0x51}, kAnd{1, 0, 0x54}, kOr{1, 0, 0x56},
    kXor{1, 0, 0x57}, kBlend{2, 1, 0x65}, kBroadcast{2, 1, 0x18}, kScale{2, 1, 0x2c}, kRound{3, 1, 0x08, 0x08},
    kFloor{3, 1, 0x08, 0x09};
constexpr EvexOp kMaddOfProduct{2, 1, 0xb8}, kMaddOfFactor{2, 1, 0xa8};  // a += b * c; a = a * b + c
enum Predicate { kEqual = 0x00, kUnordered = 0x03, kNotEqual = 0x04, kLess = 0x11, kGreaterEqual = 0x1d, kGreater = 0x1e };

constexpr uint32_t kSign = 0x80000000u;
constexpr uint32_t kAhead = 4096;  // bytes: what varies is asked for before its tile comes

// Where an instruction finds its last operand: a virtual register, memory of a value, or a constant.
struct Arg {
  EvexArg::Kind kind;
  int id = -1;  // of the register or of the value
  uint32_t bits = 0;
};
Arg number(float x) { return {EvexArg::constant, -1, std::bit_cast<uint32_t>(x)}; }
Arg bits(uint32_t x) { return {EvexArg::constant, -1, x}; }
Arg at(int reg) { return {EvexArg::reg, reg}; }

// One instruction on virtual registers, each written once. Comparisons write the mask that the next instruction uses.
struct Inst {
  enum Kind : uint8_t { plain, compare, choose, fill, store, madd } kind;
  EvexOp op;
  int to = -1, a = -1;
  Arg b{EvexArg::reg};
  int accumulator = -1;  // of madd: what `to` begins as
};

class Compiler {
 public:
  // keep: constants that are needed in registers stay there.
  Compiler(const std::vector<PwValue>& values, const std::vector<int>& outputs, bool keep)
      : values_(values), outputs_(outputs), uses_(values.size(), 0), reg_(values.size(), -1), keep_(keep) {
    for (const PwValue& v : values)
      for (int o : v.operand)
        if (o >= 0 && v.stage == 2) uses_[at_(o)]++;
  }

  PwCode run() {
    for (size_t i = 0; i < values_.size(); i++) {
      const PwValue& v = values_[i];
      if (v.stage < 2 || v.op == Pw::load) continue;
      reg_[i] = value(v);
      if (reg_[i] < 0) return nullptr;
      if (std::find(outputs_.begin(), outputs_.end(), static_cast<int>(i)) != outputs_.end())
        code_.push_back({Inst::store, kStore, -1, reg_[i], {EvexArg::memory, static_cast<int>(i)}});
    }
    if (code_.empty() || !allocate()) return nullptr;
    return reinterpret_cast<PwCode>(const_cast<void*>(keep_code(assemble())));
  }

 private:
  static size_t at_(int i) { return static_cast<size_t>(i); }

  int plain(const EvexOp& op, int a, Arg b) {
    code_.push_back({Inst::plain, op, registers_, a, b});
    return registers_++;
  }
  int of(Arg b) {
    if (b.kind == EvexArg::reg) return b.id;
    if (b.kind == EvexArg::memory) return plain(kMove, -1, b);
    if (!keep_) return plain(kBroadcast, -1, b);
    for (const Inst& c : constants_)
      if (c.b.bits == b.bits) return c.to;
    constants_.push_back({Inst::plain, kBroadcast, registers_, -1, b});
    return registers_++;
  }
  void compare(Predicate p, int a, Arg b) { code_.push_back({Inst::compare, {1, 0, 0xc2, p}, -1, a, b}); }
  int choose(int no, Arg yes) {
    code_.push_back({Inst::choose, kBlend, registers_, no, yes});
    return registers_++;
  }
  int one_if(Predicate p, int a, Arg b) {
    compare(p, a, b);
    code_.push_back({Inst::fill, kBroadcast, registers_, -1, number(1)});
    return registers_++;
  }
  int madd(int a, Arg b, Arg c) {  // a * b + c
    const bool factor = c.kind != EvexArg::reg;
    if (factor) b = at(of(b));
    code_.push_back(factor ? Inst{Inst::madd, kMaddOfFactor, registers_, b.id, c, a}
                           : Inst{Inst::madd, kMaddOfProduct, registers_, a, b, c.id});
    return registers_++;
  }

  // The operand in a register; a varying input that others want too stays there.
  int reg(int id) {
    if (reg_[at_(id)] >= 0) return reg_[at_(id)];
    const PwValue& v = values_[at_(id)];
    int r = v.op == Pw::constant ? of(number(v.imm)) : of({EvexArg::memory, id});
    if (v.stage == 2) reg_[at_(id)] = r;
    return r;
  }
  Arg arg(int id) {
    const PwValue& v = values_[at_(id)];
    if (v.op == Pw::constant) return number(v.imm);
    return v.stage < 2 || (reg_[at_(id)] < 0 && uses_[at_(id)] == 1) ? Arg{EvexArg::memory, id} : at(reg(id));
  }

  int value(const PwValue& v) {
    const int *o = v.operand, count = static_cast<int>(std::count_if(o, o + 3, [](int i) { return i >= 0; }));
    if (count == 1) return unary(v.op, reg(o[0]));
    if (count == 2) return binary(v.op, o[0], o[1]);
    int b = reg(o[1]), c = reg(o[2]);
    compare(kNotEqual, reg(o[0]), number(0));
    return choose(c, at(b));
  }

  int unary(Pw op, int x) {
    switch (op) {
      case Pw::neg: return plain(kXor, x, bits(kSign));
      case Pw::abs: return plain(kAnd, x, bits(~kSign));
      case Pw::sign: {
        int above = one_if(kGreater, x, number(0));
        return plain(kSub, above, at(one_if(kLess, x, number(0))));
      }
      case Pw::exp: return exp(x);
      case Pw::sqrt: return plain(kSqrt, -1, at(x));
      case Pw::rsqrt: return plain(kDiv, of(number(1)), at(plain(kSqrt, -1, at(x))));
      case Pw::recip: return plain(kDiv, of(number(1)), at(x));
      case Pw::tanh: return odd_ratio(x, fits::tanh_limit, fits::tanh_p, fits::tanh_q);
      case Pw::erf: return odd_ratio(x, fits::erf_limit, fits::erf_p, fits::erf_q);
      case Pw::sigmoid: return sigmoid(x);
      case Pw::floor: return plain(kFloor, -1, at(x));
      case Pw::round: return plain(kRound, -1, at(x));
      case Pw::relu: return plain(kMax, of(number(0)), at(x));
      case Pw::square: return plain(kMul, x, at(x));
      default: return -1;
    }
  }

  int binary(Pw op, int a, int b) {
    auto one = [&](const EvexOp& inst) { return plain(inst, reg(a), arg(b)); };
    switch (op) {
      case Pw::add:
      case Pw::mul:
        if (values_[at_(a)].stage < 2 || (reg_[at_(a)] < 0 && reg_[at_(b)] >= 0)) std::swap(a, b);
        return one(op == Pw::add ? kAdd : kMul);
      case Pw::sub: return one(kSub);
      case Pw::div: return one(kDiv);
      case Pw::max:
      case Pw::min: return extreme(op == Pw::max ? kMax : kMin, reg(a), arg(b));
      case Pw::gt: return one_if(kGreater, reg(a), arg(b));
      case Pw::ge: return one_if(kGreaterEqual, reg(a), arg(b));
      case Pw::eq: return one_if(kEqual, reg(a), arg(b));
      default: return -1;
    }
  }

  // Of two operands that do not compare, the machine's is the second; ours is a NaN. And of two zeros ours is the second.
  int extreme(const EvexOp& op, int a, Arg b) {
    if (b.kind == EvexArg::constant && b.bits << 1 != 0 && !std::isnan(std::bit_cast<float>(b.bits)))
      return plain(op, of(b), at(a));
    int r = plain(op, a, b);
    compare(kUnordered, a, at(a));
    return choose(r, at(a));
  }

  int polynomial(int x, std::span<const float> c) {
    int y = of(number(c.back()));
    for (size_t i = c.size() - 1; i-- > 0;) y = madd(y, at(x), number(c[i]));
    return y;
  }

  int exp(int x) {
    x = plain(kMin, of(number(fits::exp_most)), at(x));  // a NaN, being the second, stays
    x = plain(kMax, of(number(fits::exp_least)), at(x));
    int n = plain(kRound, -1, at(plain(kMul, x, number(fits::log2e))));
    int r = madd(n, number(-fits::ln2_high), at(x));
    r = madd(n, number(-fits::ln2_low), at(r));
    int y = madd(plain(kMul, r, at(r)), at(polynomial(r, fits::exp)), at(r));
    return plain(kScale, plain(kAdd, y, number(1)), at(n));
  }

  int sigmoid(int x) {
    int e = exp(plain(kOr, x, bits(kSign)));
    compare(kLess, x, number(0));
    int above = choose(of(number(1)), at(e));
    return plain(kDiv, above, at(plain(kAdd, e, number(1))));
  }

  int paired(int t, int t2, std::span<const float> c) {
    auto pair = [&](size_t i) { return madd(t, at(of(number(c[i + 1]))), number(c[i])); };
    int low = pair(0), middle = pair(2), high = c.size() == 6 ? pair(4) : of(number(c[4]));
    return madd(madd(high, at(t2), at(middle)), at(t2), at(low));
  }

  int odd_ratio(int x, float limit, std::span<const float> p, std::span<const float> q) {
    int t = plain(kMul, x, at(x)), t2 = plain(kMul, t, at(t));
    int y = plain(kDiv, plain(kMul, x, at(paired(t, t2, p))), at(paired(t, t2, q)));
    int one = plain(kOr, plain(kAnd, x, bits(kSign)), number(1));
    compare(kGreater, plain(kAnd, y, bits(~kSign)), number(1));
    y = choose(y, at(one));
    compare(kGreaterEqual, plain(kAnd, x, bits(~kSign)), number(limit));
    return choose(y, at(one));
  }

  // f for every virtual register that an instruction reads.
  template <class F>
  static void each_read(const Inst& i, F f) {
    const int b = i.b.kind == EvexArg::reg ? i.b.id : -1;
    if (i.a >= 0) f(i.a);
    if (b >= 0 && b != i.a) f(b);
    if (i.accumulator >= 0 && i.accumulator != i.a && i.accumulator != b) f(i.accumulator);
  }

  // Machine registers for the virtual ones, freed after their last use. False if there are too few.
  bool allocate() {
    std::vector<int> last(at_(registers_), -1), free;
    for (int i = 0; i < 32; i++) free.push_back(31 - i);
    for (size_t n = 0; n < code_.size(); n++) each_read(code_[n], [&](int r) { last[at_(r)] = static_cast<int>(n); });
    machine_.assign(at_(registers_), -1);
    if (constants_.size() > free.size()) return false;
    for (const Inst& c : constants_) {
      last[at_(c.to)] = static_cast<int>(code_.size());
      machine_[at_(c.to)] = free.back();
      free.pop_back();
    }
    for (size_t n = 0; n < code_.size(); n++) {
      const Inst& i = code_[n];
      auto dies = [&](int r) { return r >= 0 && last[at_(r)] == static_cast<int>(n); };
      auto release = [&](int r) {
        if (dies(r) && r != i.accumulator) free.push_back(machine_[at_(r)]);
      };
      const bool moves = i.accumulator >= 0 && !dies(i.accumulator);  // into `to`, before the other operands are read
      if (!moves) each_read(i, release);
      if (dies(i.accumulator)) free.push_back(machine_[at_(i.accumulator)]);  // the next one taken
      if (i.to >= 0) {
        if (free.empty()) return false;
        machine_[at_(i.to)] = free.back();
        if (last[at_(i.to)] >= 0) free.pop_back();
      }
      if (moves) each_read(i, release);
    }
    return true;
  }

  EvexArg place(Arg a) const {
    if (a.kind == EvexArg::reg) return {EvexArg::reg, machine_[at_(a.id)]};
    const int stage = a.kind == EvexArg::memory ? values_[at_(a.id)].stage : 0;
    return {a.kind, 0, stage == 0 ? -1 : stage == 2 ? 0 : 1, a.bits};
  }

  // tail: the lanes of mask 1 alone.
  void emit(EvexAssembler& e, const Inst& i, bool tail) const {
    if (i.b.kind == EvexArg::memory) e.raw({0x4c, 0x8b, 0x97}), e.word(static_cast<uint32_t>(8 * i.b.id));  // r10
    if (i.b.kind == EvexArg::memory && values_[at_(i.b.id)].stage == 2 && i.kind != Inst::store && !tail)
      e.raw({0x41, 0x0f, 0x18, 0x8c, 0x82}), e.word(kAhead);  // prefetcht0 [r10 + rax * 4 + kAhead]
    auto m = [&](int r) { return r < 0 ? 0 : machine_[at_(r)]; };
    const int to = m(i.to), a = m(i.a);
    switch (i.kind) {
      case Inst::plain: return e.op(i.op, to, a, place(i.b), tail, tail);
      case Inst::compare: return e.op(i.op, 2, a, place(i.b), tail, false);
      case Inst::choose: return e.op(i.op, to, a, place(i.b), 2, false);
      case Inst::fill: return e.op(i.op, to, 0, place(i.b), 2, true);
      case Inst::store: return e.op(i.op, a, 0, place(i.b), tail, false);
      case Inst::madd:
        if (m(i.accumulator) != to) e.op(kMove, to, 0, {EvexArg::reg, m(i.accumulator)}, 0, false);
        return e.op(i.op, to, a, place(i.b), tail, false);
    }
  }

  void body(EvexAssembler& e, bool tail) const {
    e.raw({0x48, 0x89, 0xc1, 0x4c, 0x29, 0xd9, 0x48, 0x21, 0xd1});  // mov rcx, rax; sub rcx, r11; and rcx, rdx
    for (const Inst& i : code_) emit(e, i, tail);
  }

  // rdi: values, rsi: n, rdx: mask, r8: step, r9: rows left, r11: where the row begins, rax: r11 + i
  std::vector<uint8_t> assemble() const {
    EvexAssembler e;
    auto jump = [&](std::initializer_list<int> op) {  // its distance is not known yet
      e.raw(op), e.word(0);
      return e.code.size();
    };
    auto land = [&](size_t from, size_t to) {
      const auto distance = static_cast<int32_t>(to - from);
      std::memcpy(e.code.data() + from - 4, &distance, 4);
    };
    e.raw({0xf3, 0x0f, 0x1e, 0xfa, 0x49, 0x89, 0xc9, 0x45, 0x31, 0xdb});  // endbr64; mov r9, rcx; xor r11d, r11d
    e.raw({0x89, 0xf0, 0x83, 0xe0, 0x0f, 0x41, 0xba, 0xff, 0xff, 0, 0});  // mov eax, esi; and eax, 15; mov r10d, 0xffff
    e.raw({0xc4, 0x42, 0x78, 0xf5, 0xd2, 0xc4, 0xc1, 0x78, 0x92, 0xca});  // bzhi r10d, r10d, eax; kmovw k1, r10d
    for (const Inst& c : constants_) emit(e, c, false);
    const size_t row = e.code.size();
    e.raw({0x4c, 0x89, 0xd8});  // mov rax, r11
    const size_t loop = e.code.size();
    e.raw({0x4d, 0x8d, 0x54, 0x33, 0xf0, 0x4c, 0x39, 0xd0});  // lea r10, [r11 + rsi - 16]; cmp rax, r10
    const size_t part = jump({0x0f, 0x8f});                   // jg
    body(e, false);
    e.raw({0x48, 0x83, 0xc0, 0x10});  // add rax, 16
    land(jump({0xe9}), loop);
    land(part, e.code.size());
    e.raw({0x4d, 0x8d, 0x14, 0x33, 0x4c, 0x39, 0xd0});  // lea r10, [r11 + rsi]; cmp rax, r10
    const size_t even = jump({0x0f, 0x84});             // je
    body(e, true);
    land(even, e.code.size());
    e.raw({0x4d, 0x01, 0xc3, 0x49, 0xff, 0xc9});  // add r11, r8; dec r9
    land(jump({0x0f, 0x85}), row);                // jnz
    e.raw({0xc5, 0xf8, 0x77, 0xc3});              // vzeroupper; ret
    e.place_constants();
    return std::move(e.code);
  }

  const std::vector<PwValue>& values_;
  const std::vector<int>& outputs_;
  std::vector<int> uses_, reg_;  // by value: how often varying ones use it; the virtual register that it is in
  bool keep_;
  std::vector<Inst> constants_, code_;  // before the loop, and in it
  int registers_ = 0;
  std::vector<int> machine_;  // by virtual register
};

}  // namespace

PwCode compile_pointwise([[maybe_unused]] const std::vector<PwValue>& values,
                         [[maybe_unused]] const std::vector<int>& outputs) {
#if defined(__x86_64__)
  PwCode code = Compiler(values, outputs, true).run();
  return code ? code : Compiler(values, outputs, false).run();
#else
  return nullptr;
#endif
}

}  // namespace fovea::kernels
