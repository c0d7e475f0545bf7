// Damaged, hostile and mistaken PyTorch files.
#include <filesystem>

#include "weights_bad.h"

namespace fovea::test {
namespace {

using S = std::string;
constexpr Code bad = Code::bad_file, unsupported = Code::unsupported, resources = Code::resources;
constexpr const char* kCanary = "/tmp/fovea_canary";

// A row whose pickle comes in the zip container.
auto zipped(S pickle) {
  return [pickle] { return torch_zip(pickle).bytes; };
}
auto text(S bytes) {
  return [bytes] { return bytes; };
}
auto tensor(TorchTensor t) { return zipped(state_dict({t})); }

// A good archive with one thing changed.
auto broken(std::function<void(ZipImage&)> change, bool descriptors = false) {
  return [=] {
    ZipImage z = torch_zip(state_dict({{.name = "w"}}), {{"0", six_floats()}}, descriptors);
    change(z);
    return z.bytes;
  };
}

S touch() { return S("touch ") + kCanary; }
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
      {"PT01k", zipped(PickleWriter().global("collections", "OrderedDict").op('}').op('b').stop()), bad,
       "sets the state of a name"},
      {"PT01l", zipped(PickleWriter().global("builtins", "eval").stop()), bad, "refuses to run code: builtins.eval"},
      {"PT01m", zipped(PickleWriter().global("subprocess", "Popen").stop()), bad, "refuses to run code: subprocess.Popen"},
      {"PT01n", zipped(PickleWriter().text("trace").text("Trace.run").op(0x93).stop()), bad,
       "refuses to run code: trace.Trace.run"},
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
  auto name = [](S module, S type) { return zipped(PickleWriter().global(module, type).op(')').op('R').stop()); };
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
      {"PT08h", zipped(S("\x80\6N.", 4)), unsupported, "future"},
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
      {"PT13d", name("argparse", "Namespace"), unsupported, "contains a pickled class argparse.Namespace"},
      {"PT13e", zipped(PickleWriter().op(']').stop()), unsupported, "holds a list, need a dict of tensors"},
      {"PT13f", zipped(PickleWriter().op('}').text("epoch").integer(3).op('s').stop()), unsupported,
       "holds no tensors: it has \"epoch\""},
      {"PT13g", zipped(PickleWriter().op('}').stop()), unsupported, "holds no tensors: it has nothing"},
      {"PT13h", zipped(PickleWriter().op('(').text("module").text("x").op('t').op('Q').stop()), unsupported,
       "contains a pickled model class"},
      {"PT13i", name("torch._utils", "_rebuild_sparse_tensor"), unsupported,
       "kind of tensor that cannot be read: torch._utils._rebuild_sparse_tensor"},
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

std::vector<BadCase> zip_cases() {
  auto extra = [](S field, bool wide) {
    return [=] {
      return zip({{.name = "m/data.pkl", .data = state_dict({{.name = "w"}})},
                  {.name = "m/data/0", .data = six_floats(), .extra = field, .wide = wide}})
          .bytes;
    };
  };
  auto again = [](ZipImage& z) { z.bytes += z.bytes.substr(z.end); };
  return {
      {"PT09a", broken([](ZipImage& z) { z.bytes += "x"; }), bad, "no end record in the last 22 bytes"},
      {"PT09b", broken([](ZipImage& z) { z.set(z.end + 20, 4, 2).bytes += "abcd"; }), bad,
       "no end record in the last 22 bytes"},
      {"PT09c", broken(again), bad, "does not end at the end record"},
      {"PT09d", broken([](ZipImage& z) {
         z.bytes.insert(z.directory, "hidden");
         z.set(z.end + 6 + 16, z.directory + 6, 4);
       }),
       bad, "followed by 6 bytes"},
      {"PT09e", broken([](ZipImage& z) { z.set(z.end64 + 32, 99, 8); }, true), bad, "zip64 end record disagrees"},
      {"PT09f", broken([](ZipImage& z) { z.set(z.end64 + 48, 0, 8); }, true), bad, "zip64 end record disagrees"},
      {"PT09g", broken([](ZipImage& z) { z.set(z.end64 + 48, ~uint64_t{0} - 3, 8).set(z.end + 16, 0xFFFFFFFF, 4); }, true),
       bad, "does not end at the end record"},
      {"PT09h", broken([](ZipImage& z) { z.set(z.end - 12, 0, 8); }, true), bad, "zip64 end record is not where it must be"},
      {"PT09i", broken([](ZipImage& z) { z.set(z.central[1] + 24, 0xFFFFFFFF, 4); }), bad, "lacks its zip64 field"},
      {"PT09j", broken([](ZipImage& z) { z.set(z.central[1] + 42, 0, 4); }), bad, "overlaps"},
      {"PT09k", broken([](ZipImage& z) { z.set(z.central[0] + 20, 1000, 4).set(z.central[0] + 24, 1000, 4); }), bad,
       "overlaps|outside"},
      {"PT09l",
       [] {
         return zip({{.name = "m/data.pkl", .data = "a"}, {.name = "m/data.pkl", .data = "b"}}).bytes;
       },
       bad, "duplicate entry name \"m/data.pkl\""},
      {"PT09m", broken([](ZipImage& z) { z.bytes[z.local[1] + 30] = 'X'; }), bad, "local header .* disagrees"},
      {"PT09n", broken([](ZipImage& z) { z.set(z.local[1] + 8, 8, 2); }), bad, "local header .* disagrees"},
      {"PT09o", broken([](ZipImage& z) { z.set(z.local[1] + 22, 7, 4); }), bad, "local header .* disagrees"},
      {"PT09p", broken([](ZipImage& z) { z.set(z.local[1] + 14, 7, 4); }), bad, "local header .* disagrees"},
      {"PT09q", broken([](ZipImage& z) { z.set(z.data[1] + 24 + 4, 7, 4); }, true), bad, "no valid data descriptor"},
      {"PT09r", broken([](ZipImage& z) { z.set(z.data[1] + 24 + 12, 7, 4); }, true), bad, "no valid data descriptor"},
      {"PT09s", broken([](ZipImage& z) { z.set(z.central[1] + 8, 1, 2); }), bad, "encrypted"},
      {"PT09t", broken([](ZipImage& z) { z.set(z.central[1] + 8, 1, 2).set(z.local[1] + 6, 1, 2); }), bad, "encrypted"},
      {"PT09u", broken([](ZipImage& z) { z.set(z.central[1] + 10, 12, 2); }), unsupported, "compressed by method 12"},
      {"PT09v", broken([](ZipImage& z) { z.set(z.end + 8, 9, 2).set(z.end + 10, 9, 2); }), bad, "got 3 entries, need 9"},
      {"PT09w", broken([](ZipImage& z) { z.set(z.end + 8, 2, 2).set(z.end + 10, 2, 2); }), bad, "more entries than"},
      {"PT09x", broken([](ZipImage& z) { z.set(z.end + 12, 0xFFFFFFF0, 4); }), bad, "does not end at the end record"},
      {"PT09y", broken([](ZipImage& z) { z.set(z.central[1] + 28, 0xFFFF, 2); }), bad, "longer than the directory"},
      {"PT09z", broken([](ZipImage& z) { z.set(z.central[1] + 24, 7, 4); }), bad, "two sizes"},
      {"PT09A", broken([](ZipImage& z) { z.bytes[z.central[1]] = 'X'; }), bad, "broken directory entry"},
      {"PT09B", broken([](ZipImage& z) { z.set(z.end + 4, 1, 2); }), bad, "several disks"},
      {"PT09C", broken([](ZipImage& z) { z.bytes[z.local[0]] = 'X'; }), bad, "not a weight file"},
      {"PT09D", broken([](ZipImage& z) { z.bytes[z.local[2]] = 'X'; }), bad, "no local header"},
      {"PT09E",
       [] {
         return zip({{.name = "a/data.pkl", .data = "a"}, {.name = "b/data.pkl", .data = "b"}}).bytes;
       },
       bad, "two data.pkl"},
      {"PT09F", extra(le(1, 2) + le(16, 2) + le(7, 8) + le(7, 8), false), bad, "wrong zip64 field"},
      {"PT09G", extra(le(1, 2) + le(8, 2) + le(24, 8), true), bad, "wrong zip64 field"},
      {"PT09H", extra("FB" + le(99, 2), false), bad, "broken extra field"},
      {"PT09I", extra("FB" + le(0, 2), true), bad, "lacks its zip64 field"},
      {"PT09J", extra(le(1, 2) + le(16, 2) + le(uint64_t{1} << 60, 8) + le(uint64_t{1} << 60, 8), true), bad,
       "outside the file"},
      {"PT09K", [] { return torch_zip(S(64'000'001, 'N')).bytes; }, bad,
       "data.pkl is too large: got 64000001 bytes, need at most 64000000"},
      {"PT10a",
       [] {
         return zip({{.name = "m/data.pkl",
                      .data = state_dict({{.name = "w", .count = 4'000'000, .shape = {4'000'000}, .strides = {1}}})},
                     {.name = "m/data/0", .data = S(16'000'000, '\0'), .deflate = true}})
             .bytes;
       },
       resources, "unpacks to more than 200 times its size: 16000000 bytes"},
      {"PT10b", broken([](ZipImage& z) { z.set(z.central[1] + 10, 8, 2).set(z.central[1] + 24, 0xFFFFFFF0, 4); }), resources,
       "zip bomb"},
      {"PT10c",
       [] {
         ZipImage z =
             zip({{.name = "m/data.pkl", .data = state_dict({{.name = "w", .count = 100, .shape = {100}, .strides = {1}}})},
                  {.name = "m/data/0", .data = S(500'000, '\0'), .deflate = true}});
         return z.set(z.central[1] + 24, 400, 4).set(z.local[1] + 22, 400, 4).bytes;
       },
       bad, "does not unpack"},
      {"PT10d",
       [] {
         ZipImage z =
             zip({{.name = "m/data.pkl", .data = state_dict({{.name = "w", .count = 200, .shape = {200}, .strides = {1}}})},
                  {.name = "m/data/0", .data = S(400, '\0'), .deflate = true}});
         return z.set(z.central[1] + 24, 800, 4).set(z.local[1] + 22, 800, 4).bytes;
       },
       bad, "does not unpack"},
      {"PT11a", broken([](ZipImage& z) { z.bytes[z.data[1] + 5] ^= 1; }), bad, "tensor \"w\" is damaged \\(CRC-32\\)"},
      {"PT11b", broken([](ZipImage& z) { z.bytes[z.data[0] + 5] ^= 1; }), bad, "m/data.pkl is damaged \\(CRC-32\\)"},
      {"PT11c",
       [] {
         ZipImage z = zip({{.name = "m/data.pkl", .data = state_dict({{.name = "w"}})},
                           {.name = "m/data/0", .data = six_floats(), .deflate = true}});
         return z.set(z.central[1] + 16, 7, 4).set(z.local[1] + 14, 7, 4).bytes;
       },
       bad, "tensor \"w\" is damaged"},
      {"PT12a", tensor({.name = "../../x\x1b[31m\n" + S(65536, 'n'), .offset = 9}), bad,
       "tensor \"../../x.x1b.*\\.\\.\\. reaches past"},
  };
}

TEST(BadTorch, Code) {
  std::filesystem::remove(kCanary);
  for (const BadCase& c : code_cases()) expect_refused(c);
  EXPECT_FALSE(std::filesystem::exists(kCanary)) << "a pickle was run";
}

TEST(BadTorch, Pickles) {
  for (const BadCase& c : pickle_cases()) expect_refused(c);
}

TEST(BadTorch, OtherKinds) {
  for (const BadCase& c : kind_cases()) expect_refused(c);
}

TEST(BadTorch, Zips) {
  for (const BadCase& c : zip_cases()) expect_refused(c);
}

TEST(BadTorch, EveryPromiseHasACase) {  // PT14 loads
  std::vector<BadCase> all = code_cases();
  for (auto more : {pickle_cases(), kind_cases(), zip_cases()}) all.insert(all.end(), more.begin(), more.end());
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
    }
  }
}

// Any single wrong byte of an archive is found, or changes nothing that is read.
TEST(BadTorch, EveryByteOfAZipMatters) {
  ZipImage z = torch_zip(state_dict({{.name = "w"}}));
  std::vector<float> need{0, 1, 2, 3, 4, 5}, got(6);
  int loaded = 0;
  for (size_t i = 0; i < z.bytes.size(); i++) {
    S bytes = z.bytes;
    bytes[i] ^= 0x10;
    try {
      auto file = TensorFile::open(in_memory(bytes, "flip.pth"));
      file->read(*file->find("w"), got.data());
      EXPECT_EQ(got, need) << i;
      loaded++;
    } catch (const Error& e) {
      EXPECT_TRUE(e.code() == Code::bad_file || e.code() == Code::unsupported || e.code() == Code::resources)
          << i << ": " << e.what();
    }
  }
  EXPECT_LT(loaded, 150);  // dates, versions and attributes, which nothing reads
}

}  // namespace
}  // namespace fovea::test
