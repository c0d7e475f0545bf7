// fovea models: what can be built.
#include "models/registry.h"

#include <algorithm>
#include <set>

#include "_verb.h"
#include "base/error.h"
#include "base/text.h"
#include "ir/op.h"

namespace fovea::cli {
namespace {

// Models of which a parity fixture passes: see results/verify.txt.
const std::set<const Model*>& verified() {
  static const std::set<const Model*> models = [] {
    std::set<const Model*> r;
    for (const char* fixture : std::initializer_list<const char*>{
#include "verified_list.inc"
         })
      r.insert(find_reference(fixture));
    return r;
  }();
  return models;
}

Record describe(const Model& m) {
  std::unique_ptr<Graph> g = build_model(m, 1);
  int64_t params = 0, macs = 0;
  for (const Param& p : g->params())
    if (p.trainable) params += p.type.shape.numel();
  for (int id = 0; id < g->size(); id++) macs += node_macs(*g, id);
  return {{"name", m.name},
          {"family", m.family},
          {"params", params},
          {"macs", macs},
          {"height", m.card.height},
          {"width", m.card.width},
          {"channels", m.card.channels},
          {"classes", m.classes},
          {"paper", m.paper},
          {"verified", verified().count(&m) != 0}};
}

int run(std::span<const std::string> args) {
  std::string pattern = "*";
  Common common;
  Flags o("models [PATTERN]",
          "Lists the architectures, with parameters and multiply-accumulates of one picture at the card's size.\n"
          "PATTERN is a glob, or a part of a name. verified: its outputs were compared with those of the reference "
          "implementation.");
  o.name("PATTERN", pattern, false);
  common.add_format(o);
  if (!o.parse(args)) return 0;
  std::vector<std::string> names;
  std::vector<const Model*> found;
  for (const Model& m : all_models()) {
    names.push_back(m.name);
    if (glob_match(pattern, m.name) || m.name.find(pattern) != m.name.npos || pattern == m.family) found.push_back(&m);
  }
  if (found.empty()) fail(Code::usage, "no model matches \"{}\"{}", escape_control(pattern), suggestion(pattern, names));
  std::stable_partition(found.begin(), found.end(), [&](const Model* m) { return m->name == pattern; });
  std::vector<Record> rows;
  rows.reserve(found.size());
  for (const Model* m : found) rows.push_back(describe(*m));
  print(rows, common.output());
  return 0;
}

}  // namespace

FOVEA_VERB(models, "list the architectures", run)

}  // namespace fovea::cli
