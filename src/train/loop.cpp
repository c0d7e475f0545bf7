#include "train/loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <utility>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/loader.h"
#include "train/checkpoint.h"
#include "train/classifier.h"
#include "train/report.h"
#include "train/run_folder.h"
#include "train/setup.h"
#include "train/trainer.h"

namespace fovea {
namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

constexpr double kSaveSeconds = 600;
constexpr int kMostFailedSaves = 6;  // in a row
constexpr int kScalarSteps = 20;     // between points of the TensorBoard curve

// Before anything is allocated. What is left is for the pictures.
uint64_t check_memory(const Memory& m, const TrainHooks& hooks) {
  hooks.note(fmt::format("memory: {} for weights, optimizer and activations", human_bytes(static_cast<double>(m.peak()))));
  uint64_t limit = hooks.mem_limit ? hooks.mem_limit : available_memory();
  check_memory(m, limit, "the training", "Use a smaller --batch-size or --image-size, or --checkpoint");
  return m.left_of(limit);
}

class Run {
 public:
  Run(const TrainConfig& config, const TrainHooks& hooks, bool resume);
  TrainResult go();

 private:
  void begin(bool resume);
  bool train_epoch();
  void micro_batch(const Batch& b);
  bool update();
  bool validate();
  void record(const Evaluation& e);
  void write_bad_files();
  bool keep(bool must, const std::function<void()>& write);
  void save(bool must);
  [[noreturn]] void diverged(const char* what, const std::string& layer);
  double left() const;
  void finish(TrainResult& r);
  bool stop() { return stopped_ = stopped_ || hooks_.stop(); }

  TrainConfig config_;
  const TrainHooks& hooks_;
  TrainData data_;
  ModelInfo info_;
  Pool pool_;
  uint64_t room_ = 0;  // bytes for the loader, and as many for that of the validation
  Trainer trainer_;
  Loader loader_;
  RunFolder folder_;
  Schedule schedule_;
  int64_t updates_, micro_batches_;  // of an epoch
  Position at_;
  double loss_ = 0, norm_ = 0;
  bool stopped_ = false, warned_ = false;
  int failed_saves_ = 0;
  Clock::time_point epoch_start_, last_save_ = Clock::now(), counted_ = Clock::now();
  int64_t epoch_images_ = 0;                            // of this sitting
  double update_seconds_ = 0, validation_seconds_ = 0;  // recent
};

// At 0.1, SGD diverges on steps of a few pictures.
double default_rate(const TrainConfig& c) {
  return c.opt == "sgd" ? 0.1 * std::min(1.0, c.batch_size * c.grad_accum / 128.0) : 0.001;
}

// What can be told from the options alone is told before the data are read.
TrainConfig complete(TrainConfig c, bool resume) {
  if (c.lr == 0) c.lr = default_rate(c);
  check(c), augment_of(c), step_of(c);
  if (c.output.empty()) c.output = default_run_folder(c.model);
  check_run_folder(c.output, resume);
  return c;
}

LoadOptions init_options(const TrainConfig& c, const ModelInfo& info) {
  return {.classes = info.options.classes, .renames = find_model(c.model).renames};
}

// What matches nothing is a mistake in writing.
void check_scopes(const Decay& decay, const Graph& g, const std::string& model) {
  for (auto& [glob, value] : decay.scopes) {
    auto hit = [&glob = glob](const Param& p) { return glob_match(glob, p.name); };
    if (std::none_of(g.params().begin(), g.params().end(), hit))
      fail(Code::usage, "decay-scopes: \"{}\" matches no parameter of {}. fovea inspect lists its layers", clip(glob, 60),
           model);
  }
}

// Weights to start from are held against the model before memory is taken; a resumed run may have lost them.
std::unique_ptr<Graph> training_model(const TrainConfig& c, const ModelInfo& info, const TrainHooks& hooks, bool resume) {
  ModelOptions o = info.options;
  o.drop = static_cast<float>(c.drop), o.drop_path = static_cast<float>(c.drop_path);
  std::unique_ptr<Graph> g = build_model(find_classifier(c.model), c.batch_size, o);
  check_scopes(step_of(c).optimizer.decay, *g, c.model);
  if (!c.init.empty() && !resume) check_fit(*g, *hooks.open(c.init), c.init, init_options(c, info));
  return g;
}

Run::Run(const TrainConfig& config, const TrainHooks& hooks, bool resume)
    : config_(complete(config, resume)),
      hooks_(hooks),
      data_(open_data(config_)),
      info_(info_of(config_, data_.train)),
      pool_(config_.threads ? config_.threads : available_threads()),
      trainer_(*training_model(config_, info_, hooks, resume), step_of(config_), static_cast<uint64_t>(config_.seed), pool_,
               [&](const Memory& m) { room_ = check_memory(m, hooks) / 2; }),
      loader_(data_.train, info_.card, augment_of(config_),
              {.batch = config_.batch_size,
               .threads = config_.workers,
               .seed = static_cast<uint64_t>(config_.seed),
               .max_bad = config_.max_bad,
               .memory = room_,
               .on_stall = hooks.note,
               .on_turned = hooks.note}),
      folder_(config_, resume, hooks.note),
      updates_(loader_.batches() / config_.grad_accum),
      micro_batches_(updates_ * config_.grad_accum) {
  schedule_ = schedule_of(config_, updates_);
  for (const Dataset* d : {&data_.train, &data_.val})
    for (const std::string& line : d->notes) hooks_.note(line);
  begin(resume);
}

void Run::begin(bool resume) {
  write_file(folder_.path() + "/env.json", environment_json(pool_.size()));
  std::optional<Checkpoint> c;
  if (resume) {
    c = load_checkpoint(folder_.checkpoints(), trainer_.state(), trainer_.params(), hooks_.note);
    at_ = c ? c->at : Position{};
    folder_.keep_epochs(at_.epoch);
    hooks_.note(fmt::format("{}: going on from step {}", folder_.path(), at_.step));
  }
  if (!c && !config_.init.empty()) {
    Loaded loaded = load_weights(trainer_.state(), trainer_.model(), *hooks_.open(config_.init), config_.init,
                                 init_options(config_, info_));
    trainer_.start_ema();
    hooks_.note(
        fmt::format("{}: {} tensors{}{}", config_.init, loaded.tensors, loaded.note.empty() ? "" : "; ", loaded.note));
    if (!loaded.warning.empty()) hooks_.note(loaded.warning);
  }
  folder_.log(resume ? "resume" : "start", fmt::format("\"step\": {}", at_.step));
}

TrainResult Run::go() {
  while (at_.epoch < config_.epochs && !stopped_) {
    if (!train_epoch() || !validate()) break;
    at_ = {.step = at_.step, .epoch = at_.epoch + 1, .best = at_.best, .best_epoch = at_.best_epoch, .seconds = at_.seconds};
    save(at_.epoch == config_.epochs);
    stop();
  }
  TrainResult r{.folder = folder_.path(),
                .weights = folder_.checkpoints() + (at_.best_epoch <= 0 ? "/last.safetensors" : "/best.safetensors"),
                .steps = at_.step,
                .best_epoch = at_.best_epoch,
                .best = at_.best,
                .seconds = at_.seconds};
  r.stopped = at_.epoch < config_.epochs;
  if (r.stopped) {
    save(true);
    hooks_.note(fmt::format("stopped at step {}. Go on with: fovea train --resume {}", at_.step, folder_.path()));
  } else {
    finish(r);
  }
  folder_.log(r.stopped ? "stop" : "end", fmt::format("\"step\": {}", at_.step));
  return r;
}

// False: stopped by the user, between two updates.
bool Run::train_epoch() {
  epoch_start_ = counted_ = Clock::now(), epoch_images_ = 0;
  if (at_.batch < micro_batches_) loader_.start(at_.epoch, at_.batch);
  while (at_.batch < micro_batches_) {
    auto start = Clock::now();
    const Batch* b = loader_.next();
    FOVEA_CHECK(b != nullptr);
    micro_batch(*b);
    if (at_.batch % config_.grad_accum) continue;
    bool go_on = update();
    update_seconds_ = update_seconds_ > 0 ? 0.95 * update_seconds_ + 0.05 * since(start) * config_.grad_accum : since(start);
    if (!go_on) return false;
  }
  return true;
}

void Run::micro_batch(const Batch& b) {
  StepInput in{.images = b.images,
               .targets = b.targets,
               .labels = b.labels,
               .number = at_.epoch * micro_batches_ + at_.batch,
               .update = at_.step,
               .lr = learning_rate(schedule_, at_.step)};
  StepResult r = trainer_.step(in);
  if (!std::isfinite(r.loss) || !std::isfinite(r.grad_norm)) {
    std::string names;
    for (int64_t i : b.samples) names += i < 0 ? "" : data_.train.name(i) + "\n";
    write_file(folder_.path() + "/diverged_batch.txt", names);
    diverged(std::isfinite(r.loss) ? "gradient" : "loss", trainer_.first_bad_layer(in));
  }
  loss_ = r.loss, norm_ = r.grad_norm;
  at_.batch++, at_.seen += b.filled, at_.correct += r.correct, at_.loss_sum += r.loss * b.n;
  epoch_images_ += b.n;
}

// After the batches of one update. False: the user wants to stop.
bool Run::update() {
  double lr = learning_rate(schedule_, at_.step);
  if (config_.grad_accum > 1 && !std::isfinite(norm_ = trainer_.apply(at_.step, lr))) diverged("gradient", "");
  if (norm_ == 0 && !std::exchange(warned_, true))
    hooks_.note(fmt::format("step {}: every gradient is zero; nothing is learned", at_.step + 1));
  at_.step++;
  auto f = [](double v) { return static_cast<float>(v); };
  if (at_.step % kScalarSteps == 0)
    folder_.scalars(at_.step, {{"train/loss", f(loss_)}, {"train/grad_norm", f(norm_)}, {"train/lr", f(lr)}});
  double seen = static_cast<double>(std::max<int64_t>(at_.seen, 1));
  hooks_.progress({.epoch = at_.epoch + 1,
                   .epochs = config_.epochs,
                   .step = at_.step,
                   .steps = schedule_.steps,
                   .done = at_.batch * config_.batch_size,
                   .total = micro_batches_ * config_.batch_size,
                   .loss = at_.loss_sum / seen,
                   .accuracy = static_cast<double>(at_.correct) / seen,
                   .lr = lr,
                   .images_per_second = static_cast<double>(epoch_images_) / since(epoch_start_),
                   .seconds_left = left()});
  bool due = config_.save_every ? at_.step % config_.save_every == 0 : since(last_save_) > kSaveSeconds;
  if (due && at_.batch < micro_batches_) save(false);
  return !stop();
}

double Run::left() const {
  return static_cast<double>(schedule_.steps - at_.step) * update_seconds_ +
         std::floor((config_.epochs - at_.epoch) / static_cast<double>(config_.val_every)) * validation_seconds_;
}

void Run::diverged(const char* what, const std::string& layer) {
  folder_.log("diverged", fmt::format("\"step\": {}, \"layer\": \"{}\"", at_.step + 1, escape_json(layer)));
  fail(Code::diverged,
       "{}: step {}: the {} is not finite{}{}. checkpoints/ holds the last save. Try an lr below {:.3g}, a longer "
       "warmup-epochs, or clip-grad",
       folder_.path(), at_.step + 1, what, layer.empty() ? "" : ", first in ", layer, learning_rate(schedule_, at_.step));
}

// False: stopped by the user before the end.
bool Run::validate() {
  bool due = (at_.epoch + 1) % config_.val_every == 0 || at_.epoch + 1 == config_.epochs;
  if (!due) return true;
  double rate = epoch_images_ ? static_cast<double>(epoch_images_) / since(epoch_start_) : 0;
  EvaluateOptions options{.workers = config_.workers, .max_bad = config_.max_bad, .memory = room_};
  options.progress = [&](int64_t done, int64_t total) {
    hooks_.progress({.phase = Progress::Phase::validate,
                     .epoch = at_.epoch + 1,
                     .epochs = config_.epochs,
                     .step = at_.step,
                     .steps = schedule_.steps,
                     .done = done,
                     .total = total,
                     .images_per_second = rate,
                     .seconds_left = left()});
    return !stop();
  };
  Evaluation e = evaluate(trainer_.evaluator(), data_.val, info_.card, options);
  if (stopped_) return false;
  validation_seconds_ = e.seconds;
  if (!std::isfinite(e.loss()))
    fail(Code::diverged, "{}: epoch {}: the validation loss is not finite, though that of training is", folder_.path(),
         at_.epoch + 1);
  record(e);
  return true;
}

void Run::record(const Evaluation& e) {
  at_.seconds += since(counted_), counted_ = Clock::now();
  double seen = static_cast<double>(std::max<int64_t>(at_.seen, 1)), rate = static_cast<double>(epoch_images_);
  Metrics m{.epoch = at_.epoch + 1,
            .step = at_.step,
            .lr = learning_rate(schedule_, at_.step - 1),
            .train_loss = at_.loss_sum / seen,
            .train_top1 = static_cast<double>(at_.correct) / seen,
            .val_loss = e.loss(),
            .val_top1 = e.top1(),
            .val_top5 = e.top5(),
            .calibration_error = e.calibration_error,
            .images_per_second = rate / (since(epoch_start_) - e.seconds),
            .seconds = at_.seconds};
  folder_.add(m);
  folder_.log("epoch", fmt::format("\"epoch\": {}, \"step\": {}, \"val_loss\": {}, \"val_top1\": {}, \"bad_pictures\": {}",
                                   m.epoch, m.step, m.val_loss, m.val_top1, loader_.bad().size()));
  hooks_.note(fmt::format("epoch {}/{}: loss {:.4f}, validation loss {:.4f}, accuracy {:.2f} %{}", m.epoch, config_.epochs,
                          m.train_loss, m.val_loss, 100 * m.val_top1,
                          loader_.bad().empty() ? "" : fmt::format(", {} unreadable pictures", loader_.bad().size())));
  if (e.top1() > at_.best && keep(false, [&] {
        save_weights(folder_.checkpoints() + "/best.safetensors", trainer_.state(), trainer_.model(), info_,
                     trainer_.prefix());
      }))
    at_.best = e.top1(), at_.best_epoch = m.epoch;
  keep(false, [&] { write_plots(folder_.path(), folder_.metrics()), write_bad_files(); });
}

void Run::write_bad_files() {
  if (loader_.bad().empty()) return;
  std::string rows = "file,reason\n";
  for (auto& [sample, reason] : loader_.bad())
    rows += escape_csv(data_.train.name(sample)) + "," + escape_csv(reason) + "\n";
  write_file(folder_.path() + "/bad_files.csv", rows);
}

// A full disk must not end a training while an older save holds. must: there will be no later chance.
bool Run::keep(bool must, const std::function<void()>& write) {
  try {
    folder_.make();
    write();
    failed_saves_ = 0;
    return true;
  } catch (const Error& e) {
    if (must || e.code() != Code::resources || ++failed_saves_ >= kMostFailedSaves) throw;
    hooks_.note(fmt::format("{}; the training goes on, what was saved before holds", e.what()));
    return false;
  }
}

void Run::save(bool must) {
  at_.seconds += since(counted_), counted_ = Clock::now();
  TrainConfig plain = config_;
  plain.output.clear();
  bool saved = keep(must, [&] {
    save_checkpoint(folder_.checkpoints(), trainer_.state(), trainer_.params(), info_, {at_, to_toml(plain)});
  });
  if (saved) folder_.log("saved", fmt::format("\"step\": {}, \"epoch\": {}, \"batch\": {}", at_.step, at_.epoch, at_.batch));
  last_save_ = Clock::now();
}

void Run::finish(TrainResult& r) {
  EvaluateOptions options{.workers = config_.workers, .max_bad = config_.max_bad, .memory = room_};
  r.evaluation = evaluate(trainer_.evaluator(r.weights), data_.val, info_.card, options);
  write_report(folder_.path(), {.config = config_,
                                .info = info_,
                                .metrics = folder_.metrics(),
                                .evaluation = *r.evaluation,
                                .val = data_.val,
                                .environment = read_file(folder_.path() + "/env.json"),
                                .training_pictures = data_.train.size(),
                                .seconds = at_.seconds});
}

void check_resumable(const TrainConfig& config) {
  std::optional<std::string> text = checkpoint_config(config.output + "/checkpoints");
  if (!text) return;
  TrainConfig before;
  parse_toml(before, *text, "checkpoint");
  std::vector<std::string> differ = conflicts(config, before);
  if (!differ.empty())
    fail(Code::usage, "--resume {}: other options than the run began with: {}", config.output, fmt::join(differ, ", "));
}

}  // namespace

TrainResult train(const TrainConfig& config, const TrainHooks& hooks, bool resume) {
  if (resume) check_resumable(config);
  return Run(config, hooks, resume).go();
}

TrainConfig config_of_run(const std::string& folder) {
  TrainConfig c;
  std::string file = folder + "/config.toml";
  std::error_code unknown;
  if (!std::filesystem::exists(file, unknown))
    fail(Code::usage, "{}: is not the folder of a run: it has no config.toml", folder);
  read_toml(c, file);
  c.output = folder;
  return c;
}

}  // namespace fovea
