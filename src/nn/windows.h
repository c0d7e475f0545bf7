// Attention within windows of a map [n,h,w,c] (arXiv:2103.14030), and biases that know where a window's pixels are.
#pragma once
#include <functional>

#include "nn/layers.h"

namespace fovea {

// The side of a window and how far it is shifted: a window that covers the map is as large as the map and stays.
struct WindowPlace {
  Pair size, shift;
};
WindowPlace place_window(const Shape& map, Pair size, Pair shift);

// Calls f on the pixels of all windows, [n*windows, t, c] -> [n*windows, t, c']. The map is rolled by the shift, and padded
// with zeros at the bottom and the right where windows do not fit.
Tensor in_windows(Tensor x, const WindowPlace& place, const std::function<Tensor(Tensor)>& f);
// What keeps pixels apart that only rolling made neighbours: 0 or -100, [n*windows,1,t,t]. None without a shift.
Tensor shift_mask(Tensor x, const WindowPlace& place);

Tensor to_windows(Tensor x, Pair size);                           // [n,h,w,c] -> [n*windows,t,c], sizes that divide
Tensor from_windows(Tensor tokens, Pair size, const Shape& map);  // and back, with the channels of the tokens
Tensor roll(Tensor x, int axis, int by);                          // element i moves to (i + by) modulo the size
Tensor space_to_depth(Tensor x);                                  // [n,2h,2w,c] -> [n,h,w,4c], columns outermost
// Patch merging: 2x2 pixels become one, by "norm" and the linear "reduction" or the other way round, odd sides padded with
// zeros: [n,h,w,c] -> [n,h/2,w/2,2c].
Tensor patch_merging(Scope s, Tensor x, InitRule init, bool norm_last = false);

// A bias for each pair of pixels by where the one lies from the other: table [(2h-1)(2w-1), heads] -> [1,heads,hw,hw].
Tensor relative_bias(Tensor table, Pair window);
// Where pixels lie from each other, (2h-1)(2w-1) times down and right, on a logarithmic scale: sign(d) log(1 + |d|) for
// d = offset * unit. What small networks make the table of (arXiv:2111.09883): [(2h-1)(2w-1), 2].
Tensor log_distances(Graph& g, Pair window, float unit_h = 1, float unit_w = 1);
// relative_bias of a table that a small network, fc1 and fc2, makes of these distances: [1,heads,hw,hw].
Tensor log_distance_bias(Scope s, Graph& g, Pair window, int hidden, int heads);
// By how far apart they are along both axes: table [heads, h*w] -> [1,heads,queries,hw]; queries are every stride-th pixel.
Tensor distance_bias(Tensor table, Pair keys, int stride = 1);

}  // namespace fovea
