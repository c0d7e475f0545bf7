#include "data/dataset.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/random.h"
#include "base/text.h"
#include "data/readers.h"

namespace fovea {
namespace {

struct Kind {
  const char* name;
  Dataset (*open)(const std::string& path, const std::string& split, const DataOptions& options);
};
constexpr Kind kKinds[] = {{"folder", open_folder},
                           {"csv", open_csv},
                           {"cifar10", open_cifar10},
                           {"mnist", open_mnist},
                           {"fashion-mnist", open_fashion_mnist},
                           {"table", open_table}};

// Network file systems lose a file for a moment now and then; a file that is gone stays gone.
std::string read_patiently(const std::string& path, const ImageLimits& limits) {
  for (int left = 2;; left--) {
    try {
      return read_image_bytes(path, limits);
    } catch (const NoRoom&) { throw; } catch (const Error&) {
      if (left == 0) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
}

}  // namespace

std::string Dataset::name(int64_t i) const { return files.empty() ? fmt::format("{}#{}", spec, i) : root + "/" + files[i]; }

ImageView Dataset::image(int64_t i, Image& room, const ImageLimits& limits) const {
  if (files.empty()) {
    int64_t bytes = int64_t{h} * w * channels;
    return {pixels.data() + i * bytes, h, w, channels, int64_t{w} * channels};
  }
  std::string path = root + "/" + files[i], bytes = read_patiently(path, limits);
  decode_image(as_bytes(bytes), path, room, limits);
  if (apply_exif && room.orientation != 1) room = orient(room);
  return view(room);
}

Dataset open_dataset(const std::string& spec, const std::string& split, const DataOptions& options) {
  if (split != "train" && split != "val" && split != "test")
    fail(Code::usage, "split: got \"{}\", need train, val or test", split);
  size_t colon = spec.find(':');
  std::string kind = spec.substr(0, colon);
  std::vector<std::string> names;
  for (const Kind& k : kKinds) {
    names.push_back(k.name);
    if (kind != k.name) continue;
    if (colon == spec.npos || colon + 1 == spec.size())
      fail(Code::usage, "data \"{}\": the path is missing, need {}:PATH", spec, kind);
    Dataset data = k.open(spec.substr(colon + 1), split, options);
    data.spec = spec;
    return data;
  }
  struct stat info {};
  if (stat(spec.c_str(), &info) == 0)
    fail(Code::usage, "data \"{0}\": the kind is missing. Try {1}:{0}", spec, S_ISDIR(info.st_mode) ? "folder" : "csv");
  fail(Code::usage, "data \"{}\": got the kind \"{}\", need {}{}", spec, kind, kDataKinds, suggestion(kind, names));
}

std::string list_names(const std::vector<std::string>& names, size_t most) {
  std::string out;
  for (size_t i = 0; i < std::min(most, names.size()); i++)
    out += fmt::format("{}\"{}\"", i ? ", " : "", clip(names[i], 40));
  if (names.size() > most) out += fmt::format(" and {} more", names.size() - most);
  return out;
}

void match_classes(Dataset& data, const std::vector<std::string>& wanted, const std::string& where, bool some) {
  if (wanted.empty() || data.classes == wanted) return;
  std::vector<std::string> have = data.classes, need = wanted, extra, lacking;
  std::sort(have.begin(), have.end());
  std::sort(need.begin(), need.end());
  std::set_difference(have.begin(), have.end(), need.begin(), need.end(), std::back_inserter(extra));
  std::set_difference(need.begin(), need.end(), have.begin(), have.end(), std::back_inserter(lacking));
  if (!extra.empty() || (!lacking.empty() && !some)) {
    fail(Code::bad_file, "{}: its classes are not the {} that are needed:{}{}", where, wanted.size(),
         extra.empty() ? "" : " not known are " + list_names(extra),
         lacking.empty() ? "" : (extra.empty() ? " missing are " : ", missing are ") + list_names(lacking));
  }
  std::vector<int> place(data.classes.size());
  for (size_t i = 0; i < place.size(); i++) {
    place[i] = static_cast<int>(std::find(wanted.begin(), wanted.end(), data.classes[i]) - wanted.begin());
  }
  for (int& label : data.labels) label = place[label];
  data.classes = wanted;
}

Dataset take(const Dataset& data, const std::vector<int64_t>& samples) {
  Dataset out{.spec = data.spec,
              .classes = data.classes,
              .labels = {},
              .notes = data.notes,
              .has_splits = data.has_splits,
              .table = data.table,
              .apply_exif = data.apply_exif,
              .root = data.root,
              .files = {},
              .h = data.h,
              .w = data.w,
              .channels = data.channels,
              .pixels = {}};
  int64_t bytes = int64_t{data.h} * data.w * data.channels;
  for (int64_t i : samples) {
    out.labels.push_back(data.labels[i]);
    if (data.files.empty()) {
      out.pixels.insert(out.pixels.end(), &data.pixels[i * bytes], &data.pixels[i * bytes] + bytes);
    } else {
      out.files.push_back(data.files[i]);
    }
  }
  return out;
}

std::vector<int64_t> first_of_each_class(const Dataset& data, int count) {
  std::vector<int> seen(data.classes.size());
  std::vector<int64_t> samples;
  for (int64_t i = 0; i < data.size(); i++)
    if (seen[data.labels[i]]++ < count) samples.push_back(i);
  return samples;
}

std::vector<int64_t> samples_of(const Dataset& data, double fraction, bool held_out) {
  std::vector<double> draw;  // of each sample, from 0 to 1
  std::vector<int64_t> first(data.classes.size(), -1), pictures(data.classes.size()), samples;
  for (int64_t i = 0; i < data.size(); i++) {
    uint64_t hash = data.files.empty() ? splitmix(static_cast<uint64_t>(i)) : splitmix(fnv1a(data.files[i]));
    draw.push_back(static_cast<double>(hash >> 11) * 0x1p-53);
    int64_t& least = first[data.labels[i]];
    if (least < 0 || draw[i] < draw[least]) least = i;
    pictures[data.labels[i]]++;
  }
  for (int64_t i = 0; i < data.size(); i++) {
    int label = data.labels[i];
    bool out = draw[i] < fraction || (first[label] == i && pictures[label] > 1);
    if (out == held_out) samples.push_back(i);
  }
  return samples;
}

Dataset hold_out(const Dataset& data, double fraction, bool held_out) {
  return take(data, samples_of(data, fraction, held_out));
}

}  // namespace fovea
