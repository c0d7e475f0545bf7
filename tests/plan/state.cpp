// Initial values: a function of name and seed, drawn in the order of weight files, whoever draws them.
#include "run/state.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"

namespace fovea {
namespace {

// As Init's comments say, one draw after the other, in the order of files.
std::vector<float> one_by_one(const Param& p, uint64_t seed) {
  Random random(splitmix(seed), fnv1a(p.name));
  std::vector<float> file(static_cast<size_t>(p.type.shape.numel()));
  for (float& v : file) {
    if (p.init.kind == Init::Kind::constant) v = p.init.a;
    if (p.init.kind == Init::Kind::uniform) v = random.uniform(-p.init.a, p.init.a);
    if (p.init.kind == Init::Kind::normal) v = p.init.a * random.normal();
    if (p.init.kind == Init::Kind::trunc_normal) {
      float draw = random.normal();
      while (std::fabs(draw) > 2) draw = random.normal();
      v = p.init.a * draw;
    }
  }
  return file;
}

TEST(State, InitialValuesAreTheDrawsInOrderForAnyNumberOfThreads) {
  Graph g;
  auto add = [&](const char* name, Init init, Shape shape, Dims file_axes = {}) {
    g.param({.name = name, .init = init, .file_axes = file_axes, .type = {shape}});
  };
  add("ones", fill(1), {7});
  add("bound", uniform_init(0.3f), {33, 257});
  add("he", normal(0.7f), {16, 3, 3, 24}, {0, 3, 1, 2});
  add("small", trunc_normal(0.02f), {5});
  add("large", trunc_normal(0.02f), {1300, 1000});  // more than is drawn at once
  add("window", trunc_normal(0.1f), {40, 7, 7, 3}, {0, 3, 1, 2});
  for (int threads : {1, 3}) {
    Pool pool(threads);
    State state;
    state.add(g, 11, pool);
    for (const Param& p : g.params()) {
      const Array& a = state.at(p.name);
      std::vector<float> file(static_cast<size_t>(a.size()));
      to_file_order(p, a.data(), file.data());
      EXPECT_TRUE(file == one_by_one(p, 11)) << p.name << " on " << threads << " threads";
    }
  }
  Graph counts;
  counts.param({.name = "counts", .init = {Init::Kind::log_count}, .type = {{2, 3}}});
  State logarithms;
  logarithms.add(counts, 1);
  for (int i = 0; i < 6; i++) EXPECT_EQ(logarithms.at("counts").data()[i], std::log(static_cast<float>(i % 3 + 1)));
  Graph conv;
  conv.param({.name = "w", .init = normal(1), .file_axes = {0, 3, 1, 2}, .type = {{2, 3, 5, 4}}});
  State state;
  state.add(conv, 1);
  std::vector<float> file = one_by_one(conv.params()[0], 1);  // [o,i,h,w], while the graph has [o,h,w,i]
  EXPECT_EQ(state.at("w").data()[((1 * 3 + 2) * 5 + 4) * 4 + 3], file[((1 * 4 + 3) * 3 + 2) * 5 + 4]);
}

}  // namespace
}  // namespace fovea
