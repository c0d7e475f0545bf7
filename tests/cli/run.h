// Runs the program as a child process, as a user's shell would.
#pragma once
#include <string>
#include <vector>

namespace fovea::cli_test {

struct Result {
  int code = -1;  // 128 + n where signal n ended it
  std::string out, err;
  double seconds = 0;  // of CPU time, which no other load of the machine lengthens
};

struct Setting {
  std::string input;                          // of standard input
  std::vector<std::string> environment;       // NAME=VALUE, added
  bool close_out = false, close_err = false;  // as with >&- and 2>&-
  bool hang_up = false;                       // stop reading standard output after the first bytes
  bool terminal = false;                      // standard error is a terminal
  std::string interrupt_at;                   // SIGINT is sent once standard error holds this
  int64_t address_space = 0;                  // bytes, as with ulimit -v
  int64_t stack = 0, file_size = 0;           // bytes, as with ulimit -s and -f
};

Result run(const std::vector<std::string>& args, const Setting& setting = {});

// A folder that is empty when a test begins.
std::string fresh_folder(const std::string& name);
// The shared data, or "" where they are absent: then the test must skip.
std::string shared_data();

}  // namespace fovea::cli_test
