#include "nn/ranking.h"

#include "ops/gather.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

static Shape with_axis(const Shape& s, int at) {  // of size 1, before axis `at`
  Shape r;
  for (int i = 0; i <= s.rank; i++) {
    if (i == at) r.push(1);
    if (i < s.rank) r.push(s[i]);
  }
  return r;
}

Tensor ranks(Tensor scores) {
  Graph& g = *scores.graph;
  int t = scores.c(), rank = scores.rank();
  Tensor mine = reshape(scores, with_axis(scores.shape(), rank)),
         other = reshape(scores, with_axis(scores.shape(), rank - 1));
  Tensor earlier = greater(iota(g, {t, t}, 0), iota(g, {t, t}, 1));
  return reshape(reduce_sum(greater(other, mine) + equal(other, mine) * earlier, {-1}), scores.shape());
}

Tensor pick_first(Tensor ranks, int count) {
  Tensor places = reshape(ranks, with_axis(ranks.shape(), ranks.rank() - 1));  // [...,1,t]
  return equal(places, iota(*ranks.graph, {count, 1}, 0));
}

}  // namespace fovea
