// A run of bytes in a file that tensors look into: a safetensors data section, a PyTorch storage, a zip entry.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>

#include "io/input_file.h"

namespace fovea {

struct Blob {
  uint32_t file = 0;    // which of WeightContents::files
  uint64_t offset = 0;  // in the file
  uint64_t stored = 0;  // bytes in the file; differs from size if deflated
  uint64_t size = 0;
  uint32_t crc = 0;  // CRC-32 of the `size` bytes, if has_crc
  bool has_crc = false, deflated = false;
};

// Reads through a blob that is not deflated, so that a wrong checksum is found before its bytes are used. `what` is for
// messages.
void verify_blob(const InputFile& file, const Blob& blob, const std::string& what);

// All of a zip entry of either kind, verified; an error if it takes or makes more than `most` bytes (below 4 GiB).
std::string blob_text(const InputFile& file, const Blob& blob, const std::string& what, uint64_t most);

template <class T>
T load_le(const char* at) {  // the hosts are little-endian, as the formats are (file_type.cpp asserts it)
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace fovea
