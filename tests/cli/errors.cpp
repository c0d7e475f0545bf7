// What a user can get wrong, and what he is told: an exit code and one line that names the thing, within two seconds.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <regex>

#include "base/atomic_file.h"
#include "cli/run.h"
#include "cli/samples.h"
#include "io/tensor_file.h"

namespace fovea::cli_test {
namespace {

// A safetensors file whose tensors are empty.
void write_header(const std::string& path, const std::string& header) {
  std::string length;
  for (size_t i = 0; i < 8; i++) length += static_cast<char>(header.size() >> 8 * i);
  write_file(path, length + header);
}

class Errors : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir = fresh_folder("errors");
    make_pictures(dir + "/data", 8);
    make_network(dir + "/net.safetensors");
    write_file(dir + "/typo.toml", "[optim]\nleanring-rate = 0.1\n");
    write_file(dir + "/twice.toml", "[optim]\nlr = 0.1\nlr = 0.2\n");
    write_file(dir + "/text.safetensors", "<html><body>404</body></html>");
    write_file(dir + "/pointer.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n");
    write_file(dir + "/file", "x");
    std::filesystem::create_directories(dir + "/empty");
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(dir); }
  static std::string dir;

  // One readable line on standard error, nothing on standard output.
  static void expect_error(const std::vector<std::string>& args, int code, const std::string& pattern) {
    std::string what;
    for (const std::string& a : args) what += a + " ";
    SCOPED_TRACE(what);
    Result r = run(args);
    EXPECT_EQ(r.code, code) << r.err;
    EXPECT_EQ(r.out, "");
    std::string message = last_line(r.err);
    EXPECT_TRUE(message.starts_with("fovea: ")) << r.err;
    EXPECT_LE(message.size(), 310u) << message;
    for (char c : message) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20) << message;
    EXPECT_TRUE(std::regex_search(message, std::regex(pattern))) << message << "\nneed " << pattern;
    EXPECT_LT(r.seconds, 2) << message;
  }
  // Notes may come before the error; the error is the last line.
  static std::string last_line(const std::string& text) {
    EXPECT_TRUE(text.ends_with("\n")) << text;
    std::string body = text.substr(0, text.empty() ? 0 : text.size() - 1);
    return body.substr(body.rfind('\n') + 1);
  }
  static void expect_usage(const std::vector<std::string>& args, const std::string& pattern) {
    expect_error(args, 2, pattern);
  }
};
std::string Errors::dir;

TEST_F(Errors, UnknownWords) {  // CF01
  expect_usage({}, "which verb");
  expect_usage({"predcit"}, "no verb \"predcit\"; did you mean \"predict\"");
  expect_usage({"xyzzy"}, "no verb \"xyzzy\"");
  expect_usage({"--frobnicate"}, "no verb");
  expect_usage({"models", "--fromat", "json"}, "\"--fromat\"; did you mean \"--format\"");
  expect_usage({"val", "x", "--wieghts", "f"}, "did you mean \"--weights\"");
  expect_usage({"models", "--format", "jsn"}, "--format: got \"jsn\".*did you mean \"json\"");
  expect_usage({"models", "resnet5O"}, "did you mean \"resnet50\"");
  expect_usage({"predict", "resnet5O", "x.jpg"}, "did you mean \"resnet50\"");
  expect_usage({"predict", "resnet50", "x.jpg"}, "weights are missing.*--weights");
  expect_usage({"inspect", "resnet5O"}, "did you mean \"resnet50\"");
  expect_usage({"bench"}, "MODEL is missing");
  expect_usage({"predict", dir + "/net.safetensors"}, "PICTURE is missing");
  expect_usage({"predict", "photo.jpg"}, "photo.jpg stands where MODEL belongs. Try fovea predict fovea_cifar10 photo.jpg");
  expect_usage({"inspect", "resnet18", "resnet34"}, "one too many");
  expect_usage({"inspect", "resnet18", "--pass", "fold_norms"}, "did you mean \"fold_norm\"");
  expect_usage({"train", "--set", "optim.leraning-rate=1"}, "leraning-rate");
  expect_usage({"train", "-c", dir + "/typo.toml"}, "typo.toml:2.*leanring-rate");
  expect_usage({"train", "--model", "resnet20_cifer", "--data", "folder:" + dir + "/data"}, "resnet20_cifar");
}

TEST_F(Errors, ValuesOutOfRange) {  // CF02
  for (const char* value : {"-1", "nan", "fast", "1e9"}) expect_usage({"train", "--lr", value}, "^fovea: --lr: got");
  for (const char* value : {"0", "1000000000", "2.5", "-3", ""}) expect_usage({"train", "--epochs", value}, "epochs: got");
  for (const char* value : {"0", "-1", "1000000", "x"})
    expect_usage({"predict", dir + "/net.safetensors", "x", "--image-size", value}, "--image-size: got");
  for (const char* value : {"0", "5000000000"}) expect_usage({"bench", "resnet18", "--batch", value}, "--batch: got.*1 to");
  for (const char* value : {"0", "1000000", "two"})
    expect_usage({"bench", "resnet18", "--threads", value}, "--threads: got.*1 to 256");
  expect_usage({"predict", dir + "/net.safetensors", "x", "--mean", "0.5,0.5"}, "--mean: got 2 numbers, need 1 or 3");
  expect_usage({"predict", dir + "/net.safetensors", "x", "--topk", "0"}, "--topk: got");
  expect_usage({"predict", dir + "/net.safetensors", "x", "--topk"}, "--topk: the value is missing");
  expect_usage({"predict", dir + "/net.safetensors", "x", "--classes", "a,b,c"}, "got 3 names, need 2");
  expect_usage({"bench", "resnet18", "--mem-limit", "lots"}, "--mem-limit: got \"lots\"");
  expect_usage({"bench", "resnet18", "--layers=yes"}, "--layers: takes no value");
  expect_usage({"train", "--model", "cnn_mnist", "--config="}, "--config: the value is empty");
  expect_usage({"train", "--model", "cnn_mnist", "--data", "folder:" + dir + "/data", "--aa", "x"}, "^fovea: aa: got \"x\"");
  expect_usage({"train", "--model", "cnn_mnist", "--data", "folder:" + dir + "/data", "--batch-size", "4", "--decay-scopes",
                "[a=1", "--output", dir + "/never"},
               "decay-scopes: \"\\[a\" matches no parameter of cnn_mnist");
}

TEST_F(Errors, Recipes) {  // CF03
  expect_usage({"train", "-c", dir + "/twice.toml"}, "twice.toml:3");
  expect_usage({"train", "--data", "folder:" + dir + "/data"}, "model");
  expect_usage({"train", "--model", "cnn_mnist"}, "data");
  expect_usage({"val", dir + "/net.safetensors"}, "--data is missing");
  expect_usage({"val", dir + "/net.safetensors", "--data", "foldr:x"}, "folder");
}

TEST_F(Errors, Contradictions) {  // CF05
  expect_usage({"train", "--resume", dir, "-c", "x.toml"}, "--resume.*--config");
  expect_usage({"train", "--resume", dir, "--init", "x"}, "--resume.*--init");
  expect_usage({"predict", "fovea_cifar10", "--key", "x", "x.png"}, "fovea_cifar10: is safetensors, which has no key \"x\"");
  expect_usage({"predict", dir + "/net.safetensors", "--key", "x", "x.png"}, "which has no key \"x\"");
  expect_usage({"inspect", "resnet18", "--key", "x"}, "--key: there is no weight file");
  expect_usage({"train", "--resume", dir + "/empty"}, "not the folder of a run");
  expect_usage({"val", "resnet18", "--weights", dir + "/net.safetensors", "--data", "mnist:x"},
               "weights of cnn_mnist, not of resnet18");
}

TEST_F(Errors, OutputsThatCannotBe) {  // CF06: before any work
  std::string data = "folder:" + dir + "/data";
  auto train_to = [&](const std::string& where) {
    return std::vector<std::string>{"train", "--model", "cnn_mnist", "--data", data, "--batch-size", "4", "--output", where};
  };
  expect_usage(train_to(dir + "/file"), "/file: is not a folder");
  std::filesystem::create_directories(dir + "/mine");
  write_file(dir + "/mine/report.html", "dear to somebody");
  expect_usage(train_to(dir + "/mine"), "holds a report.html already");
  EXPECT_EQ(read_file(dir + "/mine/report.html"), "dear to somebody");
  expect_error(train_to("/proc/run"), 5, "/proc/run");
  expect_usage({"inspect", "cnn_mnist", "--svg", dir + "/nowhere/x.svg"}, "nowhere");
  expect_usage({"inspect", "cnn_mnist", "--svg", dir + "/empty"}, "empty");
}

TEST_F(Errors, Files) {
  expect_error({"predict", dir + "/none.safetensors", "x"}, 3, "none.safetensors");
  expect_error({"predict", dir + "/text.safetensors", "x"}, 3, "HTML");
  expect_error({"inspect", dir + "/pointer.safetensors"}, 3, "git-lfs");
  expect_error({"predict", dir + "/data/val/dark/0.png", "x"}, 3, "PNG image, not weights");
  expect_error({"predict", dir + "/net.safetensors", dir + "/empty"}, 3, "no JPEG, PNG or WebP");
  expect_usage({"predict", dir + "/net.safetensors", dir + "/*.xyz"}, "no file matches");
  expect_error({"val", dir + "/net.safetensors", "--data", "folder:" + dir + "/empty"}, 3, "empty");
  expect_error({"inspect", dir + "/empty"}, 3, "is a folder, need a weight file");
  expect_error({"predict", dir + "/net.safetensors", "--classes", "none.txt", dir + "/data"}, 3, "none.txt");
  expect_error({"verify", dir + "/empty"}, 3, "holds no fixtures");
  expect_error({"train", "--model", "resnet20_cifar", "--data", "folder:" + dir + "/data", "--batch-size", "4", "--init",
                dir + "/net.safetensors", "--output", dir + "/never"},
               3, "do not fit");
  EXPECT_FALSE(std::filesystem::exists(dir + "/never"));
  Result r = run({"verify", dir + "/none.json"});
  EXPECT_EQ(r.code, 7);
  EXPECT_TRUE(r.out.ends_with("0 passed, 1 failed\n")) << r.out;
}

// In a folder, a fixture of a model that fovea does not have is skipped; as a file of its own it has failed.
TEST_F(Errors, FixturesOfModelsThatAreNotBuilt) {
  std::string folder = dir + "/fixtures", later = folder + "/later.json", damaged = folder + "/damaged.json";
  std::filesystem::create_directories(folder);
  write_file(later, R"({"model": "later_net", "hashfill": 1, "params": 1, "state": [], "input_shape": [1, 3, 8, 8],
                        "logits": [[0]], "argmax": [0], "logits_mean": 0, "logits_std": 0, "f32_err": 0,
                        "fill_exceptions": {}})");
  Result r = run({"verify", folder});
  EXPECT_EQ(r.code, 7) << r.err;  // nothing compared is no success
  EXPECT_TRUE(std::regex_search(r.out, std::regex("^skip  later_net +model not built\n0 passed, 0 failed, 1 of models not")))
      << r.out;
  EXPECT_TRUE(std::regex_search(run({"verify", folder, "--json"}).out, std::regex("\"result\": \"skip\"")));
  r = run({"verify", later});
  EXPECT_EQ(r.code, 7);
  EXPECT_TRUE(std::regex_search(r.out, std::regex("^FAIL  later_net .*no model"))) << r.out;
  EXPECT_TRUE(r.out.ends_with("\n0 passed, 1 failed\n")) << r.out;
  write_file(damaged, "{");
  r = run({"verify", folder});
  EXPECT_EQ(r.code, 7);
  EXPECT_TRUE(r.out.ends_with("\n0 passed, 1 failed, 1 of models not built\n")) << r.out;
  std::filesystem::remove_all(folder);
}

TEST_F(Errors, MemoryIsCheckedBeforeAnything) {  // TR11
  expect_error({"bench", "vit_base_patch16_224", "--mem-limit", "100M"}, 5, "needs .* the limit is 100.0 MiB.*--batch");
  expect_error({"train", "--model", "resnet20_cifar", "--image-size", "32", "--data", "folder:" + dir + "/data",
                "--batch-size", "8", "--mem-limit", "1M", "--output", dir + "/never"},
               5, "limit is 1.0 MiB.*batch-size");
  EXPECT_FALSE(std::filesystem::exists(dir + "/never"));
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which reserve terabytes
TEST_F(Errors, AddressSpace) {                                       // CF07
  Result r = run({"bench", "vit_base_patch16_224", "--runs", "1", "--threads", "1"}, {.address_space = 300 << 20});
  EXPECT_EQ(r.code, 5);
  EXPECT_TRUE(std::regex_search(r.err, std::regex("memory"))) << r.err;
  std::string header;
  for (int i = 0; i < 100000; i++)
    header += fmt::format("{}\"layer.{}\":{{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}", i ? "," : "{", i);
  write_header(dir + "/many.safetensors", header + "}");
  r = run({"inspect", dir + "/many.safetensors"}, {.address_space = 150 << 20});
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(std::count(r.out.begin(), r.out.end(), '\n'), 100007);
  r = run({"models"}, {.stack = 256 << 10});
  EXPECT_EQ(r.code, 5);
  EXPECT_NE(r.err.find("ulimit -s"), std::string::npos) << r.err;
}

#endif

TEST_F(Errors, FileSize) {  // CF07
  Result r = run({"inspect", "resnet50", "--svg", dir + "/large.svg"}, {.file_size = 4096});
  EXPECT_EQ(r.code, 5) << r.err;
  EXPECT_FALSE(std::filesystem::exists(dir + "/large.svg"));
}

// Whatever a file is called, a message stays one line without control bytes, and JSON stays JSON.
TEST_F(Errors, NamesThatHurt) {  // IM10
  std::string odd = dir +
                    "/a\n\x1b"
                    "red\xff.png";
  std::filesystem::copy_file(dir + "/data/val/dark/0.png", odd, std::filesystem::copy_options::overwrite_existing);
  Result r = run({"predict", dir + "/net.safetensors", odd});
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.out.find('\x1b'), std::string::npos);
  EXPECT_NE(r.out.find("\\x1b"), std::string::npos);
  r = run({"predict", dir + "/net.safetensors", odd + ".nix"});
  EXPECT_EQ(r.code, 3);
  EXPECT_EQ(std::count(r.err.begin(), r.err.end(), '\n'), 1) << r.err;
  r = run({"predict", dir + "/net.safetensors", "--", "-dash.png"});
  EXPECT_EQ(r.code, 3);
  EXPECT_NE(r.err.find("-dash.png"), std::string::npos);
}

TEST_F(Errors, NamesOfTensorsThatHurt) {  // ST07, IM10
  std::string header =
      R"({"__metadata__":{"a\u202eb":"c\u2066d"},"x\u202egnp":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},")" +
      std::string(5000, 'n') + R"(":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})";
  write_header(dir + "/odd.safetensors", header);
  Result r = run({"inspect", dir + "/odd.safetensors"});
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_NE(r.out.find("x\\xe2\\x80\\xaegnp"), std::string::npos) << r.out;
  EXPECT_EQ(r.out.find('\xe2'), std::string::npos) << r.out;
  EXPECT_NE(r.out.find("nnn...nnn"), std::string::npos) << r.out;
  EXPECT_EQ(r.out.find(std::string(200, 'n')), std::string::npos) << r.out;
  EXPECT_NE(run({"inspect", dir + "/odd.safetensors", "--json"}).out.find(std::string(5000, 'n')), std::string::npos);
}

// A long message loses its middle: what it is about and what to do about it both stay, in whole characters.
TEST_F(Errors, LongMessagesKeepTheirHint) {
  std::string deep = dir;
  for (int i = 0; i < 40; i++) deep += "/猫猫猫猫猫猫猫猫猫猫";
  Result r = run({"verify", deep + "/none.json"});
  EXPECT_TRUE(r.out.starts_with("FAIL  ")) << r.out;
  r = run({"train", "--model", "cnn_mnist", "--data", deep});
  EXPECT_EQ(r.code, 2);
  EXPECT_TRUE(r.err.starts_with("fovea: data \"" + dir.substr(0, 20))) << r.err;
  EXPECT_TRUE(r.err.ends_with("cifar10:DIR, mnist:DIR, fashion-mnist:DIR or table:FILE\n")) << r.err;
  EXPECT_EQ(r.err.find("\\x"), std::string::npos) << r.err;
}

TEST_F(Errors, WeightsThatAreNotFiniteAreToldOnce) {  // ST18
  auto file = TensorFile::open(dir + "/net.safetensors");
  std::vector<std::vector<float>> values;
  std::vector<TensorOut> tensors;
  for (const TensorEntry& t : file->tensors()) {
    file->read(t, values.emplace_back(static_cast<size_t>(t.count())).data());
    values.back()[0] = NAN;
    tensors.push_back({t.name, FileType::f32, t.shape, values.back().data()});
  }
  auto metadata = file->metadata();
  metadata.erase("fovea.crc32c");
  write_safetensors(dir + "/nan.safetensors", tensors, metadata);
  std::string warning =
      fmt::format("fovea: {}/nan.safetensors: {} numbers are not finite, the first in ", dir, tensors.size());
  struct {
    std::vector<std::string> args;
    int code, lines;
  } table[] = {{{"predict", "", dir + "/data/val/dark/0.png"}, 3, 2},  // and the picture has no answer
               {{"val", "", "--data", "folder:" + dir + "/data"}, 0, 1},
               {{"bench", "", "--runs", "1"}, 0, 1}};
  for (auto& [args, code, lines] : table) {
    args[1] = dir + "/nan.safetensors";
    Result r = run(args);
    EXPECT_EQ(r.code, code) << r.err;
    EXPECT_TRUE(r.err.starts_with(warning)) << args[0] << ": " << r.err;
    EXPECT_EQ(std::count(r.err.begin(), r.err.end(), '\n'), lines) << args[0] << ": " << r.err;
  }
}

TEST_F(Errors, OrientationTagsAreToldOnce) {  // IM06
  std::string data = dir + "/turned", network = dir + "/net.safetensors";
  make_pictures(data, 8);
  for (const char* split : {"/train", "/val"})
    for (const char* copy : {"/dark/a.jpg", "/dark/b.jpg", "/bright/c.jpg"})
      std::filesystem::copy_file("tests/fuzz/corpus/fuzz_image/exif6.jpg", data + split + copy);
  for (std::vector<std::string> args :
       {std::vector<std::string>{"predict", network, data + "/val"},
        {"val", network, "--data", "folder:" + data},
        {"train", "--model", "cnn_mnist", "--data", "folder:" + data, "--batch-size", "4", "--epochs", "2"}}) {
    for (bool apply : {false, true}) {
      if (args[0] == "train") args.insert(args.end(), {"--output", data + (apply ? "/run1" : "/run2")});
      if (apply) args.insert(args.end(), {"--exif", "apply"});
      Result r = run(args);
      EXPECT_EQ(r.code, 0) << r.err;
      size_t told = 0;
      for (size_t at = 0; (at = r.err.find("orientation tag, which is ignored. --exif apply", at)) != r.err.npos; at++)
        told++;
      EXPECT_EQ(told, apply ? 0u : 1u) << args[0] << ": " << r.err;
    }
  }
}

// One bad picture never hides the others.
TEST_F(Errors, BadPicturesAreReportedAndTheOthersGoOn) {
  std::string good = dir + "/data/val/dark/0.png";
  Result r = run(
      {"predict", dir + "/net.safetensors", good, dir + "/file", dir + "/nix.jpg", good, "--format", "csv", "--topk", "1"});
  EXPECT_EQ(r.code, 3);
  EXPECT_EQ(std::count(r.err.begin(), r.err.end(), '\n'), 2) << r.err;
  EXPECT_EQ(std::count(r.out.begin(), r.out.end(), '\n'), 3) << r.out;  // header, two pictures
}

TEST_F(Errors, HintsAtWhatIsMissing) {
  std::string data = dir + "/flat", network = dir + "/net.safetensors", picture = dir + "/data/val/dark/0.png";
  for (const char* file : {"/dark/0.png", "/dark/1.png", "/bright/0.png"}) {
    std::filesystem::create_directories(std::filesystem::path(data + file).parent_path());
    std::filesystem::copy_file(dir + "/data/val" + file, data + file);
  }
  EXPECT_NE(run({"val", network, "--data", "folder:" + data}).err.find("has no val/ or test/"), std::string::npos);
  EXPECT_EQ(run({"val", network, "--data", "folder:" + dir + "/data"}).err, "");
  write_file(data + "/photo.heic", "x");
  EXPECT_NE(run({"predict", network, data}).err.find("1 files, the first is " + data + "/photo.heic"), std::string::npos);
  EXPECT_EQ(run({"predict", network, picture}).err, "");
  std::filesystem::create_directories(dir + "/a_run/checkpoints");
  expect_error({"predict", dir + "/a_run", picture}, 3, "is a folder, need a weight file or the name of a model$");
  std::filesystem::copy_file(network, dir + "/a_run/checkpoints/best.safetensors");
  expect_error({"predict", dir + "/a_run", picture}, 3, "Try .*/a_run/checkpoints/best.safetensors");
}

TEST_F(Errors, StandardInput) {  // IM11
  EXPECT_EQ(run({"predict", dir + "/net.safetensors", "-"}).code, 3);
  EXPECT_EQ(run({"predict", dir + "/net.safetensors", "-"}, {.input = "no picture"}).code, 3);
  Result r = run({"predict", dir + "/net.safetensors", "-"}, {.input = read_file(dir + "/data/val/dark/0.png")});
  EXPECT_EQ(r.code, 0) << r.err;
}

TEST_F(Errors, ClosedStreams) {  // CF11
  std::vector<std::string> many = {"predict", dir + "/net.safetensors", "--batch", "1", "--format", "jsonl"};
  for (int i = 0; i < 40; i++) many.push_back(dir + "/data/val");
  Result quiet = run(many, {.hang_up = true});
  EXPECT_EQ(quiet.code, 141);
  EXPECT_EQ(quiet.err, "");
  EXPECT_EQ(run({"models"}, {.close_out = true}).code, 0);
  EXPECT_EQ(run({"nonsense"}, {.close_err = true}).code, 2);
  Result r = run({"models", "--json"}, {.close_err = true});
  EXPECT_EQ(r.code, 0);
  EXPECT_GT(r.out.size(), 1000u);
}

}  // namespace
}  // namespace fovea::cli_test
