#include "_verb.h"

#include "base/cpu.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/threads.h"

namespace fovea::cli {

void Common::add_running(Flags& o) {
  o.section("Running");
  o.number("--threads", threads, 1, 256, "threads for computing; default: all that this process may use");
  o.choice("--isa", {"portable", "avx2", "avx512"}, isa, "at most these instructions; default: the best of this CPU");
  o.bytes("--mem-limit", mem_limit, "refuse work that needs more memory; default: 80 % of what is available");
  o.flag("--verbose,-v", verbose, "say more on standard error");
}

void Common::add_format(Flags& o) {
  o.section("Output");
  o.choice("--format", {"table", "json", "jsonl", "csv"}, format, "of the data on standard output; default: table");
  o.add({"--json", "", "the same as --format json", [this](const std::string&) { format = "json"; }, ""});
}

void Common::apply() {
  if (threads == 0) threads = available_threads();
  if (mem_limit == 0) mem_limit = available_memory() / 5 * 4;
  if (!isa.empty()) force_isa(isa_from(isa, "--isa"));
}

Format Common::output() const {
  return format == "json" ? Format::json : format == "jsonl" ? Format::jsonl : format == "csv" ? Format::csv : Format::table;
}

}  // namespace fovea::cli
