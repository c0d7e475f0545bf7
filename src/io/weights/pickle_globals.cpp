// The allow-list of the pickle reader. Whatever is not on it is refused by name, before anything is built from it.
#include "io/weights/pickle_globals.h"

#include <utility>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "io/weights/contents.h"

namespace fovea {

namespace {

struct Allowed {
  std::string_view module, name;
  GlobalMeaning meaning;
};

constexpr Allowed kAllowed[] = {
    {"collections", "OrderedDict", {PickleGlobal::ordered_dict}},
    {"collections", "defaultdict", {PickleGlobal::default_dict}},
    {"collections", "Counter", {PickleGlobal::counter}},
    {"torch._utils", "_rebuild_tensor", {PickleGlobal::rebuild_tensor}},
    {"torch._utils", "_rebuild_tensor_v2", {PickleGlobal::rebuild_tensor_v2}},
    {"torch._utils", "_rebuild_parameter", {PickleGlobal::rebuild_parameter}},
    {"torch", "Size", {PickleGlobal::size}},
    {"torch", "FloatStorage", {PickleGlobal::storage, FileType::f32}},
    {"torch", "DoubleStorage", {PickleGlobal::storage, FileType::f64}},
    {"torch", "HalfStorage", {PickleGlobal::storage, FileType::f16}},
    {"torch", "BFloat16Storage", {PickleGlobal::storage, FileType::bf16}},
    {"torch", "LongStorage", {PickleGlobal::storage, FileType::i64}},
    {"torch", "IntStorage", {PickleGlobal::storage, FileType::i32}},
    {"torch", "ShortStorage", {PickleGlobal::storage, FileType::i16}},
    {"torch", "CharStorage", {PickleGlobal::storage, FileType::i8}},
    {"torch", "ByteStorage", {PickleGlobal::storage, FileType::u8}},
    {"torch", "BoolStorage", {PickleGlobal::storage, FileType::boolean}},
};

// Data without a meaning for weights, found beside them in training checkpoints: settings, metrics, factories of
// defaultdicts. Names are separated by spaces; Python 2's module names come with PyTorch's protocol.
constexpr std::string_view kBuiltins =
    "bool bytearray bytes complex dict float frozenset int list long object range set slice str tuple unicode xrange";
struct {
  std::string_view module, names;
} constexpr kIgnored[] = {
    {"argparse", "Namespace"},
    {"pathlib", "PosixPath WindowsPath PurePosixPath PureWindowsPath"},
    {"pathlib._local", "PosixPath WindowsPath PurePosixPath PureWindowsPath"},
    {"torch", "device float16 float32 float64 bfloat16 int8 int16 int32 int64 uint8 bool"},
    {"numpy", "dtype bool_ float16 float32 float64 int8 int16 int32 int64 uint8"},
    {"numpy.core.multiarray", "scalar"},
    {"numpy._core.multiarray", "scalar"},
    {"_codecs", "encode"},
    {"datetime", "date datetime time timedelta timezone"},
    {"builtins", kBuiltins},
    {"__builtin__", kBuiltins},
};

bool is_ignored(std::string_view module, std::string_view name) {
  for (auto [of, names] : kIgnored) {
    if (module != of) continue;
    std::vector<std::string> all = split(names, ' ');
    return std::find(all.begin(), all.end(), name) != all.end();
  }
  return false;
}

// Modules whose classes run programs, too: nothing honest names them.
constexpr std::string_view kCodeModules[] = {
    "os",          "posix",    "nt",        "posixpath",       "ntpath",   "subprocess", "sys",     "builtins",
    "__builtin__", "runpy",    "importlib", "shutil",          "socket",   "pty",        "code",    "codeop",
    "operator",    "ctypes",   "pickle",    "_pickle",         "marshal",  "types",      "asyncio", "urllib",
    "webbrowser",  "commands", "functools", "multiprocessing", "tempfile", "pip",        "pdb",     "timeit"};

bool is_code(std::string_view module, std::string_view name) {
  std::string_view root = module.substr(0, module.find('.'));
  bool known = std::find(std::begin(kCodeModules), std::end(kCodeModules), root) != std::end(kCodeModules);
  std::string_view last = name.substr(name.rfind('.') + 1);
  bool is_class = !last.empty() && last[0] >= 'A' && last[0] <= 'Z';  // as Python's are by custom
  return known || !is_class;
}

}  // namespace

GlobalMeaning find_global(const PickleBytes& in, uint64_t at, std::string_view module, std::string_view name) {
  for (const Allowed& allowed : kAllowed)
    if (module == allowed.module && name == allowed.name) return allowed.meaning;
  if (is_ignored(module, name)) return {PickleGlobal::object};
  std::string full = shown(std::string(module) + "." + std::string(name));
  full = full.substr(1, full.rfind('"') - 1);
  const std::string& path = in.file().path();
  if (module.starts_with("numpy") && (name == "_reconstruct" || name == "_frombuffer" || name == "ndarray"))
    fail(Code::unsupported, "{}: holds NumPy arrays ({}, byte {}), need tensors. Save a dict of tensors with torch.save",
         path, full, at);
  if (module == "torch" || module == "torch._utils" || module == "torch._tensor")
    fail(Code::unsupported, "{}: holds a kind of tensor that cannot be read: {} (byte {}). Save plain dense tensors", path,
         full, at);
  if (is_code(module, name))
    fail(Code::bad_file, "{}: refuses to run code: {} (pickle byte {}). Do not trust this file; weights never need it", path,
         full, at);
  fail(Code::unsupported, "{}: contains a pickled class {} (byte {}). Save model.state_dict() instead of the object", path,
       full, at);
}

namespace {

std::vector<int64_t> integers(const PickleBytes& in, uint64_t at, const Pickle& pickle, uint32_t id) {
  const PickleValue& v = pickle.values[id];
  if (v.kind != PickleKind::tuple && v.kind != PickleKind::list)
    in.bad(std::string("a tensor's shape is ") + pickle_kind_name(v.kind), at);
  if (v.items.size() > kMaxRank) in.bad("a tensor of " + std::to_string(v.items.size()) + " dimensions, need at most 8", at);
  std::vector<int64_t> out;
  for (uint32_t item : v.items) {
    if (pickle.values[item].kind != PickleKind::integer)
      in.bad(std::string("a tensor's dimension is ") + pickle_kind_name(pickle.values[item].kind), at);
    out.push_back(pickle.values[item].number);
  }
  return out;
}

// (storage, offset, shape, strides, ...): what follows is about gradients.
PickleValue rebuild_tensor(const PickleBytes& in, uint64_t at, Pickle& pickle, const std::vector<uint32_t>& args) {
  const PickleValue &storage = pickle.values[args[0]], &offset = pickle.values[args[1]];
  if (storage.kind != PickleKind::storage)
    in.bad(std::string("a tensor's storage is ") + pickle_kind_name(storage.kind), at);
  if (offset.kind != PickleKind::integer) in.bad(std::string("a tensor's offset is ") + pickle_kind_name(offset.kind), at);
  PickleTensor tensor{static_cast<uint32_t>(storage.number), offset.number, integers(in, at, pickle, args[2]),
                      integers(in, at, pickle, args[3])};
  if (tensor.shape.size() != tensor.strides.size()) in.bad("a tensor with a stride too few or too many", at);
  auto index = static_cast<int64_t>(pickle.tensors.size());
  pickle.tensors.push_back(std::move(tensor));
  return {.kind = PickleKind::tensor, .number = index};
}

// Python 2 gives the items as one list of pairs. They are taken out of it: copies could multiply without end.
PickleValue ordered_dict(const PickleBytes& in, uint64_t at, Pickle& pickle, const std::vector<uint32_t>& args) {
  PickleValue dict{.kind = PickleKind::dict};
  if (args.empty()) return dict;
  if (pickle.values[args[0]].kind != PickleKind::list) in.bad("an OrderedDict made of something else than a list", at);
  for (uint32_t id : std::exchange(pickle.values[args[0]].items, {})) {
    const PickleValue& pair = pickle.values[id];
    if ((pair.kind != PickleKind::list && pair.kind != PickleKind::tuple) || pair.items.size() != 2)
      in.bad("an OrderedDict with an item that is no pair", at);
    dict.items.insert(dict.items.end(), pair.items.begin(), pair.items.end());
  }
  return dict;
}

struct Arity {
  const char* name;
  size_t least, most;
};
constexpr Arity kArity[] = {{"OrderedDict", 0, 1},     {"defaultdict", 0, 2},        {"Counter", 0, 1},
                            {"_rebuild_tensor", 4, 4}, {"_rebuild_tensor_v2", 6, 7}, {"_rebuild_parameter", 3, 3},
                            {"torch.Size", 1, 1},      {"a storage type", 1, 0},     {"an ignored object", 0, 64}};

}  // namespace

PickleValue call_global(const PickleBytes& in, uint64_t at, Pickle& pickle, PickleGlobal callee,
                        const std::vector<uint32_t>& args) {
  const Arity& arity = kArity[static_cast<size_t>(callee)];
  if (args.size() < arity.least || args.size() > arity.most)
    in.bad(std::string(arity.name) + " called with " + std::to_string(args.size()) + " arguments", at);
  switch (callee) {
    case PickleGlobal::ordered_dict: return ordered_dict(in, at, pickle, args);
    case PickleGlobal::default_dict:
    case PickleGlobal::counter: return {.kind = PickleKind::dict};
    case PickleGlobal::rebuild_tensor:
    case PickleGlobal::rebuild_tensor_v2: return rebuild_tensor(in, at, pickle, args);
    case PickleGlobal::rebuild_parameter:
      if (pickle.values[args[0]].kind != PickleKind::tensor) in.bad("a parameter that is no tensor", at);
      return pickle.values[args[0]];
    case PickleGlobal::size: {
      PickleValue shape = {.kind = PickleKind::tuple};
      integers(in, at, pickle, args[0]);
      shape.items = pickle.values[args[0]].items;
      return shape;
    }
    default: return {.kind = PickleKind::object};
  }
}

}  // namespace fovea
