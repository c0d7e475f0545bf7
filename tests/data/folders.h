// A folder that lives as long as a test, and how to fill it.
#pragma once
#include <filesystem>
#include <string>

#include "base/atomic_file.h"
#include "io/images.h"

namespace fovea {

class TempFolder {
 public:
  explicit TempFolder(const std::string& name) : path_(testing::TempDir() + "fovea_" + name) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(*this / name).parent_path());
    write_file(*this / name, text);
  }
  void picture(const std::string& name, uint64_t seed = 0, int h = 8, int w = 8) const {
    write(name, encode_png(view(noise(h, w, 3, seed))));
  }

 private:
  std::string path_;
};

// What `action` throws, as "<exit code> <message>"; "ok" if nothing.
template <class F>
std::string error_of(F&& action) {
  try {
    action();
  } catch (const Error& e) { return std::to_string(static_cast<int>(e.code())) + " " + e.what(); }
  return "ok";
}

// The error has this code and all these parts, on one line of at most 300 characters.
inline void expect_error(const std::string& error, Code code, std::initializer_list<std::string> parts) {
  EXPECT_EQ(error.substr(0, 2), std::to_string(static_cast<int>(code)) + " ") << error;
  for (const std::string& part : parts) EXPECT_NE(error.find(part), error.npos) << error << "\nlacks: " << part;
  EXPECT_LE(error.size(), 302u) << error;
  EXPECT_EQ(error.find('\n'), error.npos) << error;
}

}  // namespace fovea
