#include "nn/init.h"

#include <cmath>

namespace fovea {

static float inverse_root(double connections, double gain = 1) { return static_cast<float>(std::sqrt(gain / connections)); }
static double fan_in(const Shape& w) { return static_cast<double>(w.numel() / w[0]); }
static double fan_out(const Shape& w) { return static_cast<double>(w.numel() / w[-1]); }

Init fan_in_uniform(const Shape& w, int) { return uniform_init(inverse_root(fan_in(w))); }
Init fan_in_normal(const Shape& w, int) { return normal(inverse_root(fan_in(w), 2)); }
Init prelu_normal(const Shape& w, int) { return normal(inverse_root(fan_in(w), 2 / (1 + 0.25 * 0.25))); }
Init lecun_normal(const Shape& w, int) { return normal(inverse_root(fan_in(w))); }
Init xavier_normal(const Shape& w, int) { return normal(inverse_root(fan_in(w) + fan_out(w), 2)); }
Init fan_out_normal(const Shape& w, int) { return normal(inverse_root(fan_out(w), 2)); }
Init group_fan_out_normal(const Shape& w, int groups) { return normal(inverse_root(fan_out(w) / groups, 2)); }
Init fan_out_uniform(const Shape& w, int) { return uniform_init(inverse_root(fan_out(w))); }
Init truncated_normal(const Shape&, int) { return trunc_normal(0.02f); }

}  // namespace fovea
