// Weight files that must load, value by value.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <thread>

#include "base/atomic_file.h"
#include "base/error.h"
#include "io/tensor_file.h"
#include "weights_builders.h"

namespace fovea::test {
namespace {

using Floats = std::vector<float>;

std::unique_ptr<TensorFile> open(const std::string& bytes, const TensorFileOptions& options = {}) {
  return TensorFile::open(in_memory(bytes, "test.pth"), options);
}

Floats values(const TensorFile& file, const std::string& name) {
  const TensorEntry* t = file.find(name);
  if (!t) return {};
  Floats out(static_cast<size_t>(t->count()));
  file.read(*t, out.data());
  return out;
}

std::vector<std::string> names(const TensorFile& file) {
  std::vector<std::string> out;
  for (const TensorEntry& t : file.tensors()) out.push_back(t.name);
  return out;
}

struct Folder {  // a fresh one, removed at the end
  std::string path = std::filesystem::temp_directory_path() / ("fovea_weights_" + std::to_string(::getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
};

TEST(FileTypes, NamesAndSizesBelongTogether) {
  EXPECT_EQ(file_type_from("BF16"), FileType::bf16);
  EXPECT_EQ(file_type_from("F8_E4M3"), std::nullopt);
  EXPECT_STREQ(file_type_name(FileType::boolean), "BOOL");
  for (const char* name : {"F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL"}) {
    auto type = file_type_from(name);
    ASSERT_TRUE(type) << name;
    EXPECT_STREQ(file_type_name(*type), name);
    size_t bits = std::string(name) == "BOOL"
                      ? 8
                      : std::stoul(std::string(name).substr(std::string(name).find_first_of("0123456789")));
    EXPECT_EQ(file_type_bytes(*type), bits / 8) << name;
  }
}

// Every half, against the value that its three fields spell.
TEST(FileTypes, EveryHalf) {
  for (uint32_t h = 0; h < 65536; h++) {
    auto half = static_cast<uint16_t>(h);
    float got;
    convert_to_f32(FileType::f16, &half, &got, 1);
    int exponent = static_cast<int>(h >> 10 & 31), mantissa = static_cast<int>(h & 1023);
    double need = exponent == 31  ? (mantissa ? NAN : INFINITY)
                  : exponent == 0 ? std::ldexp(mantissa, -24)
                                  : std::ldexp(1024 + mantissa, exponent - 25);
    if (h & 0x8000) need = -need;
    if (std::isnan(need)) {
      EXPECT_TRUE(std::isnan(got));
    } else {
      ASSERT_EQ(got, static_cast<float>(need)) << h;
      ASSERT_EQ(std::signbit(got), std::signbit(need)) << h;
    }
  }
}

TEST(Safetensors, EveryTypeAndAnyAlignment) {
  std::string data = "\x7f";  // a byte in front, so that nothing is aligned
  std::string header = R"({"__metadata__":{"format":"pt","é":"ü"},"first":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  auto add = [&](const std::string& name, const std::string& bytes, size_t count) {
    header += ",\"" + name + "\":{\"dtype\":\"" + name + "\",\"shape\":[" + std::to_string(count) + "],\"data_offsets\":[" +
              std::to_string(data.size()) + "," + std::to_string(data.size() + bytes.size()) + "]}";
    data += bytes;
  };
  add("F32", raw(Floats{1.5f, -INFINITY}), 2);
  add("F64", raw(std::vector<double>{1e-3, 1e300}), 2);
  add("F16", raw(std::vector<uint16_t>{0x3C00, 0xC000}), 2);
  add("BF16", raw(std::vector<uint16_t>{0x3F80, 0xC000}), 2);
  add("I64", raw(std::vector<int64_t>{int64_t{1} << 40, -7}), 2);
  add("I32", raw(std::vector<int32_t>{1 << 30, -7}), 2);
  add("I16", raw(std::vector<int16_t>{300, -7}), 2);
  add("I8", raw(std::vector<int8_t>{100, -7}), 2);
  add("U64", raw(std::vector<uint64_t>{uint64_t{1} << 63}), 1);
  add("U32", raw(std::vector<uint32_t>{uint32_t{1} << 31}), 1);
  add("U16", raw(std::vector<uint16_t>{65535}), 1);
  add("U8", raw(std::vector<uint8_t>{255}), 1);
  add("BOOL", raw(std::vector<uint8_t>{1, 0, 2}), 3);
  auto file = open(safetensors(header + "}", data));
  EXPECT_EQ(file->format(), "safetensors");
  EXPECT_EQ(file->metadata(), (std::map<std::string, std::string>{{"format", "pt"}, {"é", "ü"}}));
  EXPECT_EQ(values(*file, "first"), (Floats{127}));
  EXPECT_EQ(values(*file, "F32"), (Floats{1.5f, -INFINITY}));
  EXPECT_EQ(values(*file, "F64"), (Floats{1e-3f, INFINITY}));
  EXPECT_EQ(values(*file, "F16"), (Floats{1, -2}));
  EXPECT_EQ(values(*file, "BF16"), (Floats{1, -2}));
  EXPECT_EQ(values(*file, "I64"), (Floats{0x1p40f, -7}));
  EXPECT_EQ(values(*file, "I32"), (Floats{0x1p30f, -7}));
  EXPECT_EQ(values(*file, "I16"), (Floats{300, -7}));
  EXPECT_EQ(values(*file, "I8"), (Floats{100, -7}));
  EXPECT_EQ(values(*file, "U64"), (Floats{0x1p63f}));
  EXPECT_EQ(values(*file, "U32"), (Floats{0x1p31f}));
  EXPECT_EQ(values(*file, "U16"), (Floats{65535}));
  EXPECT_EQ(values(*file, "U8"), (Floats{255}));
  EXPECT_EQ(values(*file, "BOOL"), (Floats{1, 0, 1}));
  int64_t wide[2];
  file->read_raw(*file->find("I64"), wide);
  EXPECT_EQ(wide[0], int64_t{1} << 40);
}

TEST(Safetensors, ScalarsEmptiesAndNothing) {  // ST11
  auto file = open(safetensors(
      R"({"s":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"e":{"dtype":"F32","shape":[0,3],"data_offsets":[4,4]}}   )",
      raw(Floats{2.5f})));
  EXPECT_EQ(values(*file, "s"), (Floats{2.5f}));
  EXPECT_EQ(file->find("e")->count(), 0);
  EXPECT_EQ(values(*file, "e"), Floats{});
  EXPECT_EQ(file->find("x"), nullptr);
  EXPECT_TRUE(open(safetensors("{}"))->tensors().empty());
}

TEST(Safetensors, NotANumberIsAValue) {  // ST18
  Floats odd{NAN, INFINITY, -INFINITY, std::numeric_limits<float>::denorm_min(), -0.0f};
  auto file = open(safetensors(R"({"x":{"dtype":"F32","shape":[5],"data_offsets":[0,20]}})", raw(odd)));
  EXPECT_EQ(raw(values(*file, "x")), raw(odd));
}

TEST(Safetensors, WriteThenReadIsTheSameBitwise) {
  Folder folder;
  std::string path = folder.path + "/w.safetensors";
  Floats a{1, NAN, -0.0f, 4, 5, 6};
  std::vector<int64_t> steps{-1, int64_t{1} << 60};
  std::vector<uint8_t> mask{1, 0, 1};
  std::vector<TensorOut> out{{"mask", FileType::boolean, {3}, mask.data()},
                             {"a.\"weird\"\n\xC3\xA9", FileType::f32, {2, 3}, a.data()},
                             {"steps", FileType::i64, {2, 1}, steps.data()},
                             {"none", FileType::f32, {0}, nullptr}};
  write_safetensors(path, out, {{"k\\ey", "va\"lue"}});
  auto file = TensorFile::open(path);
  EXPECT_EQ(names(*file), (std::vector<std::string>{"mask", "a.\"weird\"\n\xC3\xA9", "steps", "none"}));
  EXPECT_EQ(file->metadata(), (std::map<std::string, std::string>{{"k\\ey", "va\"lue"}}));
  EXPECT_EQ(raw(values(*file, out[1].name)), raw(a));
  std::vector<int64_t> back(2);
  file->read_raw(*file->find("steps"), back.data());
  EXPECT_EQ(back, steps);
  EXPECT_EQ(values(*file, "mask"), (Floats{1, 0, 1}));
  std::string bytes = read_file(path);
  uint64_t header;
  std::memcpy(&header, bytes.data(), 8);
  EXPECT_EQ(header % 8, 0u);
  for (const TensorEntry& t : file->tensors())
    EXPECT_EQ((8 + header + t.place.offset) % file_type_bytes(t.type), 0u) << t.name;
  write_safetensors(path, out, {{"k\\ey", "va\"lue"}});
  EXPECT_EQ(read_file(path), bytes);
}

TEST(Safetensors, ADuplicateNameIsNotWritten) {
  Folder folder;
  float x = 1;
  std::vector<TensorOut> out{{"a", FileType::f32, {1}, &x}, {"a", FileType::f32, {1}, &x}};
  EXPECT_THROW(write_safetensors(folder.path + "/w.safetensors", out), Error);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path));
}

TEST(Safetensors, ShardsAlsoThroughLinksIntoAStore) {  // ST16 and the layout of download caches
  Folder folder;
  namespace fs = std::filesystem;
  fs::create_directories(folder.path + "/blobs");
  fs::create_directories(folder.path + "/snap");
  float a = 1, b = 2;
  write_safetensors(folder.path + "/blobs/aaa", std::vector<TensorOut>{{"a", FileType::f32, {1}, &a}});
  write_safetensors(folder.path + "/blobs/bbb", std::vector<TensorOut>{{"b", FileType::f32, {1}, &b}});
  write_file(folder.path + "/blobs/index",
             R"({"metadata":{"total_size":8},"weight_map":{"a":"1.safetensors","b":"2.safetensors"}})");
  fs::create_symlink("../blobs/aaa", folder.path + "/snap/1.safetensors");
  fs::create_symlink("../blobs/bbb", folder.path + "/snap/2.safetensors");
  fs::create_symlink("../blobs/index", folder.path + "/snap/model.safetensors.index.json");
  auto file = TensorFile::open(folder.path + "/snap/model.safetensors.index.json");
  EXPECT_EQ(values(*file, "a"), (Floats{1}));
  EXPECT_EQ(values(*file, "b"), (Floats{2}));
}

const Floats kSix{0, 1, 2, 3, 4, 5};

TEST(Torch, ZipAndLegacy) {  // PT15: equal whatever the container
  std::string pickle = state_dict({{.name = "w"}});
  for (const std::string& bytes : {torch_zip(pickle).bytes, torch_zip(pickle, {{"0", six_floats()}}, false).bytes,
                                   torch_legacy(pickle), torch_legacy(state_dict({{.name = "w"}}, false))}) {
    auto file = open(bytes);
    EXPECT_EQ(names(*file), std::vector<std::string>{"w"});
    EXPECT_EQ(file->find("w")->shape, (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(values(*file, "w"), kSix);
    EXPECT_EQ(file->note(), "");
  }
  EXPECT_EQ(open(torch_zip(pickle).bytes)->format(), "pytorch zip");
  EXPECT_EQ(open(torch_legacy(pickle))->format(), "pytorch legacy");
}

TEST(Torch, ViewsOfOneStorage) {  // PT15
  std::string pickle = state_dict({{.name = "transposed", .shape = {3, 2}, .strides = {1, 3}},
                                   {.name = "slice", .offset = 1, .shape = {2, 2}, .strides = {3, 1}},
                                   {.name = "row", .offset = 3, .shape = {3}, .strides = {1}},
                                   {.name = "scalar", .offset = 5, .shape = {}, .strides = {}},
                                   {.name = "repeated", .offset = 4, .shape = {3, 2}, .strides = {0, 0}},
                                   {.name = "empty", .offset = 6, .shape = {0, 7}, .strides = {7, 1}},
                                   {.name = "ones", .offset = 2, .shape = {1, 2, 1}, .strides = {99, 1, 77}}});
  for (const std::string& bytes : {torch_zip(pickle).bytes, torch_legacy(pickle)}) {
    auto file = open(bytes);
    EXPECT_EQ(values(*file, "transposed"), (Floats{0, 3, 1, 4, 2, 5}));
    EXPECT_EQ(values(*file, "slice"), (Floats{1, 2, 4, 5}));
    EXPECT_EQ(values(*file, "row"), (Floats{3, 4, 5}));
    EXPECT_EQ(values(*file, "scalar"), (Floats{5}));
    EXPECT_EQ(values(*file, "repeated"), (Floats{4, 4, 4, 4, 4, 4}));
    EXPECT_EQ(values(*file, "empty"), Floats{});
    EXPECT_EQ(values(*file, "ones"), (Floats{2, 3}));
  }
}

TEST(Torch, OtherTypesAndADeflatedPickle) {
  std::string pickle =
      state_dict({{.name = "h", .key = "h", .count = 2, .shape = {2}, .strides = {1}, .storage = "HalfStorage"},
                  {.name = "n", .key = "n", .count = 3, .shape = {2}, .strides = {2}, .storage = "LongStorage"}});
  ZipImage z = zip({{.name = "m/data.pkl", .data = pickle, .deflate = true},
                    {.name = "m/data/h", .data = raw(std::vector<uint16_t>{0x3C00, 0xC000})},
                    {.name = "m/data/n", .data = raw(std::vector<int64_t>{7, 8, -9})}});
  auto file = open(z.bytes);
  EXPECT_EQ(values(*file, "h"), (Floats{1, -2}));
  EXPECT_EQ(values(*file, "n"), (Floats{7, -9}));
}

// Sizes in the zip64 field because they are large, or because the writer always adds it; other fields are padding.
TEST(Torch, ZipExtraFields) {
  std::string pickle = state_dict({{.name = "w"}});
  auto zip64 = [](uint64_t size) { return le(1, 2) + le(16, 2) + le(size, 8) + le(size, 8); };
  for (bool wide : {false, true}) {
    ZipImage z =
        zip({{.name = "m/data.pkl", .data = pickle, .extra = zip64(pickle.size()), .wide = wide},
             {.name = "m/data/0", .data = six_floats(), .extra = "FB" + le(3, 2) + "ZZZ" + zip64(24), .wide = wide}});
    EXPECT_EQ(values(*open(z.bytes), "w"), kSix) << wide;
  }
}

TEST(Torch, WrappersAndPrefixes) {  // PT14
  struct {
    std::string wrapper, name, note;
  } cases[] = {{"state_dict", "w", "took key \"state_dict\""},
               {"model", "w", "took key \"model\""},
               {"model_ema", "module.w", "took key \"model_ema\"; removed prefix \"module.\""},
               {"state_dict_ema", "_orig_mod.w", "took key \"state_dict_ema\"; removed prefix \"_orig_mod.\""},
               {"net", "module._orig_mod.model.w",
                "took key \"net\"; removed prefix \"module.\"; removed prefix \"_orig_mod.\"; removed prefix \"model.\""}};
  for (const auto& c : cases) {
    auto file = open(torch_zip(checkpoint(c.wrapper, {{.name = c.name}})).bytes);
    EXPECT_EQ(values(*file, "w"), kSix) << c.wrapper;
    EXPECT_EQ(file->note(), c.note);
  }
  std::string lengthy;  // nothing but prefixes: must not take time without end
  for (int i = 0; i < 100'000; i++) lengthy += "module.";
  EXPECT_EQ(open(torch_zip(state_dict({{.name = lengthy}})).bytes)->find(lengthy.substr(4 * 7))->count(), 6);
  auto mixed = open(torch_zip(state_dict({{.name = "module.w"}, {.name = "head"}})).bytes);
  EXPECT_EQ(names(*mixed), (std::vector<std::string>{"module.w", "head"}));  // a prefix of only some is a name
}

TEST(Torch, TheKeyPicks) {  // PT14
  PickleWriter p;
  p.op('}').op('(').text("state_dict");
  put_state_dict(p, {{.name = "plain"}});
  p.text("state_dict_ema");
  put_state_dict(p, {{.name = "average"}});
  p.text("custom");
  put_state_dict(p, {{.name = "mine"}});
  p.text("epoch").integer(3);
  std::string bytes = torch_zip(p.op('u').stop()).bytes;
  EXPECT_EQ(names(*open(bytes)), std::vector<std::string>{"plain"});
  EXPECT_EQ(open(bytes)->note(), "took key \"state_dict\"; there is also \"state_dict_ema\"");
  EXPECT_EQ(names(*open(bytes, {.key = "state_dict_ema"})), std::vector<std::string>{"average"});
  EXPECT_EQ(names(*open(bytes, {.key = "custom"})), std::vector<std::string>{"mine"});
  for (auto [key, message] :
       {std::pair("custm", "no key \"custm\""), std::pair("epoch", "key \"epoch\" holds no tensors")}) {
    try {
      open(bytes, {.key = key});
      ADD_FAILURE() << key << " must be refused";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::usage);
      EXPECT_NE(std::string(e.what()).find(message), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find("\"custom\""), std::string::npos) << e.what();
    }
  }
}

// What lies beside the weights in training checkpoints: optimizers, schedules, random states, metadata.
TEST(Torch, OtherEntriesAreIgnored) {
  PickleWriter p;
  p.op('}').op('(');
  p.text("epoch").integer(3).text("best").op('G').bytes(std::string(8, '\0')).text("none").op('N');
  p.text("args").op(']').op('(').text("--lr").op('e').text("huge").op(0x8a).bytes(le(9, 1) + std::string(9, '\1'));
  p.text("milestones").global("collections", "Counter").op('}').op('(').integer(3).integer(1).op('u').op(0x85).op('R');
  p.text("acc")
      .global("numpy.core.multiarray", "scalar")
      .global("numpy", "dtype")
      .text("f8")
      .integer(0)
      .integer(1)
      .op(0x87)
      .op('R');
  p.op('(')
      .integer(3)
      .text("<")
      .op('N')
      .op('t')
      .op('b')
      .global("_codecs", "encode")
      .text("xxxxxxxx")
      .text("latin1")
      .op(0x86)
      .op('R');
  p.op(0x86).op('R');
  p.text("size").global("torch", "Size").integers({2, 3}).op(0x85).op('R');
  p.text("model");
  put_state_dict(p, {{.name = "w"}});
  p.op('}').op('(').text("_metadata").op('}').op('u').op('b').op('u');  // the state of the OrderedDict
  auto file = open(torch_zip(p.stop()).bytes);
  EXPECT_EQ(values(*file, "w"), kSix);
}

// A training checkpoint as timm writes it: its arguments are a Namespace, with paths, types and devices in it.
TEST(Torch, ArgumentsOfATrainingAreIgnored) {
  PickleWriter p;
  p.op('}').op('(').text("epoch").integer(3).text("args").global("argparse", "Namespace").op(')').op(0x81).op('}').op('(');
  p.text("data").global("pathlib", "PosixPath").op('(').text("/").text("data").op('t').op('R');
  p.text("device").global("torch", "device").text("cuda").op(0x85).op('R');
  p.text("dtype").global("torch", "float64").text("kind").global("__builtin__", "float");
  p.text("date").global("datetime", "datetime").op('C').bytes("\n0123456789").op(0x85).op('R');
  p.text("seen").global("collections", "defaultdict").global("__builtin__", "list").op(0x85).op('R');
  p.text("tags").global("__builtin__", "frozenset").op(']').op(0x85).op('R').op('u').op('b');
  p.text("state_dict");
  put_state_dict(p, {{.name = "w"}});
  std::string pickle = p.text("amp_scaler").op('}').op('u').stop();
  EXPECT_EQ(values(*open(torch_zip(pickle).bytes), "w"), kSix);
  EXPECT_EQ(values(*open(torch_legacy(pickle)), "w"), kSix);
}

// Python 2 wrote byte strings, and an OrderedDict as one list of pairs.
TEST(Torch, PythonTwo) {
  PickleWriter p;
  p.global("collections", "OrderedDict").op(']').op('(').op(']').op('(').op('U').bytes(le(1, 1) + "w");
  put_tensor(p, {.name = "w"}, false);
  auto file = open(torch_legacy(p.op('e').op('e').op(0x85).op('R').stop()));
  EXPECT_EQ(values(*file, "w"), kSix);
}

TEST(Torch, NewerProtocols) {
  PickleWriter p(4);
  std::string memo = "\x94",
              name = std::string("\x8c\x0b") + "collections" + memo + "\x8c\x0b" + "OrderedDict" + memo + "\x93" + memo;
  p.op(0x95).bytes(le(1, 8)).bytes(name).op(')').op('R').op('(').op(0x8c).bytes(std::string("\1w"));
  put_tensor(p, {.name = "w"});
  auto file = open(torch_zip(p.op('u').stop()).bytes);
  EXPECT_EQ(values(*file, "w"), kSix);
}

TEST(Torch, NamesAreOnlyNames) {  // PT12
  std::string traversal = "../../../tmp/x", absolute = "/etc/passwd", odd = "a\\b\x1b[31m\n", lengthy(65536, 'n');
  std::string escape = testing::TempDir() + "fovea_escape_" + std::to_string(getpid());
  std::string pickle = state_dict({{.name = traversal}, {.name = absolute}, {.name = odd}, {.name = lengthy}});
  ZipImage z = zip({{.name = "m/data.pkl", .data = pickle},
                    {.name = "m/data/0", .data = six_floats()},
                    {.name = "../fovea_escape", .data = "x"},
                    {.name = escape, .data = "x"},
                    {.name = "m\\..\\fovea_escape", .data = "x"}});
  auto file = open(z.bytes);
  EXPECT_EQ(names(*file), (std::vector<std::string>{traversal, absolute, odd, lengthy}));
  EXPECT_EQ(values(*file, odd), kSix);
  for (const std::string& path : {escape, std::string("../fovea_escape")})
    EXPECT_FALSE(std::filesystem::exists(path)) << path;
}

TEST(Torch, ManyThreadsReadOneFile) {
  std::string bytes = torch_zip(state_dict({{.name = "w"}, {.name = "t", .shape = {3, 2}, .strides = {1, 3}}})).bytes;
  auto file = open(bytes);
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int i = 0; i < 4; i++)
    threads.emplace_back([&] {
      for (int k = 0; k < 200; k++) wrong += values(*file, "w") != kSix || values(*file, "t") != Floats{0, 3, 1, 4, 2, 5};
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
}

std::string checkpoints() {
  const char* shared = std::getenv("FOVEA_SHARED");
  return std::string(shared ? shared : "../shared") + "/data/checkpoints/";
}

TEST(Torch, TrainedCheckpointsEqualTheirConversion) {
  if (!std::filesystem::exists(checkpoints())) GTEST_SKIP() << "no checkpoints at " << checkpoints() << "; set FOVEA_SHARED";
  std::pair<const char*, const char*> pairs[] = {{"resnet20-12fca82f.th", "resnet20-cifar10.safetensors"},
                                                 {"resnet32-d509ac18.th", "resnet32-cifar10.safetensors"},
                                                 {"resnet44-014dd654.th", "resnet44-cifar10.safetensors"},
                                                 {"resnet56-4bfd9763.th", "resnet56-cifar10.safetensors"}};
  for (auto [legacy, converted] : pairs) {
    auto a = TensorFile::open(checkpoints() + legacy), b = TensorFile::open(checkpoints() + converted);
    EXPECT_EQ(a->note(), "took key \"state_dict\"; removed prefix \"module.\"");
    ASSERT_EQ(a->tensors().size(), b->tensors().size());
    EXPECT_GE(a->tensors().size(), 97u);
    for (const TensorEntry& t : a->tensors()) {
      const TensorEntry* same = b->find(t.name);
      ASSERT_NE(same, nullptr) << t.name;
      EXPECT_EQ(t.shape, same->shape) << t.name;
      EXPECT_EQ(raw(values(*a, t.name)), raw(values(*b, t.name))) << t.name;
    }
  }
}

}  // namespace
}  // namespace fovea::test
