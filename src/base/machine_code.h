// Machine code made at run time, kept for the life of the process. Equal code is kept once.
#pragma once
#include <cstdint>
#include <vector>

namespace fovea {

// Where it can be called; null where the system forbids such memory, or if very much of it is kept already.
const void* keep_code(const std::vector<uint8_t>& code);

}  // namespace fovea
