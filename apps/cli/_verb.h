// A command of fovea: one per file of this folder, found by the file's name.
#pragma once
#include <span>
#include <string>

#include "_flags.h"
#include "_output.h"

namespace fovea::cli {

struct Verb {
  const char* name;
  const char* summary;                            // one line of `fovea --help`
  int (*run)(std::span<const std::string> args);  // the exit code; errors are thrown
};

// Flags that verbs share.
struct Common {
  int threads = 0;         // 0: all that this process may use
  std::string isa;         // empty: the best this CPU has
  uint64_t mem_limit = 0;  // bytes; 0: see memory_limit()
  bool verbose = false;
  std::string format = "table";

  void add_running(Flags& o);  // --threads --isa --mem-limit --verbose
  void add_format(Flags& o);   // --format, and --json for short
  void apply();                // resolves threads and mem_limit, sets the instruction set
  Format output() const;
};

#define FOVEA_VERB(name, summary, run) \
  Verb verb_##name() { return {#name, summary, run}; }

}  // namespace fovea::cli
