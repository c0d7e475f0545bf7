// The few AVX-512 instructions that compiled elementwise programs are made of, as bytes (Intel SDM volume 2, 2.7: EVEX).
#pragma once
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <vector>

namespace fovea::kernels {

struct EvexOp {
  uint8_t map, prefix, opcode;  // 1: 0F, 2: 0F38, 3: 0F3A; 0: none, 1: 66
  int imm = -1;                 // a byte behind the operands
};

// The last operand of an instruction.
struct EvexArg {
  enum Kind : uint8_t { reg, memory, constant } kind = reg;
  int number = 0;     // of a register
  int index = -1;     // of memory at r10: 0 for rax * 4, 1 for rcx * 4, -1 for none
  uint32_t bits = 0;  // of a constant: sixteen times the same
};

class EvexAssembler {
 public:
  void raw(std::initializer_list<int> bytes) {
    for (int b : bytes) code.push_back(static_cast<uint8_t>(b));
  }
  void word(uint32_t v) {
    for (int i = 0; i < 4; i++) code.push_back(static_cast<uint8_t>(v >> (8 * i)));
  }

  // op reg, second, last; mask: of k0 (none) to k7, zeroing what it leaves out if `zero`. second: 0 where there is none.
  void op(const EvexOp& o, int reg, int second, const EvexArg& last, int mask, bool zero) {
    const bool is_reg = last.kind == EvexArg::reg;
    const bool b = is_reg ? !(last.number >> 3 & 1) : last.kind != EvexArg::memory;  // r10 is beyond the first eight
    const bool x = is_reg ? !(last.number >> 4 & 1) : true;
    code.push_back(0x62);
    code.push_back(static_cast<uint8_t>(!(reg >> 3 & 1) << 7 | x << 6 | b << 5 | !(reg >> 4 & 1) << 4 | o.map));
    code.push_back(static_cast<uint8_t>((~second & 15) << 3 | 4 | o.prefix));
    const bool broadcast = last.kind == EvexArg::constant && !loads_one(o);
    code.push_back(static_cast<uint8_t>(zero << 7 | 2 << 5 | broadcast << 4 | !(second >> 4 & 1) << 3 | mask));
    code.push_back(o.opcode);
    const int middle = (reg & 7) << 3;
    if (is_reg) {
      raw({0xc0 | middle | (last.number & 7)});
    } else if (last.kind == EvexArg::constant) {
      raw({5 | middle});
      uses_.push_back({code.size(), last.bits, o.imm >= 0});
      word(0);
    } else if (last.index < 0) {
      raw({2 | middle});
    } else {
      raw({4 | middle, 2 << 6 | last.index << 3 | 2});
    }
    if (o.imm >= 0) raw({o.imm});
  }

  // After the last instruction: lays down the constants, each once.
  void place_constants() {
    std::vector<uint32_t> placed;
    while (code.size() % 4) code.push_back(0xcc);
    const size_t begin = code.size();
    for (const Use& u : uses_) {
      size_t at = 0;
      while (at < placed.size() && placed[at] != u.bits) at++;
      if (at == placed.size()) placed.push_back(u.bits), word(u.bits);
      const auto distance = static_cast<int32_t>(begin + 4 * at - (u.at + 4 + u.imm));
      std::memcpy(code.data() + u.at, &distance, 4);
    }
  }

  std::vector<uint8_t> code;

 private:
  static bool loads_one(const EvexOp& o) { return o.map == 2 && o.opcode == 0x18; }  // vbroadcastss
  struct Use {
    size_t at;
    uint32_t bits;
    bool imm;
  };
  std::vector<Use> uses_;
};

}  // namespace fovea::kernels
