#include "train/optim.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {
namespace {

Tensor scalar_input(Graph& g, const std::string& name) { return g.input(name, {{}}); }

// A parameter that accompanies p: same shape, same order in files, zero at the start.
Tensor slot(Graph& g, const std::string& prefix, const Param& p) {
  return g.param({.name = prefix + p.name, .init = fill(0), .trainable = false, .file_axes = p.file_axes, .type = p.type});
}

// Records what parameters become if the step is sound.
struct Updater {
  Graph& g;
  const Optimizer& o;

  void sgd(const Param& p, Tensor w, Tensor d) const {
    if (float decay = o.decay.of(p); decay != 0) d = d + w * decay;
    if (o.momentum != 0) {
      Tensor m = slot(g, "optim.momentum.", p), next = m * o.momentum + d;
      g.update("optim.momentum." + p.name, next);
      d = o.nesterov ? d + next * o.momentum : next;
    }
    g.update(p.name, w - scalar_input(g, "lr") * d);
  }

  void adamw(const Param& p, Tensor w, Tensor d) const {
    Tensor m = slot(g, "optim.mean.", p), v = slot(g, "optim.square.", p), lr = scalar_input(g, "lr");
    Tensor m1 = m * o.beta1 + d * (1 - o.beta1), v1 = v * o.beta2 + square(d) * (1 - o.beta2);
    g.update("optim.mean." + p.name, m1), g.update("optim.square." + p.name, v1);
    Tensor step = m1 * scalar_input(g, "unbias_mean") / (sqrt(v1) * scalar_input(g, "unbias_root") + o.eps);
    if (float decay = o.decay.of(p); decay != 0) w = w * (1 - lr * decay);
    g.update(p.name, w - lr * step);
  }

  void ema(const std::vector<Param>& params) const {
    std::map<std::string, int> next(g.updates().begin(), g.updates().end());
    Tensor keep = scalar_input(g, "ema_decay");
    for (const Param& p : params) {
      Tensor now = next.count(p.name) ? g.at(next[p.name]) : g.param_tensor(p.name), mean = slot(g, "ema.", p);
      g.update("ema." + p.name, now + (mean - now) * keep);
    }
  }
};

}  // namespace

float Decay::of(const Param& p) const {
  float r = p.type.shape.rank < 2 && !vectors ? 0 : value;
  for (auto& [glob, scoped] : scopes)
    if (glob_match(glob, p.name)) r = scoped;
  return r;
}

const std::vector<std::string>& optimizer_names() {
  static const std::vector<std::string> names = {"sgd", "adamw"};
  return names;
}

bool is_slot(const std::string& name) { return name.starts_with("optim.") || name.starts_with("ema."); }

Tensor record_norm(Graph& g, const std::vector<Tensor>& gradients) {
  Tensor sum = full(g, {}, 0);
  for (const Tensor& d : gradients)
    if (d) sum = sum + sum_all(square(d));
  Tensor norm = sqrt(sum);
  g.output("grad_norm", norm);
  return norm;
}

void guard_updates(Graph& g, Tensor sum) {
  Tensor sound = equal(sum - sum, scalar(sum, 0));  // inf - inf and nan - nan are nan, which equals nothing
  for (auto& [name, value] : g.take_updates()) g.update(name, select(sound, g.at(value), g.param_tensor(name)));
}

void record_updates(Graph& g, const Optimizer& o, const std::vector<Param>& params, std::vector<Tensor> gradients,
                    Tensor loss) {
  Tensor norm = record_norm(g, gradients);
  Updater update{g, o};
  Tensor shrink = o.clip > 0 ? minimum(o.clip / (norm + 1e-6f), 1.0f) : Tensor{};
  for (size_t i = 0; i < params.size(); i++) {
    if (!params[i].trainable || !gradients[i]) continue;
    Tensor w = g.param_tensor(params[i].name), d = shrink ? gradients[i] * shrink : gradients[i];
    o.kind == "adamw" ? update.adamw(params[i], w, d) : update.sgd(params[i], w, d);
  }
  if (o.ema_decay > 0) update.ema(params);
  guard_updates(g, loss + norm);
}

std::vector<std::pair<std::string, float>> optimizer_feeds(const Optimizer& o, int64_t step, double lr) {
  std::vector<std::pair<std::string, float>> r = {{"lr", static_cast<float>(lr)}};
  double t = static_cast<double>(step + 1);
  if (o.kind == "adamw") {
    r.emplace_back("unbias_mean", static_cast<float>(1 / (1 - std::pow(static_cast<double>(o.beta1), t))));
    r.emplace_back("unbias_root", static_cast<float>(1 / std::sqrt(1 - std::pow(static_cast<double>(o.beta2), t))));
  }
  if (o.ema_decay > 0) {
    double keep = static_cast<double>(o.ema_decay);
    r.emplace_back("ema_decay", static_cast<float>(o.ema_warmup ? std::min(keep, t / (t + 9)) : keep));
  }
  return r;
}

}  // namespace fovea
