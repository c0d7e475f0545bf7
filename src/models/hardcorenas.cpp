// HardCoRe-NAS (arXiv:2102.11646): found by search under a bound on latency. Names follow timm.
#include "models/cards.h"
#include "models/mobile.h"

namespace fovea {

namespace {

// A block: window, expansion, whether it squeezes.
struct Found {
  int window;
  double expand;
  bool squeeze = true;
};
using Stages = std::array<std::vector<Found>, 5>;
constexpr bool no = false;

MobileNet hardcorenas(const Stages& found) {
  constexpr int outs[] = {24, 40, 80, 112, 192}, strides[] = {2, 2, 2, 1, 2};
  MobileNet m{.stages = {{mobile::with(mobile::separable(1, 3, 1, 16), Act::relu)}},
              .act = Act::hard_swish,
              .squeeze = {.divisor = 8, .act = Act::relu, .gate = Act::hard_sigmoid},
              .head = MobileHead::after_pool};
  for (size_t i = 0; i < found.size(); i++) {
    MobileStage stage;
    for (const Found& f : found[i]) {
      stage.push_back(mobile::inverted(1, f.window, strides[i], f.expand, outs[i], f.squeeze ? 0.25 : 0));
      if (i < 2) stage.back().act = Act::relu;
    }
    m.stages.push_back(stage);
  }
  m.stages.push_back({mobile::plain(1, 1, 1, 960)});
  return m;
}

Card card() { return imagenet_card(224, 0.875f, "bilinear"); }

const Stages a = {{{{5, 3, no}, {5, 3}}, {{5, 3, no}, {5, 6}}, {{5, 6}, {5, 6}}, {{5, 6}, {5, 6}}, {{5, 6}, {5, 6}}}};
const Stages b = {{{{5, 3, no}, {5, 3}, {3, 3, no}},
                   {{5, 3, no}, {5, 3, no}, {5, 3, no}},
                   {{5, 3, no}, {5, 3, no}, {3, 3, no}, {3, 3, no}},
                   {{5, 3, no}, {3, 3, no}, {3, 3, no}, {3, 3, no}},
                   {{5, 6}, {5, 6}, {3, 3}}}};
const Stages c = {{{{5, 3, no}, {5, 3}},
                   {{5, 3, no}, {5, 3, no}, {5, 3, no}, {5, 3, no}},
                   {{5, 4, no}, {5, 6}, {3, 3, no}, {3, 3, no}},
                   {{5, 6}, {3, 3, no}, {3, 3, no}, {3, 3, no}},
                   {{5, 6}, {5, 6}, {3, 3}}}};
const Stages d = {{{{5, 3}, {5, 3}},
                   {{5, 3}, {5, 4}, {3, 3}},
                   {{5, 4}, {3, 3}, {3, 3}, {3, 3}},
                   {{3, 4}, {5, 4}, {3, 3}, {5, 3}},
                   {{5, 6}, {5, 6}, {5, 6}, {3, 6}}}};
const Stages e = {{{{5, 3}, {5, 3}},
                   {{5, 6}, {5, 4}, {5, 4}, {3, 3}},
                   {{5, 4}, {3, 6}},
                   {{5, 6}, {5, 6}, {5, 6}, {5, 3}},
                   {{5, 6}, {5, 6}, {5, 6}, {3, 6}}}};
const Stages f = {{{{5, 3}, {5, 3}},
                   {{5, 6}, {5, 6}},
                   {{5, 6}, {5, 6}, {3, 3}, {3, 3}},
                   {{3, 6}, {5, 6}, {5, 6}, {3, 3}},
                   {{5, 6}, {5, 6}, {3, 6}, {3, 6}}}};

const Variant<MobileNet> variants[] = {
    {"hardcorenas_a", hardcorenas(a), card()}, {"hardcorenas_b", hardcorenas(b), card()},
    {"hardcorenas_c", hardcorenas(c), card()}, {"hardcorenas_d", hardcorenas(d), card()},
    {"hardcorenas_e", hardcorenas(e), card()}, {"hardcorenas_f", hardcorenas(f), card()},
};

}  // namespace

std::vector<Model> models_of_hardcorenas() { return mobile_models("hardcorenas", variants); }

}  // namespace fovea
