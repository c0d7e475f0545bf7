// Typed errors. A user meets one as a single line and an exit code; the code says whose fault it was.
#pragma once
#include <fmt/core.h>

#include <stdexcept>
#include <string>

namespace fovea {

// The exit codes of the command line (see `fovea --help`).
enum class Code {
  bug = 1,          // a defect in fovea
  usage = 2,        // wrong flag, value or recipe
  bad_file = 3,     // an input file is damaged or not what it claims
  unsupported = 4,  // valid, but nothing here can handle it
  resources = 5,    // memory, disk, descriptors, a size cap
  diverged = 6,     // a loss or weight is no longer finite
  mismatch = 7,     // a verification failed
  peer_lost = 8,    // another process of a distributed run is gone
};

class Error : public std::runtime_error {
 public:
  Error(Code code, const std::string& what) : std::runtime_error(what), code_(code) {}
  Code code() const { return code_; }

 private:
  Code code_;
};

// What can be wrong with one picture of many: the others go on. Everything else ends the run.
inline bool is_of_the_file(const Error& e) {
  return e.code() == Code::bad_file || e.code() == Code::unsupported || e.code() == Code::resources;
}

[[noreturn]] void fail_text(Code code, const std::string& text);

// Throws an Error. The text is one line, "FILE: WHAT (WHERE): got X, need Y. HINT".
template <class... A>
[[noreturn]] void fail(Code code, fmt::format_string<A...> format, A&&... args) {
  fail_text(code, fmt::vformat(format, fmt::make_format_args(args...)));
}

[[noreturn]] void fail_check(const char* file, int line, const char* what);

// A condition that only a defect of ours can break, and (optional) what it means.
#define FOVEA_CHECK(cond, ...)                                                                \
  do {                                                                                        \
    if (!(cond)) ::fovea::fail_check(__FILE__, __LINE__, #cond __VA_OPT__(": " __VA_ARGS__)); \
  } while (0)

}  // namespace fovea
