#include "nn/block_net.h"

#include <cmath>

#include "nn/bilinear_attention.h"
#include "nn/blur.h"
#include "nn/channel_attention.h"
#include "nn/evo_norm.h"
#include "ops/attention.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

// One block of the table, and what the network has decided for it.
struct Block {
  Scope s;
  const BlockNet& m;
  const BlockRow& row;
  int stride, out;
  float drop;
};

struct Conv {
  int out, window = 1, stride = 1, group = 0;
  bool active = true;
};
Tensor norm(Scope s, Tensor x, const BlockNet& m, bool active) {
  if (m.evolved) return evo_norm(s, x, {.groups = x.c() / 16, .active = active, .eps = 1e-3f});
  return activation(batch_norm(s, x), active ? m.act : Act::none);
}
Tensor conv_norm(Scope s, Tensor x, const BlockNet& m, const Conv& c) {
  bool soft = m.average && c.stride == 2;
  int groups = c.group ? (c.group < 0 ? -c.group : c.out / c.group) : 1;
  x = conv(s["conv"], x, c.out, c.window, {.stride = soft ? 1 : c.stride, .groups = groups, .init = fan_out_normal});
  x = norm(s["bn"], x, m, c.active);
  return soft ? avg_pool(x, 2, 2) : x;
}

Tensor attend(const Block& b, const char* name, Tensor x) {
  Scope s = b.s[name];
  int c = x.c();
  BlockAttention kind = b.row.squeeze ? BlockAttention::squeeze : b.m.attention;
  switch (kind) {
    case BlockAttention::none: return x;
    case BlockAttention::squeeze:
      return squeeze_excite(s, x, {.hidden = round_channels(c * b.m.squeeze, b.m.squeeze_divisor, 0)});
    case BlockAttention::channel: return efficient_channel_attention(s, x);
    case BlockAttention::context: return global_context(s, x, round_channels(c / 8.0, 1, 0), Act::relu, true);
    case BlockAttention::bilinear: return bilinear_attention(s, x, round_channels(c / 4.0));
  }
  return x;
}

// What the shortcut adds to y.
Tensor with_shortcut(const Block& b, Tensor x, Tensor y) {
  Scope s = b.s["shortcut"];
  y = drop_path(b.s, y, b.drop);
  if (b.stride == 1 && x.c() == b.out) {
    y = y + x;
  } else if (b.m.shortcut == BlockShortcut::conv) {
    y = y + conv_norm(s, x, b.m, {b.out, 1, b.stride, 0, false});
  } else if (b.m.shortcut == BlockShortcut::average) {
    if (b.stride == 2) x = s["pool"].own([&] { return mean_pool(x); });
    y = y + conv_norm(s["conv"], x, b.m, {b.out, 1, 1, 0, false});
  }
  return activation(y, b.m.linear_end ? Act::none : b.m.act);
}

Tensor basic(const Block& b, Tensor x, int inner) {
  int window = b.row.window;
  Tensor y = conv_norm(b.s["conv1_kxk"], x, b.m, {inner, window, b.stride});
  int group = b.row.group ? -(inner / b.row.group) : 0;
  y = conv_norm(b.s["conv2_kxk"], y, b.m, {b.out, window, 1, group, false});
  return with_shortcut(b, x, attend(b, "attn_last", y));
}

Tensor bottleneck(const Block& b, Tensor x, int inner) {
  Conv middle{inner, b.row.window, b.stride, b.row.group}, again{inner, b.row.window, 1, b.row.group};
  Tensor y = conv_norm(b.s["conv1_1x1"], x, b.m, {inner});
  y = conv_norm(b.s["conv2_kxk"], y, b.m, middle);
  if (b.row.extra) y = conv_norm(b.s["conv2b_kxk"], y, b.m, again);
  y = conv_norm(b.s["conv3_1x1"], attend(b, "attn", y), b.m, {b.out, 1, 1, 0, false});
  return with_shortcut(b, x, y);
}

Tensor attend_block(const Block& b, Tensor x, int inner) {
  Tensor y = conv_norm(b.s["conv1_1x1"], x, b.m, {inner});
  y = norm(b.s["post_attn"], map_attention(b.s["self_attn"], y, b.row.look, b.stride), b.m, true);
  return with_shortcut(b, x, conv_norm(b.s["conv3_1x1"], y, b.m, {b.out, 1, 1, 0, false}));
}

Tensor dark(const Block& b, Tensor x, int inner) {
  int group = b.row.group ? -(inner / b.row.group) : 0;
  Tensor y = conv_norm(b.s["conv1_1x1"], x, b.m, {inner});
  y = conv_norm(b.s["conv2_kxk"], y, b.m, {b.out, b.row.window, b.stride, group, false});
  return with_shortcut(b, x, attend(b, "attn_last", y));
}

Tensor edge(const Block& b, Tensor x, int inner) {
  Tensor y = conv_norm(b.s["conv1_kxk"], x, b.m, {inner, b.row.window, b.stride, b.row.group});
  y = conv_norm(b.s["conv2_1x1"], attend(b, "attn", y), b.m, {b.out, 1, 1, 0, false});
  return with_shortcut(b, x, y);
}

// Branches that one convolution replaces once they are trained.
Tensor branched(const Block& b, Tensor x) {
  bool one = b.row.kind == BlockKind::one;
  int groups = b.row.group ? -(x.c() / b.row.group) : 0;
  Conv window{b.out, b.row.window, b.stride, groups, false}, pixel{b.out, 1, b.stride, groups, false};
  Scope s = b.s["conv_kxk"];
  Tensor y = conv_norm(one ? s[0] : s, x, b.m, window);
  for (int i = 1; i < b.row.branches; i++) y = y + conv_norm(s[i], x, b.m, window);
  if (!one || b.row.window > 1) y = y + conv_norm(b.s[one ? "conv_scale" : "conv_1x1"], x, b.m, pixel);
  bool same = b.stride == 1 && x.c() == b.out;
  if (same) y = drop_path(b.s, y, b.drop) + norm(b.s["identity"], x, b.m, false);
  return activation(attend(b, "attn", y), b.m.act);
}

Tensor block(const Block& b, Tensor x) {  // [n,h,w,c] -> [n,h/stride,w/stride,out]
  int inner = round_channels((b.m.ratio_of_input ? x.c() : b.out) * b.row.ratio);
  switch (b.row.kind) {
    case BlockKind::basic: return basic(b, x, inner);
    case BlockKind::bottleneck: return bottleneck(b, x, inner);
    case BlockKind::dark: return dark(b, x, inner);
    case BlockKind::edge: return edge(b, x, inner);
    case BlockKind::attend: return attend_block(b, x, inner);
    case BlockKind::rep:
    case BlockKind::one: return branched(b, x);
  }
  return x;
}

Tensor stem(Scope s, Tensor x, BlockNet m) {
  const BlockStem& t = m.stem;
  m.average = false;
  auto width = [&](int c) { return static_cast<int>(std::nearbyint(c * m.width)); };
  if (t.block) {
    BlockRow row{.kind = m.stages[0][0].kind};
    return s.feature(branched({s, m, row, 2, width(t.channels[0]), 0}, x));
  }
  int n = static_cast<int>(t.channels.size());
  if (n == 1 && t.pool == StemPool::none) return s.feature(conv_norm(s, x, m, {width(t.channels[0]), 3, 2}));
  for (int i = 0; i < n; i++) {
    Scope at = s["conv" + std::to_string(i + 1)];
    int stride = i == 0 || (i == n - 1 && t.pool == StemPool::none) ? 2 : 1, out = width(t.channels[static_cast<size_t>(i)]);
    if (i < t.bare)
      x = conv(at, x, out, 3, {.stride = stride, .init = fan_out_normal});
    else
      x = conv_norm(at, x, m, {out, t.window, stride});
    if (i == n - (t.pool == StemPool::none ? 2 : 1)) at.feature(x);  // the next one halves the map
  }
  if (t.pool == StemPool::none) return x;
  return t.pool == StemPool::max ? max_pool(x, 3, 2, 1) : avg_pool(x, 2, 2);
}

// The mean of all pixels asks all pixels (CLIP, arXiv:2103.00020): [n,h,w,c] -> [n,c]
Tensor attention_pool(Scope s, Tensor x) {
  constexpr int kHead = 64;
  int n = x.n(), c = x.c(), pixels = x.h() * x.w();
  Init init = trunc_normal(1 / std::sqrt(static_cast<float>(c)));
  Tensor parts[] = {reshape(global_avg_pool(x), {n, 1, c}), reshape(x, {n, pixels, c})};
  Tensor tokens = concat(parts, 1) + s.param("pos_embed", {pixels + 1, c}, init);
  auto heads = [&](const char* name, Tensor t) { return reshape(linear(s[name], t, c), {n, -1, c / kHead, kHead}); };
  Tensor y = attention(heads("q", slice(tokens, 1, 0, 1)), heads("k", tokens), heads("v", tokens), 1.0f / 8);
  return reshape(y, {n, c});
}

Tensor head(Scope s, Tensor x, const BlockNet& m, const BlockRates& r) {  // [n,h,w,c] -> [n,classes]
  if (m.head == BlockHead::attention) return linear(s["proj"], dropout(s, attention_pool(s, x), r.drop), r.classes);
  x = global_avg_pool(x);
  if (m.head == BlockHead::mlp) x = activation(linear(s["pre_logits"]["fc"], batch_norm(s["norm"], x), m.hidden), m.act);
  return linear(s["fc"], dropout(s, x, r.drop), r.classes);
}

}  // namespace

Tensor block_net(Scope s, Tensor image, const BlockNet& m, const BlockRates& r) {
  Tensor x = stem(s["stem"], image, m);
  int total = 0, index = 0, stage = 0;
  for (const auto& rows : m.stages)
    for (const BlockRow& row : rows) total += row.repeat;
  for (const auto& rows : m.stages) {
    Scope at = s["stages"][stage++];
    int i = 0;
    for (const BlockRow& row : rows)
      for (int j = 0; j < row.repeat; j++, i++, index++) {
        int stride = i == 0 ? row.stride : 1;
        x = at[i].out(
            block({at[i], m, row, stride, round_channels(row.out * m.width), drop_rate(r.drop_path, index, total)}, x));
      }
  }
  if (m.features) {
    Scope last = s["final_conv"];
    x = last.feature(conv_norm(last, x, m, {static_cast<int>(std::nearbyint(m.width * m.features))}));
  }
  return head(s["head"], x, m, r);
}

}  // namespace fovea
