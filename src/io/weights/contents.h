// What the parsers of weight files hand to TensorFile: names, shapes and places, all of it validated.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "io/input_file.h"
#include "io/tensor_file.h"
#include "io/weights/blob.h"

namespace fovea {

struct WeightContents {
  std::string format, note;
  std::map<std::string, std::string> metadata;
  std::vector<TensorEntry> tensors;
  std::vector<InputFile> files;
  std::vector<Blob> blobs;
};

inline constexpr uint64_t kMaxTensors = 1'000'000;
inline constexpr size_t kMaxName = 1 << 20;
inline constexpr size_t kMaxRank = 8;
inline constexpr int64_t kMaxDim = 0x7FFFFFFF;

// The bytes of a tensor of this shape; an error if shape or name are out of bounds or the product overflows.
uint64_t checked_bytes(const std::string& path, std::string_view name, FileType type, const std::vector<int64_t>& shape);

// A name from a file, quoted and cut to a length that fits a message.
std::string shown(std::string_view name);

// The parsers. Each consumes the file.
WeightContents parse_safetensors(InputFile file);
WeightContents parse_safetensors_index(InputFile file);
WeightContents parse_torch_zip(InputFile file, const std::string& key);
WeightContents parse_torch_legacy(InputFile file, const std::string& key);

// What the first bytes say it is; throws, naming it, if it is nothing that can be read.
enum class WeightFormat { safetensors, safetensors_index, torch_zip, torch_legacy };
WeightFormat identify_weights(const InputFile& file);

}  // namespace fovea
