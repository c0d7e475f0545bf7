// Damaged, hostile and mistaken safetensors files.
#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/atomic_file.h"
#include "weights_bad.h"

namespace fovea::test {
namespace {

// One F32 tensor "a" with this shape and these offsets, over `data` bytes.
std::string one(const std::string& shape, const std::string& offsets, size_t data, const std::string& type = "F32") {
  return safetensors("{\"a\":{\"dtype\":\"" + type + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}}",
                     std::string(data, 'x'));
}

std::string two(const std::string& a, const std::string& b, size_t data) {
  return safetensors(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + a +
                         R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + b + "}}",
                     std::string(data, 'x'));
}

std::string header(const std::string& text) { return safetensors(text, std::string(8, 'x')); }

auto text(std::string bytes) {
  return [bytes] { return bytes; };
}

using S = std::string;
constexpr Code bad = Code::bad_file, unsupported = Code::unsupported;
constexpr const char* st = "bad.safetensors";

std::vector<BadCase> length_cases() {
  return {
      {"ST01a", text(""), bad, "file too short for a safetensors header \\(0 bytes\\)", 0, st},
      {"ST01b", text(S(2, '\0')), bad, "file too short for a safetensors header \\(2 bytes\\)", 0, st},
      {"ST01c", text("1234567"), bad, "file too short for a safetensors header \\(7 bytes\\)", 0, st},
      {"ST01d", text(le(2, 8)), bad, "header length exceeds the file .* got 2, need at most 0", 0, st},
      {"ST02a", text(le(uint64_t{1} << 63, 8) + "{}"), bad, "header length exceeds the file", 0, st},
      {"ST02b", text(le(~uint64_t{0}, 8) + "{}"), bad, "header length exceeds the file", 0, st},
      {"ST02c", text(le(~uint64_t{0} - 7, 8) + "{}"), bad, "header length exceeds the file", 0, st},
      {"ST02d", text(le(0xFFFFFFFF, 8) + "{}"), bad, "header length exceeds the file", 0, "no_extension"},
      {"ST03", text(le(3, 8) + "{}"), bad, "header length exceeds the file .*: got 3, need at most 2", 0, st},
      {"ST04", text(le(100'000'001, 8) + "{"), bad, "got 100000001 bytes, need at most 100000000 \\(100 MB\\)", 100'000'009,
       st},
      {"ST05", text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"), bad,
       "is a git-lfs pointer, not weights; run git lfs pull", 0, st},
      {"ST06a", text("<!DOCTYPE html>\n<html><body>404</body></html>"), bad, "is an HTML page \\(download failed\\?\\)", 0,
       st},
      {"ST06b", text("\n  <HTML><head>"), bad, "is an HTML page", 0, st},
      {"ST06c", text("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"), bad,
       "is an XML text \\(download failed\\?\\)", 0, st},
      {"ST06d", text("<Error><Code>AccessDenied</Code></Error>"), bad, "is an XML text", 0, st},
      {"ST06e", text(R"({"error":"Repository not found"})"), bad, "is a JSON text", 0, st},
      {"ST06f", text(R"({"error":)"), bad, "JSON", 0, st},
  };
}

std::vector<BadCase> header_cases() {
  return {
      {"ST07a", text(header("{\"a\xff\":{}}")), bad, "byte [0-9]+.*UTF-8", 0, st},
      {"ST07b", text(header(R"({"\ud800":{}})")), bad, "byte [0-9]+.*surrogate", 0, st},
      {"ST07c", text(header(R"({"a\u0000b":{}})")), bad, "name .* holds a NUL", 0, st},
      {"ST07d", text(header(S("{\"a\0b\":{}}", 10))), bad, "byte 11.*NUL", 0, st},
      {"ST08a", text(header("{} x")), bad, "byte [0-9]+", 0, st},
      {"ST08b", text(header("[1]")), bad, "does not begin with \\{", 0, st},
      {"ST08c", text(header("  {}")), bad, "does not begin with \\{", 0, st},
      {"ST08d", [] { return header("{\"a\":" + S(1'000'000, '[') + S(1'000'000, ']') + "}"); }, bad, "unexpected an array",
       0, st},
      {"ST08e",
       [] {
         S all = "{";
         for (int i = 0; i < 1'000'000; i++) all += "\"" + std::to_string(i) + "\":0,";
         return header(all + "\"x\":0}");
       },
       bad, "unexpected a number", 0, st},
      {"ST08f", text(one("[1e999]", "[0,4]", 4)), bad, "number overflow", 0, st},
      {"ST08g", text(one("[-0]", "[0,4]", 4)), bad, "the number -0", 0, st},
      {"ST08h", text(one("[1.5]", "[0,4]", 4)), bad, "a fraction", 0, st},
      {"ST08i", text(one("\"1\"", "[0,4]", 4)), bad, "unexpected a string", 0, st},
      {"ST08j", text(one("[[1]]", "[0,4]", 4)), bad, "unexpected an array", 0, st},
      {"ST08k", text(one("[true]", "[0,4]", 4)), bad, "a boolean", 0, st},
      {"ST08l", text(one("null", "[0,4]", 4)), bad, "null", 0, st},
      {"ST08m", text(header(S("{}\0{}", 5))), bad, "NUL", 0, st},
      {"ST08n", text(header(R"({"a":{"dtype":"U8","shape":[8]}})")), bad, "lacks", 0, st},
      {"ST08o", text(header(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8],"more":1}})")), bad,
       "unexpected key .*more", 0, st},
      {"ST08p", text(header(R"({"a":{"dtype":"U8","dtype":"I8","shape":[8],"data_offsets":[0,8]}})")), bad,
       "unexpected key .*dtype", 0, st},
      {"ST08q", text(one("[1]", "[0]", 4)), bad, "lacks", 0, st},
      {"ST08r", text(header(R"({"a":7})")), bad, "unexpected a number", 0, st},
      {"ST08s", text(header(R"({"__metadata__":{"a":1}})")), bad, "in __metadata__.*unexpected a number", 0, st},
      {"ST08x", text(header(R"({"__metadata__":{"a":{}}})")), bad, "unexpected an object", 0, st},
      {"ST08y", text(one("[{}]", "[0,4]", 4)), bad, "unexpected an object", 0, st},
      {"ST08z", text(header(R"({"a":{"shape":[8],"data_offsets":[0,8]}})")), bad, "lacks", 0, st},
      {"ST08A", text(header(R"({"a":{"dtype":"U8","data_offsets":[0,8]}})")), bad, "lacks", 0, st},
      {"ST08t", text(header(R"({"__metadata__":"x"})")), bad, "unexpected a string", 0, st},
      {"ST08u", text(header("{\"a\":")), bad, "end of input", 0, st},
      {"ST08v",
       [] {
         S list;
         for (int i = 0; i < 100; i++) list += "1,";
         return one("[" + list + "1]", "[0,4]", 4);
       },
       bad, "longer list", 0, st},
      {"ST08w",
       [] {
         S all = "{";
         for (int i = 0; i <= 1'000'000; i++)
           all += (i ? ",\"" : "\"") + std::to_string(i) + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
         return safetensors(all + "}");
       },
       bad, "more than 1000000 tensors", 0, st},
  };
}

std::vector<BadCase> tensor_cases() {
  return {
      {"ST08y", text(header("{\"" + S((1 << 20) + 1, 'n') + R"(":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})")), bad,
       "too long a name: got 1048577 bytes", 0, st},
      {"ST09a",
       text(header(
           R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})")),
       bad, "duplicate tensor name \"a\"", 0, st},
      {"ST09b", text(header(R"({"__metadata__":{},"__metadata__":{}})")), bad, "duplicate .*__metadata__", 0, st},
      {"ST09c", text(header(R"({"__metadata__":{"k":"1","k":"2"}})")), bad, "duplicate key \"k\"", 0, st},
      {"ST10a", text(one("[4294967296,4294967296,4]", "[0,8]", 8)), bad, "out of range|size overflows", 0, st},
      {"ST10b", text(one("[2147483647,2147483647,4,2]", "[0,8]", 8)), bad, "size overflows", 0, st},
      {"ST10c", text(one("[65536,65536,65536,65536]", "[0,0]", 0)), bad, "size overflows", 0, st},
      {"ST11a", text(one("[-1]", "[0,4]", 4)), bad, "negative number", 0, st},
      {"ST11b", text(one("[0]", "[0,4]", 4)), bad, "does not fill its data_offsets", 0, st},
      {"ST11c", text(one("[1,1,1,1,1,1,1,1,1]", "[0,4]", 4)), bad, "got 9, need at most 8", 0, st},
      {"ST11d", text(one("[18446744073709551615]", "[0,4]", 4)), bad, "out of range", 0, st},
      {"ST12a", text(one("[1]", "[8,4]", 8)), bad, "data_offsets: got \\[8, 4\\]", 0, st},
      {"ST12b", text(one("[2]", "[0,8]", 4)), bad, "truncated: 4 B missing", 0, st},
      {"ST12c", text(one("[1]", "[18446744073709551612,18446744073709551616]", 4)), bad, "a fraction|overflow", 0, st},
      {"ST12d", text(one("[1]", "[18446744073709551608,18446744073709551612]", 4)), bad, "hole before", 0, st},
      {"ST12e", text(one("[1]", "[18446744073709551615,3]", 4)), bad, "data_offsets", 0, st},
      {"ST12f", text(one("[1]", "[-4,0]", 4)), bad, "negative number", 0, st},
      {"ST13a", text(two("[0,4]", "[2,6]", 6)), bad, "overlap at tensor \"b\"", 0, st},
      {"ST13b", text(two("[0,4]", "[0,4]", 4)), bad, "overlap", 0, st},
      {"ST13c", text(two("[0,4]", "[5,9]", 9)), bad, "hole before tensor \"b\"", 0, st},
      {"ST13d", text(two("[4,8]", "[8,12]", 12)), bad, "hole before tensor \"a\"", 0, st},
      {"ST13e", text(two("[0,4]", "[4,8]", 9)), bad, "1 bytes after the last tensor", 0, st},
      {"ST13f", text(safetensors("{}", "PK\3\4")), bad, "4 bytes after the last tensor", 0, st},
      {"ST14a", text(one("[4]", "[0,4]", 4, "F8_E4M3")), unsupported, "type \"F8_E4M3\"", 0, st},
      {"ST14b", text(one("[4]", "[0,4]", 4, "")), unsupported, "type \"\"", 0, st},
  };
}

std::vector<BadCase> index_cases() {
  return {
      {"ST16a", text(R"({"weight_map":{"a":"missing-1.safetensors"}})"), bad, "missing-1.safetensors: cannot be opened", 0,
       "missing-1.safetensors"},
      {"ST16b", text(R"({"weight_map":{"a":"../x.safetensors"}})"), bad, "leaves the folder", 0, st},
      {"ST16c", text(R"({"weight_map":{"a":"/etc/passwd"}})"), bad, "leaves the folder", 0, st},
      {"ST16d", text(R"({"weight_map":{"a":"b/../../x"}})"), bad, "leaves the folder", 0, st},
      {"ST16e", text(R"({"weight_map":{"a":"b\\x"}})"), bad, "leaves the folder", 0, st},
      {"ST16f", text(R"({"weight_map":{"a":""}})"), bad, "leaves the folder", 0, st},
      {"ST16g", text(R"({"weight_map":{"a":"x","a":"y"}})"), bad, "duplicate tensor name", 0, st},
      {"ST16h", text(R"({"weight_map":{"a":1}})"), bad, "unexpected a number", 0, st},
      {"ST16i", text(R"({"weight_map":["a"]})"), bad, "unexpected an array", 0, st},
      {"ST16j", text(R"({"weight_map":{"a":{"b":"c"}}})"), bad, "unexpected nesting", 0, st},
      {"ST16k", text(R"({"weight_map":{},"weight_map":{}})"), bad, "duplicate key", 0, st},
      {"ST16l", text(R"({"metadata":)" + S(100, '[')), bad, "unexpected nesting", 0, st},
      {"ST16n",
       [] {
         S all = R"({"weight_map":{)";
         for (int i = 0; i <= 1'000'000; i++) all += (i ? ",\"" : "\"") + std::to_string(i) + "\":\"x\"";
         return all + "}}";
       },
       bad, "more than 1000000 tensors", 0, st},
      {"ST16o",
       [] {
         S all = R"({"weight_map":{)";
         for (int i = 0; i <= 1000; i++) all += (i ? ",\"" : "\"") + std::to_string(i) + "\":\"" + std::to_string(i) + "\"";
         return all + "}}";
       },
       bad, "1001 shards, need at most 1000", 0, st},
      {"ST16m", text(R"({"weight_map":{}})" + S(600, ' ')), bad, "is a JSON text of 64000001 bytes", 64'000'001, st},
  };
}

std::vector<BadCase> other_formats() {
  return {
      // Other formats by content (their row in the table of promises is OX17).
      {"OX17a", text("\x89HDF\r\n\x1a\n" + S(64, '\0')), unsupported, "looks like Keras HDF5; fovea reads", 0, "model.h5"},
      {"OX17b", text(S("\x1c\0\0\0TFL3", 8) + S(64, '\0')), unsupported, "TensorFlow Lite", 0, "model.tflite"},
      {"OX17c", text(S("\x08\x07\x12\x07pytorch:\x01", 13) + S(64, '\0')), unsupported, "ONNX", 0, "model.onnx"},
      {"OX17d", text("GGUF" + S(64, '\0')), unsupported, "GGUF", 0, "model.gguf"},
      {"OX17e", text("\x93NUMPY\1" + S(64, '\0')), unsupported, "NumPy", 0, "model.npy"},
      {"OX17f", text("\x1f\x8b\x08" + S(64, '\0')), unsupported, "gunzip", 0, "model.pth.gz"},
      {"OX17g", text(S(257, '\0') + "ustar" + S(250, '\0')), unsupported, "tar archive", 0, "model.pth"},
      {"OX17h", text("\x89PNG\r\n\x1a\n" + S(64, '\0')), bad, "PNG image", 0, "photo.pth"},
      {"OX17i", text(S(64, '\xAB')), bad, "not a weight file", 0, "noise.pth"},
      {"OX17j",
       [] {
         return zip({{.name = "config.json", .data = "{}"}, {.name = "model.weights.h5", .data = "x"}}).bytes;
       },
       unsupported, "Keras archive", 0, "model.keras"},
      {"OX17k", [] { return zip({{.name = "a.npy", .data = "x"}}).bytes; }, unsupported, "npz", 0, "model.npz"},
      {"OX17l", [] { return zip({}).bytes; }, unsupported, "without data.pkl", 0, "empty.zip"},
  };
}

std::vector<BadCase> cases() {
  std::vector<BadCase> r;
  for (auto part : {length_cases, header_cases, tensor_cases, index_cases, other_formats})
    for (BadCase& c : part()) r.push_back(std::move(c));
  return r;
}

TEST(BadSafetensors, Table) {
  for (const BadCase& c : cases()) expect_refused(c);
}

// ST15, ST17 and the rest of ST16 below; ST18 loads.
TEST(BadSafetensors, EveryPromiseHasACase) { expect_covered(cases(), "ST", 18, {"ST15", "ST17", "ST18"}); }

TEST(BadSafetensors, TruncatedAnywhere) {  // ST15
  std::string whole = safetensors(
      R"({"a":{"dtype":"F32","shape":[100],"data_offsets":[0,400]},"b":{"dtype":"F32","shape":[156],"data_offsets":[400,1024]}})",
      std::string(1024, 'x'));
  EXPECT_FALSE(refusal(in_memory(whole, "whole.safetensors")));
  for (size_t i = 0; i < 64; i++) {
    auto error = refusal(in_memory(whole.substr(0, whole.size() * i / 64), "cut.safetensors"));
    ASSERT_TRUE(error) << i;
    EXPECT_EQ(error->code(), Code::bad_file) << error->what();
    EXPECT_TRUE(found(error->what(), "too short|header length exceeds|truncated: .* missing")) << error->what();
  }
}

TEST(BadSafetensors, ShrinkingWhileReading) {  // ST17
  int fd = ::memfd_create("test", MFD_CLOEXEC);
  std::string bytes = one("[1000]", "[0,4000]", 4000);
  ASSERT_EQ(::write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  auto file = TensorFile::open(InputFile::adopt(fd, "shrinks.safetensors"));
  ASSERT_EQ(::ftruncate(fd, 1000), 0);
  std::vector<float> values(1000);
  try {
    file->read(file->tensors()[0], values.data());
    ADD_FAILURE() << "it read bytes that are not there";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::bad_file);
    EXPECT_NE(std::string(e.what()).find("changed while reading"), std::string::npos) << e.what();
  }
}

TEST(BadSafetensors, ReadError) {
  int fd = ::open(std::filesystem::temp_directory_path().c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) GTEST_SKIP() << "no O_TMPFILE here";
  ASSERT_EQ(::ftruncate(fd, 100), 0);
  auto error = refusal(InputFile::adopt(fd, "unreadable.safetensors"));
  ASSERT_TRUE(error);
  EXPECT_EQ(std::string(error->what()).rfind("unreadable.safetensors: read error at byte 0", 0), 0u) << error->what();
}

struct Shards : testing::Test {  // ST16 with files
  std::string folder = std::filesystem::temp_directory_path() / ("fovea_shards_" + std::to_string(::getpid()));
  std::string inner = folder + "/model", index = inner + "/model.safetensors.index.json";
  void SetUp() override {
    std::filesystem::create_directories(inner);
    float x = 1;
    for (const char* name : {"/1", "/2", "/../outside"})
      write_safetensors(inner + name, std::vector<TensorOut>{{"a", FileType::f32, {1}, &x}});
    write_safetensors(inner + "/3", std::vector<TensorOut>{{"b", FileType::f32, {1}, &x}});
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  std::string message(const std::string& map) {
    write_file(index, R"({"weight_map":{)" + map + "}}");
    auto error = refusal(InputFile::open(index));
    EXPECT_TRUE(!error || error->code() == Code::bad_file);
    return error ? error->what() : "loaded";
  }
};

TEST_F(Shards, MixedUp) {
  EXPECT_EQ(message(R"("a":"1")"), "loaded");
  EXPECT_NE(message(R"("a":"1","b":"2")").find("tensor \"a\" is in two shards: \"1\" and \"2\""), std::string::npos);
  EXPECT_NE(message(R"("b":"1")").find("tensor \"b\" is not in its shard \"1\""), std::string::npos);
  EXPECT_NE(message(R"("a":"3","b":"1")").find("is not in its shard"), std::string::npos);
  EXPECT_NE(message(R"("a":"4")").find("cannot be opened"), std::string::npos);
  EXPECT_NE(message(R"("a":".")").find("directory"), std::string::npos);
  std::filesystem::create_symlink("../outside", inner + "/link");
  EXPECT_NE(message(R"("a":"link")").find("link out of the folder"), std::string::npos);
  ASSERT_EQ(::mkfifo((inner + "/fifo").c_str(), 0600), 0);
  EXPECT_NE(message(R"("a":"fifo")").find("need a regular file"), std::string::npos);
}

TEST_F(Shards, WhatIsNoFile) {
  for (const std::string& path : {inner, folder + "/absent", std::string("/dev/zero")}) {
    try {
      TensorFile::open(path);
      ADD_FAILURE() << path;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::bad_file) << e.what();
      EXPECT_EQ(std::string(e.what()).rfind(path, 0), 0u) << e.what();
    }
  }
}

}  // namespace
}  // namespace fovea::test
