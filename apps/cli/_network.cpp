#include "_network.h"

#include <sys/stat.h>

#include "_embedded.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/text.h"
#include "io/resize.h"
#include "passes/taps.h"

namespace fovea::cli {
namespace {

constexpr uint64_t kMostClassBytes = 16 << 20;

// A file of one name per line, or the names themselves.
std::vector<std::string> read_classes(const std::string& text) {
  if (!is_file(text) && text.find(',') != text.npos) return split(text, ',');
  std::vector<std::string> names;
  for (const std::string& line : split(read_file(text, kMostClassBytes), '\n')) names.emplace_back(trim(line));
  while (!names.empty() && names.back().empty()) names.pop_back();
  return names;
}

[[noreturn]] void unknown(const std::string& name) {
  std::vector<std::string> names = embedded_names();
  std::string within = names.empty() ? "" : ". Without weights there is " + names[0];
  for (const Model& m : all_models()) {
    if (m.name == name) fail(Code::usage, "{0}: its weights are missing. Give --weights FILE{1}", name, within);
    names.push_back(m.name);
  }
  struct stat info {};
  if (stat(name.c_str(), &info) == 0) {
    std::string best = name + "/checkpoints/best.safetensors";
    fail(Code::bad_file, "{}: is a folder, need a weight file or the name of a model{}", name,
         is_file(best) ? ". Try " + best : "");
  }
  if (name.find_first_of("/.") != name.npos)
    fail(Code::bad_file, "{}: there is no such file, need a weight file or the name of a model", name);
  fail(Code::usage, "there is no model or network \"{}\"{}", escape_control(clip(name, 60)), suggestion(name, names));
}

}  // namespace

bool is_file(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && !S_ISDIR(info.st_mode);
}

void NetworkFlags::add(Flags& o) {
  o.name("MODEL", model);
  o.section("Network");
  o.text("--weights", "FILE", weights, "safetensors, or PyTorch's .pth, .pt, .th");
  o.text("--key", "NAME", key, "which entry of a PyTorch checkpoint holds the weights");
  o.text("--classes", "NAMES", classes,
         "class names: a file with one per line, or A,B,C; default: what the weight file says");
  o.flag("--no-winograd", no_winograd,
         "3x3 convolutions and large kernels summed directly: slower, less memory for weights");
  add_precision(o, precision);
}

void PartFlags::add(Flags& o) {
  o.flag("--features", features, "the maps at the ends of its stages (or tokens, of its blocks), and nothing behind them");
  o.flag("--no-head", no_head, "all but the classifier: the pooled features");
}

std::unique_ptr<Graph> PartFlags::of(std::unique_ptr<Graph> network) const {
  if (features && no_head) fail(Code::usage, "--features and --no-head are two different parts of a network. Give one");
  if (features) return fovea::features(*network);
  return no_head ? headless(*network) : std::move(network);
}

void add_precision(Flags& o, std::string& precision) {
  o.choice("--precision", {"f32", "bf16"}, precision,
           "of the numbers that are multiplied: bf16 rounds to 8 bits, faster with AVX512-BF16 only; default: f32");
}

kernels::Precision precision_of(const std::string& name) {
  return name == "bf16" ? kernels::Precision::bf16 : kernels::Precision::f32;
}

PlanOptions NetworkFlags::plan(int threads) const {
  return {.threads = threads, .winograd = !no_winograd, .precision = precision_of(precision)};
}

void NetworkFlags::add_card(Flags& o) {
  o.section("Pictures (default: as the model's card or the weight file says)");
  o.number("--image-size", card.image_size, 1, 8192, "side of the square that the network sees");
  o.numbers("--mean", card.mean, -10, 10, "of pixels scaled to 0..1; one number for all channels");
  o.numbers("--std", card.std, 1e-3, 10, "of pixels scaled to 0..1; one number for all channels");
  o.choice("--interpolation", filter_names(), card.interpolation, "of resizing");
  o.number("--crop-pct", card.crop_pct, 0.05, 1, "share of the short side that the network sees");
}

NetworkFile NetworkFlags::open(bool needed) const {
  if (!weights.empty() && open_embedded(model))
    fail(Code::usage, "{}: is a network with weights of its own. With --weights, name an architecture (fovea models)",
         model);
  if (!weights.empty()) return {weights, TensorFile::open(weights, {.key = key})};
  if (std::unique_ptr<TensorFile> file = open_embedded(model, key)) return {model, std::move(file)};
  if (is_file(model)) return {model, TensorFile::open(model, {.key = key})};
  bool known = false;
  for (const Model& m : all_models()) known = known || m.name == model;
  if (needed || !known) unknown(model);
  if (!key.empty()) fail(Code::usage, "--key: there is no weight file to take it from. Give --weights FILE");
  return {};
}

ModelInfo NetworkFlags::identify(const NetworkFile& file) const {
  bool is_name = !weights.empty() || !file.file;
  ModelInfo info = fovea::identify(is_name ? model : "", file, card);
  if (!classes.empty()) info.classes = read_classes(classes);
  if (!info.classes.empty() && info.classes.size() != static_cast<size_t>(info.options.classes))
    fail(Code::usage, "--classes: got {} names, need {}, one per class of {}", info.classes.size(), info.options.classes,
         info.model);
  return info;
}

}  // namespace fovea::cli
