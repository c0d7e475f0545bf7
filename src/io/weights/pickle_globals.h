// The names that may stand in a pickle, and what "calling" them makes of their arguments.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "io/weights/pickle.h"

namespace fovea {

// `object` is data that is accepted and ignored (NumPy scalars, devices, ...).
enum class PickleGlobal : uint8_t {
  ordered_dict,
  default_dict,
  counter,
  rebuild_tensor,
  rebuild_tensor_v2,
  rebuild_parameter,
  size,
  storage,
  object
};

struct GlobalMeaning {
  PickleGlobal global;
  FileType type = FileType::f32;  // of a storage
};

// An error for every name that is not allowed, saying what kind of name it is.
GlobalMeaning find_global(const PickleBytes& in, uint64_t at, std::string_view module, std::string_view name);

// The value that the name makes of these arguments (ids of values), with tensors added to the pickle.
PickleValue call_global(const PickleBytes& in, uint64_t at, Pickle& pickle, PickleGlobal callee,
                        const std::vector<uint32_t>& args);

const char* pickle_kind_name(PickleKind kind);  // "a list"
std::string pickle_opcode_name(uint8_t op);     // "REDUCE", or "0x07" for none

}  // namespace fovea
