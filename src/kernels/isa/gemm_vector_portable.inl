// The vector of the register tiles for any CPU, by GCC's vector extension. Included inside an anonymous namespace.

struct Vector {
  typedef float Reg __attribute__((vector_size(16)));
  typedef float Loose __attribute__((vector_size(16), aligned(4), may_alias));
  using Mask = int;  // how many lanes
  static constexpr int kLanes = 4;
  static Mask mask(int n) { return n; }
  static Reg zero() { return Reg{}; }
  static Reg set1(float x) { return Reg{x, x, x, x}; }
  static Reg load(const float* p) { return *reinterpret_cast<const Loose*>(p); }
  static Reg load(const float* p, Mask m) {
    if (m == kLanes) return load(p);
    return Reg{p[0], m > 1 ? p[1] : 0, m > 2 ? p[2] : 0, 0};
  }
  static void store(float* p, Reg v) { *reinterpret_cast<Loose*>(p) = v; }
  static void store(float* p, Reg v, Mask m) {
    if (m == kLanes) return store(p, v);
    for (int i = 0; i < m; i++) p[i] = v[i];
  }
  static Reg fma(Reg a, Reg b, Reg c) { return a * b + c; }
  static Reg add(Reg a, Reg b) { return a + b; }
  static Reg max(Reg a, Reg b) { return a > b ? a : b; }
  static Reg min(Reg a, Reg b) { return a < b ? a : b; }
};
