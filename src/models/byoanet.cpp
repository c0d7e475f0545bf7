// Networks of timm's block table whose last blocks attend: Bottleneck Transformers (arXiv:2101.11605), HaloNet
// (arXiv:2103.12731), LambdaNetworks (arXiv:2102.08602) and timm's mixtures of them. Names follow timm.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/block_net.h"

namespace fovea {

namespace {

using Rows = std::vector<BlockRow>;
using Four = std::array<int, 4>;

MapAttention bottleneck(int keys = 0) { return {.keys = keys}; }
MapAttention halo(int margin, int keys = 0) { return {.look = Look::halo, .heads = 8, .keys = keys, .margin = margin}; }
MapAttention lambda(int window) { return {.look = Look::lambda, .keys = 16, .window = window}; }

// Bottlenecks of which the last one of every `period` attends; none for 0.
Rows stage(int depth, int out, int period, const MapAttention& look = {}, int group = 0, double ratio = 0.25) {
  Rows rows;
  for (int i = 0; i < depth; i++) {
    bool attends = period && i % period == period - 1;
    rows.push_back(
        {.kind = attends ? BlockKind::attend : BlockKind::bottleneck, .out = out, .group = group, .ratio = ratio});
    rows.back().look = look;
  }
  return rows;
}
BlockNet tiered(StemPool pool, const Rows& a, const Rows& b, const Rows& c, const Rows& d) {
  BlockNet m{.stages = {a, b, c, d}, .stem = {.channels = {24, 32, 64}, .pool = pool}};
  return m.stages[0][0].stride = 1, m;
}

BlockNet r26(const MapAttention& look, int group = 0) {
  return tiered(StemPool::max, stage(2, 256, 0, {}, group), stage(2, 512, 0, {}, group), stage(2, 1024, 2, look, group),
                stage(2, 2048, 1, look, group));
}
BlockNet x26(const MapAttention& look) {
  BlockNet m = r26(look, 16);
  return m.act = Act::silu, m.attention = BlockAttention::channel, m;
}
BlockNet r33(const MapAttention& look) {
  BlockNet m = tiered(StemPool::none, stage(2, 256, 0), stage(3, 512, 3, look), stage(3, 1024, 3, look),
                      stage(2, 1536, 1, look, 0, 0.333));
  return m.features = 1280, m.act = Act::silu, m.attention = BlockAttention::squeeze, m;
}
BlockNet r50(StemPool pool, const Rows& second, const MapAttention& third, const MapAttention& fourth) {
  BlockNet m = tiered(pool, stage(3, 256, 0), second, stage(6, 1024, 2, third), stage(3, 2048, 2, fourth));
  return m.act = Act::silu, m;
}
BlockNet r50(const MapAttention& second, const MapAttention& look) {
  return r50(StemPool::max, stage(4, 512, 4, second), look, look);
}
BlockNet mixed50(const MapAttention& second) { return r50(StemPool::none, stage(4, 512, 2, second), halo(3), bottleneck()); }
MapAttention with_heads(int heads, MapAttention a) { return a.heads = heads, a; }

BlockNet h1() {
  auto rows = [](int depth, int out) { return stage(depth, out, 1, halo(3), 0, 1); };
  BlockNet m = tiered(StemPool::max, rows(3, 64), rows(3, 128), rows(10, 256), rows(3, 512));
  return m.stem = {.channels = {64}, .pool = StemPool::max, .window = 7}, m;
}
BlockNet z_b() {
  MapAttention look = halo(2);
  look.block = 7, look.key_ratio = 0.33;
  auto rows = [&](int depth, int out, int period) { return stage(depth, out, period, look, 16, 3); };
  BlockNet m{.stages = {rows(2, 48, 0), rows(6, 96, 0), rows(12, 192, 4), rows(2, 288, 1)}, .features = 1536};
  m.act = Act::silu, m.shortcut = BlockShortcut::none, m.attention = BlockAttention::squeeze, m.squeeze = 0.25;
  return m.ratio_of_input = m.linear_end = true, m;
}

Card card(float crop = 0.95f) { return imagenet_card(256, crop); }

const Variant<BlockNet> variants[] = {
    {"botnet26t_256", r26(bottleneck()), card()},
    {"sebotnet33ts_256", r33(bottleneck()), card(0.94f)},
    {"botnet50ts_256", r50(bottleneck(), bottleneck()), card()},
    {"eca_botnext26ts_256", x26(bottleneck(16)), card()},
    {"halonet_h1", h1(), card()},
    {"halonet26t", r26(halo(2)), card()},
    {"sehalonet33ts", r33(halo(3)), card(0.94f)},
    {"halonet50ts", r50(with_heads(4, halo(3)), halo(3)), card(0.94f)},
    {"eca_halonext26ts", x26(halo(2, 16)), card(0.94f)},
    {"lambda_resnet26t", r26(lambda(9)), card(0.94f)},
    {"lambda_resnet50ts", r50(lambda(9), lambda(9)), card()},
    {"lambda_resnet26rpt_256", r26(lambda(0)), card(0.94f)},
    {"haloregnetz_b", z_b(), half_card(224, 0.94f)},
    {"lamhalobotnet50ts_256", mixed50(lambda(13)), card()},
    {"halo2botnet50ts_256", mixed50(halo(3)), card()},
};

Tensor build(Scope s, Tensor x, const BlockNet& m, const ModelOptions& o) {
  return block_net(s, x, m, {o.classes, o.drop, o.drop_path});
}

}  // namespace

std::vector<Model> models_of_byoanet() { return models_from<BlockNet>("byoanet", variants, build); }

}  // namespace fovea
