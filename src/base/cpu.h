// What this CPU can do, and what the user allows (FOVEA_ISA=portable|avx2|avx512).
#pragma once
#include <string>

namespace fovea {

enum class Isa { portable = 0, avx2 = 1, avx512 = 2 };  // ordered: a higher one includes the lower ones

Isa detected_isa();       // by CPUID and the OS
Isa active_isa();         // the lower of detected and FOVEA_ISA, or what force_isa set; unknown FOVEA_ISA: usage error
void force_isa(Isa isa);  // tests; never above the detected one
const char* isa_name(Isa isa);
Isa isa_from(const std::string& name, const std::string& where);  // usage error that begins with `where`
bool cpu_has_bf16();
bool cpu_has_vnni();
std::string cpu_model();  // "AMD EPYC ..." as /proc/cpuinfo has it

}  // namespace fovea
