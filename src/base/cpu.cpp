#include "base/cpu.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <fstream>

#include "base/error.h"
#include "base/text.h"
#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace fovea {
namespace {

constexpr const char* kNames[] = {"portable", "avx2", "avx512"};

struct Features {
  bool avx2 = false, avx512 = false, bf16 = false, vnni = false;
};

#if defined(__x86_64__)
uint64_t enabled_registers() {  // XCR0: which registers the operating system saves
  uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

Features detect() {
  struct Leaf {
    unsigned a = 0, b = 0, c = 0, d = 0;
    Leaf(unsigned leaf, unsigned sub) { __get_cpuid_count(leaf, sub, &a, &b, &c, &d); }
  };
  auto all = [](unsigned word, std::initializer_list<int> bits) {
    return std::all_of(bits.begin(), bits.end(), [&](int bit) { return word >> bit & 1; });
  };
  Leaf one(1, 0), seven(7, 0), more(7, 1), extended(0x80000001, 0);
  uint64_t registers = all(one.c, {27}) ? enabled_registers() : 0;
  bool ymm = (registers & 0x06) == 0x06, zmm = (registers & 0xE6) == 0xE6;
  Features f;
  // All that -march=haswell -maes lets a compiler use: pclmul fma movbe aes avx f16c, bmi1 avx2 bmi2, lzcnt.
  f.avx2 = ymm && all(one.c, {1, 12, 22, 25, 28, 29}) && all(seven.b, {3, 5, 8}) && all(extended.c, {5});
  f.avx512 = f.avx2 && zmm && all(seven.b, {16, 17, 28, 30, 31});  // f dq cd bw vl
  f.vnni = f.avx512 && all(seven.c, {11});
  f.bf16 = f.avx512 && all(more.a, {5});
  return f;
}
#else
Features detect() { return {}; }
#endif

const Features& features() {
  static const Features found = detect();
  return found;
}

std::atomic<int> forced{-1};

}  // namespace

Isa detected_isa() { return features().avx512 ? Isa::avx512 : features().avx2 ? Isa::avx2 : Isa::portable; }

Isa active_isa() {
  if (int isa = forced.load(std::memory_order_relaxed); isa >= 0) return static_cast<Isa>(isa);
  static const Isa chosen = [] {
    const char* wish = std::getenv("FOVEA_ISA");
    return wish && *wish ? std::min(detected_isa(), isa_from(wish, "FOVEA_ISA")) : detected_isa();
  }();
  return chosen;
}

void force_isa(Isa isa) {
  if (isa > detected_isa())
    fail(Code::unsupported, "{} instructions: this CPU has no more than {}", isa_name(isa), isa_name(detected_isa()));
  forced = static_cast<int>(isa);
}

const char* isa_name(Isa isa) { return kNames[static_cast<int>(isa)]; }

Isa isa_from(const std::string& name, const std::string& where) {
  auto at = std::find(std::begin(kNames), std::end(kNames), name);
  if (at == std::end(kNames)) fail(Code::usage, "{}: got \"{}\", need portable, avx2 or avx512", where, name);
  return static_cast<Isa>(at - std::begin(kNames));
}

bool cpu_has_bf16() { return features().bf16; }

bool cpu_has_vnni() { return features().vnni; }

std::string cpu_model() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("model name")) return std::string(trim(line.substr(line.find(':') + 1)));
  }
  return "unknown CPU";
}

}  // namespace fovea
