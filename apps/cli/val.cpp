// fovea val: how often is a network right?
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "_imagenet.h"
#include "_network.h"
#include "_progress.h"
#include "base/error.h"
#include "data/readers.h"
#include "train/evaluate.h"

namespace fovea::cli {
namespace {

struct Request {
  NetworkFlags network;
  std::string data, split = "test", exif = "ignore";
  int batch = 0, workers = 1;
  double max_bad = 0.01;
  bool per_class = false;
  Common common;
};

bool parse(std::span<const std::string> args, Request& r) {
  Flags o("val MODEL [--weights FILE] --data SPEC",
          "Counts how often a network is right about labelled pictures: top-1, top-5, per class, calibration error.\n" +
              fmt::format("SPEC is {}.", kDataKinds));
  r.network.add(o);
  o.section("Data");
  o.text("--data", "SPEC", r.data, "labelled pictures");
  o.choice("--split", {"train", "val", "test"}, r.split, "which part of them; default: test, or val where there is no test");
  o.number("--max-bad", r.max_bad, 0, 1, "stop when more than this share cannot be read; default: 0.01");
  o.choice("--exif", {"ignore", "apply"}, r.exif, "turn pictures as their orientation tag says; default: ignore");
  r.network.add_card(o);
  r.common.add_format(o);
  o.flag("--per-class", r.per_class, "the table of classes instead of the totals (JSON holds both)");
  r.common.add_running(o);
  o.number("--batch", r.batch, 1, 4096, "pictures at once; default: by their size");
  o.number("--workers", r.workers, 1, 64, "threads that decode and resize, beside the computing ones; default: 1");
  if (!o.parse(args)) return false;
  if (r.data.empty()) fail(Code::usage, "val: --data is missing, need {}", kDataKinds);
  return true;
}

// Folders of ImageNet bear synsets, or names; a part of its classes is enough.
void match_imagenet(Dataset& data, const std::string& where) {
  for (const std::vector<std::string>& known : {imagenet_synsets(), imagenet_names()}) {
    const std::set<std::string> set(known.begin(), known.end());
    if (!std::ranges::all_of(data.classes, [&](const std::string& name) { return set.count(name) > 0; })) continue;
    match_classes(data, known, where, true);
    data.classes = imagenet_names();
    return;
  }
}

// Pictures in the order of the network's classes, or an error that says why they do not belong together.
Dataset open_data(const Request& r, const ModelInfo& info) {
  Dataset data = open_dataset(r.data, r.split, {.allow_empty = true, .classes = info.classes});
  data.apply_exif = r.exif == "apply";
  if (info.classes.empty() && info.options.classes == kImageNetClasses) match_imagenet(data, r.data);
  if (data.classes.size() > static_cast<size_t>(info.options.classes))
    fail(Code::usage, "{}: has {} classes, {} knows {}", r.data, data.classes.size(), info.model, info.options.classes);
  for (const std::string& text : data.notes) note(text);
  if (!data.has_splits && is_file(r.network.model))
    note(r.data + ": has no val/ or test/: all pictures are judged, also those that a training on it has seen");
  return data;
}

int default_batch(const Card& card) {
  int64_t pixels = int64_t{card.height} * card.width;
  return static_cast<int>(std::clamp<int64_t>((int64_t{1} << 18) / pixels, 4, 128));
}

std::vector<Record> per_class(const Evaluation& e, const Dataset& data) {
  std::vector<Record> rows;
  for (int c = 0; c < e.classes; c++) {
    size_t k = static_cast<size_t>(c);
    if (e.pictures[k] == 0) continue;
    rows.push_back({{"class", k < data.classes.size() ? data.classes[k] : std::to_string(c)},
                    {"index", c},
                    {"count", e.pictures[k]},
                    {"correct", e.right[k]},
                    {"accuracy", Value(100 * e.class_accuracy(c), 2)}});
  }
  return rows;
}

Record summary(const Evaluation& e, const Dataset& data, const ModelInfo& info, const Request& r) {
  return {{"model", info.model},
          {"data", r.data},
          {"correct", e.correct},
          {"correct5", e.correct5},
          {"count", e.count},
          {"top1", Value(100 * e.top1(), 4)},
          {"top5", Value(100 * e.top5(), 4)},
          {"loss", Value(e.loss(), 6)},
          {"ece", Value(e.calibration_error, 6)},
          {"unreadable", e.bad},
          {"images_per_second", Value(e.rate(), 1)},
          {"per_class", per_class(e, data)}};
}

int run(std::span<const std::string> args) {
  Request r;
  if (!parse(args, r)) return 0;
  r.common.apply();
  NetworkFile file = r.network.open(true);
  ModelInfo info = r.network.identify(file);
  Dataset data = open_data(r, info);
  int batch = r.batch ? r.batch : default_batch(info.card);
  Pool pool(r.common.threads);
  Classifier network(info, file, static_cast<int>(std::min<int64_t>(batch, std::max<int64_t>(data.size(), 1))), pool,
                     r.common.mem_limit, r.network.plan(r.common.threads));
  if (!network.warning().empty()) note(network.warning());
  ProgressLine progress("val", "pictures");
  auto show = [&](int64_t done, int64_t all) { return progress.update(done, all), true; };
  auto tell = [&](const std::string& text) { progress.clear(), note(text); };
  Evaluation e = evaluate(network.program(), data, info.card,
                          {.workers = r.workers,
                           .max_bad = r.max_bad,
                           .memory = network.memory().left_of(r.common.mem_limit),
                           .note = tell,
                           .progress = show});
  progress.clear();
  Format format = r.common.output();
  if (r.per_class && (format == Format::table || format == Format::csv))
    print(per_class(e, data), format);
  else
    print(summary(e, data, info, r), format);
  return 0;
}

}  // namespace

FOVEA_VERB(val, "count how often a network is right about labelled pictures", run)

}  // namespace fovea::cli
