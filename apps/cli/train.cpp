// fovea train: a folder of pictures in, a trained network out.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "_embedded.h"
#include "_progress.h"
#include "_verb.h"
#include "base/error.h"
#include "models/registry.h"
#include "train/loop.h"

namespace fovea::cli {
namespace {

volatile std::sig_atomic_t stop_signal = 0;

// Once: save and stop. Twice: stop now.
void on_signal(int signal) {
  if (stop_signal) _exit(128 + signal);
  stop_signal = signal;
}

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
}

struct Request {
  std::string recipe, resume;
  std::vector<std::pair<std::string, std::string>> values;  // option or "--set", text
  Common common;
};

std::string value_text(const Option& option) {
  if (std::holds_alternative<bool TrainConfig::*>(option.field)) return "";
  std::vector<std::string> choices;
  for (const std::string& c : option.choices)
    if (!c.empty()) choices.push_back(c);
  return choices.empty() ? type_name(option) : fmt::format("{}", fmt::join(choices, "|"));
}

std::string help_text(const Option& option) {
  std::string standard = default_text(option);
  if (standard == "true") return fmt::format("{}; on, --no-{} turns it off", option.help, option.name);
  bool nothing = standard == "\"\"" || standard == "[]" || standard == "false" || standard == "0";
  return nothing ? option.help : fmt::format("{}; default: {}", option.help, standard);
}

// The options of the registry, as flags: --lr 0.1, --model-ema, --no-nesterov.
void add_registry(Flags& o, Request& r) {
  for (const Option& option : train_options()) {
    std::string name = option.name, value = value_text(option);
    if (name == "threads") continue;  // all verbs have it
    o.section(fmt::format("[{}]", option.section));
    bool is_switch = value.empty();
    auto set = [&r, name, is_switch](const std::string& text) { r.values.emplace_back(name, is_switch ? "true" : text); };
    o.add({"--" + name, value, help_text(option), set, ""});
    if (is_switch)
      o.add({"--no-" + name, "", "", [&r, name](const std::string&) { r.values.emplace_back(name, "false"); }, ""});
  }
}

bool parse(std::span<const std::string> args, Request& r) {
  Flags o("train -c RECIPE | --model MODEL --data SPEC | --resume RUN",
          "Trains a network and leaves a run folder: checkpoints, metrics.csv, TensorBoard events, plots, report.html.\n"
          "Options come from the recipe (TOML), then from the environment (FOVEA_TRAIN_LR), then from flags; the last\n"
          "one holds. Ctrl-C saves and stops; twice stops at once.");
  o.section("Run");
  o.text("--config,-c", "RECIPE", r.recipe, "a recipe, or the config.toml of another run");
  o.text("--resume", "RUN", r.resume, "go on in this run folder, to the same bits as without the break");
  o.add({"--set", "KEY=VALUE", "any option by its key: optim.lr=0.1",
         [&r](const std::string& text) { r.values.emplace_back("--set", text); }, ""});
  r.common.add_running(o);
  r.common.add_format(o);
  add_registry(o, r);
  return o.parse(args);
}

TrainConfig configure(const Request& r) {
  auto set = [&](const char* name) {
    return std::any_of(r.values.begin(), r.values.end(), [&](auto& v) { return v.first == name; });
  };
  if (!r.resume.empty() && !r.recipe.empty())
    fail(Code::usage, "--resume and --config exclude each other: a run folder holds its own configuration");
  for (const char* name : {"init", "output"})
    if (!r.resume.empty() && set(name)) fail(Code::usage, "--resume and --{} exclude each other", name);
  TrainConfig c = r.resume.empty() ? TrainConfig{} : config_of_run(r.resume);
  if (!r.recipe.empty()) read_toml(c, r.recipe);
  read_environment(c);
  if (!r.resume.empty()) c.output = r.resume;
  for (auto& [name, text] : r.values) {
    if (name == "--set")
      set_assignment(c, text);
    else
      set_option(c, name, text, "--" + name);
  }
  if (!r.resume.empty() && c.output != r.resume) fail(Code::usage, "--resume and --set output exclude each other");
  if (r.common.threads) c.threads = r.common.threads;
  if (!c.model.empty()) find_model(c.model);  // a typo is told before the data are read
  return c;
}

void show(ProgressLine& bar, const Progress& p) {
  bool training = p.phase == Progress::Phase::train;
  std::string figures = training ? fmt::format("loss {:.4f}  accuracy {:.1f} %  ", p.loss, 100 * p.accuracy) : "";
  bar.draw(fmt::format("{} {}/{}", training ? "epoch" : "validation", p.epoch, p.epochs),
           p.total ? static_cast<double>(p.done) / static_cast<double>(p.total) : 0,
           fmt::format("{}{:.0f} pictures/s  {} left", figures, p.images_per_second, duration_text(p.seconds_left)));
}

Record describe(const TrainResult& r) {
  Record out{{"folder", r.folder},
             {"weights", r.weights},
             {"stopped", r.stopped},
             {"steps", r.steps},
             {"seconds", Value(r.seconds, 1)}};
  if (r.best_epoch > 0) out.push_back({"best_epoch", r.best_epoch});
  if (!r.evaluation) return out;
  const Evaluation& e = *r.evaluation;
  for (auto& field : Record{{"count", e.count},
                            {"correct", e.correct},
                            {"top1", Value(100 * e.top1(), 4)},
                            {"loss", Value(e.loss(), 6)},
                            {"ece", Value(e.calibration_error, 6)},
                            {"report", r.folder + "/report.html"}})
    out.push_back(field);
  return out;
}

int run(std::span<const std::string> args) {
  Request r;
  if (!parse(args, r)) return 0;
  TrainConfig config = configure(r);
  r.common.apply();
  catch_signals();
  ProgressLine bar;
  TrainHooks hooks;
  hooks.progress = [&](const Progress& p) { show(bar, p); };
  hooks.note = [&](const std::string& text) { bar.clear(), note(text); };
  hooks.stop = [] { return stop_signal != 0; };
  hooks.mem_limit = r.common.mem_limit;
  hooks.open = [](const std::string& name) {
    std::unique_ptr<TensorFile> within = open_embedded(name);
    return within ? std::move(within) : TensorFile::open(name);
  };
  TrainResult result = train(config, hooks, !r.resume.empty());
  bar.clear();
  print(describe(result), r.common.output());
  return result.stopped && stop_signal ? 128 + stop_signal : 0;
}

}  // namespace

FOVEA_VERB(train, "train a network on labelled pictures", run)

}  // namespace fovea::cli
