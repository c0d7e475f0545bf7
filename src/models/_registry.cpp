#include "models/registry.h"

#include "base/error.h"
#include "base/text.h"

namespace fovea {

#define FOVEA_ENTRY(file) std::vector<Model> models_of_##file();
#include "models_list.inc"
#undef FOVEA_ENTRY

const std::vector<Model>& all_models() {
  static const std::vector<Model> models = [] {
    std::vector<Model> r;
#define FOVEA_ENTRY(file) \
  for (Model & m : models_of_##file()) r.push_back(std::move(m));
#include "models_list.inc"
#undef FOVEA_ENTRY
    return r;
  }();
  return models;
}

const Model& find_model(const std::string& name) {
  std::vector<std::string> names;
  for (const Model& m : all_models()) {
    if (m.name == name) return m;
    names.push_back(m.name);
  }
  fail(Code::usage, "there is no model \"{}\"{}", escape_control(name), suggestion(name, names));
}

ModelOptions resolve(const Model& m, ModelOptions o) {
  if (o.classes == 0) o.classes = m.classes;
  if (o.channels == 0) o.channels = m.card.channels;
  if (o.height == 0) o.height = m.card.height;
  if (o.width == 0) o.width = m.card.width;
  return o;
}

std::unique_ptr<Graph> build_model(const Model& m, int batch, const ModelOptions& options) {
  ModelOptions o = resolve(m, options);
  for (int size : {batch, o.classes, o.channels, o.height, o.width})
    if (size < 1) fail(Code::usage, "{}: batch, classes and image size must be at least 1, got {}", m.name, size);
  auto g = std::make_unique<Graph>();
  Tensor image = g->input("image", {{batch, o.height, o.width, o.channels}});
  g->output("logits", m.build(Scope(*g), image, o));
  return g;
}

}  // namespace fovea
