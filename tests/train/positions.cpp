// Tables of positions in files that were made for pictures of another size: resampled as timm's resample_abs_pos_embed
// does, by the definition of the antialiased cubic filter.
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "io/cubic.h"
#include "pictures.h"
#include "train/weights.h"

namespace fovea {
namespace {

constexpr int kChannels = 4, kPatch = 2;

// What a Vision Transformer has to do with positions, for pictures of side x side.
struct Tokens {
  Tokens(int side, int prefix, const std::string& path = "") {
    Scope s = path.empty() ? Scope(g) : Scope(g)[path];
    g.input("image", {{1, side, side, 3}});
    s["patch_embed"]["proj"].param("weight", {kChannels, kPatch, kPatch, 3}, normal(1), {0, 3, 1, 2});
    name = s["pos_embed"].path();
    s.param("pos_embed", {1, prefix + side / kPatch * (side / kPatch), kChannels}, normal(1));
    state.add(g, 5);
  }
  const float* table() { return state.at(name).data(); }
  Graph g;
  State state;
  std::string name;
};

using test::share;

void expect_resampled(const float* from, int in, const float* to, int out, int prefix) {
  for (int i = 0; i < prefix * kChannels; i++) EXPECT_EQ(to[i], from[i]) << i;
  for (int y = 0; y < out; y++)
    for (int x = 0; x < out; x++)
      for (int k = 0; k < kChannels; k++) {
        double need = 0;
        for (int i = 0; i < in; i++)
          for (int j = 0; j < in; j++)
            need += share(in, out, y, i) * share(in, out, x, j) *
                    static_cast<double>(from[(prefix + i * in + j) * kChannels + k]);
        EXPECT_NEAR(static_cast<double>(to[(prefix + y * out + x) * kChannels + k]), need, 1e-6)
            << y << ", " << x << ", " << k;
      }
}

const ModelInfo kInfo{"cnn_mnist", {.classes = 10, .channels = 1, .height = 28, .width = 28}, {}, {}};

TEST(Positions, AreResampledToTheSizeOfThePictures) {
  ScratchFolder dir("positions");
  for (int prefix : {0, 1, 2, 5})
    for (auto [before, after] : {std::pair{14, 24}, {16, 6}, {6, 10}}) {
      SCOPED_TRACE(testing::Message() << prefix << " tokens, " << before << " to " << after);
      Tokens a(before, prefix, "vision"), b(after, prefix, "vision");
      save_weights(dir / "w.safetensors", a.state, a.g, kInfo);
      Loaded r = load_weights(b.state, b.g, *TensorFile::open(dir / "w.safetensors"), "w");
      expect_resampled(a.table(), before / kPatch, b.table(), after / kPatch, prefix);
      EXPECT_NE(r.note.find("vision.pos_embed resampled from"), r.note.npos) << r.note;
    }
}

// Models by the registry: a class token, a register, two tokens.
TEST(Positions, OfVisionTransformers) {
  ScratchFolder dir("positions_models");
  for (auto [name, prefix] : {std::pair{"test_vit", 1}, {"test_vit2", 1}, {"deit_tiny_distilled_patch16_224", 2}}) {
    const Model& m = find_model(name);
    auto large = build_model(m, 1), small = build_model(m, 1, {.height = 96, .width = 96});
    State a, b;
    a.add(*large, 1), b.add(*small, 2);
    save_weights(dir / "w.safetensors", a, *large, kInfo);
    load_weights(b, *small, *TensorFile::open(dir / "w.safetensors"), "w");
    int64_t tokens = prefix * b.at("pos_embed").shape()[2];
    EXPECT_TRUE(std::equal(a.at("pos_embed").data(), a.at("pos_embed").data() + tokens, b.at("pos_embed").data())) << name;
  }
}

TEST(Positions, OfTheSameSizeStayAndOthersThatDoNotFitAreRefused) {
  ScratchFolder dir("positions_refused");
  Tokens a(12, 1), same(12, 1), other(20, 3);
  save_weights(dir / "w.safetensors", a.state, a.g, kInfo);
  auto load = [&](Tokens& t) { return load_weights(t.state, t.g, *TensorFile::open(dir / "w.safetensors"), "w"); };
  std::fill_n(same.state.at("pos_embed").data(), 37 * kChannels, 0.0f);
  EXPECT_EQ(load(same).note, "");
  EXPECT_TRUE(std::equal(a.table(), a.table() + 37 * kChannels, same.table()));
  EXPECT_THROW(load(other), Error);  // 37 rows less 3 tokens are no square
  Graph plain;                       // a parameter by that name, but no patches
  plain.input("image", {{1, 20, 20, 3}});
  Scope(plain)["patch_embed"].param("weight", {1}, fill(0)), Scope(plain).param("pos_embed", {1, 101, 4}, normal(1));
  State state;
  state.add(plain, 1);
  EXPECT_THROW(load_weights(state, plain, *TensorFile::open(dir / "w.safetensors"), "w"), Error);
}

}  // namespace
}  // namespace fovea
