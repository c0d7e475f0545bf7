// The registry of config.h: one row per option. Names are timm's where timm has the option.
#include "train/config.h"

#include "data/dataset.h"
#include "io/resize.h"
#include "train/optim.h"
#include "train/schedule.h"

namespace fovea {
namespace {

constexpr double kMany = 1e9;
using C = TrainConfig;

std::vector<Option> model_options() {
  std::vector<std::string> filters = filter_names();
  filters.insert(filters.begin(), "");
  return {
      {"model", "model", &C::model, 0, 0, {}, "architecture, see `fovea models`"},
      {"model",
       "init",
       &C::init,
       0,
       0,
       {},
       "a weight file or fovea_cifar10 to start from; a classifier for other classes is replaced"},
      {"model", "image-size", &C::image_size, 0, 8192, {}, "side of the input in pixels; 0: the model's"},
      {"model", "in-chans", &C::in_chans, 0, 3, {}, "channels of the input; 0: the data's"},
      {"model", "drop", &C::drop, 0, 0.99, {}, "dropout before the classifier"},
      {"model", "drop-path", &C::drop_path, 0, 0.99, {}, "stochastic depth at the deepest block"},
      {"model", "mean", &C::mean, -10, 10, {}, "of the pixels scaled to 0..1, per channel; none: the model's"},
      {"model", "std", &C::std, 1e-3, 10, {}, "of the pixels scaled to 0..1, per channel; none: the model's"},
      {"model", "interpolation", &C::interpolation, 0, 0, filters, "of resizing; none: the model's"},
      {"model", "crop-pct", &C::crop_pct, 0, 1, {}, "share of the short side that validation sees; 0: the model's"},
  };
}

std::vector<Option> data_options() {
  return {
      {"data", "data", &C::data, 0, 0, {}, kDataKinds},
      {"data", "val-split", &C::val_split, 0.001, 0.9, {}, "share held out where the data have no validation part"},
      {"data", "per-class", &C::per_class, 0, kMany, {}, "train on the first so many pictures of each class; 0: all"},
      {"data", "batch-size", &C::batch_size, 1, 65536, {}, "pictures per step (per micro-batch with grad-accum)"},
      {"data", "allow-empty", &C::allow_empty, 0, 1, {}, "accept classes without pictures"},
      {"data", "max-bad", &C::max_bad, 0, 1, {}, "stop when more than this share of the pictures cannot be read"},
      {"data", "exif", &C::exif, 0, 0, {"ignore", "apply"}, "what to do with orientation tags"},
  };
}

std::vector<Option> augment_options() {
  return {
      {"augment", "crop-pad", &C::crop_pad, 0, 1024, {}, "pixels added on every side before a random crop"},
      {"augment", "crop-reflect", &C::crop_reflect, 0, 1, {}, "pad with the mirrored picture instead of black"},
      {"augment", "scale", &C::scale, 0.001, 1, {}, "random resized crop: share of the area, from and to"},
      {"augment", "ratio", &C::ratio, 0.05, 20, {}, "random resized crop: aspect, from and to"},
      {"augment", "hflip", &C::hflip, 0, 1, {}, "probability of a horizontal flip"},
      {"augment", "vflip", &C::vflip, 0, 1, {}, "probability of a vertical flip"},
      {"augment", "color-jitter", &C::color_jitter, 0, 1, {}, "brightness, contrast and saturation by 1 +- this"},
      {"augment", "hue", &C::hue, 0, 0.5, {}, "hue by +- this part of the circle"},
      {"augment", "aa", &C::aa, 0, 0, {}, "RandAugment as timm writes it: rand-m9-n2-mstd0.5"},
      {"augment", "reprob", &C::reprob, 0, 1, {}, "probability of random erasing"},
      {"augment", "cutout", &C::cutout, 0, 8192, {}, "side of a square that is erased around a random pixel; 0: off"},
      {"augment", "remode", &C::remode, 0, 0, {"const", "pixel"}, "erase with the mean colour or with noise"},
      {"augment", "mixup", &C::mixup, 0, 100, {}, "alpha of Mixup; 0: off"},
      {"augment", "cutmix", &C::cutmix, 0, 100, {}, "alpha of CutMix; 0: off"},
      {"augment", "mixup-prob", &C::mixup_prob, 0, 1, {}, "probability that a batch is mixed"},
      {"augment", "mixup-switch-prob", &C::mixup_switch_prob, 0, 1, {}, "of CutMix where both are on"},
      {"augment", "smoothing", &C::smoothing, 0, 0.99, {}, "label smoothing"},
  };
}

std::vector<Option> optim_options() {
  return {
      {"optim", "epochs", &C::epochs, 1, 100000, {}, "passes over the training pictures"},
      {"optim", "opt", &C::opt, 0, 0, optimizer_names(), "optimizer"},
      {"optim", "lr", &C::lr, 0, 1000, {}, "peak learning rate; 0: 0.1 for sgd (less in small steps), 0.001 for adamw"},
      {"optim", "momentum", &C::momentum, 0, 0.9999, {}, "of sgd"},
      {"optim", "nesterov", &C::nesterov, 0, 1, {}, "of sgd"},
      {"optim", "opt-betas", &C::opt_betas, 0, 0.999999, {}, "of adamw"},
      {"optim", "opt-eps", &C::opt_eps, 1e-12, 1, {}, "of adamw"},
      {"optim", "weight-decay", &C::weight_decay, 0, 10, {}, "of everything but norm weights and biases"},
      {"optim", "decay-vectors", &C::decay_vectors, 0, 1, {}, "weight decay of norm weights and biases too"},
      {"optim",
       "decay-scopes",
       &C::decay_scopes,
       0,
       0,
       {},
       "weight decay by parameter name, GLOB=VALUE, the last match holds"},
      {"optim", "clip-grad", &C::clip_grad, 0, kMany, {}, "largest common norm of the gradients; 0: any"},
      {"optim", "grad-accum", &C::grad_accum, 1, 1024, {}, "micro-batches per update"},
      {"optim", "sched", &C::sched, 0, 0, schedule_names(), "course of the learning rate"},
      {"optim", "warmup-epochs", &C::warmup_epochs, 0, 10000, {}, "linear rise of the learning rate"},
      {"optim", "warmup-lr", &C::warmup_lr, 0, 1000, {}, "where the rise begins"},
      {"optim", "min-lr", &C::min_lr, 0, 1000, {}, "where cosine and linear end"},
      {"optim", "decay-epochs", &C::decay_epochs, 0.001, 100000, {}, "step: epochs between decays"},
      {"optim", "decay-rate", &C::decay_rate, 0, 1, {}, "step: factor of a decay"},
      {"optim", "model-ema", &C::model_ema, 0, 1, {}, "validate and keep an average of the weights"},
      {"optim", "ema-decay", &C::ema_decay, 0, 0.999999, {}, "of that average"},
      {"optim", "ema-warmup", &C::ema_warmup, 0, 1, {}, "shorter memory in the first steps: (1 + step) / (10 + step)"},
  };
}

std::vector<Option> run_options() {
  return {
      {"run", "seed", &C::seed, 0, 2147483647, {}, "of initial values, order, augmentation and dropout"},
      {"run", "threads", &C::threads, 0, 256, {}, "for computing; 0: all that this process may use", true},
      {"run", "workers", &C::workers, 1, 64, {}, "threads that decode and augment", true},
      {"run", "checkpoint", &C::checkpoint, 0, 1, {}, "recompute blocks in the backward pass: less memory, more time"},
      {"run", "val-every", &C::val_every, 1, 100000, {}, "epochs between validations"},
      {"run", "save-every", &C::save_every, 0, 2147483647, {}, "steps between saves; 0: every epoch and ten minutes", true},
      {"run", "samples", &C::samples, 0, 1000, {}, "pictures shown in the report", true},
      {"run", "output", &C::output, 0, 0, {}, "run folder; none: runs/MODEL-DATE", true},
  };
}

}  // namespace

const std::vector<Option>& train_options() {
  static const std::vector<Option> options = [] {
    std::vector<Option> r;
    for (auto part : {model_options, data_options, augment_options, optim_options, run_options})
      for (Option& o : part()) r.push_back(std::move(o));
    return r;
  }();
  return options;
}

}  // namespace fovea
