// The memory of a plan whose steps are known.
#pragma once
#include "plan/plan.h"

namespace fovea {

// Makes the step that computes `from` write it over the parameter in buffer `target`, if nobody reads the old value after
// that. Returns whether it did; then `from.buffer` is out of use.
bool write_in_place(Plan& plan, Ref from, int target);

// Drops steps that nobody reads, finds how long each buffer lives, puts results over operands that die there, lays the
// arena out and sums up.
void lay_out(Plan& plan);

}  // namespace fovea
