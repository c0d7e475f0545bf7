#include "train/run_folder.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstring>
#include <ctime>
#include <filesystem>

#include "base/atomic_file.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/text.h"
#include "train/checkpoint.h"
#include "train/events.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;
constexpr const char* kHeader =
    "epoch,step,lr,train_loss,train_top1,val_loss,val_top1,val_top5,calibration_error,images_per_second,seconds\n";

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

std::tm local_time() {
  std::time_t t = std::time(nullptr);
  std::tm tm{};
  localtime_r(&t, &tm);
  return tm;
}

std::string csv_row(const Metrics& m) {
  return fmt::format("{},{},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g}\n", m.epoch, m.step, m.lr,
                     m.train_loss, m.train_top1, m.val_loss, m.val_top1, m.val_top5, m.calibration_error,
                     m.images_per_second, m.seconds);
}

// False for the header, and for a last line that a crash tore.
bool read_row(const std::string& line, Metrics& m) {
  std::vector<std::string> cells = split(line, ',');
  if (cells.size() != 11) return false;
  double v[11];
  for (size_t i = 0; i < 11; i++) {
    const std::string& c = cells[i];
    if (std::from_chars(c.data(), c.data() + c.size(), v[i]).ec != std::errc()) return false;
  }
  m = {static_cast<int>(v[0]), static_cast<int64_t>(v[1]), v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10]};
  return true;
}

void make_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) fail(Code::resources, "{}: the run folder cannot be made: {}", path, error.message());
}

// The process that holds the lock, if another one does.
std::string holder(int fd) {
  if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return "";
  char text[32] = {};
  ssize_t got = pread(fd, text, sizeof text - 1, 0);
  return fmt::format("process {}", trim(std::string_view(text, got > 0 ? size_t(got) : 0)));
}

}  // namespace

void check_run_folder(const std::string& path, bool resume) {
  std::error_code error;
  if (fs::exists(path, error) && !fs::is_directory(path, error)) fail(Code::usage, "{}: is not a folder", path);
  bool used = fs::exists(path + "/config.toml", error);
  if (error) fail(Code::resources, "{}: the run folder cannot be read: {}", path, error.message());
  if (resume && !used) fail(Code::usage, "{}: is not the folder of a run: it has no config.toml", path);
  if (!resume && used) fail(Code::usage, "{}: holds a run. Go on with --resume {}, or choose another --output", path, path);
  for (const char* file : {"report.html", "metrics.csv", "checkpoints/last.safetensors", "checkpoints/best.safetensors"})
    if (!used && fs::exists(path + "/" + file, error))
      fail(Code::usage, "{}: holds a {} already, which would be lost. Choose another --output", path, file);
  int lock = resume ? open((path + "/.lock").c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
  if (lock < 0) return;
  std::string other = holder(lock);
  close(lock);
  if (!other.empty()) fail(Code::usage, "{}: in use by {}", path, other);
}

RunFolder::RunFolder(const TrainConfig& config, bool resume, Note note) : path_(config.output), note_(std::move(note)) {
  check_run_folder(path_, resume);
  make();
  lock();
  sweep_temporary(path_), sweep_temporary(checkpoints()), sweep_temporary(path_ + "/plots");
  TrainConfig saved = config;
  saved.output.clear();  // the file runs again as it is, in a folder of its own
  write_file(path_ + "/config.toml", to_toml(saved));
  csv_ = std::make_unique<Sink>(path_ + "/metrics.csv", note_);
  if (!resume) csv_->append(kHeader);
  log_ = std::make_unique<Sink>(path_ + "/log.jsonl", note_);
  utsname host{};
  uname(&host);
  events_ = std::make_unique<Sink>(
      fmt::format("{}/events.out.tfevents.{}.{}.{}", path_, static_cast<int64_t>(now()), host.nodename, getpid()), note_);
  events_->append(tf_record(version_event(now())));
}

void RunFolder::make() const {
  for (const char* part : {"", "/checkpoints", "/plots"}) make_folder(path_ + part);
}

RunFolder::~RunFolder() {
  if (lock_ >= 0) close(lock_);
}

// The kernel lets go of the lock when its process dies, so none is ever stale; the number in it is for the message.
void RunFolder::lock() {
  std::string file = path_ + "/.lock";
  lock_ = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0) fail(Code::resources, "{}: the run folder cannot be written: {}", path_, std::strerror(errno));
  if (std::string other = holder(lock_); !other.empty()) fail(Code::usage, "{}: in use by {}", path_, other);
  std::string pid = fmt::format("{}\n", getpid());
  if (ftruncate(lock_, 0) != 0 || pwrite(lock_, pid.data(), pid.size(), 0) < 0)
    note_(fmt::format("{}: cannot be written: {}", file, std::strerror(errno)));
}

void RunFolder::keep_epochs(int done) {
  std::string text = kHeader;
  std::string file = path_ + "/metrics.csv", before;
  try {
    before = read_file(file);
  } catch (const Error& e) { note_(fmt::format("{}; the curves begin anew", e.what())); }
  for (const std::string& line : split(before, '\n'))
    if (Metrics m; read_row(line, m) && m.epoch <= done) metrics_.push_back(m), text += csv_row(m);
  write_file(file, text);
  csv_ = std::make_unique<Sink>(file, note_);
}

void RunFolder::add(const Metrics& m) {
  metrics_.push_back(m);
  csv_->append(csv_row(m));
  auto f = [](double v) { return static_cast<float>(v); };
  scalars(m.step, {{"val/loss", f(m.val_loss)},
                   {"val/top1", f(m.val_top1)},
                   {"val/top5", f(m.val_top5)},
                   {"train/epoch_loss", f(m.train_loss)},
                   {"train/top1", f(m.train_top1)},
                   {"images_per_second", f(m.images_per_second)}});
}

void RunFolder::log(const std::string& event, const std::string& fields) {
  log_->append(
      fmt::format("{{\"time\": {:.3f}, \"event\": \"{}\"{}{}}}\n", now(), event, fields.empty() ? "" : ", ", fields));
}

void RunFolder::scalars(int64_t step, const std::vector<std::pair<std::string, float>>& values) {
  events_->append(tf_record(scalars_event(now(), step, values)));
}

std::string environment_json(int threads) {
  utsname host{};
  uname(&host);
  auto text = [](const std::string& s) { return '"' + escape_json(s) + '"'; };
  std::string variables;
  if (const char* value = std::getenv("FOVEA_ISA")) variables = fmt::format(", \"FOVEA_ISA\": {}", text(value));
  return fmt::format(
      "{{\n  \"started\": {},\n  \"cpu\": {},\n  \"isa\": {},\n  \"cpus\": {},\n  \"threads\": {},\n  \"system\": {},\n"
      "  \"compiler\": {}{}\n}}\n",
      text(fmt::format("{:%Y-%m-%d %H:%M:%S %z}", local_time())), text(cpu_model()), text(isa_name(active_isa())),
      sysconf(_SC_NPROCESSORS_ONLN), threads, text(fmt::format("{} {} {}", host.sysname, host.release, host.machine)),
      text(__VERSION__), variables);
}

std::string default_run_folder(const std::string& model) {
  return fmt::format("runs/{}-{:%Y%m%d-%H%M%S}", model, local_time());
}

}  // namespace fovea
