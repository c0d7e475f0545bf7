// fovea verify: do the models compute what their references do?
#include "train/verify.h"

#include <fmt/format.h>

#include <algorithm>

#include "_network.h"
#include "_progress.h"
#include "_verb.h"
#include "base/error.h"
#include "base/text.h"

namespace fovea::cli {
namespace {

enum class Outcome { pass, fail, skip };
constexpr const char* kNames[] = {"pass", "FAIL", "skip"};

// A folder may hold fixtures of models that are yet to be built; a file that the user names must be of one that is.
Outcome outcome(const VerifyResult& r, std::span<const std::string> named) {
  if (r.passed) return Outcome::pass;
  return r.built || std::ranges::find(named, r.path) != named.end() ? Outcome::fail : Outcome::skip;
}

Record describe(const VerifyResult& r, Outcome o) {
  return {{"result", kNames[static_cast<int>(o)]},     {"model", r.model}, {"error", Value::exponent(r.error)},
          {"tolerance", Value::exponent(r.tolerance)}, {"path", r.path},   {"message", r.message}};
}

std::string line(const VerifyResult& r, Outcome o) {
  return fmt::format("{}  {:40}  {}", kNames[static_cast<int>(o)], r.model.empty() ? r.path : r.model,
                     o == Outcome::skip ? "model not built" : r.message);
}

int run(std::span<const std::string> args) {
  std::vector<std::string> paths;
  std::string precision = "f32";
  Common common;
  Flags o("verify FIXTURE...",
          "Builds the model that each parity fixture names, fills its parameters by the fixture's rule, and compares\n"
          "parameter names, shapes and outputs. FIXTURE is a file (.json or .json.gz) or a folder, searched with its "
          "subfolders.\n"
          "Ends with \"N passed, M failed\"; exit code 7 if any failed or none was compared. Fixtures in a folder whose\n"
          "model fovea does not have are skipped and counted: \"N passed, M failed, K of models not built\".");
  o.names("FIXTURE", paths, 1);
  add_precision(o, precision);
  common.add_running(o);
  common.add_format(o);
  if (!o.parse(args)) return 0;
  common.apply();
  Format format = common.output();
  std::vector<std::string> files = find_fixtures(paths);
  Pool pool(common.threads);
  ProgressLine progress("verify", "models");
  std::vector<Record> rows;
  int64_t count[3] = {};
  for (size_t i = 0; i < files.size(); i++) {
    progress.update(static_cast<int64_t>(i), static_cast<int64_t>(files.size()));
    VerifyResult r = verify_fixture(files[i], pool, precision_of(precision));
    progress.clear();
    Outcome became = outcome(r, paths);
    count[static_cast<int>(became)]++;
    if (format == Format::table) print(clip(escape_control(line(r, became)), 300) + '\n');
    rows.push_back(describe(r, became));
  }
  if (format != Format::table) print(rows, format);
  std::string total = fmt::format("{} passed, {} failed", count[0], count[1]);
  if (count[2]) total += fmt::format(", {} of models not built", count[2]);
  if (format == Format::table)
    print(total + '\n');
  else
    note(total);
  bool good = count[0] > 0 && count[1] == 0;  // nothing compared is no success
  return good ? 0 : static_cast<int>(Code::mismatch);
}

}  // namespace

FOVEA_VERB(verify, "compare models with their parity fixtures", run)

}  // namespace fovea::cli
