// The pointwise engine against a plain interpreter of the same program: exact, since every op used here rounds once.
#include "kernels/pointwise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "kernels/guarded.h"

namespace fovea::kernels {
namespace {

using test::Guarded;

float apply(Pw op, float a, float b, float c) {
  switch (op) {
    case Pw::neg: return -a;
    case Pw::abs: return std::fabs(a);
    case Pw::sign: return static_cast<float>((a > 0) - (a < 0));
    case Pw::sqrt: return std::sqrt(a);
    case Pw::floor: return std::floor(a);
    case Pw::round: return std::nearbyint(a);
    case Pw::relu: return a < 0 ? 0 : a;
    case Pw::square: return a * a;
    case Pw::recip: return 1 / a;
    case Pw::add: return a + b;
    case Pw::sub: return a - b;
    case Pw::mul: return a * b;
    case Pw::div: return a / b;
    case Pw::max: return a > b || std::isnan(a) ? a : b;
    case Pw::min: return a < b || std::isnan(a) ? a : b;
    case Pw::gt: return a > b;
    case Pw::ge: return a >= b;
    case Pw::eq: return a == b;
    case Pw::select: return a != 0 ? b : c;
    default: ADD_FAILURE() << "no reference"; return 0;
  }
}

// The outputs at one point of the domain; y is what register 0 begins as.
std::vector<float> at(const PwProgram& p, const std::vector<const float*>& in, const int64_t (&i)[4], float y = 0) {
  float reg[256] = {y};
  for (const PwInst& inst : p.code) {
    if (inst.op == Pw::load) {
      int64_t offset = 0;
      for (int d = 0; d < 4; d++) offset += i[d] * p.inputs[inst.a].stride[d];
      reg[inst.dst] = in[inst.a][offset];
    } else {
      reg[inst.dst] = inst.op == Pw::constant ? inst.imm : apply(inst.op, reg[inst.a], reg[inst.b], reg[inst.c]);
    }
  }
  std::vector<float> out;
  for (uint8_t r : p.outputs) out.push_back(reg[r]);
  return out;
}

std::vector<std::vector<float>> reference(const PwProgram& p, const std::vector<const float*>& in) {
  std::vector<std::vector<float>> out(p.outputs.size());
  int64_t i[4];
  for (i[0] = 0; i[0] < p.dims[0]; i[0]++)
    for (i[1] = 0; i[1] < p.dims[1]; i[1]++)
      for (i[2] = 0; i[2] < p.dims[2]; i[2]++)
        for (i[3] = 0; i[3] < p.dims[3]; i[3]++) {
          std::vector<float> v = at(p, in, i);
          for (size_t k = 0; k < v.size(); k++) out[k].push_back(v[k]);
        }
  return out;
}

// Equal bits, but for the sign of a NaN, and for denormals, which a pool flushes to zero.
bool same(float a, float b) {
  auto flat = [](float x) { return std::fabs(x) < 0x1p-126f ? 0.0f : x; };
  return (std::isnan(a) && std::isnan(b)) || flat(a) == flat(b);
}

std::vector<float> random_values(std::mt19937& rng, int64_t n) {
  std::vector<float> v(static_cast<size_t>(n));
  for (float& x : v) {
    x = std::normal_distribution<float>(0, 2)(rng);
    unsigned odd = rng() % 64;
    if (odd == 0) x = 0;
    if (odd == 1) x = NAN;
    if (odd == 2) x = INFINITY;
    if (odd == 3) x = -0.0f;
  }
  return v;
}

int64_t extent(const PwProgram& p, const PwInput& in) {
  int64_t last = 0;
  for (int d = 0; d < 4; d++) last += (p.dims[d] - 1) * in.stride[d];
  return last + 1;
}

// Dense strides over the dims in `mask` (bit d), 0 elsewhere; `inner` spreads the innermost one.
PwInput strides(const PwProgram& p, int mask, int64_t inner = 1) {
  PwInput s{};
  int64_t step = inner;
  for (int d = 3; d >= 0; d--) {
    if (!(mask >> d & 1)) continue;
    s.stride[d] = step;
    step *= p.dims[d];
  }
  return s;
}

PwInst random_inst(std::mt19937& rng, int inputs, int registers) {
  static const Pw ops[] = {Pw::neg,    Pw::abs, Pw::sign, Pw::sqrt, Pw::floor, Pw::round, Pw::relu,    Pw::square, Pw::recip,
                           Pw::add,    Pw::sub, Pw::mul,  Pw::div,  Pw::max,   Pw::min,   Pw::gt,      Pw::ge,     Pw::eq,
                           Pw::select, Pw::add, Pw::mul,  Pw::sub,  Pw::load,  Pw::load,  Pw::constant};
  PwInst inst{ops[rng() % std::size(ops)]};
  auto any = [&](int n) { return static_cast<uint8_t>(rng() % static_cast<unsigned>(n)); };
  inst.dst = any(registers), inst.a = any(registers), inst.b = any(registers), inst.c = any(registers);
  if (inst.op == Pw::load) inst.a = any(inputs);
  inst.imm = static_cast<float>(rng() % 7) - 2.5f;
  return inst;
}

PwProgram random_program(std::mt19937& rng) {
  static const int64_t sizes[] = {1, 1, 2, 3, 5, 8, 16, 17, 33};
  static const int64_t wide[] = {1, 7, 16, 64, 65, 300, 1030, 2100};
  PwProgram p;
  for (int64_t& d : p.dims) d = sizes[rng() % std::size(sizes)];
  p.dims[0] = 1 + rng() % 2;
  p.dims[2 + rng() % 2] = wide[rng() % std::size(wide)];
  while (p.dims[0] * p.dims[1] * p.dims[2] * p.dims[3] > 40000) *std::max_element(p.dims, p.dims + 4) /= 2;
  int inputs = 1 + static_cast<int>(rng() % 4);
  static const int masks[] = {15, 15, 8, 0, 9, 12, 7, 1, 4, 5};
  for (int i = 0; i < inputs; i++) p.inputs.push_back(strides(p, masks[rng() % std::size(masks)], rng() % 8 ? 1 : 3));
  p.registers = 6;
  for (uint8_t r = 0; r < 6; r++)
    p.code.push_back({Pw::load, r, static_cast<uint8_t>(rng() % static_cast<unsigned>(inputs))});
  for (int k = static_cast<int>(rng() % 14); k > 0; k--) p.code.push_back(random_inst(rng, inputs, 6));
  for (int k = 1 + static_cast<int>(rng() % 3); k > 0; k--) p.outputs.push_back(static_cast<uint8_t>(rng() % 6));
  return p;
}

TEST(Pointwise, random_programs_match_the_interpreter) {
  std::mt19937 rng(1);
  Pool one(1), two(2), three(3);
  for (int round = 0; round < 300; round++) {
    PwProgram p = random_program(rng);
    auto where = round % 2 ? Guarded::At::end : Guarded::At::begin;
    std::vector<Guarded> in;
    std::vector<const float*> ptr;
    for (const PwInput& s : p.inputs) in.emplace_back(random_values(rng, extent(p, s)), where);
    for (Guarded& g : in) ptr.push_back(g.data());
    auto expect = reference(p, ptr);
    for (Isa isa : test::isas()) {
      Pointwise program(p, isa);
      for (Pool* pool : {&one, &two, &three}) {
        std::vector<Guarded> out;
        std::vector<float*> out_ptr;
        for (size_t k = 0; k < expect.size(); k++) out.emplace_back(static_cast<int64_t>(expect[k].size()), where);
        for (Guarded& g : out) out_ptr.push_back(g.data());
        program.run(ptr.data(), out_ptr.data(), *pool);
        for (size_t k = 0; k < expect.size(); k++)
          for (size_t i = 0; i < expect[k].size(); i++)
            ASSERT_TRUE(same(out[k][static_cast<int64_t>(i)], expect[k][i]))
                << isa_name(isa) << " round " << round << " output " << k << " at " << i << ": got "
                << out[k][static_cast<int64_t>(i)] << ", need " << expect[k][i];
      }
    }
  }
}

// As regions ask for it: some pixels at a time, of few channels and of more than a tile takes.
TEST(Pointwise, PartsAreBitsOfTheWhole) {
  const FloatMode mode;
  std::mt19937 rng(2);
  Pool pool(1);
  for (int round = 0; round < 300; round++) {
    PwProgram p = random_program(rng);
    if (round % 3 == 0) p.dims[0] = p.dims[1] = 1, p.dims[2] = 7, p.dims[3] = 2048 + static_cast<int64_t>(rng() % 3000);
    const int64_t pixels = p.dims[0] * p.dims[1] * p.dims[2], all = pixels * p.dims[3];
    std::vector<std::vector<float>> in;
    std::vector<const float*> ptr;
    for (const PwInput& s : p.inputs) in.push_back(random_values(rng, extent(p, s)));
    for (auto& values : in) ptr.push_back(values.data());
    for (Isa isa : test::isas()) {
      Pointwise program(p, isa);
      std::vector<std::vector<float>> whole(p.outputs.size(), std::vector<float>(static_cast<size_t>(all))), parts = whole;
      std::vector<float*> to, part_to;
      for (auto& values : whole) to.push_back(values.data());
      for (auto& values : parts) part_to.push_back(values.data());
      program.run(ptr.data(), to.data(), pool);
      for (int64_t at = 0, count; at < pixels; at += count) {
        count = std::min<int64_t>(1 + static_cast<int64_t>(rng() % 5), pixels - at);
        program.part(ptr.data(), part_to.data(), at, count);
      }
      for (size_t k = 0; k < whole.size(); k++)
        for (size_t i = 0; i < whole[k].size(); i++)
          ASSERT_TRUE(same(parts[k][i], whole[k][i]))
              << isa_name(isa) << " round " << round << " output " << k << " at " << i;
    }
  }
}

// m = beta m + g;  p = p - lr m + 0 g: both written over their inputs, p read after m is written, m read after p in the
// second.
TEST(Pointwise, outputs_may_replace_inputs) {
  for (int64_t n : {1, 15, 1000, 50001}) {
    PwProgram p{.dims = {1, 1, 1, n}, .inputs = {}, .code = {}, .outputs = {4, 5}, .registers = 6};
    p.inputs = {{{0, 0, 0, 1}}, {{0, 0, 0, 1}}, {{0, 0, 0, 1}}, {{0, 0, 0, 0}}};
    p.code = {{Pw::load, 0, 0},   {Pw::load, 1, 1},   {Pw::load, 2, 2},   {Pw::load, 3, 3},  {Pw::mul, 4, 0, 3},
              {Pw::add, 4, 4, 2}, {Pw::mul, 5, 4, 3}, {Pw::sub, 5, 1, 5}, {Pw::add, 4, 4, 0}};
    std::mt19937 rng(static_cast<unsigned>(n));
    std::vector<float> m = random_values(rng, n), w = random_values(rng, n), g = random_values(rng, n);
    float lr = 0.3f;
    auto expect = reference(p, {m.data(), w.data(), g.data(), &lr});
    for (Isa isa : test::isas()) {
      Guarded m2(m), w2(w), g2(g);
      const float* in[] = {m2.data(), w2.data(), g2.data(), &lr};
      float* out[] = {m2.data(), w2.data()};
      Pool pool(2);
      Pointwise(p, isa).run(in, out, pool);
      for (int64_t i = 0; i < n; i++) {
        ASSERT_TRUE(same(m2[i], expect[0][static_cast<size_t>(i)])) << isa_name(isa) << " at " << i;
        ASSERT_TRUE(same(w2[i], expect[1][static_cast<size_t>(i)])) << isa_name(isa) << " at " << i;
      }
    }
  }
}

// relu(y * scale[c] + shift[c]) + residual, gated per image: as a convolution would call it, block by block.
TEST(Pointwise, block_rewrites_part_of_an_image) {
  struct Case {
    int64_t n, hw, c, ld, c0, c1, step;
  };
  for (const Case& s : {Case{2, 10, 16, 16, 0, 16, 7}, Case{3, 49, 64, 64, 0, 64, 56}, Case{3, 49, 64, 80, 16, 48, 10},
                        Case{3, 49, 80, 80, 16, 53, 10}, Case{2, 5, 7, 9, 1, 6, 4}, Case{1, 3, 1500, 1500, 0, 1500, 2},
                        Case{2, 9, 1, 1, 0, 1, 5}}) {
    PwProgram p{.dims = {s.n, 1, s.hw, s.c}, .inputs = {}, .code = {}, .outputs = {0}, .registers = 6};
    p.inputs = {strides(p, 8), strides(p, 8), strides(p, 15), strides(p, 9)};
    p.code = {{Pw::load, 1, 0}, {Pw::mul, 0, 0, 1}, {Pw::load, 1, 1}, {Pw::add, 0, 0, 1}, {Pw::relu, 0, 0},
              {Pw::load, 2, 3}, {Pw::mul, 0, 0, 2}, {Pw::load, 3, 2}, {Pw::add, 0, 0, 3}};
    std::mt19937 rng(5);
    std::vector<Guarded> in;
    std::vector<const float*> ptr;
    for (const PwInput& i : p.inputs) in.emplace_back(random_values(rng, extent(p, i)));
    for (Guarded& g : in) ptr.push_back(g.data());
    int64_t rows = s.n * s.hw;
    std::vector<float> before = random_values(rng, (rows - 1) * s.ld + s.c);
    for (Isa isa : test::isas()) {
      Pointwise program(p, isa);
      PwEpilogue epilogue(program, ptr.data());
      Guarded y(before);
      for (int64_t r = 0; r < rows; r += s.step)
        epilogue.view()(y.data() + r * s.ld + s.c0, r, std::min(s.step, rows - r), s.ld, s.c0, s.c1);
      for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < std::min(s.ld, s.c); c++) {
          float old = before[static_cast<size_t>(r * s.ld + c)];
          float need = c < s.c0 || c >= s.c1 ? old : at(p, ptr, {r / s.hw, 0, r % s.hw, c}, old)[0];
          ASSERT_TRUE(same(y[r * s.ld + c], need)) << isa_name(isa) << " row " << r << " channel " << c;
        }
    }
  }
}

}  // namespace
}  // namespace fovea::kernels
