#include "nn/map_attention.h"

#include <gtest/gtest.h>

#include <cmath>

#include "io/fixture.h"
#include "run/interpret.h"

namespace fovea {
namespace {

using Numbers = std::vector<double>;

// Values in -1..1 that depend on the name.
Numbers noise(const std::string& name, int64_t count) {
  Numbers r(static_cast<size_t>(count));
  for (size_t i = 0; i < r.size(); i++) r[i] = hash_unit(name, i);
  return r;
}

struct Result {
  std::map<std::string, Numbers> params;
  Numbers out;
};
// The layer on noise; parameters are noise but for those given.
Result run(const Shape& shape, const MapAttention& a, int stride, const std::map<std::string, Numbers>& given = {}) {
  Graph g;
  Tensor in = g.input("x", {shape}), out = map_attention(Scope(g), in, a, stride);
  Result r;
  Values values{{in.id, noise("x", shape.numel())}};
  for (const Param& p : g.params()) {
    auto it = given.find(p.name);
    Numbers v = it == given.end() ? noise(p.name, p.type.shape.numel()) : it->second;
    if (it == given.end() && p.name.ends_with("running_var"))
      for (double& x : v) x = 2 + x;
    values[p.node] = r.params[p.name] = v;
  }
  r.out = interpret(g, values, {out.id}).at(out.id);
  return r;
}

void expect_near(const Numbers& got, const Numbers& need) {
  ASSERT_EQ(got.size(), need.size());
  for (size_t i = 0; i < got.size(); i++) EXPECT_NEAR(got[i], need[i], 1e-7) << i;
}

// Channels `first`.. of a 1x1 convolution of noise at a pixel; zero beyond the map.
Numbers at(const Shape& s, const Numbers& weight, int y, int x, int first, int count) {
  Numbers r(static_cast<size_t>(count));
  if (y < 0 || x < 0 || y >= s[1] || x >= s[2]) return r;
  const Numbers map = noise("x", s.numel());
  for (int o = 0; o < count; o++)
    for (int c = 0; c < s[3]; c++)
      r[static_cast<size_t>(o)] +=
          weight[static_cast<size_t>((first + o) * s[3] + c)] * map[static_cast<size_t>((y * s[2] + x) * s[3] + c)];
  return r;
}
double dot(const Numbers& a, const double* b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); i++) sum += a[i] * b[i];
  return sum;
}

TEST(MapAttention, HaloIsWhatItsDefinitionSays) {
  constexpr int kSide = 4, kChannels = 16, kHeads = 2, kMargin = 1;
  for (int block : {2, 4})
    for (int stride : {1, 2}) {
      MapAttention a{.look = Look::halo, .heads = kHeads, .block = block, .margin = kMargin};
      const Shape shape{1, kSide, kSide, kChannels};
      const int d = kChannels / kHeads, window = block + 2 * kMargin, step = stride, own = block / step;
      Result r = run(shape, a, stride);
      Numbers need;
      for (int y = 0; y < kSide / step; y++)
        for (int x = 0; x < kSide / step; x++)
          for (int h = 0; h < kHeads; h++) {
            Numbers q = at(shape, r.params.at("q.weight"), y * step, x * step, h * d, d), scores,
                    sum(static_cast<size_t>(d));
            int top = y / own * block - kMargin, left = x / own * block - kMargin;
            auto each = [&](auto f) {
              for (int u = 0; u < window; u++)
                for (int v = 0; v < window; v++)
                  f(u, v, at(shape, r.params.at("kv.weight"), top + u, left + v, 2 * h * d, 2 * d));
            };
            each([&](int u, int v, const Numbers& kv) {
              const double *rows = &r.params.at("pos_embed.height_rel")[static_cast<size_t>((u - y % own + window - 1) * d)],
                           *columns =
                               &r.params.at("pos_embed.width_rel")[static_cast<size_t>((v - x % own + window - 1) * d)];
              scores.push_back(std::exp(dot(q, kv.data()) / std::sqrt(d) + dot(q, rows) + dot(q, columns)));
            });
            double total = 0;
            for (double s : scores) total += s;
            size_t i = 0;
            each([&](int, int, const Numbers& kv) {
              for (size_t c = 0; c < sum.size(); c++) sum[c] += scores[i] / total * kv[static_cast<size_t>(d) + c];
              i++;
            });
            need.insert(need.end(), sum.begin(), sum.end());
          }
      expect_near(r.out, need);
    }
}

TEST(MapAttention, OneBlockWithoutMarginIsAllPixels) {
  constexpr int kChannels = 16, kHeads = 2, kWidth = kChannels / kHeads;
  const Shape shape{2, 3, 3, kChannels};
  Result all = run(shape, {.heads = kHeads}, 1);
  const Numbers& qkv = all.params.at("qkv.weight");  // queries of all heads, keys, values
  auto rows = [&](int first, int count) {
    return Numbers(qkv.begin() + first * kChannels, qkv.begin() + (first + count) * kChannels);
  };
  Numbers kv;  // a head's keys and values together
  for (int h = 0; h < kHeads; h++)
    for (int part : {1, 2})
      for (double v : rows(part * kChannels + h * kWidth, kWidth)) kv.push_back(v);
  std::map<std::string, Numbers> same = {{"q.weight", rows(0, kChannels)}, {"kv.weight", kv}};
  for (const char* name : {"pos_embed.height_rel", "pos_embed.width_rel"}) same[name] = all.params.at(name);
  MapAttention halo{.look = Look::halo, .heads = kHeads, .block = 3, .margin = 0};
  expect_near(run(shape, halo, 1, same).out, all.out);
}

TEST(MapAttention, LambdaByAWindowOfTheWholeMapIsLambdaByItsTable) {
  constexpr int kSide = 4, kWindow = 2 * kSide - 1, kKeys = 3;
  const Shape shape{2, kSide, kSide, 8};
  MapAttention a{.look = Look::lambda, .heads = 2, .keys = kKeys, .window = kWindow};
  Result window = run(shape, a, 1, {{"conv_lambda.bias", Numbers(kKeys)}});
  std::map<std::string, Numbers> same = window.params;
  Numbers& table = same["pos_emb"];
  for (int place = 0; place < kWindow * kWindow; place++)
    for (int k = 0; k < kKeys; k++)
      table.push_back(window.params.at("conv_lambda.weight")[static_cast<size_t>(k * kWindow * kWindow + place)]);
  a.window = 0;
  expect_near(run(shape, a, 1, same).out, window.out);
}

}  // namespace
}  // namespace fovea
