#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "data/dataset.h"
#include "data/folders.h"

namespace fovea {
namespace {

std::string rows(int n) {  // columns: the number, a constant, its parity; class: the parity
  std::string text = "n,one,parity,class\n";
  for (int i = 0; i < n; i++)
    text += std::to_string(i * 100) + ", 1," + std::to_string(i % 2) + "," + std::to_string(i % 2) + "\n";
  return text;
}

TEST(Table, StandardisedOnTheTrainingPart) {
  TempFolder dir("table");
  dir.write("t.csv", rows(500));
  std::string spec = "table:" + dir / "t.csv";
  Dataset train = open_dataset(spec, "train"), val = open_dataset(spec, "val");
  EXPECT_EQ(train.size() + val.size(), 500);
  EXPECT_NEAR(static_cast<double>(val.size()), 100, 30);
  EXPECT_TRUE(train.table);
  EXPECT_EQ(train.classes, (std::vector<std::string>{"0", "1"}));
  EXPECT_EQ((std::vector<int>{train.h, train.w, train.channels}), (std::vector<int>{1, 3, 1}));
  double sum = 0, squares = 0, n = static_cast<double>(train.size());
  for (int64_t i = 0; i < train.size(); i++) {
    double v = train.pixels[static_cast<size_t>(3 * i)];
    sum += v, squares += v * v;
    ASSERT_EQ(train.pixels[static_cast<size_t>(3 * i + 1)], kTableMean) << "a constant column tells nothing";
    ASSERT_EQ(train.pixels[static_cast<size_t>(3 * i + 2)] > kTableMean, train.labels[static_cast<size_t>(i)] == 1);
  }
  EXPECT_NEAR(sum / n, kTableMean, 0.1);
  EXPECT_NEAR(std::sqrt(squares / n - sum / n * sum / n), kTableDeviation, 0.1);
}

TEST(Table, Bad) {
  TempFolder dir("table_bad");
  auto error = [&](const std::string& text) {
    dir.write("t.csv", text);
    return error_of([&] { open_dataset("table:" + dir / "t.csv", "train"); });
  };
  expect_error(error(""), Code::bad_file, {"no line of numbers"});
  expect_error(error("1,2,0\n1,x,0\n"), Code::bad_file, {"t.csv:2:", "need 3 numbers of at most 1e100"});
  expect_error(error("1,2,0\n1,0\n"), Code::bad_file, {"t.csv:2:", "need 3"});
  expect_error(error("1,3,0\n2,nan,0\n"), Code::bad_file, {"t.csv:2:", "at most 1e100"});
  expect_error(error("nan,2,0\n1,2,0\n"), Code::bad_file, {"t.csv:1:", "got nan,2,0"});  // no header
  expect_error(error("1,2,0\n1e200,2,0\n"), Code::bad_file, {"t.csv:2:", "at most 1e100"});
  EXPECT_EQ(error("\xEF\xBB\xBF" + rows(10)), "ok");
  expect_error(error("\xEF\xBB\xBF"
                     "1,x,0\n"),
               Code::bad_file, {"t.csv:1:"});
  expect_error(error("1,2,0.5\n"), Code::bad_file, {"t.csv:1:", "class 0.5"});
  expect_error(error("1,2,-1\n"), Code::bad_file, {"class -1"});
  expect_error(error("1,2,1e6\n"), Code::bad_file, {"class 1000000", "below 1000"});
}

TEST(Table, FirstOfEachClass) {
  Dataset d;
  d.classes = {"a", "b"}, d.labels = {1, 0, 1, 1, 0};
  EXPECT_EQ(first_of_each_class(d, 2), (std::vector<int64_t>{0, 1, 2, 4}));
  EXPECT_EQ(first_of_each_class(d, 9).size(), 5u);
}

}  // namespace
}  // namespace fovea
