// All models, by the files of this folder: adding a family is adding a file.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "base/card.h"
#include "ir/scope.h"

namespace fovea {

struct ModelOptions {
  int classes = 1000;
  int channels = 3;      // of the input
  int height = 0, width = 0;  // 0: the card's
  float drop = 0;        // dropout before the classifier
  float drop_path = 0;   // stochastic depth at the deepest block
};

struct Model {
  std::string name;    // timm's where timm has the model
  std::string family;  // the file
  Card card;
  int classes = 1000;                                                       // of the published weights
  std::function<Tensor(Scope, Tensor x, const ModelOptions&)> build;       // [n,h,w,c] -> logits [n,classes]
  std::vector<std::pair<std::string, std::string>> renames = {};           // foreign parameter name pattern -> ours, tried when a file does not match
};

const std::vector<Model>& all_models();
// Usage error with the nearest names if there is none.
const Model& find_model(const std::string& name);
// Records the model on an input "image" [batch, h, w, channels] and makes its logits the output "logits".
std::unique_ptr<Graph> build_model(const Model& m, int batch, const ModelOptions& o = {});

}  // namespace fovea
