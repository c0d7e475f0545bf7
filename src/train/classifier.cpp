#include "train/classifier.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "train/step.h"

namespace fovea {

void apply(const CardChanges& changes, Card& card) {
  auto spread = [](const std::vector<float>& from, float(&to)[3]) {
    for (size_t i = 0; i < 3 && !from.empty(); i++) to[i] = from[from.size() == 1 ? 0 : i];
  };
  if (changes.image_size) card.height = card.width = changes.image_size;
  spread(changes.mean, card.mean), spread(changes.std, card.std);
  if (!changes.interpolation.empty()) card.interpolation = changes.interpolation;
  if (changes.crop_pct > 0) card.crop_pct = static_cast<float>(changes.crop_pct);
}

const Model& find_classifier(const std::string& name) {
  const Model& m = find_model(name);
  if (m.kind != ModelKind::classifier)
    fail(Code::unsupported, "{}: is no classifier: inspect, bench and verify know it, predict, val and train do not", name);
  return m;
}

ModelInfo identify(const std::string& model, const NetworkFile& weights, const CardChanges& changes) {
  std::optional<ModelInfo> told = weights.file ? model_info(*weights.file, weights.path) : std::nullopt;
  if (!told && model.empty()) {
    std::string nearest = nearest_models(*weights.file);
    fail(Code::usage, "{}: does not say which model it belongs to. {}{}Name it: MODEL --weights {}", weights.path, nearest,
         nearest.empty() ? "" : ". ", weights.path);
  }
  if (told && !model.empty() && told->model != model)
    fail(Code::usage, "{}: holds weights of {}, not of {}", weights.path, told->model, model);
  ModelInfo info;
  if (told) {
    info = *told;
    const std::vector<Model>& known = all_models();
    if (std::none_of(known.begin(), known.end(), [&](const Model& m) { return m.name == info.model; }))
      fail(Code::unsupported, "{}: is for the model \"{}\", which this fovea does not have. A newer one may", weights.path,
           escape_control(info.model.substr(0, 60)));
  } else {
    const Model& m = find_model(model);
    info = {.model = model, .options = resolve(m, {}), .card = m.card, .classes = {}};
  }
  apply(changes, info.card);
  info.options.height = info.card.height, info.options.width = info.card.width;
  return info;
}

std::unique_ptr<Graph> inference_graph(const ModelInfo& info, int batch) {
  return eval_graph(*build_model(find_model(info.model), batch, info.options));
}

// Every parameter is about to be read, so none is drawn.
static void make_room(State& state, const Graph& g) {
  for (const Param& p : g.params()) state.put(p.name, Array(p.type.shape));
}

Classifier::Classifier(ModelInfo info, const NetworkFile& weights, int batch, Pool& pool, uint64_t mem_limit,
                       const PlanOptions& options)
    : info_(std::move(info)), batch_(batch) {
  find_classifier(info_.model);
  std::unique_ptr<Graph> graph = inference_graph(info_, batch);
  PlanOptions own = options;
  own.threads = pool.size();
  std::unique_ptr<Plan> plan = make_plan(*graph, own);
  memory_ = memory_of(*plan);
  check_memory(memory_, mem_limit, info_.model, "Use a smaller --batch or --image-size, or raise --mem-limit");
  make_room(state_, *graph);
  loaded_ = load_weights(state_, *graph, *weights.file, weights.path, {.renames = find_model(info_.model).renames});
  program_ = std::make_unique<Program>(std::move(plan), state_, pool, true);
}

std::vector<float> Classifier::probabilities(int i) const {
  int classes = info_.options.classes;
  const float* logits = program_->output("logits") + int64_t{i} * classes;
  double most = *std::max_element(logits, logits + classes), sum = 0;
  std::vector<float> r(logits, logits + classes);
  for (float& v : r) sum += v = static_cast<float>(std::exp(static_cast<double>(v) - most));
  for (float& v : r) v = static_cast<float>(static_cast<double>(v) / sum);
  return r;
}

std::string Classifier::class_name(int c) const {
  return info_.classes.empty() ? std::to_string(c) : info_.classes[static_cast<size_t>(c)];
}

}  // namespace fovea
