// A pickle stream turned into tagged values. Nothing is ever called: the few names that torch.save writes for tensors have
// a meaning here, and any other name is an error. No recursion; every stream ends after as many steps as it has bytes.
#pragma once
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "io/file_type.h"
#include "io/weights/pickle_bytes.h"

namespace fovea {

enum class PickleKind : uint8_t { none, boolean, integer, real, text, tuple, list, dict, object, global, storage, tensor };

struct PickleValue {
  PickleKind kind = PickleKind::none;
  int64_t number = 0;           // boolean, integer; index of a storage or tensor; PickleGlobal of a global
  std::string_view text;        // text (also bytes and integers beyond 64 bits, which are objects)
  std::vector<uint32_t> items;  // tuple, list: values; dict: key, value, key, value
};

struct PickleStorage {
  FileType type = FileType::f32;
  std::string_view key;
  uint64_t count = 0;
};

struct PickleTensor {  // a view, as the stream has it: not validated against its storage
  uint32_t storage = 0;
  int64_t offset = 0;
  std::vector<int64_t> shape, strides;
};

struct Pickle {
  std::vector<PickleValue> values;
  uint32_t root = 0;
  std::vector<PickleStorage> storages;
  std::vector<PickleTensor> tensors;
  std::deque<std::string> texts;  // what the views look into

  const PickleValue& top() const { return values[root]; }
  // The value of a text key in a dict; null if absent.
  const PickleValue* get(const PickleValue& dict, std::string_view key) const;
};

Pickle parse_pickle(PickleBytes& bytes);  // one stream, up to its STOP

}  // namespace fovea
