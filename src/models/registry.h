// All models, by the files of this folder: adding a family is adding a file that defines models_of_<file>().
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/card.h"
#include "ir/scope.h"

namespace fovea {

struct ModelOptions {
  int classes = 0;            // 0: the model's
  int channels = 0;           // of the input; 0: the card's
  int height = 0, width = 0;  // 0: the card's
  float drop = 0;             // dropout before the classifier
  float drop_path = 0;        // stochastic depth at the deepest block
};

struct Model {
  std::string name;    // timm's where timm has the model
  std::string family;  // the file
  Card card;
  int classes = 1000;                                                 // of the published weights
  std::function<Tensor(Scope, Tensor x, const ModelOptions&)> build;  // [n,h,w,c] -> logits [n,classes]
  // Foreign parameter name pattern -> ours, tried when a file does not match.
  std::vector<std::pair<std::string, std::string>> renames = {};
};

const std::vector<Model>& all_models();
// Usage error with the nearest names if there is none.
const Model& find_model(const std::string& name);
// The options with the model's own values for what was left open.
ModelOptions resolve(const Model& m, ModelOptions o);
// Records the model on an input "image" [batch, h, w, channels] and makes its logits the output "logits".
std::unique_ptr<Graph> build_model(const Model& m, int batch, const ModelOptions& o = {});

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
