#include "io/fixture.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/size.h"
#include "base/text.h"
#include "io/gzip.h"

namespace fovea {

using Json = nlohmann::ordered_json;

namespace {

constexpr uint64_t kMostBytes = uint64_t{256} << 20;

const Json& field(const Json& j, const char* name) {
  auto it = j.find(name);
  if (it == j.end()) throw std::invalid_argument(std::string("there is no \"") + name + "\"");
  return *it;
}

std::vector<int64_t> read_shape(const Json& j, size_t from) {
  std::vector<int64_t> shape;
  uint64_t numbers = 1;
  for (size_t i = from; i < j.size(); i++) {
    int64_t d = j[i].get<int64_t>();
    if (d < 1 || !checked_mul(numbers, static_cast<uint64_t>(d), numbers))
      throw std::invalid_argument("a shape is out of range");
    shape.push_back(d);
  }
  return shape;
}

FixtureTensor read_tensor(const Json& j) { return {j.at(0).get<std::string>(), read_shape(j, 1)}; }

// What both kinds have in common. A row that is not a list is a scalar output.
FixtureRun read_results(const Json& j) {
  FixtureRun r;
  r.logits = field(j, "logits").get<std::vector<std::vector<double>>>();
  r.argmax = field(j, "argmax").get<std::vector<int64_t>>();
  return r;
}

FixtureRun read_zoo_run(const Json& j) {
  FixtureRun r = read_results(j);
  r.gain = j.value("gain", 1.0);
  r.mean = field(j, "logits_mean").get<std::vector<double>>();
  r.std = field(j, "logits_std").get<std::vector<double>>();
  r.margin = field(j, "argmax_margin").get<std::vector<double>>();
  r.scale = field(j, "logits_absmax").get<double>();
  const Json& tolerance = field(j, "tol");
  r.tolerance = tolerance.is_null() ? -1 : tolerance.get<double>();
  return r;
}

// Numbers, or lists of them to any depth, one after the other; false if there is something else.
bool flatten(const Json& j, std::vector<double>& out) {
  if (j.is_number() || j.is_boolean()) {
    out.push_back(j.is_boolean() ? static_cast<double>(j.get<bool>()) : j.get<double>());
    return true;
  }
  return j.is_array() && std::all_of(j.begin(), j.end(), [&](const Json& e) { return flatten(e, out); });
}

void read_settings(const std::string& name, const Json& j, Settings& out) {
  std::vector<double> numbers;
  if (j.is_string() || j.is_null())  // None is an empty text
    out.put_text(name, j.is_null() ? "" : j.get<std::string>());
  else if (flatten(j, numbers))
    out.put_numbers(name, std::move(numbers));
  else if (j.is_structured())
    for (auto& [key, value] : j.items()) read_settings(name.empty() ? key : name + "." + key, value, out);
}

// The first input is always hashfill of the name "input".
void read_inputs(const Json& j, Fixture& f) {
  for (auto& [name, value] : j.items()) {
    FixtureInput in{.name = name, .formula = {}, .values = {}};
    if (value.is_string())
      in.formula = value.get<std::string>();
    else if (!flatten(value, in.values))
      throw std::invalid_argument("the input \"" + name + "\" is neither numbers nor a formula");
    if (f.input_name.empty())
      f.input_name = name;
    else
      f.more_inputs.push_back(std::move(in));
  }
}

FixtureSamples read_samples(const Json& j) {
  FixtureSamples r{.shape = read_shape(field(j, "shape"), 0),
                   .mean = field(j, "mean").get<double>(),
                   .std = field(j, "std").get<double>(),
                   .stride = field(j, "stride").get<int64_t>(),
                   .values = field(j, "samples").get<std::vector<double>>()};
  if (r.stride < 1) throw std::invalid_argument("a stride below 1");
  for (double v : r.values) r.scale = std::max(r.scale, std::fabs(v));
  return r;
}

FixtureRun read_paper_run(const Json& j) {
  FixtureRun r = read_results(j);
  r.mean = {field(j, "logits_mean").get<double>()};
  r.std = {field(j, "logits_std").get<double>()};
  if (j.contains("outputs"))
    for (const Json& o : j["outputs"]) r.outputs.push_back(read_samples(o));
  if (!r.outputs.empty()) r.scale = r.outputs[0].scale;
  for (const auto& row : r.logits)
    for (double v : row) r.scale = std::max(r.scale, std::fabs(v));
  r.tolerance = std::max(1e-5, 30 * field(j, "f32_err").get<double>());
  return r;
}

void read_zoo(const Json& j, Fixture& f) {
  int64_t side = field(j, "input_size").get<int64_t>();
  f.input = {2, 3, side, side};
  f.runs.push_back(read_zoo_run(j));
  if (j.contains("gain_run")) f.runs.push_back(read_zoo_run(j["gain_run"]));
  f.shared = field(j, "shared").get<std::vector<std::vector<std::string>>>();
  for (const Json& name : field(j, "structural")) f.structural.insert(name.get<std::string>());
}

void read_paper(const Json& j, Fixture& f) {
  f.input = read_shape(field(j, "input_shape"), 0);
  for (const Json& t : j.value("structural", Json::array())) {
    f.state.push_back(read_tensor(t));
    f.structural.insert(f.state.back().name);
  }
  f.runs.push_back(read_paper_run(j));
  if (j.contains("config")) read_settings("", j["config"], f.settings);
  if (j.contains("input") && j["input"].is_object()) read_inputs(j["input"], f);
  if (j.contains("structural"))
    for (const Json& t : j["structural"]) f.structural.insert(read_tensor(t).name);
  if (j.contains("extra"))
    for (auto& [name, value] : j["extra"].items())
      if (std::vector<double> numbers; flatten(value, numbers)) f.extra[name] = std::move(numbers);
  for (auto& [suffix, formula] : field(j, "fill_exceptions").items())
    f.exceptions.emplace_back(suffix, formula.get<std::string>());
}

}  // namespace

Fixture read_fixture(const std::string& path) {
  std::string text = read_maybe_gzip(path, kMostBytes);
  Fixture f;
  f.path = path;
  try {
    Json j = Json::parse(text);
    f.model = field(j, "model").get<std::string>();
    if (field(j, "hashfill").get<int>() != 1) throw std::invalid_argument("another version of hashfill than 1");
    f.params = field(j, "params").get<int64_t>();
    for (const Json& t : field(j, "state")) f.state.push_back(read_tensor(t));
    if (j.contains("input_shape"))
      read_paper(j, f);
    else
      read_zoo(j, f);
  } catch (const std::exception& e) {
    std::string what = e.what();
    if (what.starts_with("[json.exception")) what.erase(0, what.find("] ") + 2);  // the library's name for its error
    fail(Code::bad_file, "{}: not a parity fixture: {}", escape_control(path), escape_control(what));
  }
  return f;
}

}  // namespace fovea
