// Multiply-accumulates as timm publishes them, at its pictures' size.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "base/text.h"
#include "fixtures.h"
#include "ir/rewrite.h"
#include "models/registry.h"
#include "ops/norm.h"
#include "passes/fold_norm.h"
#include "passes/inference.h"
#include "passes/merge_branches.h"

namespace fovea {
namespace {

// By the rule of timm's counter (fvcore): a multiply-accumulate of a product is one, a number normalised over the batch two,
// over a layer five.
double published_rule(const Graph& g) {
  double r = 0;
  const std::vector<char> needed = reachable(g);
  for (int i = 0; i < g.size(); i++) {
    const Node& n = g.node(i);
    if (!needed[static_cast<size_t>(i)]) continue;
    r += static_cast<double>(node_macs(g, i));
    if (n.op == &BatchNorm::op) r += 2 * static_cast<double>(g.node(n.inputs[0]).type.shape.numel());
    if (n.op == &LayerNorm::op) r += 5 * static_cast<double>(g.node(n.inputs[0]).type.shape.numel());
  }
  return r;
}

// What is counted there in another way.
const std::set<std::string> others = {
    // group norms, which we record as arithmetic
    "resnet50_gn", "resnetv2_50d_gn", "resnetv2_50x1_bit", "efficientnet_b0_gn", "regnety_040_sgn",
    // standardised weights: the counter takes them for a normalisation
    "dm_nfnet_f0", "nfnet_l0", "eca_nfnet_l0", "nf_regnet_b0", "nf_resnet50", "nf_seresnet26",
    // attention for every pixel where the answer needs that of the mean only
    "resnet50_clip",
    // convolutions with padding="same" are not seen there
    "convmixer_768_32",
    // terms of relative positions, for every pair there, for every distance here
    "swinv2_cr_tiny_224", "swinv2_cr_tiny_ns_224", "halonet_h1",
    // the difference of two attentions, which there is taken in front of the product with the values
    "vit_dwee_patch16_reg1_gap_256",
    // resizing the picture, for us two products
    "crossvit_tiny_240", "crossvit_9_dagger_240",
    // LSTMs are not seen there
    "sequencer2d_s"};

// Published with their branches merged, without the norms that then are gone.
const std::set<std::string> merged = {"ghostnetv3_050", "ghostnetv3_100", "repvgg_a0",  "repvgg_b1g4",  "repvgg_d2se",
                                      "mobileone_s0",   "mobileone_s4",   "fastvit_t8", "fastvit_mci0", "repvit_m1_5"};

double count(const Model& m, int side) {
  auto g = build_model(m, 1, {.height = side, .width = side});
  if (merged.count(m.name)) g = merge_branches(*inference(*fold_norm(*g)));
  return published_rule(*g);
}

TEST(Models, PublishedMultiplyAccumulates) {
  FOVEA_NEEDS(shared("fixtures/zoo/published.csv"));
  std::ifstream file(shared("fixtures/zoo/published.csv"));
  std::string line;
  std::getline(file, line);
  ASSERT_TRUE(line.starts_with("name,default_tag,param_count,gmacs,macts,img_size,"));
  int compared = 0;
  while (std::getline(file, line)) {
    std::vector<std::string> row = split(line, ',');
    const Model* m = find_reference(row.at(0));
    const double published = std::strtod(row.at(3).c_str(), nullptr);  // in 1e9, two decimals
    if (!m || others.count(m->name) || published == 0) continue;
    const int side = std::atoi(row.at(5).c_str());
    EXPECT_NEAR(count(*m, side) / 1e9, published, 0.01 * published + 0.006) << m->name << " at " << side;
    compared++;
  }
  EXPECT_GT(compared, 250);
}

}  // namespace
}  // namespace fovea
