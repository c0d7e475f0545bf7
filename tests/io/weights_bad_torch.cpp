// Damaged, hostile and mistaken PyTorch files.
#include <unistd.h>

#include <filesystem>

#include "weights_bad.h"

namespace fovea::test {
namespace {

using S = std::string;
constexpr Code bad = Code::bad_file, unsupported = Code::unsupported;

// What the code in the files would make.
const S& canary() {
  static const S path = testing::TempDir() + "fovea_canary_" + std::to_string(getpid());
  return path;
}

// A row whose pickle comes in the zip container.
auto zipped(S pickle) {
  return [pickle] { return torch_zip(pickle).bytes; };
}
auto text(S bytes) {
  return [bytes] { return bytes; };
}
auto tensor(TorchTensor t) { return zipped(state_dict({t})); }

S touch() { return "touch " + canary(); }
PickleWriter names() { return PickleWriter().text("posix").text("system"); }
S args() { return PickleWriter().text(touch()).op(0x85).stop().substr(2).substr(0, touch().size() + 6); }

std::vector<BadCase> code_cases() {
  const char* refuses = "refuses to run code: posix.system";
  return {
      {"PT01a", zipped(PickleWriter().global("posix", "system").bytes(args()).op('R').stop()), bad, refuses},
      {"PT01b", text(PickleWriter().global("os", "system").bytes(args()).op('R').stop()), bad,
       "refuses to run code: os.system"},
      {"PT01c", zipped(names().op(0x93).bytes(args()).op('R').stop()), bad, refuses},
      {"PT01d", zipped(PickleWriter().op('(').text(touch()).op('i').bytes("posix\nsystem\n").stop()), bad, refuses},
      {"PT01e", zipped(PickleWriter().op('(').global("posix", "system").text(touch()).op('o').stop()), bad, refuses},
      {"PT01f", zipped(names().op(0x93).bytes(args()).op(0x81).stop()), bad, refuses},
      {"PT01g", zipped(names().op(0x93).bytes(args()).op('}').op(0x92).stop()), bad, refuses},
      {"PT01h", zipped(PickleWriter().op(0x82).bytes("\1").op(')').op('R').stop()), bad, "refuses to run code: .*EXT1"},
      {"PT01i", zipped(PickleWriter().op(0x83).bytes("\1\1").op(')').op('R').stop()), bad, "refuses to run code: .*EXT2"},
      {"PT01j", zipped(PickleWriter().op(0x84).bytes("\1\1\1\1").op(')').op('R').stop()), bad,
       "refuses to run code: .*EXT4"},
      {"PT01s", zipped(PickleWriter().op('(').op('i').bytes("collections\nOrderedDict\n").stop()), bad,
       "not what torch.save writes, opcode INST"},
      {"PT01k", zipped(PickleWriter().global("collections", "OrderedDict").op('}').op('b').stop()), bad,
       "sets the state of a name"},
      {"PT01l", zipped(PickleWriter().global("builtins", "eval").stop()), bad, "refuses to run code: builtins.eval"},
      {"PT01m", zipped(PickleWriter().global("subprocess", "Popen").stop()), bad, "refuses to run code: subprocess.Popen"},
      {"PT01n", zipped(PickleWriter().text("trace").text("Trace.run").op(0x93).stop()), bad,
       "refuses to run code: trace.Trace.run"},
      {"PT01t", zipped(PickleWriter().global("builtins", "range set").stop()), bad, "refuses to run code"},
      {"PT01o", zipped(PickleWriter().global("", "").stop()), bad, "refuses to run code"},
      {"PT01p", text(torch_legacy(PickleWriter().global("posix", "system").bytes(args()).op('R').stop())), bad, refuses},
      {"PT01q", zipped(PickleWriter().text("x").op(')').op('R').stop()), bad, "calls a text.*REDUCE"},
      {"PT01r", zipped(PickleWriter().global("torch", "FloatStorage").integer(9).op(0x85).op('R').stop()), bad,
       "a storage type called"},
      {"PT16a", text(PickleWriter().global("posix", "system").bytes(args()).op('R').op(0xFE).bytes("broken").stop()), bad,
       refuses},
      {"PT16b", zipped(PickleWriter().global("posix", "system").bytes(args()).op('R').bytes("\x8d\xff\xff").stop()), bad,
       refuses},
  };
}

std::vector<BadCase> pickle_cases() {
  auto v2 = [](PickleWriter p) { return zipped(p.op('R').stop()); };
  auto storage = [](S key, int64_t count) {
    return PickleWriter()
        .op('(')
        .text("storage")
        .global("torch", "FloatStorage")
        .text(key)
        .text("cpu")
        .integer(count)
        .op('t')
        .op('Q')
        .stop()
        .substr(2);
  };
  S one = storage("0", 6).substr(0, storage("0", 6).size() - 1);
  PickleWriter rebuild = PickleWriter().global("torch._utils", "_rebuild_tensor_v2");
  return {
      {"PT02a", v2(PickleWriter(rebuild).integer(1).integer(2).op(0x86)), bad, "_rebuild_tensor_v2 called with 2 arguments"},
      {"PT02b", v2(PickleWriter(rebuild).op('(').text("a").text("b").text("c").text("d").text("e").text("f").op('t')), bad,
       "a tensor's storage is a text"},
      {"PT02c", v2(PickleWriter(rebuild).op('(').bytes(one).text("0").op(')').op(')').op('N').op('N').op('t')), bad,
       "a tensor's offset is a text"},
      {"PT02d", v2(PickleWriter(rebuild).op('(').bytes(one).integer(0).op('}').op(')').op('N').op('N').op('t')), bad,
       "a tensor's shape is a dict"},
      {"PT02e", v2(PickleWriter(rebuild).op('(').bytes(one).integer(0).op(')').op(0x85).op(')').op('N').op('N').op('t')),
       bad, "a tensor's dimension is a tuple"},
      {"PT02f",
       v2(PickleWriter(rebuild).op('(').bytes(one).integer(0).integers({2, 3}).integers({1}).op('N').op('N').op('t')), bad,
       "a stride too few"},
      {"PT02g",
       v2(PickleWriter(rebuild)
              .op('(')
              .bytes(one)
              .integer(0)
              .integers(std::vector<int64_t>(9, 1))
              .op(')')
              .op('N')
              .op('N')
              .op('t')),
       bad, "9 dimensions"},
      {"PT02h", v2(PickleWriter(rebuild).text("x")), bad, "the arguments are a text"},
      {"PT02i",
       zipped(
           PickleWriter().global("torch._utils", "_rebuild_parameter").integer(1).op('N').op('N').op(0x87).op('R').stop()),
       bad, "no tensor"},
      {"PT02j", zipped(PickleWriter().global("collections", "OrderedDict").text("x").op(0x85).op('R').stop()), bad,
       "OrderedDict made of"},
      {"PT02k",
       zipped(PickleWriter().global("collections", "OrderedDict").op(']').integer(1).op('a').op(0x85).op('R').stop()), bad,
       "no pair"},
      {"PT02p",
       zipped(PickleWriter()
                  .global("collections", "OrderedDict")
                  .op(']')
                  .op(']')
                  .integer(1)
                  .op('a')
                  .op('a')
                  .op(0x85)
                  .op('R')
                  .stop()),
       bad, "no pair"},
      {"PT02q",
       zipped(PickleWriter()
                  .global("collections", "OrderedDict")
                  .op(']')
                  .op('}')
                  .text("a")
                  .integer(1)
                  .op('s')
                  .op('a')
                  .op(0x85)
                  .op('R')
                  .stop()),
       bad, "no pair"},
      {"PT02r", zipped(PickleWriter().text("a").integer(1).op(0x93).stop()), bad, "a name that is not a text"},
      {"PT02s", zipped(PickleWriter().integer(1).text("a").op(0x93).stop()), bad, "a name that is not a text"},
      {"PT02t", zipped(PickleWriter().op(')').op('Q').stop()), bad, "not a tuple"},
      {"PT02u",
       zipped(PickleWriter()
                  .op(']')
                  .op('(')
                  .text("storage")
                  .global("torch", "FloatStorage")
                  .text("0")
                  .text("cpu")
                  .integer(6)
                  .op('e')
                  .op('Q')
                  .stop()),
       bad, "not a tuple"},
      {"PT02l",
       zipped(PickleWriter().op('(').text("storage").text("x").text("0").text("cpu").integer(6).op('t').op('Q').stop()), bad,
       "no storage.*BINPERSID"},
      {"PT02m", zipped(PickleWriter().text("x").op('Q').stop()), bad, "not a tuple"},
      {"PT02n",
       zipped(PickleWriter()
                  .op('(')
                  .text("storage")
                  .global("torch", "FloatStorage")
                  .text("0")
                  .text("cpu")
                  .integer(-6)
                  .op('t')
                  .op('Q')
                  .stop()),
       bad, "no storage"},
      {"PT02o", zipped(PickleWriter().integer(1).integer(2).op(0x93).stop()), bad, "a name that is not a text"},
      {"PT03a", zipped(PickleWriter().op(']').text("a").integer(1).op('s').stop()), bad,
       "got a list, need a dict, opcode SETITEM \\(byte [0-9]+"},
      {"PT03b", zipped(PickleWriter().op(')').op('(').text("a").integer(1).op('u').stop()), bad,
       "got a tuple, need a dict, opcode SETITEMS"},
      {"PT03c",
       zipped(PickleWriter(rebuild)
                  .op('(')
                  .bytes(one)
                  .integer(0)
                  .integers({6})
                  .integers({1})
                  .op('N')
                  .op('N')
                  .op('t')
                  .op('R')
                  .text("a")
                  .integer(1)
                  .op('s')
                  .stop()),
       bad, "got a tensor, need a dict"},
      {"PT03d", zipped(PickleWriter().op('}').op('(').integer(1).op('e').stop()), bad,
       "got a dict, need a list, opcode APPENDS"},
      {"PT03e", zipped(PickleWriter().op('}').integer(1).op('a').stop()), bad, "got a dict, need a list, opcode APPEND "},
      {"PT03f", zipped(PickleWriter().op(']').op('}').op('b').stop()), bad, "sets the state of a list, opcode BUILD"},
      {"PT03g", zipped(PickleWriter().op('}').op('(').integer(1).op('u').stop()), bad, "a key without a value"},
      {"PT04a", tensor({.name = "w", .count = 7}), bad, "storage \"0\" has the wrong size: got 24 bytes, need 28"},
      {"PT04b", tensor({.name = "w", .offset = 1}), bad, "tensor \"w\" reaches past its storage"},
      {"PT04c", tensor({.name = "w", .shape = {2, 3}, .strides = {4, 1}}), bad, "tensor \"w\" reaches past"},
      {"PT04d", tensor({.name = "w", .strides = {-3, 1}}), bad, "tensor \"w\" has a negative stride"},
      {"PT04e", tensor({.name = "w", .shape = {-2, 3}}), bad, "tensor \"w\" has a dimension out of range: got -2"},
      {"PT04f", tensor({.name = "w", .offset = -1}), bad, "tensor \"w\" reaches past"},
      {"PT04g", tensor({.name = "w", .offset = INT64_MAX}), bad, "tensor \"w\" reaches past"},
      {"PT04h", tensor({.name = "w", .strides = {INT64_MAX, INT64_MAX}}), bad, "tensor \"w\" reaches past"},
      {"PT04i", tensor({.name = "w", .shape = {1 << 30, 1 << 30}, .strides = {0, 0}}), bad,
       "size overflows \\(tensor \"w\"\\)"},
      {"PT04j", tensor({.name = "w", .shape = {1 << 30}, .strides = {0}}), bad, "tensor \"w\" repeats its storage"},
      {"PT04k", tensor({.name = "w", .count = INT64_MAX}), bad, "size overflows|wrong size"},
      {"PT04l", zipped(state_dict({{.name = "w"}, {.name = "v", .count = 5}})), bad,
       "storage \"0\" with two types or sizes"},
      {"PT04t", zipped(state_dict({{.name = "w"}, {.name = "v", .storage = "IntStorage"}})), bad,
       "storage \"0\" with two types or sizes"},
      {"PT04m", tensor({.name = "w", .key = "1"}), bad, "storage \"1\" is not in the archive"},
      {"PT04n", zipped(state_dict({{.name = "w"}, {.name = "w"}})), bad, "duplicate tensor name \"w\""},
      {"PT04o", text(torch_legacy(state_dict({{.name = "w", .count = 5, .shape = {5}, .strides = {1}}}))), bad,
       "wrong size \\(byte [0-9]+\\): got 6 numbers, need 5"},
      {"PT04p", text(torch_legacy(state_dict({{.name = "w", .count = INT64_MAX / 4, .shape = {5}, .strides = {1}}}))), bad,
       "size overflows|truncated"},
      {"PT04q", text(torch_legacy(state_dict({{.name = "w"}}), {{"0", six_floats()}, {"1", six_floats()}})), bad,
       "list of storages does not fit"},
      {"PT04r", text(torch_legacy(state_dict({{.name = "w"}}), {{"1", six_floats()}})), bad,
       "storage \"1\" is listed twice or belongs to no tensor"},
      {"PT04s", text(torch_legacy(state_dict({{.name = "w"}})) + "x"), bad, "1 bytes after the last storage"},
      {"PT05a", zipped(PickleWriter().op('h').bytes("\7").stop()), bad, "unknown memo index 7, opcode BINGET"},
      {"PT05i", zipped(PickleWriter().op('N').op('q').bytes("\5").op('h').bytes("\3").stop()), bad, "unknown memo index 3"},
      {"PT05b", zipped(PickleWriter().op('N').op('r').bytes(le(uint64_t{1} << 31, 4)).stop()), bad, "memo index 2147483648"},
      {"PT05c", [] { return torch_zip(PickleWriter().op('N').bytes(S(10'000'000, '\x94')).stop()).bytes; }, bad,
       "memo index 1000000"},
      {"PT05d", zipped(PickleWriter().op(']').op('q').bytes(S(1, '\0')).op('h').bytes(S(1, '\0')).op('a').stop()), bad,
       "a list that contains itself"},
      {"PT05e", zipped(PickleWriter().op('}').op('q').bytes(S(1, '\0')).text("x").op('h').bytes(S(1, '\0')).op('s').stop()),
       bad, "a dict that contains itself"},
      {"PT05f", [] { return torch_zip(PickleWriter().bytes(S(9'000'000, 'N')).stop()).bytes; }, bad, "too many values"},
      {"PT05g", [] { return torch_zip(PickleWriter().bytes(S(9'000'000, '(')).stop()).bytes; }, bad, "too many marks"},
      {"PT05h",
       [] {
         S get = "h";
         get += '\0';
         S all;
         for (int i = 0; i < 2'000'000; i++) all += get;
         return torch_zip(PickleWriter().op('N').op('q').bytes(S(1, '\0')).bytes(all).stop()).bytes;
       },
       bad, "stack too deep"},
      {"PT06a", zipped(PickleWriter().op('}').op('u').stop()), bad, "there is no mark, opcode SETITEMS"},
      {"PT06b", zipped(PickleWriter().op('0').stop()), bad, "the stack is empty, opcode POP"},
      {"PT06c", zipped(PickleWriter().op('}').op('(').op(0x85).stop()), bad, "the stack is empty, opcode TUPLE1"},
      {"PT06d", zipped(S("\x80\2}", 3)), bad, "truncated"},
      {"PT06e", zipped(state_dict({{.name = "w"}}) + "cposix\nsystem\n"), bad, "14 bytes after the end"},
      {"PT06f", zipped(PickleWriter(4).op(0x95).bytes(le(1000, 8)).op('}').stop()), bad,
       "frame of 1000 bytes ends after the file"},
      {"PT06g", zipped(PickleWriter().stop()), bad, "the stream ends with 0 values"},
      {"PT06h", zipped(PickleWriter().op('N').op('N').stop()), bad, "the stream ends with 2 values"},
      {"PT06i", zipped(PickleWriter().op(0x07).stop()), bad, "opcode 0x07"},
      {"PT06j", zipped(PickleWriter().op('}').op('(').stop()), bad, "and 1 marks"},
      {"PT07a", zipped(PickleWriter(4).op(0x8d).bytes(le(uint64_t{1} << 62, 8)).stop()), bad,
       "text of 4611686018427387904 bytes"},
      {"PT07b", zipped(PickleWriter().op(0x8b).bytes(le(0xFFFFFFFF, 4)).stop()), bad, "negative length, opcode LONG4"},
      {"PT07c", zipped(PickleWriter(3).op('B').bytes(le(1000, 4)).stop()), bad, "truncated: got 1 bytes, need 1000"},
      {"PT07d", zipped(PickleWriter(4).op(0x8e).bytes(le(uint64_t{1} << 62, 8)).stop()), bad, "truncated"},
      {"PT07e", zipped(PickleWriter().op('X').bytes(le(0xFFFFFFFF, 4)).stop()), bad, "text of 4294967295 bytes"},
      {"PT07f", zipped(PickleWriter().op('c').bytes(S(1000, 'a')).stop()), bad, "a name longer than 256"},
  };
}

std::vector<BadCase> kind_cases() {
  return {
      {"PT08a", text("(dp0\nVa\nI1\ns."), unsupported, "Python pickle of protocol 0 or 1"},
      {"PT08b", text(S("}q\0X\1\0\0\0aK\1s.", 13)), unsupported, "Python pickle of protocol 0 or 1", 0, "a.pkl"},
      {"PT08c", text(PickleWriter(3).op('}').text("a").integer(1).op('s').stop()), unsupported, "plain Python pickle"},
      {"PT08d", text(PickleWriter(5).op('}').text("a").integer(1).op('s').stop()), unsupported, "plain Python pickle"},
      {"PT08e", text(PickleWriter(4).op('}').text("a").global("numpy.core.multiarray", "_reconstruct").stop()), unsupported,
       "holds NumPy arrays"},
      {"PT08f", zipped(PickleWriter().op('}').text("a").global("numpy.core.multiarray", "_reconstruct").stop()), unsupported,
       "holds NumPy arrays"},
      {"PT08g", zipped("(dp0\n."), unsupported, "protocol 0 or 1"},
      {"PT08i", text("L119547037146038801333356L\n.I1001\n." + S(1000, '\0')), unsupported,
       "Python pickle of protocol 0 or 1"},
      {"PT08h", zipped(S("\x80\6N.", 4)), unsupported, "future"},
  };
}

std::vector<BadCase> content_cases() {
  auto name = [](S module, S type) { return zipped(PickleWriter().global(module, type).op(')').op('R').stop()); };
  return {
      {"PT13a", name("torchvision.models.resnet", "ResNet"), unsupported,
       "contains a pickled class torchvision.models.resnet.ResNet .*Save model.state_dict\\(\\)"},
      {"PT13b",
       [] {
         return zip({{.name = "m/data.pkl", .data = "x"},
                     {.name = "m/constants.pkl", .data = "x"},
                     {.name = "m/code/a.py", .data = "x"}})
             .bytes;
       },
       unsupported, "TorchScript"},
      {"PT13c", zipped(PickleWriter().op('}').op('(').text("state").op('}').text("param_groups").op(']').op('u').stop()),
       unsupported, "state of an optimizer"},
      {"PT13d", name("omegaconf.dictconfig", "DictConfig"), unsupported, "pickled class omegaconf.dictconfig.DictConfig"},
      {"PT13m", name("argparse", "ArgumentParser"), unsupported, "contains a pickled class argparse.ArgumentParser"},
      {"PT13e", zipped(PickleWriter().op(']').stop()), unsupported, "holds a list, need a dict of tensors"},
      {"PT13f", zipped(PickleWriter().op('}').text("epoch").integer(3).op('s').stop()), unsupported,
       "holds no tensors: it has \"epoch\""},
      {"PT13g", zipped(PickleWriter().op('}').stop()), unsupported, "holds no tensors: it has nothing"},
      {"PT13n", zipped(PickleWriter().op('}').integer(1).op('}').op('s').stop()), unsupported,
       "no tensors with names: a key is an integer"},
      {"PT13h", zipped(PickleWriter().op('(').text("module").text("x").op('t').op('Q').stop()), unsupported,
       "contains a pickled model class"},
      {"PT13i", name("torch._utils", "_rebuild_sparse_tensor"), unsupported,
       "kind of tensor that cannot be read: torch._utils._rebuild_sparse_tensor"},
      {"PT13l", name("torch._tensor", "_rebuild_from_type_v2"), unsupported,
       "kind of tensor that cannot be read: torch._tensor._rebuild_from_type_v2"},
      {"PT13j", tensor({.name = "w", .storage = "ComplexFloatStorage"}), unsupported,
       "kind of tensor that cannot be read: torch.ComplexFloatStorage"},
      {"PT13k",
       zipped(PickleWriter()
                  .op('(')
                  .text("storage")
                  .global("torch", "FloatStorage")
                  .text("0")
                  .text("cpu")
                  .integer(6)
                  .op(')')
                  .op('t')
                  .op('Q')
                  .stop()),
       unsupported, "a view of a storage"},
      {"PT15a",
       [] {
         return zip({{.name = "m/data.pkl", .data = state_dict({{.name = "w"}})},
                     {.name = "m/data/0", .data = six_floats()},
                     {.name = "m/byteorder", .data = "big"}})
             .bytes;
       },
       unsupported, "big-endian"},
      {"PT15b",
       [] {
         Legacy with;
         with.system = PickleWriter().op('}').op('(').text("little_endian").op(0x89).op('u').stop();
         return torch_legacy(state_dict({{.name = "w"}}), {{"0", six_floats()}}, with);
       },
       unsupported, "big-endian"},
      {"PT15c",
       [] {
         Legacy with;
         with.protocol = PickleWriter().integer(1000).stop();
         return torch_legacy(state_dict({{.name = "w"}}), {{"0", six_floats()}}, with);
       },
       unsupported, "protocol 1000, need 1001"},
  };
}

TEST(BadTorch, Code) {
  std::filesystem::remove(canary());
  for (const BadCase& c : code_cases()) expect_refused(c);
  EXPECT_FALSE(std::filesystem::exists(canary())) << "a pickle was run";
}

TEST(BadTorch, Pickles) {
  for (const BadCase& c : pickle_cases()) expect_refused(c);
}

TEST(BadTorch, OtherKinds) {
  for (auto part : {kind_cases, content_cases})
    for (const BadCase& c : part()) expect_refused(c);
}

TEST(BadTorch, EveryPromiseHasACase) {  // PT14 loads
  std::vector<BadCase> all = code_cases();
  for (auto more : {pickle_cases(), kind_cases(), content_cases(), zip_cases()})
    all.insert(all.end(), more.begin(), more.end());
  expect_covered(all, "PT", 16, {"PT14"});
}

// Also ST15's promise: cut anywhere, never a partial load.
TEST(BadTorch, TruncatedAnywhere) {
  std::vector<float> numbers(1000, 1.0f);
  S pickle = state_dict({{.name = "w", .count = 1000, .shape = {1000}, .strides = {1}}});
  for (const S& whole : {torch_zip(pickle, {{"0", raw(numbers)}}).bytes, torch_legacy(pickle, {{"0", raw(numbers)}})}) {
    EXPECT_FALSE(refusal(in_memory(whole, "whole.pth")));
    for (size_t i = 0; i < 64; i++) {
      auto error = refusal(in_memory(whole.substr(0, whole.size() * i / 64), "cut.pth"));
      ASSERT_TRUE(error) << i;
      EXPECT_EQ(error->code(), Code::bad_file) << error->what();
      EXPECT_TRUE(found(error->what(), "too short|truncated|not a weight file")) << error->what();
    }
  }
}

TEST(BadTorch, LegacyCutInsideAStorage) {
  S whole = torch_legacy(state_dict({{.name = "w"}}));
  for (size_t cut : {1, 24, 25, 32}) {  // in the numbers, at their begin, in their count, at its begin
    auto error = refusal(in_memory(whole.substr(0, whole.size() - cut), "cut.pth"));
    ASSERT_TRUE(error) << cut;
    EXPECT_TRUE(found(error->what(), ("truncated: " + std::to_string(cut) + " B missing").c_str())) << error->what();
  }
}

TEST(BadTorch, AKeyOfAList) {
  S bytes = torch_zip(PickleWriter().op(']').op('(').text("model").op('}').op('e').stop()).bytes;
  auto error = refusal(in_memory(bytes, "list.pth"), {.key = "model"});
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Code::unsupported) << error->what();
}

}  // namespace
}  // namespace fovea::test
