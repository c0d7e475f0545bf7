// All models, by the files of this folder: adding a family is adding a file that defines models_of_<file>().
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/card.h"
#include "base/settings.h"
#include "ir/scope.h"

namespace fovea {

struct ModelOptions {
  int classes = 0;            // 0: the model's
  int channels = 0;           // of the input; 0: the card's
  int height = 0, width = 0;  // 0: the card's
  float drop = 0;             // dropout before the classifier
  float drop_path = 0;        // stochastic depth at the deepest block
  Settings settings;          // of layers
};

enum class ModelKind : uint8_t {
  classifier,  // of pictures: [n,h,w,c] -> logits [n,classes]
  network,     // another function of a picture, with any outputs and further inputs
  layer        // a part of networks alone, of a tensor of any shape; its settings have the reference's names
};

struct Model {
  std::string name;    // timm's where timm has the model
  std::string family;  // the file
  std::string paper;   // the first that the file names, or ""
  Card card;
  int classes = 1000;  // of the published weights
  std::function<Tensor(Scope, Tensor x, const ModelOptions&)> build;
  ModelKind kind = ModelKind::classifier;
  bool ranks = false;  // picks pixels or tokens by rank: where two nearly tie, rounding decides
  // Foreign parameter name pattern -> ours, tried when a file does not match.
  std::vector<std::pair<std::string, std::string>> renames = {};
};

// All but the layers.
const std::vector<Model>& all_models();
const std::vector<Model>& all_layers();
// Usage error with the nearest names if there is none.
const Model& find_model(const std::string& name);
// What a fixture names: a model, perhaps with the size of its picture behind it (NAME_r128), or a layer, perhaps with words
// on its settings behind it (NAME_k7_stride2). Null if there is none.
const Model* find_reference(const std::string& name);
// The options with the model's own values for what was left open.
ModelOptions resolve(const Model& m, ModelOptions o);
// Records the model on an input "image" [batch, h, w, channels] and makes its result the output "logits".
std::unique_ptr<Graph> build_model(const Model& m, int batch, const ModelOptions& o = {});
std::unique_ptr<Graph> build_layer(const Model& m, const Shape& x, const Settings& settings);

// A row of a family's table.
template <class Config>
struct Variant {
  const char* name;
  Config config;
  Card card;
};
// The table must outlive the models.
template <class Config>
std::vector<Model> models_from(const char* family, std::span<const Variant<Config>> table,
                               Tensor (*build)(Scope, Tensor, const Config&, const ModelOptions&), int classes = 1000) {
  std::vector<Model> r;
  for (const Variant<Config>& v : table)
    r.push_back({.name = v.name,
                 .family = family,
                 .card = v.card,
                 .classes = classes,
                 .build = [&v, build](Scope s, Tensor x, const ModelOptions& o) { return build(s, x, v.config, o); }});
  return r;
}

}  // namespace fovea
