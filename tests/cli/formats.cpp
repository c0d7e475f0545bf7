// What the verbs print: help, tables for people, JSON and CSV for programs; the same numbers whatever the batch or threads.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "base/atomic_file.h"
#include "cli/run.h"
#include "cli/samples.h"

namespace fovea::cli_test {
namespace {

using nlohmann::json;

const std::vector<std::string> kVerbs = {"bench",  "doctor",  "export", "features", "inspect",
                                         "models", "predict", "train",  "val",      "verify"};

std::vector<std::string> lines(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

class Formats : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir = fresh_folder("formats");
    make_pictures(dir, 5);
    network = dir + "/net.safetensors";
    make_network(network);
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(dir); }
  static json parsed(const std::vector<std::string>& args) {
    Result r = run(args);
    EXPECT_EQ(r.code, 0) << r.err;
    return json::parse(r.out, nullptr, false);
  }
  static std::string dir, network;
};
std::string Formats::dir, Formats::network;

TEST_F(Formats, Help) {
  Result r = run({"--help"});
  EXPECT_EQ(r.code, 0);
  EXPECT_EQ(r.err, "");
  for (const std::string& verb : kVerbs) EXPECT_NE(r.out.find("\n  " + verb + " "), std::string::npos) << verb;
  for (const std::string& verb : kVerbs) {
    Result v = run({verb, "--help"});
    EXPECT_EQ(v.code, 0) << verb;
    EXPECT_TRUE(v.out.starts_with("Usage: fovea " + verb)) << v.out.substr(0, 80);
    EXPECT_NE(v.out.find("--format table|json|jsonl|csv"), std::string::npos) << verb;
    for (const std::string& line : lines(v.out)) EXPECT_LE(line.size(), 140u) << line;
    EXPECT_EQ(run({verb, "-h"}).out, v.out);
    EXPECT_EQ(run({"help", verb}).out, v.out);
  }
}

TEST_F(Formats, HelpIsFast) {
  double best = 1;
  for (int i = 0; i < 5; i++) best = std::min(best, run({"--help"}).seconds);
  EXPECT_LT(best, 0.05);
}

TEST_F(Formats, ModelsInEveryFormat) {
  json all = parsed({"models", "resnet*", "--json"});
  ASSERT_GT(all.size(), 5u);
  for (const json& m : all) EXPECT_TRUE(m.at("name").get<std::string>().starts_with("resnet"));
  auto found = std::ranges::find(all, "resnet50", [](const json& m) { return m.at("name").get<std::string>(); });
  ASSERT_NE(found, all.end());
  const json& resnet50 = *found;
  EXPECT_EQ(resnet50.at("params"), 25557032);
  EXPECT_EQ(resnet50.at("macs"), 4089184256);
  Result csv = run({"models", "resnet*", "--format", "csv"}), rows = run({"models", "resnet*", "--format", "jsonl"});
  EXPECT_EQ(lines(csv.out).size(), all.size() + 1);
  EXPECT_EQ(lines(csv.out)[0], "name,family,params,macs,height,width,channels,classes,paper,verified");
  ASSERT_EQ(lines(rows.out).size(), all.size());
  for (size_t i = 0; i < all.size(); i++) EXPECT_EQ(json::parse(lines(rows.out)[i]), all[i]);
}

TEST_F(Formats, PredictSaysTheSameInEveryFormat) {
  json all = parsed({"predict", network, dir + "/val", "--json"});
  ASSERT_EQ(all.size(), 10u);
  EXPECT_EQ(all[0].at("file"), dir + "/val/bright/0.png");
  for (const json& p : all) {
    ASSERT_EQ(p.at("top").size(), 2u);  // two classes: no more to name
    double sum = 0;
    for (const json& guess : p.at("top")) sum += guess.at("probability").get<double>();
    EXPECT_NEAR(sum, 1, 1e-5);
    EXPECT_GE(p.at("top")[0].at("probability"), p.at("top")[1].at("probability"));
    int index = p.at("top")[0].at("index");
    EXPECT_EQ(p.at("top")[0].at("class"), index == 0 ? "bright" : "dark");
  }
  Result rows = run({"predict", network, dir + "/val", "--format", "jsonl"});
  ASSERT_EQ(lines(rows.out).size(), 10u);
  for (size_t i = 0; i < 10; i++) EXPECT_EQ(json::parse(lines(rows.out)[i]), all[i]);
  Result csv = run({"predict", network, dir + "/val", "--format", "csv"});
  EXPECT_EQ(lines(csv.out).size(), 21u);
}

TEST_F(Formats, PredictIsTheSameForAnyBatchAndThreads) {
  std::string want = run({"predict", network, dir + "/val", "--format", "csv", "--batch", "1", "--threads", "1"}).out;
  for (const char* batch : {"2", "3", "10"})
    for (const char* threads : {"1", "3"})
      EXPECT_EQ(run({"predict", network, dir + "/val", "--format", "csv", "--batch", batch, "--threads", threads}).out, want)
          << batch << " " << threads;
  std::string glob = run({"predict", network, dir + "/val/*/*.png", "--format", "csv"}).out;
  EXPECT_EQ(glob, want);
}

TEST_F(Formats, CardChangesReachTheNetwork) {
  std::vector<std::string> base = {"predict", network, dir + "/val/dark/0.png", "--format", "csv"};
  std::string want = run(base).out;
  for (std::vector<std::string> change :
       std::vector<std::vector<std::string>>{{"--mean", "0.9"}, {"--std", "0.1,0.1,0.1"}, {"--crop-pct", "0.5"}}) {
    std::vector<std::string> args = base;
    args.insert(args.end(), change.begin(), change.end());
    Result r = run(args);
    EXPECT_EQ(r.code, 0) << r.err;
    EXPECT_NE(r.out, want) << change[0];
  }
}

TEST_F(Formats, FeaturesOfEveryLayerOrOfSome) {
  json all = parsed({"features", network, "--data", "folder:" + dir, "--images", "3", "--json"});
  EXPECT_EQ(all.at("pictures"), 3);
  EXPECT_GT(all.at("layers").size(), 3u);
  for (const json& l : all.at("layers")) {
    double distance = l.at("distance").get<double>();
    EXPECT_TRUE(distance >= 0 && distance <= 1) << l;
    EXPECT_GT(l.at("std").get<double>(), 0) << l;
  }
  std::string last = all.at("layers").back().at("layer");
  json one = parsed({"features", network, "--data", "folder:" + dir, "--layers", last, "--json"});
  EXPECT_EQ(one.at("layers").size(), 1u);
  EXPECT_EQ(run({"features", network, "--data", "folder:" + dir, "--layers", "nothing"}).code, 2);
}

// For inference a scale behind a layer becomes part of it, which then has another name.
TEST_F(Formats, FeaturesGoByTheNamesOfTheDefinition) {
  std::string scaled = dir + "/scaled.safetensors";
  make_network(scaled, "convnext_micro");
  json inside = parsed({"features", scaled, "--data", "folder:" + dir, "--layers", "*.mlp.fc2", "--json"});
  EXPECT_EQ(inside.at("layers").size(), 5u);
}

TEST_F(Formats, ValCounts) {
  json v = parsed({"val", network, "--data", "folder:" + dir, "--format", "json"});
  EXPECT_EQ(v.at("count"), 10);
  EXPECT_EQ(v.at("correct5"), 10);
  EXPECT_EQ(v.at("top5"), 100);
  EXPECT_DOUBLE_EQ(v.at("top1").get<double>(), v.at("correct").get<double>() * 10);
  int64_t correct = 0;
  for (const json& c : v.at("per_class")) correct += c.at("correct").get<int64_t>();
  EXPECT_EQ(v.at("correct"), correct);
  EXPECT_EQ(v.at("per_class").size(), 2u);
  // The same count from the single predictions.
  int64_t right = 0;
  for (const json& p : parsed({"predict", network, dir + "/val", "--json"}))
    right +=
        p.at("file").get<std::string>().find("/" + p.at("top")[0].at("class").get<std::string>() + "/") != std::string::npos;
  EXPECT_EQ(right, correct);
}

TEST_F(Formats, InspectRewritesFirst) {
  auto has_norm = [](const json& m) { return m.at("layers").dump().find("batch_norm") != std::string::npos; };
  EXPECT_TRUE(has_norm(parsed({"inspect", "resnet18", "--json"})));
  json folded = parsed({"inspect", "resnet18", "--json", "--pass", "fold_norm,inference"});
  EXPECT_FALSE(has_norm(folded));
  EXPECT_EQ(folded.at("params"), parsed({"inspect", "resnet18", "--json"}).at("params"));
}

TEST_F(Formats, InspectAddsUp) {
  json m = parsed({"inspect", "resnet18", "--no-winograd", "--json"}), fast = parsed({"inspect", "resnet18", "--json"});
  int64_t params = 0, macs = 0;
  for (const json& l : m.at("layers")) params += l.at("params").get<int64_t>(), macs += l.at("macs").get<int64_t>();
  EXPECT_EQ(params, 11689512);  // torchvision's
  EXPECT_EQ(m.at("params"), params);
  EXPECT_EQ(m.at("macs"), macs);
  int64_t weights = m.at("weights_bytes"), activations = m.at("activations_bytes"), peak = m.at("peak_bytes");
  EXPECT_EQ(weights, (params + 2 * 4800) * 4);  // and the running statistics of 4,800 channels
  EXPECT_GE(peak, weights + activations);
  EXPECT_LE(peak, weights + activations + (20 << 20));   // packing one layer needs that layer twice
  EXPECT_GT(fast.at("peak_bytes"), m.at("peak_bytes"));  // transformed weights are larger ...
  EXPECT_LE(fast.at("peak_bytes"), peak + (16 << 20));   // ... within limits
  json f = parsed({"inspect", network, "--tensors", "--json"});
  EXPECT_EQ(f.at("format"), "safetensors");
  EXPECT_EQ(f.at("not_finite"), 0);
  EXPECT_TRUE(f.at("metadata").contains("fovea.model"));
  int64_t values = 0;
  for (const json& t : f.at("tensor_list")) values += t.at("count").get<int64_t>();
  EXPECT_EQ(f.at("values"), values);
  EXPECT_EQ(parsed({"inspect", network, "--json"}).at("classes"), 2);
  json part = parsed({"inspect", "resnet18", "--features", "--json"});
  EXPECT_EQ(part.at("features").size(), 5u);
  EXPECT_EQ(part.at("features")[2],
            json({{"feature", "layer2"}, {"stride", 8}, {"channels", 128}, {"output", {1, 28, 28, 128}}}));
  EXPECT_EQ(part.at("params"), 11689512 - 513000);  // without the classifier
  EXPECT_EQ(parsed({"inspect", "resnet18", "--no-head", "--json"}).at("params"), part.at("params"));
}

TEST_F(Formats, DrawingsHoldEveryLayerOfScope) {
  std::string svg = dir + "/graph.svg";
  json m = parsed({"inspect", "resnet18", "--json", "--svg", svg});
  std::string text = read_file(svg);
  EXPECT_TRUE(text.starts_with("<svg"));
  EXPECT_TRUE(text.ends_with("</svg>\n"));
  for (const char* name : {"layer1.0.conv1", "layer4.1.conv2", "layer2.0.downsample.0", ">fc<"})
    EXPECT_NE(text.find(name), std::string::npos) << name;
}

TEST_F(Formats, BenchAndDoctor) {
  json b = parsed({"bench", network, "--runs", "3", "--layers", "--json"});
  EXPECT_GT(b.at("median_ms"), 0);
  EXPECT_LE(b.at("min_ms"), b.at("median_ms"));
  EXPECT_GT(b.at("peak_gflop_per_second"), 1);
  EXPECT_EQ(b.at("runs"), 3);
  EXPECT_GT(b.at("layers").size(), 3u);
  for (const json& l : b.at("layers")) EXPECT_TRUE(l.at("kernel").is_string());
  // A bar for every step in both halves of the drawing, and the identity of its figures.
  const std::string svg = dir + "/efficiency.svg";
  const size_t steps = parsed({"bench", network, "--runs", "1", "--layers", "--svg", svg, "--json"}).at("layers").size();
  const std::string text = read_file(svg);
  EXPECT_TRUE(text.starts_with("<svg") && text.ends_with("</svg>\n"));
  size_t bars = 0;
  for (size_t at = 0; (at = text.find("FLOP/byte</title>", at)) != text.npos; at++) bars++;
  EXPECT_EQ(bars, 2 * steps);
  double ms = 0, work = 0, peak = 0, share = 0;
  const size_t line = text.find(" ms = ");
  ASSERT_EQ(std::sscanf(text.c_str() + text.rfind('>', line) + 1, "%lf ms = %lf GFLOP / (%lf GFLOP/s x %lf %%)", &ms, &work,
                        &peak, &share),
            4);
  EXPECT_NEAR(ms, 1e3 * work / (peak * share / 100), 0.1 * ms);
  json t = parsed({"bench", "cnn_mnist", "--train", "--batch", "4", "--runs", "2", "--json"});
  EXPECT_EQ(t.at("mode"), "train");
  EXPECT_GT(t.at("gflop"),
            2 * parsed({"bench", "cnn_mnist", "--batch", "4", "--runs", "1", "--json"}).at("gflop").get<double>());
  json d = parsed({"doctor", "--json", "--isa", "portable"});
  bool found = false;
  for (const json& row : d) found = found || (row.at("what") == "instructions used" && row.at("value") == "portable");
  EXPECT_TRUE(found);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // whose own memory is larger
TEST_F(Formats, PredictTakesTheMemoryThatWasPlanned) {
  std::string file = dir + "/resnet50.safetensors";
  make_network(file, "resnet50");
  json plan = parsed({"inspect", file, "--json"});
  Result r = run({"predict", file, dir + "/val/dark/0.png", "--verbose"});
  ASSERT_EQ(r.code, 0) << r.err;
  std::smatch found;  // what wait4() tells would include this process, from which it was forked
  ASSERT_TRUE(std::regex_search(r.err, found, std::regex("peak resident memory ([0-9.]+) MiB"))) << r.err;
  double weights = plan.at("weights_bytes"), activations = plan.at("activations_bytes"), peak = std::stod(found[1]) * 0x1p20;
  EXPECT_LE(peak, weights + 1.3 * activations + 40e6);
  EXPECT_GE(peak, weights);
  std::filesystem::remove(file);
}
#endif

TEST_F(Formats, TheNetworkWithin) {
  json net = parsed({"inspect", "fovea_cifar10", "--json"});
  EXPECT_EQ(net.at("classes"), 10);
  json p = parsed({"predict", "fovea_cifar10", dir + "/val/dark/0.png", "--json"});
  EXPECT_EQ(p[0].at("top").size(), 5u);
  std::set<std::string> known = {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};
  for (const json& guess : p[0].at("top")) EXPECT_EQ(known.count(guess.at("class")), 1u) << guess;
}

TEST_F(Formats, NoBarWithoutATerminal) {
  std::vector<std::string> args = {"val", network, "--data", "folder:" + dir};
  EXPECT_EQ(run(args).err, "");
  EXPECT_NE(run(args, {.environment = {"TERM=xterm"}, .terminal = true}).err.find("pictures/s"), std::string::npos);
  EXPECT_EQ(run(args, {.environment = {"TERM=dumb"}, .terminal = true}).err, "");
}

}  // namespace
}  // namespace fovea::cli_test
