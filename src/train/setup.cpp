#include "train/setup.h"

#include <bit>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "train/classifier.h"

namespace fovea {
namespace {

bool read_number(std::string_view text, float& out) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

// "rand-m9-n2-mstd0.5-p0.5": magnitude, operations per picture, spread of the magnitude, probability of an operation.
void read_randaugment(const std::string& text, Augment& a) {
  std::vector<std::string> parts = split(text, '-');
  float operations = 2;
  bool ok = parts[0] == "rand";
  for (size_t i = 1; i < parts.size(); i++) {
    std::string_view p = parts[i];
    ok = ok && (p.starts_with("mstd") ? read_number(p.substr(4), a.magnitude_std)
                : p.starts_with("m")  ? read_number(p.substr(1), a.magnitude)
                : p.starts_with("n")  ? read_number(p.substr(1), operations)
                : p.starts_with("p")  ? read_number(p.substr(1), a.randaugment_prob)
                                      : false);
  }
  if (!ok || operations != std::floor(operations) || operations < 1 || operations > 20)
    fail(Code::usage, "aa: got \"{}\", need something like rand-m9-n2-mstd0.5", escape_control(clip(text, 60)));
  a.randaugment = static_cast<int>(operations);
}

std::vector<std::pair<std::string, float>> read_scopes(const std::vector<std::string>& texts) {
  std::vector<std::pair<std::string, float>> r;
  for (const std::string& t : texts) {
    size_t equal = t.rfind('=');
    float value = 0;
    if (equal == t.npos || !read_number(std::string_view(t).substr(equal + 1), value) || !(value >= 0 && value <= 10))
      fail(Code::usage, "decay-scopes: got \"{}\", need GLOB=VALUE with a value from 0 to 10", escape_control(clip(t, 60)));
    r.emplace_back(t.substr(0, equal), value);
  }
  return r;
}

}  // namespace

Augment augment_of(const TrainConfig& c) {
  auto f = [](double v) { return static_cast<float>(v); };
  Augment a{.pad = c.crop_pad, .reflect = c.crop_reflect};
  a.scale_min = f(c.scale[0]), a.scale_max = f(c.scale[1]), a.ratio_min = f(c.ratio[0]), a.ratio_max = f(c.ratio[1]);
  a.hflip = f(c.hflip), a.vflip = f(c.vflip), a.hue = f(c.hue);
  a.brightness = a.contrast = a.saturation = f(c.color_jitter);
  if (!c.aa.empty()) read_randaugment(c.aa, a);
  a.erase = f(c.reprob), a.erase_noise = c.remode == "pixel", a.cutout = c.cutout;
  a.mixup = f(c.mixup), a.cutmix = f(c.cutmix), a.mix_prob = f(c.mixup_prob), a.mix_switch = f(c.mixup_switch_prob);
  a.label_smoothing = f(c.smoothing);
  check(a);
  return a;
}

StepOptions step_of(const TrainConfig& c) {
  auto f = [](double v) { return static_cast<float>(v); };
  Optimizer o{.kind = c.opt, .momentum = f(c.momentum), .nesterov = c.nesterov};
  o.beta1 = f(c.opt_betas[0]), o.beta2 = f(c.opt_betas[1]), o.eps = f(c.opt_eps);
  o.decay = {f(c.weight_decay), c.decay_vectors, read_scopes(c.decay_scopes)};
  o.clip = f(c.clip_grad), o.ema_decay = c.model_ema ? f(c.ema_decay) : 0, o.ema_warmup = c.ema_warmup;
  return {o, c.grad_accum, c.checkpoint};
}

Schedule schedule_of(const TrainConfig& c, int64_t steps_per_epoch) {
  auto steps = [&](double epochs) { return std::llround(epochs * static_cast<double>(steps_per_epoch)); };
  return {.kind = c.sched,
          .lr = c.lr,
          .min_lr = c.min_lr,
          .warmup_lr = c.warmup_lr,
          .warmup_steps = steps(c.warmup_epochs),
          .steps = steps(c.epochs),
          .decay_steps = steps(c.decay_epochs),
          .decay_rate = c.decay_rate};
}

// Its numbers as they were standardised.
static void as_table(Card& card, const Dataset& data) {
  card.height = data.h, card.width = data.w, card.crop_pct = 1;
  for (size_t i = 0; i < 3; i++)
    card.mean[i] = static_cast<float>(kTableMean / 255), card.std[i] = static_cast<float>(kTableDeviation / 255);
}

ModelInfo info_of(const TrainConfig& c, const Dataset& data) {
  const Model& m = find_model(c.model);
  ModelInfo r{c.model, {}, m.card, data.classes};
  r.card.channels = c.in_chans ? c.in_chans : data.channels;
  if (data.table) as_table(r.card, data);
  apply({.image_size = c.image_size,
         .mean = {c.mean.begin(), c.mean.end()},
         .std = {c.std.begin(), c.std.end()},
         .interpolation = c.interpolation,
         .crop_pct = c.crop_pct},
        r.card);
  r.options = {.classes = static_cast<int>(data.classes.size()),
               .channels = r.card.channels,
               .height = r.card.height,
               .width = r.card.width};
  if (r.options.classes < 2) fail(Code::usage, "{}: got 1 class, need 2 or more to tell apart", c.data);
  return r;
}

TrainData open_data(const TrainConfig& c) {
  TrainData r{open_dataset(c.data, "train", {.allow_empty = c.allow_empty}), {}};
  if (r.train.has_splits) {
    r.val = open_dataset(c.data, "val", {.allow_empty = true, .classes = r.train.classes});
  } else {
    r.val = hold_out(r.train, c.val_split, true), r.train = hold_out(r.train, c.val_split, false);
    r.val.notes.clear();  // the same as of the training pictures
  }
  if (c.per_class) r.train = take(r.train, first_of_each_class(r.train, c.per_class));
  r.train.apply_exif = r.val.apply_exif = c.exif == "apply";
  if (r.train.size() < c.batch_size * int64_t{c.grad_accum})
    fail(Code::usage, "{}: got {} training pictures, too few for one step of {} x {}. Try --batch-size {}", c.data,
         r.train.size(), c.grad_accum, c.batch_size,
         std::bit_floor(std::max<uint64_t>(r.train.size() / (4 * c.grad_accum), 1)));
  if (r.val.size() == 0) fail(Code::usage, "{}: has no pictures left for validation. Use a larger --val-split", c.data);
  return r;
}

}  // namespace fovea
