// What must hold for every model there is, without any data.
#include "models/registry.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/error.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "passes/grad.h"

namespace fovea {
namespace {

// Networks whose gradient is recorded too: the rest of a family differs by numbers only.
bool is_small(const Graph& g) { return g.size() < 1500; }

TEST(Models, EachBuildsAtItsCardsSize) {
  std::set<std::string> names;
  for (const Model& m : all_models()) {
    SCOPED_TRACE(m.name);
    EXPECT_TRUE(names.insert(m.name).second);
    auto g = build_model(m, 2);
    if (m.kind == ModelKind::classifier) {
      EXPECT_EQ(g->output_tensor("logits").shape(), (Shape{2, m.classes}));
      EXPECT_EQ(g->inputs().size(), 1u);
    }
    EXPECT_GT(g->params().size(), 5u);
  }
  EXPECT_GT(names.size(), 650u);
}

TEST(Models, GradientReachesEveryParameter) {
  int checked = 0;
  for (const Model& m : all_models()) {
    auto g = build_model(m, 2, {.drop = 0.1f, .drop_path = 0.1f});
    if (!is_small(*g)) continue;
    std::vector<Tensor> params;
    for (const Param& p : g->params())
      if (p.trainable) params.push_back(g->at(p.node));
    std::vector<Tensor> d = grad(sum_all(square(g->output_tensor("logits"))), params);
    for (size_t i = 0; i < d.size(); i++) ASSERT_TRUE(d[i]) << m.name << ": " << g->param_of(params[i].id)->name;
    checked++;
  }
  EXPECT_GT(checked, 300);
}

TEST(Models, OptionsReachTheGraph) {
  for (const char* name : {"resnet18", "convnext_atto", "mobilenetv3_small_100", "vit_tiny_patch16_224", "cnn_mnist"}) {
    SCOPED_TRACE(name);
    const Model& m = find_model(name);
    auto g = build_model(m, 3, {.classes = 7, .channels = 4, .height = 64, .width = 96});
    EXPECT_EQ(g->output_tensor("logits").shape(), (Shape{3, 7}));
    EXPECT_EQ(g->at(g->inputs()[0].second).shape(), (Shape{3, 64, 96, 4}));
    auto dropouts = [&](const ModelOptions& o) {
      auto h = build_model(m, 1, o);
      int count = 0;
      for (int i = 0; i < h->size(); i++) count += std::string(h->node(i).op->name) == "dropout";
      return count;
    };
    EXPECT_EQ(dropouts({}), 0);
    EXPECT_EQ(dropouts({.drop = 0.5f}), 1);
    if (m.family != "cnn_small") { EXPECT_GT(dropouts({.drop_path = 0.5f}), 4); }
  }
}

TEST(Models, TwoDropPathsNeverShareADraw) {
  for (const char* name : {"resnet18", "convnext_atto", "mobilenetv2_100", "vit_tiny_patch16_224"}) {
    auto g = build_model(find_model(name), 1, {.drop = 0.5f, .drop_path = 0.5f});
    std::set<std::string> streams;
    int count = 0;
    for (int i = 0; i < g->size(); i++)
      if (std::string(g->node(i).op->name) == "dropout") {
        std::string attr = g->node(i).attr.str();
        streams.insert(attr.substr(attr.find("stream"))), count++;
      }
    EXPECT_EQ(static_cast<int>(streams.size()), count) << name;
  }
}

TEST(Models, UnknownNameSuggests) {
  try {
    find_model("resnet5O");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::usage);
    EXPECT_NE(std::string(e.what()).find("resnet50"), std::string::npos);
  }
  EXPECT_THROW(build_model(find_model("resnet18"), 0), Error);
  EXPECT_THROW(build_model(find_model("resnet18"), 1, {.height = -3}), Error);
}

TEST(Models, References) {
  EXPECT_EQ(find_reference("resnet18"), &find_model("resnet18"));
  EXPECT_EQ(find_reference("resnet18_r128"), &find_model("resnet18"));
  EXPECT_EQ(find_reference("resnet18_128"), nullptr);
  EXPECT_EQ(find_reference("_r1"), nullptr);
  EXPECT_EQ(find_reference(""), nullptr);
  const Model* layer = find_reference("aft_local_s4_short");
  ASSERT_NE(layer, nullptr);
  EXPECT_EQ(layer->name, "aft_local");
  EXPECT_THROW(find_model("aft_local"), Error);
  for (const Model& m : all_models()) EXPECT_NE(m.kind, ModelKind::layer) << m.name;
}

int64_t parameters(const char* name) {
  auto g = build_model(find_model(name), 1);
  int64_t n = 0;
  for (const Param& p : g->params()) n += p.trainable ? p.type.shape.numel() : 0;
  return n;
}

// Trainable parameters as their papers and timm publish them.
TEST(Models, ParameterCounts) {
  const std::pair<const char*, int64_t> counts[] = {
      {"resnet18", 11689512},
      {"resnet50", 25557032},
      {"resnet152", 60192808},
      {"resnext101_32x8d", 88791336},
      {"wide_resnet50_2", 68883240},
      {"seresnet50", 28088024},
      {"senet154", 115088984},
      {"ecaresnet50d_pruned", 19939713},
      {"ecaresnet101d_pruned", 24876040},
      {"resnet20_cifar", 269722},
      {"resnet56_cifar", 853018},
      {"mobilenetv1_100", 4231976},
      {"mobilenetv2_100", 3504872},
      {"mobilenetv3_large_100", 5483032},
      {"efficientnet_b0", 5288548},
      {"efficientnet_b7", 66347960},
      {"efficientnet_cc_b0_8e", 24013284},
      {"efficientnetv2_s", 21458488},
      {"mixnet_s", 4134606},
      {"mnasnet_100", 4383312},
      {"fbnetv3_b", 8598464},
      {"mobilenetv4_conv_medium", 9715512},
      {"mobilenetv4_hybrid_large", 37764624},
      {"rexnet_100", 4796873},
      {"ghostnetv3_100", 8129028},
      {"repvgg_a0", 9108968},
      {"mobileone_s1", 4825192},
      {"regnety_016", 11202430},
      {"vgg19_bn", 143678248},
      {"densenet161", 28681000},
      {"hrnet_w48", 77469864},
      {"inception_v3", 23834568},
      {"dla102x", 26309272},
      {"xception65", 39916312},
      {"cspdarknet53", 27642184},
      {"nfnet_f0", 71489272},
      {"res2net101_26w_4s", 45206688},
      {"resnest50d", 27483240},
      {"skresnext50_32x4d", 27479784},
      {"convnext_tiny", 28589128},
      {"convnext_small", 50223688},
      {"convnext_base", 88591464},
      {"convnextv2_atto", 3708400},
      {"convnextv2_tiny", 28635496},
      {"vit_base_patch16_224", 86567656},
      {"deit_tiny_patch16_224", 5717416},
      {"deit3_small_patch16_224", 22059496},
      {"vit_large_patch16_384", 304715752},
      {"tf_mobilenetv1_025", 467336},
      {"resnet8_mlperf_tiny", 77706},
      {"dscnn_kws_mlperf_tiny", 22604},
      {"visformer_tiny", 10321368},
      {"visformer_small", 40219592},
      {"mvitv2_tiny", 24173320},
      {"mvitv2_small", 34870216},
      {"uniformer_small", 21545256},
      {"pf_resnet50_max", 14232232},
      {"pf_resnet50_hybrid", 17330600},
      {"pf_vit_s_max", 23819368},
      {"quadtree_b0", 3589468},
      {"sbcformer_xs", 5594161},
      {"sbcformer_s", 8465407},
      {"sbcformer_b", 13830592},
      {"sbcformer_l", 18506672},
  };
  for (auto& [name, count] : counts) EXPECT_EQ(parameters(name), count) << name;
  // arXiv:1704.04861, table 6, in millions; these have biases in place of their folded normalisation.
  for (auto& [name, millions] : {std::pair{"tf_mobilenetv1_100", 4.2},
                                 {"tf_mobilenetv1_075", 2.6},
                                 {"tf_mobilenetv1_050", 1.3},
                                 {"tf_mobilenetv1_025", 0.5}})
    EXPECT_NEAR(static_cast<double>(parameters(name)) / 1e6, millions, 0.05) << name;
}

int64_t macs(const char* name, int side = 0) {
  auto g = build_model(find_model(name), 1, {.height = side, .width = side});
  int64_t n = 0;
  for (int id = 0; id < g->size(); id++) n += node_macs(*g, id);
  return n;
}

// Millions of multiply-accumulates as published, rounded or cut.
TEST(Models, MultiplyAccumulates) {
  const std::tuple<const char*, int, double> published[] = {
      {"mobilenetv2_100", 224, 301},    {"convnext_tiny", 224, 4456},
      {"mobilenetv1_100", 224, 569},  // arXiv:1704.04861, tables 6 and 7: both multipliers
      {"tf_mobilenetv1_100", 224, 569}, {"tf_mobilenetv1_075", 224, 325},
      {"tf_mobilenetv1_050", 224, 149}, {"tf_mobilenetv1_025", 224, 41},
      {"tf_mobilenetv1_100", 192, 418}, {"tf_mobilenetv1_100", 160, 290},
      {"tf_mobilenetv1_100", 128, 186},
  };
  for (auto& [name, side, millions] : published)
    EXPECT_NEAR(static_cast<double>(macs(name, side)) / 1e6, millions, 0.7) << name << " " << side;
}

TEST(Models, PairsOfExperiments) {
  for (const char* name : {"mobilenetv1_micro", "mobilenetv1_micro_140"})
    EXPECT_GE(macs("mobilenetv1_micro_dense"), 4 * macs(name)) << name;
  EXPECT_EQ(macs("mobilenetv2_micro_active"), macs("mobilenetv2_micro"));
  EXPECT_NEAR(static_cast<double>(macs("convnext_path0_resnet")) / static_cast<double>(macs("convnext_micro")), 1, 0.05);
}

}  // namespace
}  // namespace fovea
