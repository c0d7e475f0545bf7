#include "train/checkpoint.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;
constexpr int kVersion = 1;
constexpr const char* kKey = "fovea.training";

std::string exact(double v) { return fmt::format("{:a}", v); }
double exact(const nlohmann::json& j, const char* key) { return std::strtod(j.at(key).get<std::string>().c_str(), nullptr); }

std::string to_json(const Checkpoint& c) {
  const Position& p = c.at;
  nlohmann::json j = {{"version", kVersion},
                      {"config", c.config},
                      {"step", p.step},
                      {"epoch", p.epoch},
                      {"batch", p.batch},
                      {"best", exact(p.best)},
                      {"best_epoch", p.best_epoch},
                      {"loss_sum", exact(p.loss_sum)},
                      {"correct", p.correct},
                      {"seen", p.seen},
                      {"seconds", exact(p.seconds)}};
  return j.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Checkpoint from_json(const std::string& text, const std::string& path) {
  try {
    nlohmann::json j = nlohmann::json::parse(text);
    if (int version = j.at("version").get<int>(); version > kVersion)
      fail(Code::unsupported, "{}: a checkpoint of version {}, this fovea knows {}. Use a newer one", path, version,
           kVersion);
    Checkpoint c;
    c.config = j.at("config").get<std::string>();
    c.at = {.step = j.at("step").get<int64_t>(),
            .epoch = j.at("epoch").get<int>(),
            .batch = j.at("batch").get<int64_t>(),
            .best = exact(j, "best"),
            .best_epoch = j.at("best_epoch").get<int>(),
            .loss_sum = exact(j, "loss_sum"),
            .correct = j.at("correct").get<int64_t>(),
            .seen = j.at("seen").get<int64_t>(),
            .seconds = exact(j, "seconds")};
    if (c.at.step < 0 || c.at.epoch < 0 || c.at.batch < 0) throw std::out_of_range("position");
    return c;
  } catch (const Error&) { throw; } catch (const std::exception&) {
    fail(Code::bad_file, "{}: its training position ({} in __metadata__) is damaged", path, kKey);
  }
}

Checkpoint read_header(const TensorFile& file, const std::string& path) {
  auto it = file.metadata().find(kKey);
  if (it == file.metadata().end())
    fail(Code::bad_file, "{}: holds weights but no training state. Use --init to start from it", path);
  return from_json(it->second, path);
}

Checkpoint load(const std::string& path, State& state, std::span<const Param> params) {
  auto file = TensorFile::open(path);
  Checkpoint c = read_header(*file, path);
  verify_checksum(*file, path, true);
  std::vector<const TensorEntry*> entries;
  for (const Param& p : params) {
    const TensorEntry* t = file->find(p.name);
    Shape want = p.file_shape();
    if (!t || t->shape != std::vector<int64_t>(want.begin(), want.end()))
      fail(Code::bad_file, "{}: {} {}. Resume with the options that the run began with", path, p.name,
           t ? "has another shape" : "is missing");
    entries.push_back(t);
  }
  std::vector<float> room;
  for (size_t i = 0; i < entries.size(); i++) {
    room.resize(static_cast<size_t>(entries[i]->count()));
    file->read(*entries[i], room.data());
    from_file_order(params[i], room.data(), state.at(params[i].name).data());
  }
  return c;
}

// Not to know is an error: a run must not begin anew because its folder cannot be read for a moment.
bool exists(const std::string& path) {
  std::error_code error;
  bool r = fs::exists(path, error);
  if (error) fail(Code::resources, "{}: cannot be looked for: {}", path, error.message());
  return r;
}

// The newest becomes the one before, while always one of them is there under each name.
void keep_previous(const std::string& last, const std::string& prev) {
  std::error_code gone;
  if (!exists(last)) return;
  std::string link = fmt::format("{}/.prev.tmp.{}.0", fs::path(last).parent_path().string(), getpid());
  fs::remove(link, gone);
  fs::create_hard_link(last, link, gone);
  if (gone)
    fs::rename(last, prev, gone);  // a file system without links
  else
    fs::rename(link, prev, gone);
  fs::remove(link, gone);  // still there if both names were of one file: then rename does nothing
}

}  // namespace

void save_checkpoint(const std::string& folder, const State& state, std::span<const Param> params, const ModelInfo& info,
                     const Checkpoint& c) {
  std::vector<Saved> saved;
  for (const Param& p : params) saved.push_back({p.name, &p, &state.at(p.name)});
  Metadata metadata = {{kKey, to_json(c)}};
  describe(info, metadata);
  keep_previous(folder + "/last.safetensors", folder + "/prev.safetensors");
  write_params(folder + "/last.safetensors", saved, std::move(metadata));
}

std::optional<Checkpoint> load_checkpoint(const std::string& folder, State& state, std::span<const Param> params,
                                          const Note& note) {
  std::string last = folder + "/last.safetensors", prev = folder + "/prev.safetensors";
  bool has_prev = exists(prev);
  if (!exists(last)) return has_prev ? std::optional(load(prev, state, params)) : std::nullopt;
  try {
    return load(last, state, params);
  } catch (const Error& e) {
    if (e.code() != Code::bad_file || !has_prev) throw;
    Checkpoint c = load(prev, state, params);  // its own complaint, if it is no better
    std::error_code kept;
    fs::rename(last, folder + "/last.damaged", kept);  // or the next save would make it the one before
    note(fmt::format("{}; going on from prev.safetensors, step {}", e.what(), c.at.step));
    return c;
  }
}

std::optional<std::string> checkpoint_config(const std::string& folder) {
  for (const char* name : {"/last.safetensors", "/prev.safetensors"}) {
    std::string path = folder + name;
    if (!exists(path)) continue;
    try {
      return read_header(*TensorFile::open(path), path).config;
    } catch (const Error& e) {
      if (e.code() != Code::bad_file) throw;
    }
  }
  return std::nullopt;
}

// .NAME.tmp.PID.RANDOM as AtomicFile makes them, and .prev.tmp.PID.0 from above: the PID, or 0 of any other name.
static pid_t pid_of_temporary(const std::string& name) {
  std::vector<std::string> parts = split(name, '.');
  if (parts.size() < 5 || !parts[0].empty() || parts[parts.size() - 3] != "tmp") return 0;
  const std::string &pid = parts[parts.size() - 2], &random = parts.back();
  bool fits = random == "0" || (random.size() == 16 && random.find_first_not_of("0123456789abcdef") == random.npos);
  if (!fits || pid.empty() || pid.size() > 9 || pid.find_first_not_of("0123456789") != pid.npos) return 0;
  return std::stoi(pid);
}

void sweep_temporary(const std::string& folder) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    pid_t pid = pid_of_temporary(entry.path().filename().string());
    std::error_code gone;
    if (pid <= 0 || !entry.is_regular_file(gone) || entry.is_symlink(gone)) continue;
    if (pid == getpid() || (kill(pid, 0) != 0 && errno == ESRCH)) fs::remove(entry.path(), gone);
  }
}

}  // namespace fovea
