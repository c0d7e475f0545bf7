// Regions: chains of steps that are local in space, run a few rows at a time so that what passes between them stays in L2.
// Convolutions, norms along channels, elementwise steps and their epilogues become one loop nest: whole inverted residual
// and ConvNeXt blocks. A row is computed once by each thread (but for those where two threads' shares meet), by the same
// kernel in the same order as without the region: the bits are the same. What others read too is written to memory on the
// way. Where a chain is cut follows from an estimate of the time that each cut takes.
#pragma once
#include "plan/plan.h"

namespace fovea {

// Replaces chains of plan.steps where that saves more time than it costs. Before lay_out().
void form_regions(Plan& plan);

}  // namespace fovea
