#include "io/fixture.h"

#include <fmt/format.h>

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

FixtureRun read_paper_run(const Json& j) {
  FixtureRun r = read_results(j);
  r.mean = {field(j, "logits_mean").get<double>()};
  r.std = {field(j, "logits_std").get<double>()};
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
  // NAME_r160 is the model NAME on pictures of 160 pixels.
  if (f.input.size() == 4)
    if (std::string size = fmt::format("_r{}", f.input[2]); f.model.ends_with(size))
      f.model.resize(f.model.size() - size.size());
  f.runs.push_back(read_paper_run(j));
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
    fail(Code::bad_file, "{}: not a parity fixture: {}", escape_control(path), escape_control(e.what()));
  }
  return f;
}

}  // namespace fovea
