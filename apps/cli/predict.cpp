// fovea predict: what is in these pictures?
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "_embedded.h"
#include "_imagenet.h"
#include "_network.h"
#include "_pictures.h"
#include "_progress.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/preprocess.h"

namespace fovea::cli {
namespace {

constexpr const char* kUsage = "predict MODEL [--weights FILE] PICTURE...";

struct Request {
  NetworkFlags network;
  std::vector<std::string> pictures;
  int batch = 0, topk = 5;
  std::string exif = "ignore";
  Common common;
};

// What became of one picture.
struct Outcome {
  std::string error;    // why it could not be read; empty: it could
  int orientation = 1;  // its EXIF tag
};

bool parse(std::span<const std::string> args, Request& r) {
  Flags o(kUsage,
          "Names what is in pictures. MODEL is an architecture (with --weights), a weight file that fovea wrote, or a\n"
          "network within this program. PICTURE is a JPEG, PNG or WebP file, a folder, a glob, or - for standard input.\n"
          "A picture that cannot be read is reported, the others go on, and the exit code is 3.");
  r.network.add(o);
  o.names("PICTURE", r.pictures, 0);
  r.network.add_card(o);
  o.choice("--exif", {"ignore", "apply"}, r.exif, "turn pictures as their orientation tag says; default: ignore");
  r.common.add_format(o);
  o.number("--topk", r.topk, 1, 1000, "classes per picture; default: 5");
  r.common.add_running(o);
  o.number("--batch", r.batch, 1, 1024, "pictures at once; default: as many as there are, at most 8");
  if (!o.parse(args)) return false;
  if (!r.pictures.empty()) return true;
  if (is_picture_name(r.network.model))
    fail(Code::usage, "predict: {0} stands where MODEL belongs. Try fovea predict {1} {0}", r.network.model,
         embedded_names().empty() ? "MODEL" : embedded_names()[0]);
  fail(Code::usage, "predict: PICTURE is missing. Usage: fovea {}", kUsage);
}

Outcome load_picture(const std::string& path, bool apply_exif, const ImageLimits& limits, Preprocessor& preprocess,
                     float* out) {
  try {
    Image image = load_image(path, limits);
    int orientation = image.orientation;
    if (apply_exif && orientation != 1) image = orient(image);
    preprocess(view(image), out);
    return {"", orientation};
  } catch (const Error& e) {
    if (!is_of_the_file(e)) throw;
    return {e.what(), 1};
  }
}

struct Guess {
  int index;
  float probability;
};
std::vector<Guess> best(const std::vector<float>& probabilities, int count) {
  std::vector<Guess> all;
  for (size_t i = 0; i < probabilities.size(); i++) all.push_back({static_cast<int>(i), probabilities[i]});
  auto better = [](const Guess& a, const Guess& b) {
    return a.probability != b.probability ? a.probability > b.probability : a.index < b.index;
  };
  auto end = all.begin() + std::min<std::ptrdiff_t>(count, std::ssize(all));
  std::partial_sort(all.begin(), end, all.end(), better);
  return {all.begin(), end};
}

// Prints picture by picture, so that a folder of any size takes no memory.
class Printer {
 public:
  explicit Printer(Format format) : format_(format) {
    if (format == Format::json) print("[");
    if (format == Format::csv) print("file,rank,index,class,probability\n");
  }
  void picture(const std::string& path, const std::vector<Guess>& guesses, const Classifier& c) {
    std::vector<Record> top;
    top.reserve(guesses.size());
    for (const Guess& g : guesses)
      top.push_back({{"index", g.index}, {"class", c.class_name(g.index)}, {"probability", Value(g.probability, 6)}});
    Record whole{{"file", path}, {"top", top}};
    if (format_ == Format::json) print((printed_++ ? ",\n " : "") + to_json(whole));
    if (format_ == Format::jsonl) print(to_json(whole) + '\n');
    if (format_ == Format::table) print(block(path, guesses, c));
    if (format_ == Format::csv) print(lines(path, top));
  }
  void end() {
    if (format_ == Format::json) print("]\n");
  }

 private:
  static std::string block(const std::string& path, const std::vector<Guess>& guesses, const Classifier& c) {
    std::string out = printable(path) + '\n';
    for (const Guess& g : guesses)
      out += fmt::format("  {:6.2f} %  {}\n", 100 * g.probability, printable(c.class_name(g.index)));
    return out;
  }
  static std::string lines(const std::string& path, const std::vector<Record>& top) {
    std::string out;
    for (size_t i = 0; i < top.size(); i++) {
      out += fmt::format("{},{}", escape_csv(path), i + 1);
      for (auto& [name, value] : top[i]) out += ',' + value.csv;
      out += '\n';
    }
    return out;
  }
  Format format_;
  int64_t printed_ = 0;
};

// Decoding is shared out among the threads, then the network runs on all of them.
int predict_all(const Request& r, const std::vector<std::string>& pictures, Classifier& network, Pool& pool) {
  Printer printer(r.common.output());
  ProgressLine progress("predict", "pictures");
  std::vector<Preprocessor> preprocessors(static_cast<size_t>(network.batch()), Preprocessor(network.info().card));
  // All threads decode at once, within what the network leaves.
  auto threads = static_cast<uint64_t>(std::min(r.common.threads, network.batch()));
  const ImageLimits limits{.memory = network.memory().left_of(r.common.mem_limit) / threads};
  bool bad = false, told = false;
  for (size_t at = 0; at < pictures.size(); at += static_cast<size_t>(network.batch())) {
    size_t count = std::min(pictures.size() - at, static_cast<size_t>(network.batch()));
    std::vector<Outcome> outcomes(count);
    pool.each(static_cast<int64_t>(count), [&](int64_t i) {
      size_t k = static_cast<size_t>(i);
      outcomes[k] =
          load_picture(pictures[at + k], r.exif == "apply", limits, preprocessors[k], network.image(static_cast<int>(i)));
    });
    network.run();
    progress.clear();
    for (size_t k = 0; k < count; k++) {
      if (!outcomes[k].error.empty()) note(outcomes[k].error), bad = true;
      if (outcomes[k].orientation != 1 && r.exif == "ignore" && !told)
        note(pictures[at + k] + ": has an orientation tag, which is ignored. --exif apply turns such pictures"), told = true;
      if (!outcomes[k].error.empty()) continue;
      std::vector<float> p = network.probabilities(static_cast<int>(k));
      if (std::isfinite(p[0]))
        printer.picture(pictures[at + k], best(p, r.topk), network);
      else
        note(pictures[at + k] + ": the network's answer is not a number. Its weights may be damaged"), bad = true;
    }
    progress.update(static_cast<int64_t>(at + count), static_cast<int64_t>(pictures.size()));
  }
  progress.clear();
  printer.end();
  return bad ? static_cast<int>(Code::bad_file) : 0;
}

void tell(const Classifier& c) {
  const Card& card = c.info().card;
  const Memory& m = c.memory();
  auto bytes = [](uint64_t b) { return human_bytes(static_cast<double>(b)); };
  note(fmt::format("{}: {}x{}, crop {:.3f}, {}, mean {:.3f},{:.3f},{:.3f}, std {:.3f},{:.3f},{:.3f}", c.info().model,
                   card.height, card.width, card.crop_pct, card.interpolation, card.mean[0], card.mean[1], card.mean[2],
                   card.std[0], card.std[1], card.std[2]));
  note(fmt::format("planned peak {}: {} weights, {} packed, {} activations at batch {}; {}", bytes(m.peak()),
                   bytes(m.weights), bytes(m.packed), bytes(m.activations), c.batch(), isa_name(active_isa())));
}

// What is not named by the weights.
void name_classes(ModelInfo& info) {
  if (!info.classes.empty()) return;
  const bool imagenet = info.options.classes == kImageNetClasses;
  if (imagenet) info.classes = imagenet_names();
  note(imagenet ? "the weights name no classes, those of ImageNet are shown. --classes FILE names others"
                : "the weights name no classes, numbers are shown. --classes FILE names them");
}

int run(std::span<const std::string> args) {
  Request r;
  if (!parse(args, r)) return 0;
  r.common.apply();
  NetworkFile file = r.network.open(true);
  ModelInfo info = r.network.identify(file);
  name_classes(info);
  std::vector<std::string> pictures = find_pictures(r.pictures);
  int batch = r.batch ? r.batch : static_cast<int>(std::min<size_t>(pictures.size(), 8));
  Pool pool(r.common.threads);
  Classifier network(info, file, batch, pool, r.common.mem_limit, r.network.plan(r.common.threads));
  if (!network.warning().empty()) note(network.warning());
  if (r.common.verbose) tell(network);
  if (r.common.verbose && !network.note().empty()) note(network.note());
  int code = predict_all(r, pictures, network, pool);
  if (r.common.verbose) note("peak resident memory " + human_bytes(static_cast<double>(peak_resident())));
  return code;
}

}  // namespace

FOVEA_VERB(predict, "name what is in pictures", run)

}  // namespace fovea::cli
