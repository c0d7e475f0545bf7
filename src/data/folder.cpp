// DIR/train/CLASS/*.jpg and the like. A class is the name of a folder; its index is its place in the sorted names.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "data/readers.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;

// What systems and tools leave behind, which nobody means as data.
bool is_litter(const std::string& name) {
  return name.empty() || name[0] == '.' || name == "__MACOSX" || name == "Thumbs.db" || name == "desktop.ini";
}

struct Ignored {
  int64_t count = 0;
  std::string first;
  void add(const std::string& path) {
    if (count++ == 0) first = path;
  }
};

struct Listing {
  std::vector<std::string> folders, files;  // names, sorted bytewise; without litter
};

Listing list(const std::string& dir, Ignored& ignored) {
  Listing found;
  std::error_code error;
  fs::directory_iterator it(dir, error), end;
  for (; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename().string();
    std::error_code unknown;  // a dangling link is neither folder nor file
    if (is_litter(name)) {
      ignored.add(dir + "/" + name);
    } else {
      (it->is_directory(unknown) ? found.folders : found.files).push_back(name);
    }
  }
  if (error) fail(Code::bad_file, "{}: the folder cannot be read: {}", dir, error.message());
  std::sort(found.folders.begin(), found.folders.end());
  std::sort(found.files.begin(), found.files.end());
  return found;
}

std::vector<std::string> folders_of(const std::string& dir) {
  Ignored none;
  return list(dir, none).folders;
}

bool is_folder(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

// A part of the data, not a class that happens to be called "train": it holds folders.
bool is_split(const std::string& path) { return is_folder(path) && !folders_of(path).empty(); }

// Adds the pictures at or below root/sub, in sorted order. Folders that are links are not entered: they could be a circle.
void add_files(Dataset& data, const std::string& sub, int label, Ignored& ignored) {
  std::vector<std::string> todo = {sub};
  while (!todo.empty()) {
    std::string at = todo.back();
    todo.pop_back();
    Listing found = list(data.root + "/" + at, ignored);
    for (const std::string& name : found.files) {
      if (!is_picture_name(name)) {
        ignored.add(data.root + "/" + at + "/" + name);
        continue;
      }
      data.files.push_back(at + "/" + name);
      data.labels.push_back(label);
    }
    for (auto name = found.folders.rbegin(); name != found.folders.rend(); ++name) {
      std::error_code error;
      if (!fs::is_symlink(data.root + "/" + at + "/" + *name, error)) todo.push_back(at + "/" + *name);
    }
  }
}

struct Layout {
  std::string train, val, test;  // folders; empty if there is none
};

Layout find_layout(const std::string& dir) {
  Layout l;
  if (is_split(dir + "/train")) l.train = dir + "/train";
  for (const char* name : {"/val", "/validation"}) {
    if (l.val.empty() && is_split(dir + name)) l.val = dir + name;
  }
  if ((!l.train.empty() || !l.val.empty()) && is_split(dir + "/test")) l.test = dir + "/test";
  if (l.val.empty()) l.val = l.test;
  if (l.test.empty()) l.test = l.val;
  return l;
}

// Training on one set of classes and judging on another is a mistake in the data, better told before than after.
void check_same_classes(const Layout& l) {
  if (l.train.empty() || l.val.empty()) return;
  Dataset val;
  val.classes = folders_of(l.val);
  match_classes(val, folders_of(l.train), l.val);
}

}  // namespace

Dataset open_folder(const std::string& dir, const std::string& split, const DataOptions& options) {
  if (!is_folder(dir)) fail(Code::bad_file, "{}: is not a folder, need one with a folder per class in it", dir);
  Layout layout = find_layout(dir);
  Dataset data;
  data.has_splits = !layout.train.empty() || !layout.val.empty();
  data.root = !data.has_splits ? dir : split == "train" ? layout.train : split == "val" ? layout.val : layout.test;
  if (data.root.empty()) fail(Code::bad_file, "{}: has no {}/ beside {}", dir, split, split == "train" ? "val/" : "train/");
  check_same_classes(layout);

  Ignored ignored;
  Listing top = list(data.root, ignored);
  for (const std::string& name : top.files) ignored.add(data.root + "/" + name);
  data.classes = top.folders;
  if (data.classes.empty())
    fail(Code::bad_file, "{}: has no folders, need one per class with its pictures in it", data.root);
  std::vector<std::string> empty;
  for (size_t k = 0; k < data.classes.size(); k++) {
    size_t before = data.files.size();
    add_files(data, data.classes[k], static_cast<int>(k), ignored);
    if (data.files.size() == before) empty.push_back(data.classes[k]);
  }
  if (data.files.empty()) fail(Code::bad_file, "{}: has no JPEG, PNG or WebP pictures in its class folders", data.root);
  if (!empty.empty() && !options.allow_empty)
    fail(Code::bad_file, "{}: no pictures in {}. Fill or remove the class, or use --allow-empty", data.root,
         list_names(empty));
  if (ignored.count > 0) {
    data.notes.push_back(fmt::format("{}: ignored what is no JPEG, PNG or WebP picture: {} ({} in all)", data.root,
                                     ignored.first, ignored.count));
  }
  match_classes(data, options.classes, data.root, options.allow_empty);
  return data;
}

}  // namespace fovea
