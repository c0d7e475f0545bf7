#include "models/registry.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/text.h"

namespace fovea {

#define FOVEA_ENTRY(file) std::vector<Model> models_of_##file();
#include "models_list.inc"
#undef FOVEA_ENTRY

namespace {

std::string paper_of(const std::string& file) {
  static const std::map<std::string, std::string> papers = {
#define FOVEA_PAPER(file, paper) {#file, paper},
#include "papers_list.inc"
#undef FOVEA_PAPER
  };
  auto it = papers.find(file);
  return it == papers.end() ? "" : it->second;
}

std::vector<Model> collect(bool layers) {
  std::vector<Model> r;
  auto add = [&](const char* file, std::vector<Model> models) {
    for (Model& m : models) {
      if ((m.kind == ModelKind::layer) != layers) continue;
      m.paper = paper_of(file);
      r.push_back(std::move(m));
    }
  };
#define FOVEA_ENTRY(file) add(#file, models_of_##file());
#include "models_list.inc"
#undef FOVEA_ENTRY
  return r;
}

const Model* find(const std::vector<Model>& models, const std::string& name) {
  auto it = std::find_if(models.begin(), models.end(), [&](const Model& m) { return m.name == name; });
  return it == models.end() ? nullptr : &*it;
}

// "_r128" at the end.
size_t find_size(const std::string& name) {
  size_t digits = name.find_last_not_of("0123456789") + 1;
  bool found = digits < name.size() && digits >= 2 && name.compare(digits - 2, 2, "_r") == 0;
  return found ? digits - 2 : name.npos;
}

}  // namespace

const std::vector<Model>& all_models() {
  static const std::vector<Model> models = collect(false);
  return models;
}

const std::vector<Model>& all_layers() {
  static const std::vector<Model> layers = collect(true);
  return layers;
}

const Model* find_reference(const std::string& name) {
  if (const Model* m = find(all_models(), name)) return m;
  if (size_t size = find_size(name); size != name.npos)
    if (const Model* m = find(all_models(), name.substr(0, size))) return m;
  for (size_t end = name.size(); end != name.npos && end > 0; end = name.rfind('_', end - 1))
    if (const Model* m = find(all_layers(), name.substr(0, end))) return m;
  return nullptr;
}

const Model& find_model(const std::string& name) {
  if (const Model* m = find(all_models(), name)) return *m;
  std::vector<std::string> names;
  for (const Model& m : all_models()) names.push_back(m.name);
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

std::unique_ptr<Graph> build_layer(const Model& m, const Shape& x, const Settings& settings) {
  auto g = std::make_unique<Graph>();
  Tensor in = g->input("image", {x});
  g->output("logits", m.build(Scope(*g), in, {.settings = settings}));
  return g;
}

}  // namespace fovea
