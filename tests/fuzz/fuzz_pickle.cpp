// PyTorch files. A lone pickle is put into a zip with right checksums, which mutation alone would hardly ever find.
#include "fuzz/weights.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fovea::test;
  std::string bytes(reinterpret_cast<const char*>(data), size);
  bool legacy = bytes.size() > 3 && bytes[2] == '\x8a';  // its magic number is the first value
  bool pickle = !bytes.empty() && bytes[0] == '\x80' && !legacy;
  load_all(pickle ? torch_zip(bytes, {{"0", six_floats()}, {"1", std::string(64, '\1')}}).bytes : bytes, "fuzz.pth");
  return 0;
}
