// Compiled programs against the loops that they replace: equal bits, but for the sign of a NaN.
#include "kernels/pointwise_code.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/threads.h"
#include "kernels/guarded.h"
#include "kernels/isa/tables.h"

namespace fovea::kernels {
namespace {

using test::Guarded;

bool has_avx512() {
  auto all = test::isas();
  return std::find(all.begin(), all.end(), Isa::avx512) != all.end();
}

// Operands of one op: each a scalar, uniform or varying.
std::vector<PwValue> loads(std::initializer_list<int> stages) {
  std::vector<PwValue> r;
  for (int stage : stages) r.push_back({.op = Pw::load, .stage = stage, .input = static_cast<int>(r.size())});
  return r;
}

float value_at(int64_t i) {
  const float odd[] = {0, -0.0f, NAN, INFINITY, -INFINITY, 3, -3, 100, -120, 1e-30f};
  return i % 5 ? 0.37f * static_cast<float>(i % 97) - 17 : odd[i / 5 % 10];
}

TEST(PointwiseCode, EveryOpGivesTheBitsOfItsLoop) {
  if (!has_avx512()) return;
  const FloatMode mode;
  for (int op = static_cast<int>(Pw::neg); op < kPwOps; op++) {
    const int arity = op < static_cast<int>(Pw::add) ? 1 : op < static_cast<int>(Pw::select) ? 2 : 3;
    const bool left = op == static_cast<int>(Pw::log) || op == static_cast<int>(Pw::sin) ||
                      op == static_cast<int>(Pw::cos) || op == static_cast<int>(Pw::pow);
    for (std::initializer_list<int> stages :
         {std::initializer_list<int>{2, 2, 2}, {2, 1, 2}, {1, 2, 1}, {2, 0, 1}, {0, 2, 0}}) {
      if (arity == 1 && *stages.begin() != 2) continue;
      std::vector<PwValue> values = loads(stages);
      values.resize(static_cast<size_t>(arity));
      values.push_back({.op = static_cast<Pw>(op), .stage = 2});
      for (int k = 0; k < arity; k++) values.back().operand[k] = k;
      PwCode code = compile_pointwise(values, {arity});
      ASSERT_EQ(code == nullptr, left) << op;
      if (left) continue;
      for (int64_t n : {1, 15, 16, 17, 32, 100, 300}) {
        std::vector<Guarded> operand;
        for (int k = 0; k < arity; k++) {
          operand.emplace_back(stages.begin()[k] == 2 ? n : stages.begin()[k] == 1 ? 128 : 16);
          for (int64_t i = 0; i < operand.back().size(); i++)
            operand.back()[i] = stages.begin()[k] == 0 ? 0.7f : value_at(i * (k + 1) + k);
        }
        std::vector<float> whole[3];
        for (int k = 0; k < 3; k++)
          for (int64_t i = 0; i < n && k < arity; i++)
            whole[k].push_back(operand[static_cast<size_t>(k)][stages.begin()[k] == 2   ? i
                                                               : stages.begin()[k] == 1 ? i & 127
                                                                                        : 0]);
        Guarded need(n), got(n);
        FOVEA_TABLE(Isa::avx512, pw).fn[op][0](need.data(), whole[0].data(), whole[1].data(), whole[2].data(), n);
        std::vector<const float*> at;
        for (Guarded& g : operand) at.push_back(g.data());
        at.push_back(got.data());
        code(at.data(), n, 127, 1, 0);
        for (int64_t i = 0; i < n; i++)
          ASSERT_TRUE(std::bit_cast<uint32_t>(got[i]) == std::bit_cast<uint32_t>(need[i]) ||
                      (std::isnan(got[i]) && std::isnan(need[i])))
              << "op " << op << " at " << i << " of " << n << ": got " << got[i] << ", need " << need[i];
      }
    }
  }
}

// x, 2 x, 3 x, ..., all of which are there before the last but one is subtracted from the last.
std::vector<PwValue> many(int count) {
  std::vector<PwValue> v = loads({2});
  for (int i = 0; i < count; i++) v.push_back({.op = Pw::add, .stage = 2, .operand = {0, i, -1}});
  for (int i = 1; i < count; i++)
    v.push_back({.op = Pw::sub, .stage = 2, .operand = {static_cast<int>(v.size()) - 1, i, -1}});
  return v;
}

TEST(PointwiseCode, ManyValuesUntilTheRegistersAreUsedUp) {
  if (!has_avx512()) return;
  const int count = 28;
  std::vector<PwValue> values = many(count);
  PwCode code = compile_pointwise(values, {static_cast<int>(values.size()) - 1});
  ASSERT_NE(code, nullptr);
  Guarded x(33), y(33);
  for (int64_t i = 0; i < 33; i++) x[i] = static_cast<float>(i);
  std::vector<const float*> at(values.size(), nullptr);
  at[0] = x.data(), at.back() = y.data();
  code(at.data(), 33, -1, 1, 0);
  for (int64_t i = 0; i < 33; i++) {  // value k is (k + 1) x
    float need = static_cast<float>(count + 1);
    for (int k = 1; k < count; k++) need -= static_cast<float>(k + 1);
    ASSERT_EQ(y[i], need * x[i]);
  }
  values = many(40);
  EXPECT_EQ(compile_pointwise(values, {static_cast<int>(values.size()) - 1}), nullptr);
  EXPECT_EQ(compile_pointwise(loads({2}), {0}), nullptr);  // nothing to compute
}

}  // namespace
}  // namespace fovea::kernels
