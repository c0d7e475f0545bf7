// Everything that a training run can be told, in one registry: names, types, ranges, defaults and help live here alone;
// recipes (TOML), --set, environment and flags all come through it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace fovea {

struct TrainConfig {
  // model
  std::string model, init;
  int image_size = 0, in_chans = 0;
  double drop = 0, drop_path = 0;
  std::vector<double> mean, std;
  std::string interpolation;
  double crop_pct = 0;
  // data
  std::string data;
  double val_split = 0.1;
  int per_class = 0;
  int batch_size = 128;
  bool allow_empty = false;
  double max_bad = 0.01;
  std::string exif = "ignore";
  // augment
  int crop_pad = 0;
  bool crop_reflect = false;
  std::vector<double> scale = {1, 1}, ratio = {0.75, 4.0 / 3};
  double hflip = 0, vflip = 0, color_jitter = 0, hue = 0;
  std::string aa;
  double reprob = 0;
  int cutout = 0;
  std::string remode = "const";
  double mixup = 0, cutmix = 0, mixup_prob = 1, mixup_switch_prob = 0.5, smoothing = 0;
  // optim
  int epochs = 10;
  std::string opt = "sgd";
  double lr = 0, momentum = 0.9;
  bool nesterov = true;
  std::vector<double> opt_betas = {0.9, 0.999};
  double opt_eps = 1e-8, weight_decay = 5e-4;
  bool decay_vectors = false;
  std::vector<std::string> decay_scopes;
  double clip_grad = 0;
  int grad_accum = 1;
  std::string sched = "cosine";
  double warmup_epochs = 0, warmup_lr = 0, min_lr = 0, decay_epochs = 30, decay_rate = 0.1;
  bool model_ema = false;
  double ema_decay = 0.999;
  bool ema_warmup = true;
  // run
  int seed = 0, threads = 0, workers = 1;
  bool checkpoint = false;
  int val_every = 1, save_every = 0, samples = 24;
  std::string output;
};

struct Option {
  using Field = std::variant<int TrainConfig::*, double TrainConfig::*, bool TrainConfig::*, std::string TrainConfig::*,
                             std::vector<double> TrainConfig::*, std::vector<std::string> TrainConfig::*>;
  const char* section;
  const char* name;  // the flag and the key: "batch-size", "optim.lr"
  Field field;
  double lo, hi;                     // of numbers, inclusive
  std::vector<std::string> choices;  // of text; empty: any
  const char* help;
  bool same_bits = false;  // has no influence on the weights, so a resumed run may change it
};

const std::vector<Option>& train_options();
std::string default_text(const Option& o);  // as in TOML
std::string type_name(const Option& o);     // int, number, true|false, text, numbers, texts

// key: NAME or SECTION.NAME. Usage errors begin with `where` ("--lr", "recipe.toml:3").
void set_option(TrainConfig& c, std::string_view key, std::string_view text, const std::string& where);
void set_assignment(TrainConfig& c, std::string_view assignment);  // --set KEY=VALUE
void read_toml(TrainConfig& c, const std::string& path);
void parse_toml(TrainConfig& c, const std::string& text, const std::string& path);  // path: for messages
void read_environment(TrainConfig& c);                                              // FOVEA_TRAIN_BATCH_SIZE=64

// What single options cannot say: a model and data are there, options go together.
void check(const TrainConfig& c);
// All options, as a file that read_toml takes.
std::string to_toml(const TrainConfig& c);
// "lr (0.1, was 0.2)", ... for options whose change would not be a resumption; empty: none.
std::vector<std::string> conflicts(const TrainConfig& now, const TrainConfig& before);

}  // namespace fovea
