#include "cli/samples.h"

#include <filesystem>

#include "base/atomic_file.h"
#include "base/random.h"
#include "io/image.h"
#include "train/weights.h"

namespace fovea::cli_test {

void make_pictures(const std::string& dir, int count) {
  for (const char* split : {"train", "val"})
    for (bool bright : {true, false}) {
      const std::string part = std::string(split) + (bright ? "/bright" : "/dark"), folder = dir + "/" + part;
      std::filesystem::create_directories(folder);
      for (int i = 0; i < count; i++) {
        Image image{.h = 28, .w = 28, .c = 3, .pixels = std::vector<uint8_t>(28 * 28 * 3)};
        Random random(fnv1a(part), static_cast<uint64_t>(i));
        for (uint8_t& v : image.pixels) v = static_cast<uint8_t>(random.below(128) + (bright ? 128 : 0));
        write_file(folder + "/" + std::to_string(i) + ".png", encode_png(view(image)));
      }
    }
}

void make_network(const std::string& file, const std::string& model) {
  const Model& m = find_model(model);
  ModelInfo info{.model = m.name, .options = resolve(m, {.classes = 2}), .card = m.card, .classes = {"bright", "dark"}};
  std::unique_ptr<Graph> g = build_model(m, 1, info.options);
  State state;
  state.add(*g, 7);
  save_weights(file, state, *g, info);
}

}  // namespace fovea::cli_test
