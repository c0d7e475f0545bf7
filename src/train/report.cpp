#include "train/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/random.h"
#include "base/text.h"
#include "io/resize.h"
#include "train/plot.h"

namespace fovea {
namespace {

constexpr const char* kStyle = R"(
:root{color-scheme:light dark;--line:#ddd;--soft:#666;--box:#f6f7f9;--good:#00735a;--bad:#c23b00}
@media(prefers-color-scheme:dark){:root{--line:#333;--soft:#999;--box:#1c1e22;--good:#3fc79a;--bad:#ff8a5c}}
body{font:15px/1.5 system-ui,sans-serif;max-width:1000px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.1rem;margin-top:2rem}
svg{max-width:100%;height:auto}.soft{color:var(--soft)}
.facts{display:flex;flex-wrap:wrap;gap:.8rem;margin:1rem 0}
.facts div{background:var(--box);border-radius:8px;padding:.6rem 1rem}.facts b{display:block;font-size:1.35rem}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(112px,1fr));gap:.8rem}
figure{margin:0;background:var(--box);border-radius:8px;padding:.5rem;text-align:center;font-size:12px;overflow-wrap:anywhere}
figure img{width:96px;height:96px;object-fit:contain;image-rendering:auto}
.good{color:var(--good)}.bad{color:var(--bad)}
table{border-collapse:collapse;font-size:13px}td,th{border-bottom:1px solid var(--line);padding:.15rem .8rem .15rem 0;text-align:left}
td.n{text-align:right;font-variant-numeric:tabular-nums}pre{background:var(--box);border-radius:8px;padding:.8rem;overflow-x:auto;font-size:12px}
)";

std::string percent(double share) { return fmt::format("{:.2f} %", 100 * share); }

std::string base64(const std::string& bytes) {
  constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string r;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t v = 0;
    for (size_t k = 0; k < 3; k++) v = v << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0);
    for (size_t k = 0; k < 4; k++) r += i + k > bytes.size() ? '=' : kDigits[v >> (18 - 6 * k) & 63];
  }
  return r;
}

// The picture as it is, or shrunk to at most 192 pixels on its long side.
std::string data_uri(ImageView v) {
  constexpr int kSide = 192;
  Image small;
  if (int longest = std::max(v.h, v.w); longest > kSide) {
    small = resize(v, std::max(1, v.h * kSide / longest), std::max(1, v.w * kSide / longest), Filter::bilinear);
    v = view(small);
    return "data:image/jpeg;base64," + base64(encode_jpeg(v, 85));
  }
  return "data:image/png;base64," + base64(encode_png(v));
}

std::string fact(const std::string& value, const std::string& name) {
  return fmt::format("<div><b>{}</b><span class=\"soft\">{}</span></div>\n", escape_xml(value), escape_xml(name));
}

std::string class_name(const Report& r, int c) {
  size_t i = static_cast<size_t>(c);
  return i < r.info.classes.size() ? r.info.classes[i] : std::to_string(c);
}

std::string facts(const Report& r) {
  const Evaluation& e = r.evaluation;
  std::string s = fact(percent(e.top1()), "accuracy (top 1)");
  if (e.classes > 5) s += fact(percent(e.top5()), "top 5");
  s += fact(fmt::format("{} of {}", group_digits(e.correct), group_digits(e.count)), "validation pictures right");
  s += fact(fmt::format("{:.3f}", e.calibration_error), "calibration error");
  s += fact(group_digits(r.training_pictures), "training pictures");
  s += fact(r.seconds < 120 ? fmt::format("{:.0f} s", r.seconds) : fmt::format("{:.1f} min", r.seconds / 60), "of training");
  return "<div class=\"facts\">\n" + s + "</div>\n";
}

// A few mistakes that the network was most sure of, and a fair draw of everything.
std::vector<int64_t> choose_samples(const Report& r) {
  const Evaluation& e = r.evaluation;
  std::vector<int64_t> wrong, any;
  for (int64_t i = 0; i < r.val.size(); i++) {
    size_t at = static_cast<size_t>(i);
    if (e.predicted[at] < 0) continue;
    any.push_back(i);
    if (e.predicted[at] != r.val.labels[at]) wrong.push_back(i);
  }
  std::stable_sort(wrong.begin(), wrong.end(), [&](int64_t a, int64_t b) {
    return e.confidence[static_cast<size_t>(a)] > e.confidence[static_cast<size_t>(b)];
  });
  size_t most = static_cast<size_t>(r.config.samples);
  wrong.resize(std::min(wrong.size(), most / 3));
  Random random(static_cast<uint64_t>(r.config.seed), fnv1a("report"));
  std::vector<int64_t> chosen;
  while (chosen.size() + wrong.size() < most && !any.empty()) {
    size_t k = random.below(static_cast<uint32_t>(any.size()));
    if (std::find(wrong.begin(), wrong.end(), any[k]) == wrong.end()) chosen.push_back(any[k]);
    any[k] = any.back(), any.pop_back();
  }
  chosen.insert(chosen.end(), wrong.begin(), wrong.end());
  return chosen;
}

std::string sample_grid(const Report& r) {
  std::string s;
  Image room;
  for (int64_t i : choose_samples(r)) {
    size_t at = static_cast<size_t>(i);
    int said = r.evaluation.predicted[at], truth = r.val.labels[at];
    std::string picture;
    try {
      picture = data_uri(r.val.image(i, room));
    } catch (const Error&) {
      continue;  // gone since it was evaluated
    }
    s += fmt::format("<figure title=\"{}\"><img alt=\"\" src=\"{}\"><br><b class=\"{}\">{}</b> {:.1f}&nbsp;%{}</figure>\n",
                     escape_xml(r.val.name(i)), picture, said == truth ? "good" : "bad", escape_xml(class_name(r, said)),
                     100 * static_cast<double>(r.evaluation.confidence[at]),
                     said == truth ? "" : "<br><span class=\"soft\">is " + escape_xml(class_name(r, truth)) + "</span>");
  }
  return "<div class=\"grid\">\n" + s + "</div>\n";
}

// The class that `c` is most often taken for, and how often; "" for none.
std::string most_taken_for(const Report& r, size_t c) {
  size_t n = r.evaluation.pictures.size(), most = c;
  if (r.evaluation.confusion.empty()) return "";
  const int64_t* row = &r.evaluation.confusion[c * n];
  for (size_t k = 0; k < n; k++)
    if (k != c && row[k] > 0 && (most == c || row[k] > row[most])) most = k;
  return most == c ? "" : fmt::format("{} ({})", escape_xml(class_name(r, static_cast<int>(most))), row[most]);
}

std::string class_table(const Report& r) {
  std::string s = "<table><tr><th>class</th><th>pictures</th><th>accuracy</th><th>most often taken for</th></tr>\n";
  std::vector<int> order(static_cast<size_t>(r.evaluation.classes));
  std::iota(order.begin(), order.end(), 0);
  size_t none = std::erase_if(order, [&](int c) { return r.evaluation.pictures[static_cast<size_t>(c)] == 0; });
  if (none) s = fmt::format("<p class=\"soft\">No validation pictures of {} classes.</p>\n", none) + s;
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return r.evaluation.class_accuracy(a) < r.evaluation.class_accuracy(b); });
  if (order.size() > 100) s = "<p class=\"soft\">The weakest hundred.</p>\n" + s, order.resize(100);
  for (int c : order) {
    size_t k = static_cast<size_t>(c);
    s += fmt::format("<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>\n",
                     escape_xml(class_name(r, c)), r.evaluation.pictures[k], percent(r.evaluation.class_accuracy(c)),
                     most_taken_for(r, k));
  }
  return s + "</table>\n";
}

std::vector<std::pair<std::string, std::string>> plots_of(const std::vector<Metrics>& metrics) {
  auto series = [&](const char* name, double Metrics::*value) {
    Series s{name, {}, {}};
    for (const Metrics& m : metrics) s.x.push_back(m.epoch), s.y.push_back(m.*value);
    return s;
  };
  return {{"loss", svg({"Loss",
                        "epoch",
                        "cross entropy",
                        {series("training", &Metrics::train_loss), series("validation", &Metrics::val_loss)},
                        false,
                        true})},
          {"accuracy", svg({"Accuracy",
                            "epoch",
                            "top 1",
                            {series("training", &Metrics::train_top1), series("validation", &Metrics::val_top1)},
                            true})},
          {"lr", svg({"Learning rate at the end of the epoch", "epoch", "lr", {series("lr", &Metrics::lr)}, false, true})}};
}

}  // namespace

void write_plots(const std::string& folder, const std::vector<Metrics>& metrics) {
  for (auto& [name, text] : plots_of(metrics)) write_file(folder + "/plots/" + name + ".svg", text);
}

void write_report(const std::string& folder, const Report& r) {
  std::vector<std::string> names;
  names.reserve(static_cast<size_t>(r.evaluation.classes));
  for (int c = 0; c < r.evaluation.classes; c++) names.push_back(class_name(r, c));
  std::string confusion = names.size() <= 200 ? confusion_svg(names, r.evaluation.confusion) : "";
  write_plots(folder, r.metrics);
  if (!confusion.empty()) write_file(folder + "/plots/confusion.svg", confusion);
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>{0} on {1}</title><style>{2}</style></head><body>\n<h1>{0}</h1>\n"
      "<p class=\"soft\">trained on {1}, {3} classes, {4} epochs</p>\n",
      escape_xml(r.config.model), escape_xml(r.config.data), kStyle, r.evaluation.classes, r.config.epochs);
  html += facts(r) + "<h2>Course of the training</h2>\n";
  for (auto& [name, text] : plots_of(r.metrics)) html += text;
  html += "<h2>Validation pictures</h2>\n<p class=\"soft\">A random draw, then the mistakes it was most sure of.</p>\n";
  html += sample_grid(r) + "<h2>Classes</h2>\n" + confusion + class_table(r);
  html += fmt::format("<h2>Configuration</h2>\n<pre>{}</pre>\n<h2>Environment</h2>\n<pre>{}</pre>\n</body></html>\n",
                      escape_xml(to_toml(r.config)), escape_xml(r.environment));
  write_file(folder + "/report.html", html);
}

}  // namespace fovea
