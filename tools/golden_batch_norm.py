#!/usr/bin/env python3
"""golden_batch_norm.py: writes tests/models/golden_batch_norm.inc with PyTorch's batch norm in double as the reference.

Needs PyTorch (tools/setup peers; run with /usr/bin/python3 from the root of the repository). Parameters and inputs are filled
by the fixtures' rule over names (io/fixture.h), so the C++ side makes the same ones."""
import math
import struct

import torch

LAYERS = {2: torch.nn.BatchNorm1d, 4: torch.nn.BatchNorm2d, 5: torch.nn.BatchNorm3d}
SHAPES = [(5, 2), (2, 3, 2, 2), (3, 1, 2, 3, 2)]  # channels last, as fovea has them


def unit(name, index):
    mask = (1 << 64) - 1
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = (h ^ byte) * 0x100000001B3 & mask
    x = (h + index + 0x9E3779B97F4A7C15) & mask
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & mask
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & mask
    return ((x ^ (x >> 31)) >> 40) * 2.0 ** -23 - 1


def filled(name, shape, mean=0.0, deviation=1.0):
    """A tensor of floats that PyTorch calculates with in double; maps with their channels first, as PyTorch has them."""
    values = [mean + deviation * unit(name, i) for i in range(math.prod(shape))]
    values = struct.unpack(f"{len(values)}f", struct.pack(f"{len(values)}f", *values))
    t = torch.tensor(values, dtype=torch.float64).reshape(shape)
    return t.movedim(-1, 1).contiguous() if len(shape) > 1 else t


def row(name, t):
    t = t.detach()
    t = t.movedim(1, -1) if t.dim() > 1 else t
    return f"    .{name} = {{{', '.join(repr(v) for v in t.flatten().tolist())}}},\n"


def case(shape):
    """Two steps of training, each on its own input, and a prediction for the second input with the statistics after them."""
    c = shape[-1]
    layer = LAYERS[len(shape)](c).double()
    layer.load_state_dict({"weight": filled("bn.weight", (c,), 1, 0.1), "bias": filled("bn.bias", (c,), 0, 0.1),
                           "running_mean": filled("bn.running_mean", (c,), 0, 0.1),
                           "running_var": filled("bn.running_var", (c,), 1, 0.25), "num_batches_tracked": torch.tensor(0)})
    layer(filled("input.0", shape))
    x = filled("input.1", shape).requires_grad_()
    y = layer(x)
    y.backward(filled("seed", shape))
    text = f"{{.shape = {{{', '.join(map(str, shape))}}},\n" + row("y", y) + row("dx", x.grad)
    text += row("dweight", layer.weight.grad) + row("dbias", layer.bias.grad)
    text += row("mean", layer.running_mean) + row("var", layer.running_var)
    return text + row("predicted", layer.eval()(x)).rstrip(",\n") + "},\n"


with open("tests/models/golden_batch_norm.inc", "w") as file:
    file.write("// Made by tools/golden_batch_norm.py with PyTorch; do not edit.\n")
    file.writelines(map(case, SHAPES))
