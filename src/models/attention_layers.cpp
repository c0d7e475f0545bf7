// Attention alone, with the arguments and parameter names of its papers' code.
#include "base/error.h"
#include "models/conv_settings.h"
#include "models/registry.h"
#include "nn/varied_windows.h"

namespace fovea {

namespace {

Tensor vsa(Scope s, Tensor x, const ModelOptions& options) {
  const Settings& o = options.settings;
  if (x.rank() != 4 || o.integer("dim", x.c()) != x.c() || !(read_pair(o, "img_size", {x.h(), x.w()}) == Pair(x.h(), x.w())))
    fail(Code::usage, "{} is not a map of dim channels and img_size pixels", x.shape().str());
  VariedWindows a{.heads = o.integer("num_heads", 1),
                  .out = o.integer("out_dim", x.c()),
                  .window = o.integer("window_size", 1),
                  .qkv_bias = o.flag("qkv_bias", true),
                  .scale = o.number("qk_scale", 0),
                  .drop = o.number("proj_drop", 0)};
  if (a.heads < 1 || a.out < 1 || a.out % a.heads) fail(Code::usage, "{} heads of {} channels", a.heads, a.out);
  return varied_window_attention(s, x, a);
}

}  // namespace

std::vector<Model> models_of_attention_layers() {
  return {{.name = "vsa_window_attention", .family = "attention_layers", .build = vsa, .kind = ModelKind::layer}};
}

}  // namespace fovea
