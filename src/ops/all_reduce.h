// The sum over the processes of a job, each of which runs this graph: every one has it. Its derivative is itself: what one
// holds goes into the result, and so into the loss, of all.
//
// Collectives take place in one order everywhere, because equal graphs are planned equally: plans are functions of graph and
// options. Two that read the same value merge in all processes alike, an unread one goes in all alike.
//
// What runs alone, as the reference interpreter does, takes the other processes for its equals: n x.
#pragma once
#include "ir/op.h"

namespace fovea {

struct AllReduce {
  int processes = 1;
  FOVEA_ATTR(AllReduce, processes)
};
Tensor all_reduce(Tensor x, int processes);  // x itself for one

}  // namespace fovea
