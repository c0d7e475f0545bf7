// Where the tests find data that is not in the repository.
#pragma once
#include <cstdlib>
#include <filesystem>
#include <string>

namespace fovea {

// A path below FOVEA_SHARED, or below ../shared beside the repository.
inline std::string shared(const std::string& path) {
  const char* root = std::getenv("FOVEA_SHARED");
  return std::string(root ? root : "../shared") + "/" + path;
}

#define FOVEA_NEEDS(path) \
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "needs " << path << "; set FOVEA_SHARED"

}  // namespace fovea
