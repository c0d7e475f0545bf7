#include <cmath>
#include <cstdlib>

#include "base/error.h"
#include "base/random.h"
#include "base/text.h"
#include "io/fixture.h"

namespace fovea {

static double unit(uint64_t hash, uint64_t index) { return static_cast<double>(splitmix(hash + index) >> 40) * 0x1p-23 - 1; }
double hash_unit(std::string_view name, uint64_t index) { return unit(fnv1a(name), index); }

namespace {

// The value is offset + factor * u.
struct Line {
  double offset, factor;
};

Line line_of(std::string_view name, std::span<const int64_t> shape, double gain) {
  if (name.ends_with("num_batches_tracked")) return {0, 0};
  if (name.ends_with("running_var")) return {1, 0.25};
  if (name.ends_with("running_mean")) return {0, 0.1};
  if (shape.size() >= 2) {
    double fan_in = 1;
    for (int64_t d : shape.subspan(1)) fan_in *= static_cast<double>(d);
    return {0, gain * std::sqrt(3 / fan_in)};
  }
  if (name.ends_with("weight")) return {1, 0.1};
  return {0, 0.1};
}

// Recursive descent over  sum := product {(+|-) product},  product := factor {(*|/) factor}.
class Formula {
 public:
  Formula(std::string_view text, double u) : text_(text), rest_(text), u_(u) {}
  double value() {
    double v = sum();
    if (!rest_.empty()) wrong();
    return v;
  }

 private:
  [[noreturn]] void wrong() { fail(Code::bad_file, "\"{}\" is not a formula of u", escape_control(text_)); }
  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  double sum() {
    double v = product();
    for (;;) {
      if (take("+"))
        v += product();
      else if (take("-"))
        v -= product();
      else
        return v;
    }
  }
  double product() {
    double v = factor();
    for (;;) {
      if (take("*"))
        v *= factor();
      else if (take("/"))
        v /= factor();
      else
        return v;
    }
  }
  double factor() {
    if (++depth_ > 50) wrong();
    double v = primary();
    depth_--;
    return v;
  }
  double primary() {
    if (take("-")) return -factor();
    if (take("log(")) return std::log(closed());
    if (take("abs(")) return std::fabs(closed());
    if (take("(")) return closed();
    if (take("u")) return u_;
    std::string digits(rest_.substr(0, rest_.find_first_not_of("0123456789.")));
    if (digits.empty()) wrong();
    rest_.remove_prefix(digits.size());
    return std::strtod(digits.c_str(), nullptr);
  }
  double closed() {
    double v = sum();
    if (!take(")")) wrong();
    return v;
  }

  std::string_view text_, rest_;
  double u_;
  int depth_ = 0;
};

}  // namespace

double evaluate_formula(std::string_view formula, double u) { return Formula(formula, u).value(); }

std::vector<float> hashfill(const std::string& name, std::span<const int64_t> shape, double gain,
                            std::span<const std::pair<std::string, std::string>> exceptions) {
  int64_t count = 1;
  for (int64_t d : shape) count *= d;
  std::vector<float> r(static_cast<size_t>(count));
  uint64_t hash = fnv1a(name);
  for (auto& [suffix, formula] : exceptions)
    if (name.ends_with(suffix)) {
      for (size_t i = 0; i < r.size(); i++) r[i] = static_cast<float>(evaluate_formula(formula, unit(hash, i)));
      return r;
    }
  Line line = line_of(name, shape, gain);
  for (size_t i = 0; i < r.size(); i++) r[i] = static_cast<float>(line.offset + line.factor * unit(hash, i));
  return r;
}

}  // namespace fovea
