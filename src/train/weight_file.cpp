// How weight files of ours are written: in the order that others read, saying what they are, with a checksum.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/checksum.h"
#include "base/error.h"
#include "data/preprocess.h"
#include "train/weights.h"

namespace fovea {
namespace {

constexpr const char* kModelKey = "fovea.model";
constexpr const char* kCrcKey = "fovea.crc32c";

// Of everything but itself, in the order of names.
class Checksum {
 public:
  explicit Checksum(const Metadata& metadata) {
    for (auto& [key, value] : metadata)
      if (key != kCrcKey) text(key), text(value);
  }
  void tensor(const std::string& name, const float* data, int64_t count) {
    text(name), crc_ = crc32c(data, static_cast<uint64_t>(count) * sizeof(float), crc_);
  }
  std::string str() const { return fmt::format("{:08x}", crc_); }

 private:
  void text(const std::string& s) { crc_ = crc32c(s.c_str(), s.size() + 1, crc_); }
  uint32_t crc_ = 0;
};

int dimension(const nlohmann::json& j, const char* key) {
  int v = j.at(key).get<int>();
  if (v < 1 || v > 1 << 20) throw std::out_of_range(key);
  return v;
}

ModelInfo parse_info(const std::string& text) {
  nlohmann::json j = nlohmann::json::parse(text);
  ModelInfo r;
  r.model = j.at("model").get<std::string>();
  r.options = {.classes = dimension(j, "classes"),
               .channels = dimension(j, "channels"),
               .height = dimension(j, "height"),
               .width = dimension(j, "width")};
  r.classes = j.at("class_names").get<std::vector<std::string>>();
  if (!r.classes.empty() && r.classes.size() != static_cast<size_t>(r.options.classes))
    throw std::out_of_range("class_names");
  r.card = {.height = r.options.height, .width = r.options.width, .channels = r.options.channels};
  for (size_t i = 0; i < 3; i++) {
    r.card.mean[i] = j.at("mean").at(i).get<float>(), r.card.std[i] = j.at("std").at(i).get<float>();
    if (!(std::abs(r.card.mean[i]) < 1e6f && r.card.std[i] > 1e-6f && r.card.std[i] < 1e6f)) throw std::out_of_range("std");
  }
  r.card.interpolation = j.at("interpolation").get<std::string>();
  r.card.crop_pct = j.at("crop_pct").get<float>();
  r.card.round_size = j.value("round_size", false);
  Preprocessor check(r.card);  // refuses what it could not do
  return r;
}

}  // namespace

void describe(const ModelInfo& info, Metadata& metadata) {
  const Card& c = info.card;
  nlohmann::json j = {{"model", info.model},
                      {"classes", info.options.classes},
                      {"channels", info.options.channels},
                      {"height", info.options.height},
                      {"width", info.options.width},
                      {"class_names", info.classes},
                      {"mean", c.mean},
                      {"std", c.std},
                      {"interpolation", c.interpolation},
                      {"crop_pct", c.crop_pct},
                      {"round_size", c.round_size}};
  metadata[kModelKey] = j.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<ModelInfo> model_info(const TensorFile& file, const std::string& path) {
  auto it = file.metadata().find(kModelKey);
  if (it == file.metadata().end()) return std::nullopt;
  try {
    return parse_info(it->second);
  } catch (const std::exception& e) {
    fail(Code::bad_file, "{}: its description of the model ({} in __metadata__) is damaged", path, kModelKey);
  }
}

void write_params(const std::string& path, std::span<const Saved> params, Metadata metadata) {
  std::map<std::string, std::vector<float>> moved;  // those whose order differs in files
  std::map<std::string, TensorOut> out;
  for (const Saved& s : params) {
    const float* data = s.array->data();
    if (s.param->file_axes.rank) {
      std::vector<float>& room = moved[s.name];
      room.resize(static_cast<size_t>(s.array->size()));
      to_file_order(*s.param, data, room.data()), data = room.data();
    }
    Shape shape = s.param->file_shape();
    out[s.name] = {s.name, FileType::f32, {shape.begin(), shape.end()}, data};
  }
  Checksum sum(metadata);
  std::vector<TensorOut> list;
  for (auto& [name, t] : out) {
    int64_t count = 1;
    for (int64_t d : t.shape) count *= d;
    sum.tensor(name, static_cast<const float*>(t.data), count), list.push_back(t);
  }
  metadata[kCrcKey] = sum.str();
  write_safetensors(path, list, metadata);
}

void verify_checksum(const TensorFile& file, const std::string& path, bool required) {
  auto it = file.metadata().find(kCrcKey);
  if (it == file.metadata().end() && !required) return;
  if (it == file.metadata().end()) fail(Code::bad_file, "{}: damaged: it has no checksum", path);
  std::map<std::string, const TensorEntry*> entries;
  for (const TensorEntry& t : file.tensors()) entries[t.name] = &t;
  Checksum sum(file.metadata());
  std::vector<float> room;
  for (auto& [name, t] : entries) {
    room.resize(static_cast<size_t>(t->count()));
    file.read(*t, room.data());
    sum.tensor(name, room.data(), t->count());
  }
  if (sum.str() != it->second)
    fail(Code::bad_file, "{}: damaged: its checksum is {}, its content's {}", path, it->second, sum.str());
}

}  // namespace fovea
