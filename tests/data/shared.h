// Where the shared data are: FOVEA_SHARED, or ../shared beside the repository. Empty if they are not there.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace fovea {

inline std::string shared_data(const std::string& name) {
  const char* root = std::getenv("FOVEA_SHARED");
  std::string path = std::string(root ? root : "../shared") + "/data/" + name;
  return std::filesystem::exists(path) ? path : "";
}

#define FOVEA_NEED_SHARED(variable, name)   \
  std::string variable = shared_data(name); \
  if (variable.empty()) GTEST_SKIP() << "no shared data here (FOVEA_SHARED): " name

}  // namespace fovea
