// CSATv2 of timm: patches as their frequencies, ConvNeXt's blocks with attention over places, transformer blocks at the end
// of the last stages. Names follow timm.
#include <cmath>
#include <numbers>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "nn/resize.h"
#include "nn/transformer.h"
#include "ops/attention.h"
#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/softmax.h"

namespace fovea {

namespace {

struct CSAT {
  std::array<int, 4> widths, depths, transformers;  // transformers: so many of the last blocks
};

constexpr int kPatch = 8, kBins = kPatch * kPatch;
// Of the frequencies of ImageNet's patches in Y, Cb, Cr, in zigzag order: published with the weights.
constexpr float kMean[3][64] = {
    {932.42657, -.0026,  .33415,  -.0284, 3e-05,   -.02792, -.00183, 6e-05,  .00032, .03402, -.00571, .0002,   6e-05,
     -.00038,   -.00558, -.00116, 0,      -.00047, -8e-05,  -.0003,  .00942, .00161, -9e-05, -6e-05,  -.00014, -.00035,
     1e-05,     -.0022,  .00033,  -2e-05, -3e-05,  -.0002,  7e-05,   0,      5e-05,  .00293, -4e-05,  6e-05,   .00019,
     4e-05,     6e-05,   -.00015, -2e-05, 7e-05,   .0001,   -4e-05,  8e-05,  0,      8e-05,  -1e-05,  .00015,  2e-05,
     7e-05,     3e-05,   4e-05,   -1e-05, 4e-05,   0,       2e-05,   0,      -8e-05, 0,      -3e-05,  3e-05},
    {962.34735, -.00428, .09835, .00152, -9e-05, .00312, -.00141, -1e-05, -.00013, .0105,  .00065, 6e-05,  0,
     3e-05,     .00264,  0,      1e-05,  7e-05,  -6e-05, 3e-05,   .00341, .00163,  4e-05,  3e-05,  -1e-05, 8e-05,
     0,         .0009,   .00018, -6e-05, -1e-05, 7e-05,  -3e-05,  -1e-05, 6e-05,   .00084, 0,      -1e-05, 0,
     4e-05,     -1e-05,  -2e-05, 0,      1e-05,  2e-05,  1e-05,   4e-05,  .00011,  0,      -3e-05, .00011, -2e-05,
     1e-05,     1e-05,   1e-05,  1e-05,  -7e-05, -3e-05, 1e-05,   0,      1e-05,   2e-05,  1e-05,  0},
    {1053.16101, -.00213, -.09207, .00186, .00013, .00034, -.00119, 2e-05,   .00011, -.00984, .00046, -7e-05, -1e-05,
     -5e-05,     .0018,   .00042,  2e-05,  -.0001, 4e-05,  3e-05,   -.00301, .00125, -2e-05,  -3e-05, -1e-05, -1e-05,
     -1e-05,     .00056,  .00021,  1e-05,  -1e-05, 2e-05,  -1e-05,  -1e-05,  5e-05,  -.0007,  -2e-05, -2e-05, 5e-05,
     -4e-05,     0,       2e-05,   -2e-05, 1e-05,  0,      -3e-05,  4e-05,   7e-05,  1e-05,   0,      .00013, 0,
     0,          2e-05,   0,       -1e-05, -4e-05, -3e-05, 0,       1e-05,   -1e-05, 1e-05,   0,      0},
};
constexpr float kVariance[3][64] = {
    {270372.375, 6287.10645, 5974.94043, 1653.10889, 1463.91748, 1832.58997, 755.92468, 692.41528, 648.57184, 641.46881,
     285.79288,  301.621,    380.43405,  349.84027,  374.15891,  190.3096,   190.76746, 221.64578, 200.82646, 145.87979,
     126.92046,  62.14622,   67.75562,   102.42001,  129.74922,  130.04631,  103.12189, 97.76417,  53.17402,  54.81048,
     73.48712,   81.04342,   69.351,     49.06024,   33.96053,   37.03279,   20.48858,  24.9483,   33.90822,  44.54912,
     47.56363,   40.0316,    30.43313,   22.63899,   26.53739,   26.57114,   21.84404,  17.41557,  15.18253,  10.69678,
     11.24111,   12.97229,   15.08971,   15.31646,   8.90409,    7.44213,    6.66096,   6.97719,   4.17834,   3.83882,
     4.51073,    2.36646,    2.41363,    1.48266},
    {18839.2109, 321.70932, 300.15259, 77.4783,  76.02293, 89.04748, 33.99642, 34.74807, 32.12333, 28.19588, 12.04675,
     14.26871,   18.45779,  16.59588,  15.67892, 7.37718,  8.56312,  10.28946, 9.41013,  6.6909,   5.16453,  2.55186,
     3.03073,    4.66765,   5.85418,   5.74644,  4.33702,  3.66948,  1.95107,  2.26034,  3.0638,   3.50705,  3.06359,
     2.19284,    1.54454,   1.5786,    .97078,   1.13941,  1.48653,  1.89996,  1.95544,  1.6495,   1.24754,  .93677,
     1.09267,    1.09516,   .94163,    .78966,   .72489,   .50841,   .50909,   .55664,   .63111,   .64125,   .38847,
     .33378,     .30918,    .33463,    .20875,   .19298,   .21903,   .1338,    .13444,   .09554},
    {17127.3984, 292.81421, 271.45209, 66.64056, 63.60253, 76.35437, 28.06587, 27.84831, 25.96656, 23.6037, 9.99173,
     11.34992,   14.46955,  12.92553,  12.69353, 5.91537,  6.60187,  7.90891,  7.32825,  5.32785,  4.2966,  2.13459,
     2.44135,    3.66021,   4.50335,   4.38959,  3.34888,  2.97181,  1.60633,  1.7701,   2.35118,  2.69018, 2.38189,
     1.74596,    1.26014,   1.31684,   .79327,   .92046,   1.1767,   1.47609,  1.50914,  1.28725,  .99898,  .74832,
     .85736,     .858,      .74663,    .63508,   .58748,   .41098,   .41121,   .44663,   .50277,   .51519,  .31729,
     .27336,     .25399,    .27241,    .17353,   .16255,   .1844,    .11602,   .11511,   .0845},
};
// What the stem reads of pictures that are already normalised by ImageNet's mean and spread.
constexpr double kImageMean[] = {0.485, 0.456, 0.406}, kImageStd[] = {0.229, 0.224, 0.225};
constexpr double kLuma[] = {0.299, 0.587, 0.114}, kBlue = 0.564, kRed = 0.713, kOffset = 128;

Tensor constants(Graph& g, const std::vector<double>& values) {  // [n]
  std::vector<Tensor> each;
  for (double v : values) each.push_back(full(g, {1}, static_cast<float>(v)));
  return concat(each, 0);
}

// The frequencies of a patch along its antidiagonals, to and fro: number 8 * horizontal + vertical of each.
std::array<int, kBins> zigzag() {
  std::array<int, kBins> r{};
  for (int sum = 0, at = 0; sum < 2 * kPatch - 1; sum++)
    for (int k = 0; k <= sum; k++) {
      int i = sum % 2 ? k : sum - k, j = sum - i;
      if (i < kPatch && j < kPatch) r[static_cast<size_t>(at++)] = kPatch * j + i;
    }
  return r;
}

// Every 8x8 patch of Y, Cb and Cr as its cosine transform, normalised: [n,h,w,3] -> [n,h/8,w/8,192]
Tensor frequencies(Tensor x) {
  Graph& g = *x.graph;
  const std::array<int, kBins> order = zigzag();
  std::vector<double> colours, scale(3 * kBins), shift(3 * kBins);
  for (size_t c = 0; c < 3; c++) {
    double grey = c == 0 ? 0 : kOffset;
    for (size_t k = 0; k < 3; k++) {
      double mix = c == 0 ? kLuma[k] : c == 1 ? kBlue * ((k == 2) - kLuma[k]) : kRed * ((k == 0) - kLuma[k]);
      colours.push_back(255 * mix * kImageStd[k]), grey += 255 * mix * kImageMean[k];
    }
    for (size_t i = 0; i < kBins; i++) {  // a constant patch has only the first frequency
      size_t at = c * kBins + static_cast<size_t>(order[i]);
      scale[at] = 1 / std::sqrt(static_cast<double>(kVariance[c][i]));
      shift[at] = ((i == 0 ? kPatch * grey : 0) - static_cast<double>(kMean[c][i])) * scale[at];
    }
  }
  Tensor k = iota(g, {kPatch, kPatch}, 0), place = 2.0f * iota(g, {kPatch, kPatch}, 1) + 1.0f;
  Tensor first = full(g, {}, std::sqrt(1.0f / kPatch)), other = full(g, {}, std::sqrt(2.0f / kPatch));
  Tensor waves = cos(place * k * (std::numbers::pi_v<float> / (2 * kPatch))) * select(k, other, first);  // [8,8]
  int n = x.n(), h = x.h() / kPatch, w = x.w() / kPatch;
  x = linear(x, reshape(constants(g, colours), {3, 3}));
  x = transpose(reshape(x, {n, h, kPatch, w, kPatch, 3}), {0, 1, 3, 5, 2, 4});
  x = linear(transpose(linear(x, waves), {0, 1, 2, 3, 5, 4}), waves);  // [n,h,w,3,horizontal,vertical]
  return reshape(x, {n, h, w, 3 * kBins}) * constants(g, scale) + constants(g, shift);
}

const LinearOptions kPlain{.init = truncated_normal}, kBare{.bias = false, .init = truncated_normal};
Tensor conv(Scope s, Tensor x, int out, int window, int stride = 1, int groups = 1) {
  Padding pad = stride > 1 ? Padding::none : Padding::centred;
  return conv(s, x, out, window, {.stride = stride, .pad = pad, .groups = groups, .bias = true, .init = truncated_normal});
}
Tensor placed(Scope s, Tensor x) { return x + conv(s["proj"], x, x.c(), 3, 1, x.c()); }

Tensor stem(Scope s, Tensor x, int out) {  // [n,h,w,3] -> [n,h/8,w/8,out]
  x = s.own([&] { return frequencies(slice(slice(x, 1, 0, x.h() / kPatch * kPatch), 2, 0, x.w() / kPatch * kPatch)); });
  std::vector<double> position(kBins);  // of each frequency in the weights
  for (size_t i = 0; i < kBins; i++) position[static_cast<size_t>(zigzag()[i])] = static_cast<double>(i);
  int chroma = out / 8;
  auto part = [&](const char* name, int i, int width) {
    Tensor weight = reshape(s[name].param("weight", {width, kBins, 1, 1}, trunc_normal(0.02f)), {width, kBins});
    weight = gather(transpose(weight, {1, 0}), constants(*x.graph, position));
    return linear(slice(x, 3, i * kBins, kBins), transpose(weight, {1, 0})) + s[name].param("bias", {width}, fill(0));
  };
  Tensor parts[] = {part("conv_y", 0, out - 2 * chroma), part("conv_cb", 1, chroma), part("conv_cr", 2, chroma)};
  return concat(parts, 3);
}

// A gate for each place, made on 7x7 of them from the mean and the maximum over channels. As in the reference, whose
// products are over all places, it is the pictures of a batch that attend to each other.
Tensor spatial_gate(Scope s, Tensor x) {  // [n,h,w,c] -> [n,h,w,1]
  constexpr int kSide = 7, kPlaces = kSide * kSide;
  int n = x.n();
  Tensor both[] = {reduce_mean(x, {3}), reduce_max(x, {3})};
  Tensor y = conv(s["conv"], adaptive_avg_pool(concat(both, 3), kSide, kSide), 1, 7);
  Scope a = s["attn"];
  Tensor t = placed(a["pos_embed"], layer_norm(a["norm1"], y, 1e-5f));
  Tensor qkv = linear(a["qkv"], reshape(t, {n, kPlaces, 1}), 3, kBare);
  auto part = [&](int i) { return reshape(slice(qkv, 2, i, 1), {n, kPlaces}); };
  t = matmul(softmax(matmul(part(0), part(1), {.tb = true})), part(2));
  y = y + reshape(t, y.shape());
  y = y + mlp(a["mlp"], layer_norm(a["norm2"], y, 1e-5f), 4);
  return resize_bilinear(y, x.h(), x.w(), true);
}

Tensor block(Scope s, Tensor x, float drop) {  // [n,h,w,c] -> same
  Tensor y = layer_norm(s["norm"], conv(s["dwconv"], x, x.c(), 7, 1, x.c()));
  y = global_response_norm(s["grn"], gelu(linear(s["pwconv1"], y, 4 * x.c(), kPlain)));
  y = linear(s["pwconv2"], y, x.c(), kPlain);
  return s.out(x + drop_path(s, y * spatial_gate(s["attn"], y), drop));
}

Tensor transformer(Scope s, Tensor x) {  // [n,h,w,c] -> same
  constexpr int kHeads = 8, kWidth = 32;
  int n = x.n(), pixels = x.h() * x.w(), c = x.c();
  Tensor t = placed(s["pos_embed"], layer_norm(s["norm1"], x, 1e-5f));
  Tensor qkv = linear(s["attn"]["qkv"], reshape(t, {n, pixels, c}), 3 * kHeads * kWidth, kBare);
  Tensor q = split_heads(qkv, 0, 3, kHeads);
  Tensor y = attention(q, split_heads(qkv, 1, 3, kHeads), split_heads(qkv, 2, 3, kHeads), attention_scale(q));
  y = linear(s["attn"]["proj"], reshape(y, {n, pixels, kHeads * kWidth}), c, kPlain);
  x = x + reshape(y, x.shape());
  return s.out(x + mlp(s["mlp"], layer_norm(s["norm2"], x, 1e-5f), 4 * c));
}

Tensor csat(Scope s, Tensor x, const CSAT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  int blocks = 0, index = 0;                                            // that can be dropped
  for (size_t i = 0; i < 4; i++) blocks += m.depths[i] - m.transformers[i];
  x = stem(s["stem_dct"], x, m.widths[0]);
  for (size_t stage = 0; stage < 4; stage++) {
    Scope at = s["stages"][static_cast<int>(stage)];
    int place = 0;
    if (stage > 0) x = conv(at[place++], x, m.widths[stage], 2, 2);
    for (int i = m.transformers[stage]; i < m.depths[stage]; i++)
      x = block(at[place++], x, drop_rate(o.drop_path, index++, blocks));
    for (int i = 0; i < m.transformers[stage]; i++) x = transformer(at[place++], x);
    if (stage < 3) x = layer_norm(at[place], x);
  }
  x = layer_norm(s["head"]["norm"], global_avg_pool(x));
  return linear(s["head"]["fc"], dropout(s["head"], x, o.drop), o.classes, kPlain);
}

const Variant<CSAT> variants[] = {
    {"csatv2", {{32, 72, 168, 386}, {2, 2, 8, 6}, {0, 0, 2, 2}}, imagenet_card(512, 1, "bilinear")},
    {"csatv2_21m", {{48, 96, 224, 448}, {3, 3, 10, 8}, {0, 0, 4, 3}}, imagenet_card(640, 1)},
};

}  // namespace

std::vector<Model> models_of_csatv2() { return models_from<CSAT>("csatv2", variants, csat); }

}  // namespace fovea
