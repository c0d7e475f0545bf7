// Networks within this program: the weight files of networks/, each by its name.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "io/tensor_file.h"

namespace fovea::cli {

std::vector<std::string> embedded_names();
// Null if there is none of that name.
std::unique_ptr<TensorFile> open_embedded(std::string_view name, const std::string& key = "");

}  // namespace fovea::cli
