#include "_pictures.h"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <filesystem>

#include "_output.h"
#include "base/error.h"
#include "base/text.h"
#include "io/image.h"

namespace fovea::cli {
namespace {

namespace fs = std::filesystem;

void add_folder(const std::string& folder, std::vector<std::string>& out) {
  std::error_code error;
  std::vector<std::string> found, others;
  fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied, error), end;
  for (; !error && it != end; it.increment(error)) {
    bool hidden = it->path().filename().string().starts_with('.');
    std::error_code unknown;
    bool inside = it->is_directory(unknown);
    if (hidden && inside) it.disable_recursion_pending();
    if (!hidden && !inside) (is_picture_name(it->path().string()) ? found : others).push_back(it->path().string());
  }
  if (error) fail(Code::bad_file, "{}: the folder cannot be read: {}", folder, error.message());
  if (found.empty()) fail(Code::bad_file, "{}: holds no JPEG, PNG or WebP pictures", folder);
  if (!others.empty())
    note(fmt::format("{}: left out what is not JPEG, PNG or WebP: {} files, the first is {}", folder, others.size(),
                     *std::min_element(others.begin(), others.end())));
  std::sort(found.begin(), found.end());
  out.insert(out.end(), found.begin(), found.end());
}

void add_glob(const std::string& pattern, std::vector<std::string>& out) {
  glob_t found{};
  int result = glob(pattern.c_str(), GLOB_TILDE, nullptr, &found);
  for (size_t i = 0; result == 0 && i < found.gl_pathc; i++) out.emplace_back(found.gl_pathv[i]);
  globfree(&found);
  if (result != 0) fail(Code::usage, "{}: no file matches", escape_control(clip(pattern, 200)));
}

}  // namespace

std::vector<std::string> find_pictures(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  for (const std::string& name : names) {
    std::error_code error;
    fs::file_status status = fs::status(name, error);
    if (fs::is_directory(status))
      add_folder(name, out);
    else if (name != "-" && !fs::exists(status) && name.find_first_of("*?[") != name.npos)
      add_glob(name, out);
    else
      out.push_back(name);
  }
  return out;
}

}  // namespace fovea::cli
