// oneDNN (Debian's libdnnl-dev) as a peer of the convolutions.
#ifdef FOVEA_ONEDNN
#include <oneapi/dnnl/dnnl.hpp>
#endif

#include "bench/kernels/conv_task.h"

namespace fovea::bench {

#ifdef FOVEA_ONEDNN
extern "C" void omp_set_num_threads(int);
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

// The operands of a convolution as oneDNN calls them, and which of a task's they are.
struct Roles {
  memory::desc x, w, y, any;
};

memory::dims pair(int a, int b) { return {a, b}; }

Roles roles(const ConvShape& s) {
  const auto f32 = memory::data_type::f32;
  memory::dims weights = {s.o, s.c, s.kh, s.kw};
  if (s.groups > 1) weights = {s.groups, s.o / s.groups, s.c / s.groups, s.kh, s.kw};
  return {.x = {{s.n, s.c, s.h, s.w}, f32, Tag::nhwc},
          .w = {weights, f32, s.groups > 1 ? Tag::gohwi : Tag::ohwi},
          .y = {{s.n, s.o, s.oh(), s.ow()}, f32, Tag::nhwc},
          .any = {weights, f32, Tag::any}};
}

struct Peer {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  dnnl::primitive primitive;
  std::unordered_map<int, memory> arguments;
  memory own, plain;  // weights in oneDNN's order and in the task's
};

// What the three directions share: forward's description, from which the others are hinted.
auto forward_of(const ConvShape& s, const Roles& r, const dnnl::engine& engine) {
  const dnnl::convolution_forward::desc desc(dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct, r.x,
                                             r.any, r.y, pair(s.sh, s.sw), pair(s.dh - 1, s.dw - 1), pair(s.pt, s.pl),
                                             pair(s.pb, s.pr));
  return dnnl::convolution_forward::primitive_desc(desc, engine);
}

void prepare(Peer& p, const ConvTask& t) {
  const ConvShape& s = t.shape;
  const Roles r = roles(s);
  const auto strides = pair(s.sh, s.sw), dilations = pair(s.dh - 1, s.dw - 1), from = pair(s.pt, s.pl),
             to = pair(s.pb, s.pr);
  const auto direct = dnnl::algorithm::convolution_direct;
  const auto forward = forward_of(s, r, p.engine);
  const auto bind = [&](int name, const memory::desc& d, float* data) { p.arguments[name] = memory(d, p.engine, data); };
  const auto weights = [&](int name, const memory::desc& d, float* data) {
    p.plain = memory(r.w, p.engine, data), p.own = memory(d, p.engine);
    p.arguments[name] = p.own;
  };
  if (t.way == Way::forward) {
    p.primitive = dnnl::convolution_forward(forward);
    bind(DNNL_ARG_SRC, r.x, t.a.data), bind(DNNL_ARG_DST, r.y, t.out.data);
    weights(DNNL_ARG_WEIGHTS, forward.weights_desc(), t.b.data);
  } else if (t.way == Way::data) {
    const dnnl::convolution_backward_data::desc desc(direct, r.x, r.any, r.y, strides, dilations, from, to);
    const dnnl::convolution_backward_data::primitive_desc d(desc, p.engine, forward);
    p.primitive = dnnl::convolution_backward_data(d);
    bind(DNNL_ARG_DIFF_DST, r.y, t.a.data), bind(DNNL_ARG_DIFF_SRC, r.x, t.out.data);
    weights(DNNL_ARG_WEIGHTS, d.weights_desc(), t.b.data);
  } else {
    const dnnl::convolution_backward_weights::desc desc(direct, r.x, r.any, r.y, strides, dilations, from, to);
    const dnnl::convolution_backward_weights::primitive_desc d(desc, p.engine, forward);
    p.primitive = dnnl::convolution_backward_weights(d);
    bind(DNNL_ARG_SRC, r.x, t.a.data), bind(DNNL_ARG_DIFF_DST, r.y, t.b.data);
    weights(DNNL_ARG_DIFF_WEIGHTS, d.diff_weights_desc(), t.out.data);
  }
}

}  // namespace

std::optional<Subject> onednn(std::shared_ptr<ConvTask> task, int threads) {
  omp_set_num_threads(threads);
  auto p = std::make_shared<Peer>();
  prepare(*p, *task);
  if (task->way != Way::weight) dnnl::reorder(p->plain, p->own).execute(p->stream, p->plain, p->own);
  return Subject{"onednn",
                 [=] {
                   p->primitive.execute(p->stream, p->arguments);
                   p->stream.wait();
                 },
                 [=] {
                   if (task->way == Way::weight) dnnl::reorder(p->own, p->plain).execute(p->stream, p->own, p->plain);
                   p->stream.wait();
                   return task->error();
                 },
                 true};
}
#else
std::optional<Subject> onednn(std::shared_ptr<ConvTask>, int) { return {}; }
#endif

}  // namespace fovea::bench
