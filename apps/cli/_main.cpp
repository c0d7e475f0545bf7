// The command line: finds the verb, runs it, and turns whatever goes wrong into one line and an exit code.
#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <new>
#include <vector>

#include "_verb.h"
#include "base/error.h"
#include "base/text.h"

namespace fovea::cli {

#define FOVEA_ENTRY(name) Verb verb_##name();
#include "verbs_list.inc"
#undef FOVEA_ENTRY

namespace {

std::vector<Verb> all_verbs() {
  return {
#define FOVEA_ENTRY(name) verb_##name(),
#include "verbs_list.inc"
#undef FOVEA_ENTRY
  };
}

std::string general_help() {
  std::string out = "Usage: fovea VERB ...\n\nRuns, judges and trains vision networks on this machine.\n\nVerbs:\n";
  for (const Verb& v : all_verbs()) out += fmt::format("  {:9}{}\n", v.name, v.summary);
  return out + R"(
fovea VERB --help tells the options of a verb.

Exit codes: 0 done, 1 a defect in fovea, 2 wrong usage, 3 a bad input file, 4 not supported, 5 out of memory or disk,
6 the training diverged, 7 a verification failed, 128 + n ended by signal n.
)";
}

int dispatch(const std::vector<std::string>& args) {
  if (args.empty()) {
    note("which verb? Try fovea --help");
    return static_cast<int>(Code::usage);
  }
  if (args[0] == "help" && args.size() > 1) return dispatch({args[1], "--help"});
  if (args[0] == "--help" || args[0] == "-h" || args[0] == "help") return print(general_help()), 0;
  if (args[0] == "--version") return print(fmt::format("fovea {}\n", FOVEA_VERSION)), 0;
  std::vector<std::string> names;
  for (const Verb& v : all_verbs()) {
    if (args[0] == v.name) return v.run(std::span(args).subspan(1));
    names.push_back(v.name);
  }
  std::string near = suggestion(args[0], names);
  fail(Code::usage, "there is no verb \"{}\"{} fovea --help lists them", escape_control(clip(args[0], 60)),
       near.empty() ? "." : near);
}

std::string memory_error() {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    return fmt::format("out of memory: the address space is limited to {} (ulimit -v)",
                       human_bytes(static_cast<double>(limit.rlim_cur)));
  return "out of memory";
}

// Where a small stack ends, a program can only crash; threads get the same limit.
void check_stack() {
  constexpr rlim_t kLeast = 512 << 10;
  rlimit limit{};
  if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < kLeast)
    fail(Code::resources, "the stack is limited to {} (ulimit -s), need {}",
         human_bytes(static_cast<double>(limit.rlim_cur)), human_bytes(static_cast<double>(kLeast)));
}

int run(const std::vector<std::string>& args) {
  try {
    check_stack();
    return dispatch(args);
  } catch (const Error& e) {
    note(e.code() == Code::bug ? fmt::format("defect: {}", e.what()) : e.what());
    return static_cast<int>(e.code());
  } catch (const std::bad_alloc&) {
    note(memory_error());
    return static_cast<int>(Code::resources);
  } catch (const std::exception& e) {
    note(fmt::format("defect: {}", e.what()));
    return static_cast<int>(Code::bug);
  }
}

// A file opened by us must never get the number of a standard stream that the caller closed.
void fill_standard_streams() {
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) _exit(static_cast<int>(Code::resources));
}

}  // namespace
}  // namespace fovea::cli

int main(int argc, char** argv) {
  fovea::cli::fill_standard_streams();
  mallopt(M_MMAP_THRESHOLD, 1 << 20);  // what a large array took goes back to the system at once, now and later
  std::signal(SIGPIPE, SIG_IGN);       // print() sees EPIPE; a training must not end because nobody reads its output
  std::signal(SIGXFSZ, SIG_IGN);       // a write past `ulimit -f` fails as one to a full disk does
  return fovea::cli::run(std::vector<std::string>(argv + 1, argv + argc));
}
