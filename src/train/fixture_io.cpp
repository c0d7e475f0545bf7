#include "train/fixture_io.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/error.h"
#include "base/text.h"

namespace fovea {

namespace {

// From the reference's order to ours, or back.
std::vector<float> swap_channels(std::span<const float> in, int64_t n, int64_t c, int64_t pixels, bool to_ours) {
  std::vector<float> out(in.size());
  for (int64_t i = 0; i < n; i++)
    for (int64_t k = 0; k < c; k++)
      for (int64_t p = 0; p < pixels; p++) {
        auto theirs = static_cast<size_t>((i * c + k) * pixels + p), ours = static_cast<size_t>((i * pixels + p) * c + k);
        if (to_ours)
          out[ours] = in[theirs];
        else
          out[theirs] = in[ours];
      }
  return out;
}

// Values in the reference's order as those of our shape, and back.
std::vector<float> to_ours(std::span<const float> in, const Shape& s) {
  if (s.rank != 4) return {in.begin(), in.end()};
  return swap_channels(in, s[0], s[3], int64_t{s[1]} * s[2], true);
}
std::vector<float> to_theirs(const FixtureOutput& out) {
  const Shape& s = out.shape;
  if (s.rank != 4) return {out.values.begin(), out.values.end()};
  return swap_channels(out.values, s[0], s[3], int64_t{s[1]} * s[2], false);
}

std::vector<float> units(const std::string& name, int64_t count) {
  std::vector<float> r(static_cast<size_t>(count));
  for (size_t i = 0; i < r.size(); i++) r[i] = static_cast<float>(hash_unit(name, i));
  return r;
}

// The values, in the reference's order, of a sum of terms "0.5*hashfill 'name'" or "0.5*in0" (an input's name), where a
// remark in parentheses may follow.
std::vector<float> evaluate_input(const Fixture& f, const std::string& formula, int64_t count) {
  std::vector<double> sum(static_cast<size_t>(count));
  for (std::string term : split(formula.substr(0, formula.find('(')), '+')) {
    double factor = 1;
    if (size_t star = term.find('*'); star != term.npos)
      factor = std::strtod(term.c_str(), nullptr), term.erase(0, star + 1);
    term = trim(term);
    std::string name;
    if (term.starts_with("hashfill '") && term.ends_with("'"))
      name = term.substr(10, term.size() - 11);
    else if (term == f.input_name)
      name = "input";
    else
      fail(Code::unsupported, "the input formula \"{}\"", escape_control(formula));
    std::vector<float> u = units(name, count);
    for (size_t i = 0; i < sum.size(); i++) sum[i] += factor * static_cast<double>(u[i]);
  }
  return {sum.begin(), sum.end()};
}

// Outputs against one run's, noting the largest error.
class Comparison {
 public:
  Comparison(double scale, double tolerance, FixtureError& worst) : scale_(scale), tolerance_(tolerance), worst_(worst) {}

  void near(const char* what, size_t row, size_t index, double got, double need) {
    double error = std::fabs(got - need) / scale_;
    // The one that came nearest to its tolerance, and nan above all.
    if (worst_.tolerance == 0 || !(error * worst_.tolerance <= worst_.error * tolerance_))
      worst_ = {.error = error, .tolerance = tolerance_};
    if (!(error <= tolerance_))
      fail(Code::mismatch,
           "{} [{}][{}]: got {:.9g}, need {:.9g}; the error is {:.2g} of the largest output, {:.2g} is allowed", what, row,
           index, got, need, error, tolerance_);
  }

  void moments(const char* rows, size_t i, std::span<const float> out, double mean, double std) {
    double sum = 0, squares = 0, n = static_cast<double>(out.size());
    for (float v : out) sum += static_cast<double>(v);
    for (float v : out) squares += (static_cast<double>(v) - sum / n) * (static_cast<double>(v) - sum / n);
    near((std::string("mean of ") + rows).c_str(), i, 0, sum / n, mean);
    near((std::string("standard deviation of ") + rows).c_str(), i, 0, std::sqrt(squares / n), std);
  }

 private:
  double scale_, tolerance_;
  FixtureError& worst_;
};

void compare_rows(const FixtureRun& run, std::span<const float> out, const Shape& shape, FixtureError& worst) {
  size_t rows = static_cast<size_t>(shape[0]), width = out.size() / rows;
  bool fits = run.logits.size() == rows && run.argmax.size() == rows && (run.mean.size() == rows || run.mean.size() == 1);
  for (const auto& row : run.logits) fits = fits && row.size() <= width;
  if (!fits || run.mean.size() != run.std.size()) fail(Code::mismatch, "the output {} is not the reference's", shape.str());
  Comparison c(run.scale, run.tolerance, worst);
  for (size_t i = 0; i < rows; i++) {
    std::span<const float> row = out.subspan(i * width, width);
    for (size_t k = 0; k < run.logits[i].size(); k++) c.near("output", i, k, static_cast<double>(row[k]), run.logits[i][k]);
    int64_t best = std::max_element(row.begin(), row.end()) - row.begin();
    bool sure = i < run.margin.size() && run.margin[i] > 2 * run.tolerance;
    if (sure && best != run.argmax[i])
      fail(Code::mismatch, "the largest output of row {} is number {}, need {}", i, best, run.argmax[i]);
  }
  size_t parts = run.mean.size(), part = out.size() / parts;
  for (size_t i = 0; i < parts; i++) c.moments("row", i, out.subspan(i * part, part), run.mean[i], run.std[i]);
}

void compare_samples(const FixtureRun& run, size_t index, std::span<const float> out, FixtureError& worst) {
  const FixtureSamples& want = run.outputs[index];
  int64_t count = 1;
  for (int64_t d : want.shape) count *= d;
  size_t stride = static_cast<size_t>(want.stride);
  if (static_cast<int64_t>(out.size()) != count || want.values.size() > (out.size() + stride - 1) / stride)
    fail(Code::mismatch, "output {} has {} numbers, the reference's {}", index, out.size(), count);
  Comparison c(want.scale, run.tolerance, worst);
  for (size_t i = 0; i < want.values.size(); i++)
    c.near("sample of output", index, i, static_cast<double>(out[i * stride]), want.values[i]);
  c.moments("output", index, out, want.mean, want.std);
}

}  // namespace

std::vector<float> fixture_input(const Fixture& f) {
  int64_t count = 1;
  for (int64_t d : f.input) count *= d;
  std::vector<float> u = units("input", count);
  return f.input.size() == 4 ? swap_channels(u, f.input[0], f.input[1], f.input[2] * f.input[3], true) : u;
}

std::vector<float> fixture_units(const std::string& name, const Shape& s) { return to_ours(units(name, s.numel()), s); }

std::vector<float> fixture_input(const Fixture& f, const std::string& name, const Shape& shape) {
  auto in = std::find_if(f.more_inputs.begin(), f.more_inputs.end(), [&](const FixtureInput& i) { return i.name == name; });
  if (in == f.more_inputs.end()) fail(Code::mismatch, "the reference has no input \"{}\"", name);
  if (!in->formula.empty()) { return to_ours(evaluate_input(f, in->formula, shape.numel()), shape); }
  if (static_cast<int64_t>(in->values.size()) != shape.numel())
    fail(Code::mismatch, "the input \"{}\" {} has {} numbers in the reference", name, shape.str(), in->values.size());
  return {in->values.begin(), in->values.end()};
}

void compare_numbers(const std::string& name, std::span<const double> need, double tolerance, const FixtureOutput& ours,
                     FixtureError& worst) {
  if (need.size() != ours.values.size())
    fail(Code::mismatch, "{} has {} numbers, the reference's {}", name, ours.values.size(), need.size());
  double scale = 0;
  for (double v : need) scale = std::max(scale, std::fabs(v));
  Comparison c(scale, tolerance, worst);
  std::vector<float> values = to_theirs(ours);
  for (size_t i = 0; i < need.size(); i++) c.near(name.c_str(), 0, i, static_cast<double>(values[i]), need[i]);
}

void compare_outputs(const FixtureRun& run, const std::vector<FixtureOutput>& ours, FixtureError& worst) {
  if (run.outputs.size() > ours.size()) fail(Code::mismatch, "got {} outputs, need {}", ours.size(), run.outputs.size());
  for (size_t i = 0; i < std::max<size_t>(1, run.outputs.size()); i++) {
    std::vector<float> values = to_theirs(ours[i]);
    if (i == 0) compare_rows(run, values, ours[i].shape, worst);
    if (i < run.outputs.size()) compare_samples(run, i, values, worst);
  }
}

}  // namespace fovea
