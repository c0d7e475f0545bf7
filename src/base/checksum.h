// Checksums of files and records.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace fovea {

std::string sha256_hex(std::string_view bytes);
// seed: of the bytes before, so that parts may follow each other.
uint32_t crc32c(const void* data, uint64_t bytes, uint32_t seed = 0);

}  // namespace fovea
