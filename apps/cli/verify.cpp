// fovea verify: do the models compute what their references do?
#include "train/verify.h"

#include <fmt/format.h>

#include "_progress.h"
#include "_verb.h"
#include "base/error.h"
#include "base/text.h"

namespace fovea::cli {
namespace {

Record describe(const VerifyResult& r) {
  return {{"result", r.passed ? "pass" : "FAIL"},      {"model", r.model}, {"error", Value::exponent(r.error)},
          {"tolerance", Value::exponent(r.tolerance)}, {"path", r.path},   {"message", r.message}};
}

std::string line(const VerifyResult& r) {
  return fmt::format("{}  {:40}  {}", r.passed ? "pass" : "FAIL", r.model.empty() ? r.path : r.model, r.message);
}

int run(std::span<const std::string> args) {
  std::vector<std::string> paths;
  Common common;
  Options o("verify FIXTURE...",
            "Builds the model that each parity fixture names, fills its parameters by the fixture's rule, and compares\n"
            "parameter names, shapes and outputs. FIXTURE is a file (.json or .json.gz) or a folder of them.\n"
            "Ends with \"N passed, M failed\"; exit code 7 if any failed.");
  o.names("FIXTURE", paths, 1);
  common.add_running(o);
  common.add_format(o);
  if (!o.parse(args)) return 0;
  common.apply();
  Format format = common.output();
  std::vector<std::string> files = find_fixtures(paths);
  Pool pool(common.threads);
  Progress progress("verify", "models");
  std::vector<Record> rows;
  int64_t failed = 0;
  for (size_t i = 0; i < files.size(); i++) {
    progress.update(static_cast<int64_t>(i), static_cast<int64_t>(files.size()));
    VerifyResult r = verify_fixture(files[i], pool);
    progress.clear();
    failed += !r.passed;
    if (format == Format::table) print(cut(escape_control(line(r)), 300) + '\n');
    rows.push_back(describe(r));
  }
  if (format != Format::table) print(rows, format);
  std::string total = fmt::format("{} passed, {} failed", static_cast<int64_t>(files.size()) - failed, failed);
  if (format == Format::table)
    print(total + '\n');
  else
    note(total);
  return failed ? static_cast<int>(Code::mismatch) : 0;
}

}  // namespace

FOVEA_VERB(verify, "compare models with their parity fixtures", run)

}  // namespace fovea::cli
