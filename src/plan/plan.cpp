#include "plan/plan.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "plan/buffers.h"
#include "plan/fuse.h"
#include "plan/lower.h"
#include "plan/reduce.h"
#include "plan/region.h"

namespace fovea {

int64_t Plan::flops() const {
  int64_t r = 0;
  for (const Step& s : steps) r += s.flops;
  return r;
}

namespace {

class Planner {
 public:
  Planner(const Graph& source, const PlanOptions& options) : plan_(std::make_unique<Plan>()) {
    plan_->options = options;
    plan_->graph = lower(source, options);
    fusion_ = find_fusion(g());
    if (options.reference) fusion_.materialised = fusion_.live;
    buffer_of_.assign(static_cast<size_t>(g().size()), -1);
  }

  std::unique_ptr<Plan> run() {
    place_leaves();
    choose_epilogues();
    for (int id = 0; id < g().size(); id++)
      if (needs_step(id)) step(id);
    for (auto& [name, id] : g().outputs()) plan_->outputs.push_back({name, g().node(id).type, ref(id)});
    finish_updates();
    if (options().fuse && options().regions && !options().reference) form_regions(*plan_);
    lay_out(*plan_);
    return std::move(plan_);
  }

 private:
  const Graph& g() const { return *plan_->graph; }
  const PlanOptions& options() const { return plan_->options; }
  const Node& node(int id) const { return g().node(id); }
  static size_t at(int id) { return static_cast<size_t>(id); }
  bool fixed(int id) const { return fusion_.fixed[at(id)]; }
  bool needs_step(int id) const {
    return fusion_.live[at(id)] && fusion_.materialised[at(id)] && !is_leaf(node(id)) && resolve(g(), id).root == id &&
           buffer_of_[at(id)] < 0 && !delayed_.count(id);
  }

  int add_buffer(Buffer::Where where, int64_t floats, std::string param = "") {
    plan_->buffers.push_back({where, floats, std::move(param)});
    return static_cast<int>(plan_->buffers.size()) - 1;
  }

  Ref ref(int id) const {
    Alias a = resolve(g(), id);
    if (buffer_of_[at(a.root)] < 0)
      fail(Code::bug, "planned too late: %{} = {}({}) {}, read through %{}", a.root, node(a.root).op->name,
           node(a.root).attr.str(), node(a.root).type.str(), id);
    return {buffer_of_[at(a.root)], a.offset, node(id).type.shape.numel()};
  }

  void place_leaves() {
    for (auto& [name, id] : g().inputs()) {
      buffer_of_[at(id)] = add_buffer(Buffer::arena, node(id).type.shape.numel());
      plan_->inputs.push_back({name, node(id).type, ref(id)});
    }
    for (int id = 0; id < g().size(); id++) {
      if (!fusion_.live[at(id)]) continue;
      if (const Param* p = g().param_of(id)) buffer_of_[at(id)] = add_buffer(Buffer::state, p->type.shape.numel(), p->name);
    }
  }

  // A kernel whose only reader is one pointwise group of its own size runs at that group's place, the group as epilogue.
  void choose_epilogues() {
    if (!plan_->options.fuse || plan_->options.reference) return;
    std::map<int, std::vector<int>> readers;  // root value -> steps that load it
    for (int id = 0; id < g().size(); id++) {
      if (!fusion_.live[at(id)] || !fusion_.materialised[at(id)] || is_leaf(node(id)) || resolve(g(), id).root != id)
        continue;
      for (int leaf : reads_of(id)) readers[resolve(g(), leaf).root].push_back(id);
    }
    for (auto& [name, id] : g().outputs()) readers[resolve(g(), id).root].push_back(-1);
    for (auto& [name, id] : g().updates()) readers[resolve(g(), id).root].push_back(-1);
    for (auto& [value, by] : readers)
      if (by.size() == 1 && by[0] >= 0 && can_fuse(value, by[0])) epilogue_of_[by[0]] = value;  // the latest value wins
    for (auto& [group, value] : epilogue_of_) delayed_[value] = group;
  }

  std::vector<int> reads_of(int id) const {
    const Node& n = node(id);
    if (is_pointwise(n)) return cone_leaves(g(), fusion_, id, true);
    if (n.op == &Reduce::op) return cone_leaves(g(), fusion_, n.inputs[0], false);
    return n.inputs;
  }

  bool can_fuse(int value, int group) {
    const Node &k = node(value), &n = node(group);
    if (!is_pointwise(n) || is_pointwise(k) || is_leaf(k) || k.op == &Reduce::op || fixed(value) != fixed(group))
      return false;
    if (k.type.shape.numel() != n.type.shape.numel() || k.type.shape.rank == 0 || k.type.shape[-1] != n.type.shape[-1])
      return false;
    return find_row(query(value)) && loads_whole(value, group) && bind(value).takes_epilogue;
  }
  // The group reads the value (or a reshape of it) element by element.
  bool loads_whole(int value, int group) const {
    for (int leaf : cone_leaves(g(), fusion_, group, true)) {
      Alias a = resolve(g(), leaf);
      if (a.root == value) return a.offset == 0 && node(leaf).type.shape == node(group).type.shape;
    }
    return false;
  }

  Query query(int id) const {
    return {g(),
            id,
            node(id),
            options().isa,
            options().threads,
            &fusion_.fixed,
            options().winograd,
            options().precision,
            options().reference};
  }

  void step(int id) {
    const Node& n = node(id);
    if (is_pointwise(n) && !plan_->options.reference) return epilogue_of_.count(id) ? fused_step(id) : pointwise_step(id);
    if (n.op == &Reduce::op && !plan_->options.reference) return reduce_step(id);
    Bound b = bind(id);
    kernel_step(id, id, std::move(b), {});
  }

  Bound bind(int id) {
    if (auto it = bound_.find(id); it != bound_.end()) return it->second;
    const Row* row = find_row(query(id), &refused_[id]);
    if (!row) fail(Code::bug, "no kernel for {} at {}", node(id).op->name, g().scope_name(node(id).scope));
    Bound b = row->bind(query(id));
    if (b.name.empty()) b.name = row->name;
    if (b.reads.empty()) b.reads = node(id).inputs;
    return bound_[id] = b;
  }

  Step& push(Step s, int value) {
    s.scope = g().scope_name(node(value).scope);
    s.node = value;
    if (buffer_of_[at(value)] < 0)
      buffer_of_[at(value)] = add_buffer(fixed(value) ? Buffer::setup : Buffer::arena, node(value).type.shape.numel());
    s.out.insert(s.out.begin(), ref(value));
    auto& list = fixed(value) ? plan_->setup : plan_->steps;
    list.push_back(std::move(s));
    return list.back();
  }

  void pointwise_step(int id) {
    const Shape& shape = node(id).type.shape;
    const bool pixels = shape.rank > 1 && shape.rank <= 4;
    Group group = make_group(g(), fusion_, {id}, -1, {}, pixels);
    auto kernel = std::make_shared<kernels::Pointwise>(group.program, plan_->options.isa);
    Step s{.kernel = "pointwise", .elementwise = true};
    for (int leaf : group.leaves) s.in.push_back(ref(leaf));
    s.run = [kernel](const Call& c) { kernel->run(c.in, c.out, *c.pool); };
    if (pixels && !group.leaves.empty() && node(group.leaves[0]).type.shape == shape) {
      s.band = std::make_shared<Banded>(Banded{.in_floats = shape[-1], .out_floats = shape[-1]});
      s.band->run = [kernel](const Call& c, int64_t first, int64_t count) { kernel->part(c.in, c.out, first, count); };
    }
    push(std::move(s), id);
  }

  void fused_step(int id) {
    int value = epilogue_of_[id], leaf_id = -1;
    for (int leaf : cone_leaves(g(), fusion_, id, true))
      if (resolve(g(), leaf).root == value) leaf_id = leaf;
    Group group = make_group(g(), fusion_, {id}, leaf_id);
    Bound b = bind(value);
    auto kernel = std::make_shared<kernels::Pointwise>(group.program, plan_->options.isa);
    size_t own = b.reads.size();
    auto finished = [kernel, own](auto run) {  // the kernel's run, with the group as its epilogue
      return [run = std::move(run), kernel, own](const Call& c, auto... part) {
        kernels::PwEpilogue e(*kernel, c.in + own);
        kernels::Epilogue view = e.view();
        Call k = c;
        k.epilogue = &view;
        run(k, part...);
      };
    };
    b.run = finished(std::move(b.run));
    if (b.band) {
      b.band = std::make_shared<Banded>(*b.band);
      b.band->run = finished(std::move(b.band->run));
    }
    b.name += "+";
    kernel_step(value, id, std::move(b), group.leaves);
  }

  // The kernel of node `id` writing the value of node `result`.
  void kernel_step(int id, int result, Bound b, const std::vector<int>& extra) {
    Step s{.kernel = b.name, .refused = refused_[id]};
    for (int r : b.reads) s.in.push_back(ref(r));
    for (int r : extra) s.in.push_back(ref(r));
    s.flops = 2 * node_macs(g(), id);
    if (b.workspace_bytes)
      s.work = {add_buffer(fixed(result) ? Buffer::setup : Buffer::arena, static_cast<int64_t>(b.workspace_bytes + 3) / 4),
                0};
    s.run = std::move(b.run);
    s.band = std::move(b.band);
    if (b.packs >= 0) add_packing(s, b, id, result);
    push(std::move(s), result);
  }

  void add_packing(Step& s, Bound& b, int id, int result) {
    Ref from = std::exchange(s.in[at(b.packs)], {});  // the kernel reads the packed form alone
    const int weight = b.reads[at(b.packs)];
    const bool once = fixed(weight);
    const int64_t floats = static_cast<int64_t>(b.packed_floats);
    // The steps of a recurrence share their weights.
    for (auto& [other, packed] : packed_[weight])
      if (once && packed.floats == floats && alike(id, other)) return void(s.packed = packed);
    s.packed = {add_buffer(once ? Buffer::setup : Buffer::arena, floats), 0, floats};
    packed_[weight].emplace_back(id, s.packed);
    Step p{.kernel = "pack", .scope = g().scope_name(node(result).scope), .in = {from}, .out = {s.packed}};
    p.run = [pack = std::move(b.pack)](const Call& c) { pack(c.in[0], c.out[0], *c.pool); };
    (once ? plan_->setup : plan_->steps).push_back(std::move(p));
  }

  // Nodes that get equal kernels.
  bool alike(int a, int b) const {
    const Node &x = node(a), &y = node(b);
    auto same_type = [&](int i, int j) { return node(i).type == node(j).type; };
    return x.op == y.op && x.attr == y.attr &&
           std::equal(x.inputs.begin(), x.inputs.end(), y.inputs.begin(), y.inputs.end(), same_type);
  }

  // Sums over the same domain and axes whose inputs are all there run as one sweep.
  void reduce_step(int id) {
    std::vector<int> together{id};
    for (int other = id + 1; other < g().size() && together.size() < 4; other++) {
      if (!needs_step(other) || !same_reduction(id, other) || fixed(other) || !inputs_ready(other)) continue;
      together.push_back(other);
      if (!one_program(g(), fusion_, together)) together.pop_back();
    }
    if (together.size() == 1 && !fixed(id) && sums_images(g(), fusion_, id)) return image_sum_steps(id);
    ReduceGroup r = bind_reduce(g(), fusion_, together, plan_->options.isa);
    Step s{.kernel = "reduce"};
    for (int leaf : r.leaves) s.in.push_back(ref(leaf));
    if (r.workspace_bytes)
      s.work = {add_buffer(fixed(id) ? Buffer::setup : Buffer::arena, static_cast<int64_t>(r.workspace_bytes + 3) / 4), 0};
    s.run = std::move(r.run);
    for (size_t i = 1; i < together.size(); i++) {
      buffer_of_[at(together[i])] =
          add_buffer(fixed(id) ? Buffer::setup : Buffer::arena, node(together[i]).type.shape.numel());
      s.out.push_back(ref(together[i]));
    }
    push(std::move(s), id);
  }
  void image_sum_steps(int id) {
    const Shape& image = node(node(id).inputs[0]).type.shape;
    ImageSum r = bind_image_sum(image, options().isa);
    const int64_t floats = int64_t{image[0]} * image[1] * image[3];
    Step rows{.kernel = "row sums", .scope = g().scope_name(node(id).scope), .node = id, .in = {ref(node(id).inputs[0])}};
    rows.out = {{add_buffer(Buffer::arena, floats), 0, floats}};
    rows.run = std::move(r.run_rows), rows.band = std::move(r.rows);
    Step rest{.kernel = "reduce", .in = rows.out};
    if (r.workspace_bytes) rest.work = {add_buffer(Buffer::arena, static_cast<int64_t>(r.workspace_bytes + 3) / 4), 0};
    rest.run = std::move(r.run);
    plan_->steps.push_back(std::move(rows));
    push(std::move(rest), id);
  }
  bool same_reduction(int a, int b) const {
    return node(b).op == &Reduce::op && node(a).attr == node(b).attr &&
           node(node(a).inputs[0]).type == node(node(b).inputs[0]).type;
  }
  bool inputs_ready(int id) const {
    for (int leaf : reads_of(id))
      if (buffer_of_[at(resolve(g(), leaf).root)] < 0) return false;
    return true;
  }

  // Parameters are written in place where nobody reads the old value any more, else copied at the end.
  void finish_updates() {
    for (auto& [name, id] : g().updates()) {
      Ref from = old_value(ref(id));
      int& target = buffer_of_[at(g().find_param(name)->node)];
      if (target < 0) target = add_buffer(Buffer::state, node(id).type.shape.numel(), name);
      if (write_in_place(*plan_, from, target))
        std::replace(buffer_of_.begin(), buffer_of_.end(), from.buffer, int{target});
      else
        plan_->copies.push_back({from, {target, 0}});
    }
  }

  // All updates take effect together: a parameter that becomes the value of another one is copied before any is written.
  Ref old_value(Ref from) {
    const Buffer& b = plan_->buffers[at(from.buffer)];
    const auto written = [&](const auto& update) { return update.first == b.param; };
    if (b.where != Buffer::state || std::none_of(g().updates().begin(), g().updates().end(), written)) return from;
    Ref kept{add_buffer(Buffer::arena, from.floats), 0, from.floats};
    Step s{.kernel = "copy", .in = {from}, .out = {kept}};
    s.run = [n = from.floats](const Call& c) { std::copy_n(c.in[0], n, c.out[0]); };
    plan_->steps.insert(plan_->steps.begin(), std::move(s));
    return kept;
  }

  std::unique_ptr<Plan> plan_;
  Fusion fusion_;
  std::vector<int> buffer_of_;                              // by node, of roots
  std::map<int, int> epilogue_of_;                          // group -> kernel value that it finishes
  std::map<int, int> delayed_;                              // kernel value -> group
  std::map<int, Bound> bound_;                              // kernels made so far, by node
  std::map<int, std::vector<std::pair<int, Ref>>> packed_;  // by weight: nodes whose kernels read it, and packed where
  std::map<int, std::vector<std::string>> refused_;
};

}  // namespace

std::unique_ptr<Plan> make_plan(const Graph& g, const PlanOptions& options) { return Planner(g, options).run(); }

}  // namespace fovea
