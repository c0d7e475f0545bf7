#include "_imagenet.h"

#include <string_view>

#include "base/text.h"

asm(".section .rodata\nfovea_imagenet:\n.incbin \"" FOVEA_IMAGENET "\"\nfovea_imagenet_end:\n.previous\n");
extern "C" const char fovea_imagenet[], fovea_imagenet_end[];

namespace fovea::cli {

static std::vector<std::string> column(size_t from, size_t count) {
  std::vector<std::string> r;
  const std::string all(fovea_imagenet, fovea_imagenet_end);
  for (const std::string& row : split(all, '\n'))
    if (!row.empty()) r.push_back(row.substr(from, count));
  return r;
}

std::vector<std::string> imagenet_synsets() { return column(0, 9); }
std::vector<std::string> imagenet_names() { return column(10, std::string::npos); }

}  // namespace fovea::cli
