// Every pass on a model of every family: it keeps the outputs within its tolerance, and every parameter.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "models/registry.h"
#include "passes/inference.h"
#include "passes/pass.h"
#include "run/program.h"

namespace fovea {
namespace {

std::vector<float> logits(const Graph& g) {
  State state;
  state.add(g, 5);
  for (auto& [name, a] : state.arrays())  // statistics as after training, not the neutral ones of the start
    if (name.size() > 7 && name.find("running_") != std::string::npos)
      for (int64_t i = 0; i < a.size(); i++)
        a.data()[i] += 0.2f * unit_float(static_cast<uint32_t>(splitmix(fnv1a(name) + static_cast<uint64_t>(i))));
  Pool pool(2);
  Program p(make_plan(g, {.threads = 2}), state, pool);
  Random random(1, 2);
  for (const NamedRef& in : p.plan().inputs)
    std::generate_n(p.input(in.name), in.type.shape.numel(), [&] { return random.uniform(-1, 1); });
  p.run();
  const float* y = p.output("logits");
  return {y, y + p.output_shape("logits").numel()};
}

// The smallest model of each family.
std::vector<const Model*> one_of_each_family() {
  std::vector<const Model*> r;
  for (const char* name : {"resnet18", "resnet20_cifar", "mobilenetv1_100", "mobilenetv2_050", "mobilenetv3_small_050",
                           "convnext_atto", "convnextv2_atto", "vit_tiny_patch16_224"})
    r.push_back(&find_model(name));
  return r;
}

TEST(Passes, KeepOutputsWithinTheirTolerance) {
  for (const Model* m : one_of_each_family()) {
    auto g =
        build_model(*m, 2, {.classes = 10, .height = m->family == "vit" ? 224 : 64, .width = m->family == "vit" ? 224 : 64});
    std::vector<float> want = logits(*inference(*g));
    double largest = 0;
    for (float v : want) largest = std::max(largest, std::fabs(static_cast<double>(v)));
    for (const Pass* pass : all_passes()) {
      if (pass->tolerance < 0) continue;
      std::vector<float> got = logits(*inference(*pass->apply(*g)));
      ASSERT_EQ(got.size(), want.size());
      for (size_t i = 0; i < want.size(); i++)
        EXPECT_NEAR(got[i], want[i], pass->tolerance * largest) << pass->name << " on " << m->name;
    }
  }
}

TEST(Passes, KeepEveryParameter) {
  for (const Model* m : one_of_each_family()) {
    auto g = build_model(*m, 1);
    for (const Pass* pass : all_passes())
      EXPECT_EQ(pass->apply(*g)->params().size(), g->params().size()) << pass->name << " on " << m->name;
  }
}

}  // namespace
}  // namespace fovea
