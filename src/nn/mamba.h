// Mamba's mixer of tokens (arXiv:2312.00752), also in both directions (arXiv:2401.09417), and the pieces that other networks
// make theirs of. Names are mamba_ssm's.
#pragma once
#include "ir/scope.h"

namespace fovea {

struct Mamba {
  int states = 16, expand = 2, window = 4;
  bool reverse = false;        // from the last token to the first
  bool bidirectional = false;  // a second scan in the other direction, with parameters "_b"; halves the sum
};
Tensor mamba(Scope s, Tensor x, const Mamba& m = {});  // [n,t,c] -> same

// What a scan begins with: states that forget at the rates 1, 2, ..., steps of about 0.01.
Init decay_init();  // of the rates' logarithm [d,s]
Init step_init();   // of the bias of steps
// y + skip * u, where u, delta [n,t,d] and b, c [n,t,s] are scanned with decays -exp(a_log).
struct ScanOptions {
  const char *a_log = "A_log", *skip = "D";
  bool reverse = false;
};
Tensor scan(Scope s, Tensor u, Tensor delta, Tensor b, Tensor c, const ScanOptions& o = {});

}  // namespace fovea
