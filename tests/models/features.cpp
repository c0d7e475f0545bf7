// The maps that networks offer to others, against timm's tables of them; and what is left of a network without its head.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "ir/rewrite.h"
#include "models/registry.h"
#include "passes/taps.h"

namespace fovea {
namespace {

struct Published {
  const char *model, *features;
};
const Published published[] = {
#include "published_features.inc"
};

// As the table writes them.
std::string text(const std::vector<Feature>& features) {
  std::string r;
  for (size_t i = 0, same; i < features.size(); i += same) {
    const Feature& f = features[i];
    for (same = 1; i + same < features.size(); same++)
      if (features[i + same].stride != f.stride || features[i + same].channels != f.channels) break;
    r += fmt::format("{}{}:{}:{}", r.empty() ? "" : " ", f.name, f.stride, f.channels);
    if (same > 1) r += fmt::format("x{}", same);
  }
  return r;
}

// Families whose lists differ in kind.
const std::set<std::string> other_families = {
    // several maps of one size, of which we give the last; and, before the blocks, the maps of the convolutional stem
    "volo", "sequencer", "vit_hybrid", "vitamin",
    // not the stem, which we give too
    "lcnetv2",
    // activations inside the next stage
    "nasnet",
    // the pooled token alone
    "convit"};

// Where the table says other than what the network does.
const std::set<std::string> others = {
    // not the stem, which we give too
    "cpubone_b3",
    // the channels before pruning
    "efficientnet_b1_pruned", "efficientnet_b2_pruned", "efficientnet_b3_pruned", "ecaresnet50d_pruned",
    "ecaresnet101d_pruned",
    // strides from before halving by a move of pixels to channels, which are fourfold until the next stride
    "efficientnet_x_b3", "efficientnet_x_b5", "efficientnet_h_b5",
    // strides one pixel smaller than those of the convolutions
    "pit_ti_224", "pit_ti_distilled_224", "pit_xs_224", "pit_xs_distilled_224", "pit_s_224", "pit_s_distilled_224",
    "pit_b_224", "pit_b_distilled_224",
    // a stem at stride 2, of which it says itself that there is none
    "tresnet_m", "tresnet_l", "tresnet_xl", "tresnet_v2_l"};

// Where a map has the name of a module that does nothing there (final_conv), or that is a part of ours.
const std::set<std::string> other_names = {"byobnet", "byoanet", "mobilevit", "mvitv2", "selecsls", "twins"};

std::string without_names(const std::string& text) {
  std::string r;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find(' ', at), text.size() - 1) + 1;
    r += text.substr(text.find(':', at), end - text.find(':', at));
    at = end;
  }
  return r;
}

TEST(Features, AreThoseOfTimm) {
  for (const Published& p : published) {
    const Model& m = find_model(p.model);
    std::string ours = text(feature_info(*build_model(m, 1)));
    if (other_families.count(m.family)) continue;
    if (others.count(m.name))
      EXPECT_NE(ours, p.features) << m.name;
    else if (other_names.count(m.family))
      EXPECT_EQ(without_names(ours), without_names(p.features)) << m.name;
    else
      EXPECT_EQ(ours, p.features) << m.name;
  }
}

TEST(Features, EveryClassifierHasSome) {
  for (const Model& m : all_models()) {
    if (m.kind != ModelKind::classifier || m.family == "fully_connected") continue;
    auto g = build_model(m, 1), cut = features(*g);
    EXPECT_LT(cut->params().size(), g->params().size()) << m.name << ": nothing was cut off";
    std::vector<char> live = reachable(*cut);
    EXPECT_EQ(std::count(live.begin(), live.end(), 0), 0) << m.name << ": something nobody reads is left";
    EXPECT_EQ(text(feature_info(*cut)), text(feature_info(*g))) << m.name;
    std::vector<Feature> all = feature_info(*cut);
    EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), [](auto& a, auto& b) { return a.stride < b.stride; })) << m.name;
  }
}

TEST(Features, WithoutTheHead) {
  for (const Model& m : all_models()) {
    if (m.kind != ModelKind::classifier) continue;
    auto g = build_model(m, 2), other = build_model(m, 2, {.classes = m.classes + 1}), cut = headless(*g);
    EXPECT_EQ(cut->output_tensor("pooled").n(), 2) << m.name;
    EXPECT_LT(cut->params().size(), g->params().size()) << m.name;
    EXPECT_EQ(cut->str(), headless(*other)->str()) << m.name << ": what is left depends on the number of classes";
  }
}

}  // namespace
}  // namespace fovea
