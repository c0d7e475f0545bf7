// The number types that weight files hold, and their way to f32.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fovea {

enum class FileType { f32, f64, f16, bf16, i64, i32, i16, i8, u64, u32, u16, u8, boolean };

size_t file_type_bytes(FileType type);                          // 1, 2, 4 or 8
const char* file_type_name(FileType type);                      // safetensors' name: "F32", "BF16", "BOOL"
std::optional<FileType> file_type_from(std::string_view name);  // by safetensors' name

// `count` values of `type` (any alignment) to f32, rounded to nearest; booleans become 0 or 1.
void convert_to_f32(FileType type, const void* from, float* to, size_t count);

}  // namespace fovea
