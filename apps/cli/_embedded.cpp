#include "_embedded.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "io/input_file.h"

// The assembler puts the files in: FOVEA_NETWORK(name, "path") for each, listed by CMake.
#define FOVEA_NETWORK(name, path)                                               \
  asm(".section .rodata\n.balign 64\nfovea_network_" #name ":\n.incbin \"" path \
      "\"\n"                                                                    \
      "fovea_network_" #name "_end:\n.previous\n");                             \
  extern "C" const char fovea_network_##name[], fovea_network_##name##_end[];
#include "networks_list.inc"
#undef FOVEA_NETWORK

namespace fovea::cli {
namespace {

struct Embedded {
  const char* name;
  const char *begin, *end;
};

std::vector<Embedded> all() {
  return {
#define FOVEA_NETWORK(name, path) {#name, fovea_network_##name, fovea_network_##name##_end},
#include "networks_list.inc"
#undef FOVEA_NETWORK
  };
}

// Readers want a file, so it becomes one, in memory.
InputFile as_file(const Embedded& e) {
  int fd = memfd_create(e.name, MFD_CLOEXEC);
  if (fd < 0) fail(Code::resources, "{}: no memory for it: {}", e.name, std::strerror(errno));
  for (const char* at = e.begin; at < e.end;) {
    ssize_t wrote = write(fd, at, static_cast<size_t>(e.end - at));
    if (wrote < 0) fail(Code::resources, "{}: no memory for it: {}", e.name, std::strerror(errno));
    at += wrote;
  }
  return InputFile::adopt(fd, e.name);
}

}  // namespace

std::vector<std::string> embedded_names() {
  std::vector<std::string> names;
  for (const Embedded& e : all()) names.emplace_back(e.name);
  return names;
}

std::unique_ptr<TensorFile> open_embedded(std::string_view name, const std::string& key) {
  for (const Embedded& e : all())
    if (name == e.name) return TensorFile::open(as_file(e), {.key = key});
  return nullptr;
}

}  // namespace fovea::cli
