// Continuous Thought Machine (arXiv:2505.05522): neurons with a memory each think for some ticks, whatever the input; how
// they fire together asks the picture and gives the answer. Names follow SakanaAI/continuous-thought-machines.
#include <array>
#include <cmath>
#include <map>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "base/text.h"
#include "models/registry.h"
#include "nn/conv_norm_act.h"
#include "nn/packed_attention.h"
#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/softmax.h"

namespace fovea {

namespace {

Tensor join(Tensor a, Tensor b) {
  Tensor parts[] = {a, b};
  return concat(parts, -1);
}
Tensor glu(Tensor x) {
  int half = x.c() / 2;
  return slice(x, -1, 0, half) * sigmoid(slice(x, -1, half, half));
}
Tensor indices(Graph& g, const std::vector<double>& values) {
  std::vector<Tensor> each;
  for (double v : values) each.push_back(full(g, {1}, static_cast<float>(v)));
  return concat(each, 0);
}

// Of a ResNet: two 3x3 convolutions, or deep: a 3x3 convolution between two pointwise ones.
Tensor residual(Scope s, Tensor x, int width, int stride, bool deep) {
  const int out = deep ? 4 * width : width;
  Tensor y = x;
  if (deep) y = conv_norm_act(s, y, width, 1, {.conv = "conv1", .norm = "bn1"});
  const ConvNormAct first{.stride = stride, .conv = deep ? "conv2" : "conv1", .norm = deep ? "bn2" : "bn1"};
  y = conv_norm_act(s, y, width, 3, first);
  const ConvNormAct last{.act = Act::none, .conv = deep ? "conv3" : "conv2", .norm = deep ? "bn3" : "bn2"};
  y = conv_norm_act(s, y, out, deep ? 1 : 3, last);
  const ConvNormAct shortcut{.stride = stride, .act = Act::none, .conv = "0", .norm = "1"};
  if (stride > 1 || x.c() != out) x = conv_norm_act(s["downsample"], x, out, 1, shortcut);
  return s.out(relu(x + y));
}

// The first stages of a ResNet with a small stem, as "resnet18-2".
Tensor backbone(Scope s, Tensor x, const std::string& type) {  // [n,h,w,c] -> [n,h',w',c']
  const std::map<std::string, std::array<int, 4>> depths = {{"resnet18", {2, 2, 2, 2}},
                                                            {"resnet34", {3, 4, 6, 3}},
                                                            {"resnet50", {3, 4, 6, 3}},
                                                            {"resnet101", {3, 4, 23, 3}},
                                                            {"resnet152", {3, 8, 36, 3}}};
  if (type == "none") return x;
  const size_t dash = type.find('-');
  const int stages = dash == type.npos ? 0 : std::atoi(type.c_str() + dash + 1);
  auto known = depths.find(type.substr(0, dash));
  if (known == depths.end() || stages < 1 || stages > 4)
    fail(Code::unsupported, "the backbone \"{}\"", escape_control(type));
  const bool deep = known->first != "resnet18" && known->first != "resnet34";
  x = max_pool(conv_norm_act(s, x, 64, 3, {.conv = "conv1", .norm = "bn1"}), 3, 2, 1);
  for (int stage = 0; stage < stages; stage++)
    for (int i = 0; i < known->second[static_cast<size_t>(stage)]; i++) {
      const int stride = stage > 0 && i == 0 ? 2 : 1;
      x = residual(s["layer" + std::to_string(stage + 1)][i], x, 64 << stage, stride, deep);
    }
  return x;
}

// A linear layer, a norm and SiLU, at first, first + 1 of a sequence.
Tensor project(Scope s, Tensor x, int out, int first) {
  return activation(layer_norm(s[first + 1], linear(s[first], x, out), 1e-5f), Act::silu);
}

// Neurons tell each other: [n,c] -> [n,neurons].
Tensor synapses(Scope s, Tensor x, int neurons, int depth) {
  if (depth == 1) return layer_norm(s[3], glu(linear(s[1], x, 2 * neurons)), 1e-5f);
  auto width = [&](int i) { return static_cast<int>(neurons + (16.0 - neurons) * i / (depth - 1)); };
  std::vector<Tensor> down = {project(s["first_projection"], x, neurons, 0)};
  for (int i = 1; i < depth; i++) down.push_back(project(s["down_projections"][i - 1], down.back(), width(i), 1));
  Tensor up = down.back();
  for (int i = depth - 2; i >= 0; i--)
    up =
        layer_norm(s["skip_lns"][i], project(s["up_projections"][i], up, width(i), 1) + down[static_cast<size_t>(i)], 1e-5f);
  return up;
}

// Every neuron by itself: x [neurons,n,c] -> [neurons,n,out].
Tensor by_neuron(Scope s, Tensor x, int out, bool norm) {
  const int neurons = x.n(), in = x.c();
  if (norm) x = layer_norm(s["layernorm"], x, 1e-5f);
  Tensor w = s.param("w1", {in, out, neurons}, uniform_init(1 / std::sqrt(static_cast<float>(in + out))));
  Tensor b = reshape(s.param("b1", {1, neurons, out}, fill(0)), {neurons, 1, out});
  return (matmul(x, transpose(w, {2, 0, 1})) + b) / s.param("T", {1}, fill(1));
}

// What a neuron makes of what it remembers: trace [neurons,n,memory] -> [neurons,n].
Tensor fire(Scope s, Tensor trace, const Settings& o) {
  const bool deep = o.flag("deep_nlms", true), norm = o.flag("do_layernorm_nlm", false);
  Tensor x = trace;
  if (deep) x = glu(by_neuron(s[0], x, 2 * o.integer("memory_hidden_dims", 4), norm));
  x = glu(by_neuron(s[deep ? 2 : 0], x, 2, norm));
  return reshape(x, {x.n(), x.dim(1)});
}

// Which pairs of neurons are watched.
struct Pairs {
  Tensor left, right;  // [pairs]
};
Pairs watched(Graph& g, const std::string& name, const Settings& o, int neurons) {
  const auto count = static_cast<size_t>(o.integer("n_synch_" + name, name == "out" ? 24 : 16));
  const std::string kind = o.text("neuron_select_type", "random-pairing");
  std::vector<double> left = o.list(name + "_neuron_indices_left"), right = o.list(name + "_neuron_indices_right");
  const size_t same = kind == "random-pairing" ? static_cast<size_t>(o.integer("n_random_pairing_self", 4)) : 0;
  Random random(1, name == "out");
  while (left.size() < count) left.push_back(std::floor(random.uniform() * static_cast<float>(neurons)));
  while (right.size() < count)
    right.push_back(right.size() < same ? left[right.size()] : std::floor(random.uniform() * static_cast<float>(neurons)));
  if (kind == "first-last") {
    std::iota(left.begin(), left.end(), name == "out" ? 0 : neurons - static_cast<int>(count));
    right = left;
  }
  if (kind == "random-pairing") return {indices(g, left), indices(g, right)};
  std::vector<double> first, second;  // all pairs of two lists
  for (size_t i = 0; i < count; i++)
    for (size_t k = i; k < count; k++) first.push_back(left[i]), second.push_back(right[k]);
  return {indices(g, first), indices(g, second)};
}

// How pairs of neurons fire together: a mean over the ticks so far, in which old ones fade.
class Synchrony {
 public:
  Synchrony(Scope s, const std::string& name, const Settings& o, int neurons)
      : pairs_(watched(s.graph(), name, o, neurons)) {
    fade_ = exp(-clamp(s.param("decay_params_" + name, {pairs_.left.dim(0)}, fill(0)), 0, 15));
  }
  Tensor next(Tensor state) {  // [neurons,n] -> [n,pairs]
    Tensor product = transpose(gather(state, pairs_.left) * gather(state, pairs_.right), {1, 0});
    sum_ = sum_ ? fade_ * sum_ + product : product;
    weight_ = weight_ ? fade_ * weight_ + 1.0f : full(*state.graph, fade_.shape(), 1);
    return sum_ * rsqrt(weight_);
  }

 private:
  Pairs pairs_;
  Tensor fade_, sum_, weight_;
};

// The entropy of an answer, of the most that it can be, and what is missing from it: [n,classes] -> [n,2].
Tensor certainty(Tensor answer, const Settings& o) {
  const int choices = static_cast<int>(o.list("prediction_reshaper", {-1}).back());
  Tensor x = reshape(answer, {answer.n(), -1, choices > 0 ? choices : answer.c()});
  Tensor entropy = reduce_mean(-reduce_sum(softmax(x) * log_softmax(x), {2}), {1});
  entropy = reshape(entropy, {answer.n(), 1}) / std::log(static_cast<float>(x.c()));
  return join(entropy, 1.0f - entropy);
}

Tensor over_ticks(std::vector<Tensor>& each) {  // [n,c] each -> [n,c,ticks]
  for (Tensor& t : each) t = reshape(t, {t.n(), t.c(), 1});
  return concat(each, 2);
}

// [n,h,w,c] -> answers [n,classes,ticks]; further outputs: certainties [n,2,ticks], the last synchronisation.
Tensor ctm(Scope once, Tensor image, const ModelOptions& options) {
  const Scope s = once.shared();  // by the ticks
  const Settings& o = options.settings;
  const int neurons = o.integer("d_model", 64), width = o.integer("d_input", 32), memory = o.integer("memory_length", 6);
  const int n = image.n(), classes = o.integer("out_dims", options.classes > 0 ? options.classes : 10);
  const std::string type = o.text("backbone_type", "resnet18-1");
  if (o.text("positional_embedding_type", "none") != "none") fail(Code::unsupported, "positional embeddings of a CTM");
  Tensor x = type == "none" ? image : conv(s["initial_rgb"], image, 3, 1, {.bias = true});
  x = backbone(s["backbone"], x, type);
  Tensor tokens = linear(s["kv_proj"][0], reshape(x, {n, -1, x.c()}), width);
  tokens = layer_norm(s["kv_proj"][1], tokens, 1e-5f);

  const auto bound = [](int count) { return uniform_init(1 / std::sqrt(static_cast<float>(count))); };
  Tensor trace = s.param("start_trace", {neurons, memory}, bound(neurons + memory));
  trace = broadcast_to(reshape(trace, {neurons, 1, memory}), {neurons, n, memory});
  Tensor state = s.param("start_activated_state", {neurons}, bound(neurons));
  state = broadcast_to(reshape(state, {neurons, 1}), {neurons, n});
  Synchrony asks(s, "action", o, neurons), answers(s, "out", o, neurons);
  Tensor together = answers.next(state);
  std::vector<Tensor> predictions, certainties;
  for (int tick = 0; tick < o.integer("iterations", 6); tick++) {
    Tensor question = reshape(linear(s["q_proj"], asks.next(state), width), {n, 1, width});
    Tensor seen = packed_attention(s["attention"], question, tokens, o.integer("heads", 4));
    seen = reshape(seen, {n, width});
    Tensor told = synapses(s["synapses"], join(seen, transpose(state, {1, 0})), neurons, o.integer("synapse_depth", 3));
    told = reshape(transpose(told, {1, 0}), {neurons, n, 1});
    trace = memory > 1 ? join(slice(trace, 2, 1, memory - 1), told) : told;
    state = fire(s["trace_processor"][0], trace, o);
    together = answers.next(state);
    predictions.push_back(linear(s["output_projector"][0], together, classes));
    certainties.push_back(certainty(predictions.back(), o));
  }
  s.graph().output("certainties", over_ticks(certainties));
  s.graph().output("synchronisation", together);
  return over_ticks(predictions);
}

}  // namespace

std::vector<Model> models_of_ctm() { return {{.name = "ctm", .family = "ctm", .build = ctm, .kind = ModelKind::layer}}; }

}  // namespace fovea
