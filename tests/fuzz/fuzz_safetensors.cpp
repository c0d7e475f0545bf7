// safetensors files, and indexes of several.
#include "fuzz/weights.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fovea::test::load_all(std::string(reinterpret_cast<const char*>(data), size), "fuzz.safetensors");
  return 0;
}
