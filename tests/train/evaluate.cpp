// Counts, ranks and calibration against plain definitions; plots and reports are sound text.
#include "train/evaluate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "data/preprocess.h"
#include "models/registry.h"
#include "pictures.h"
#include "train/plot.h"
#include "train/step.h"

namespace fovea {
namespace {

TEST(Evaluate, Ranks) {
  float logits[] = {1, 3, 3, -1, NAN};
  EXPECT_EQ(rank_of(logits, 4, 1), 0);
  EXPECT_EQ(rank_of(logits, 4, 2), 1);  // a tie goes to the first
  EXPECT_EQ(rank_of(logits, 4, 0), 2);
  EXPECT_EQ(rank_of(logits, 4, 3), 3);
  EXPECT_EQ(rank_of(logits, 5, 4), 4);  // nan is last
}

// An untrained network on 32 pictures, in batches that do not divide them, against a loop of one picture at a time.
TEST(Evaluate, EqualsThePlainDefinition) {
  ScratchFolder dir("evaluate");
  write_stripes(dir.path(), "val", 8);
  Dataset data = open_dataset("folder:" + dir / "val", "val");
  ASSERT_EQ(data.size(), 32);
  Card card{.height = 16, .width = 16, .crop_pct = 1};
  Pool pool(2);
  auto graph = [&](int batch) {
    return eval_graph(
        *build_model(find_model("cnn_mnist"), batch, {.classes = 4, .channels = 3, .height = 16, .width = 16}));
  };
  State state;
  state.add(*graph(1), 5);
  Program five(make_plan(*graph(5), {.threads = 2}), state, pool), one(make_plan(*graph(1), {.threads = 2}), state, pool);
  Evaluation e = evaluate(five, data, card, {.workers = 2});
  Preprocessor preprocess(card);
  Image room;
  int64_t correct = 0;
  double loss = 0, bins[15] = {};
  for (int64_t i = 0; i < 32; i++) {
    preprocess(data.image(i, room), one.input("image"));
    one.run();
    double p[4], sum = 0;
    for (int c = 0; c < 4; c++) sum += p[c] = std::exp(static_cast<double>(one.output("logits")[c]));
    int label = data.labels[static_cast<size_t>(i)], best = static_cast<int>(std::max_element(p, p + 4) - p);
    correct += best == label, loss -= std::log(p[label] / sum);
    bins[static_cast<int>(p[best] / sum * 15)] += p[best] / sum - (best == label);
    EXPECT_EQ(e.predicted[static_cast<size_t>(i)], best);
  }
  double calibration = 0;
  for (double b : bins) calibration += std::fabs(b) / 32;
  EXPECT_EQ(e.count, 32);
  EXPECT_EQ(e.correct, correct);
  EXPECT_EQ(e.correct5, 32);  // of four classes
  EXPECT_NEAR(e.loss(), loss / 32, 1e-5);
  EXPECT_NEAR(e.calibration_error, calibration, 1e-5);
  int64_t all = 0;
  for (int64_t n : e.confusion) all += n;
  EXPECT_EQ(all, 32);
  EXPECT_EQ(e.pictures, std::vector<int64_t>(4, 8));
  for (size_t c = 0; c < 4; c++) EXPECT_EQ(e.right[c], e.confusion[c * 4 + c]);
}

TEST(Plot, TicksAreRoundAndCoverTheRange) {
  EXPECT_EQ(ticks(0, 1), (std::vector<double>{0, 0.2, 0.4, 0.2 * 3, 0.8, 1}));
  EXPECT_EQ(ticks(3, 17, 7), (std::vector<double>{2, 4, 6, 8, 10, 12, 14, 16, 18}));
  for (auto [lo, hi] : {std::pair{0.913, 0.987}, {-3e-7, 5e-7}, {1e9, 1.5e9}, {0.1, 2.31}}) {
    std::vector<double> t = ticks(lo, hi);
    EXPECT_LE(t.front(), lo);
    EXPECT_GE(t.back(), hi);
    EXPECT_LE(t.size(), 9u);
  }
}

// Every element is closed, and nothing from outside goes in unescaped.
void expect_sound(const std::string& svg) {
  std::vector<std::string> open;
  for (size_t at = svg.find('<'); at != svg.npos; at = svg.find('<', at + 1)) {
    size_t end = svg.find('>', at);
    ASSERT_NE(end, svg.npos);
    std::string tag = svg.substr(at + 1, end - at - 1);
    if (tag.ends_with('/')) continue;
    std::string name = tag.substr(tag[0] == '/', tag.find(' ') - (tag[0] == '/'));
    if (tag[0] != '/') {
      open.push_back(name);
      continue;
    }
    ASSERT_EQ(open.back(), name);
    open.pop_back();
  }
  EXPECT_TRUE(open.empty());
  EXPECT_EQ(svg.find("nan"), svg.npos);
  EXPECT_EQ(svg.find("inf"), svg.npos);
  EXPECT_EQ(svg.find("<evil"), svg.npos);
}

TEST(Plot, MarksWholeEpochsAndSharesFromZeroToOne) {
  auto plot = [](const std::vector<double>& x, double share) {
    return svg({"", "epoch", "", {{"s", x, std::vector<double>(x.size(), share)}}, true});
  };
  EXPECT_EQ(plot({1, 2, 3}, 0.5).find(">1.5<"), std::string::npos);
  EXPECT_NE(plot({1, 2, 3}, 0.5).find(">2<"), std::string::npos);
  EXPECT_NE(plot({1}, 0.5).find(">1<"), std::string::npos);
  EXPECT_EQ(plot({1, 2}, 0).find(">-"), std::string::npos);
  EXPECT_EQ(plot({1, 2}, 1).find(">120 %<"), std::string::npos);
  EXPECT_NE(plot({1, 2}, 1).find(">100 %<"), std::string::npos);
}

TEST(Plot, IsSoundWhateverTheData) {
  Series normal{"a <evil> & \"b\"", {1, 2, 3}, {0.5, 0.25, 0.75}}, broken{"x", {1, 2, 3}, {NAN, HUGE_VAL, 1}},
      empty{"e", {}, {}};
  for (const std::vector<Series>& series : {std::vector<Series>{normal}, {broken}, {empty}, {}, {normal, broken, empty}})
    for (bool percent : {false, true}) expect_sound(svg({"<evil>", "x", "y", series, percent}));
  for (size_t n : {1, 2, 12, 25, 70}) {
    std::vector<std::string> names(n, "<evil>");
    expect_sound(confusion_svg(names, std::vector<int64_t>(n * n, 3)));
    expect_sound(confusion_svg(names, std::vector<int64_t>(n * n, 0)));
  }
}

}  // namespace
}  // namespace fovea
