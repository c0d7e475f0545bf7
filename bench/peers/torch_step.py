"""One peer's side of train_step: `torch_step.py MODEL BATCH STEPS THREADS` prints the number of parameters of MODEL, defined
here in PyTorch as fovea has it, then milliseconds of training steps, one a line, after some to warm up: channels last, SGD
with Nesterov momentum."""
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


def conv(a, b, window=3, stride=1, groups=1, bias=False):
    return nn.Conv2d(a, b, window, stride, (window - 1) // 2, groups=groups, bias=bias)


def conv_norm(a, b, window=3, stride=1, groups=1, act=None):
    layers = [conv(a, b, window, stride, groups), nn.BatchNorm2d(b)]
    return nn.Sequential(*layers, act(inplace=True)) if act else nn.Sequential(*layers)


class Head(nn.Sequential):
    def __init__(self, a, classes):
        super().__init__(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(a, classes))


class Residual(nn.Module):
    """act(shortcut(x) + body(x))."""

    def __init__(self, body, shortcut=None, act=None):
        super().__init__()
        self.body, self.shortcut, self.act = body, shortcut or nn.Identity(), act(inplace=True) if act else nn.Identity()

    def forward(self, x):
        return self.act(self.body(x) + self.shortcut(x))


class PadShortcut(nn.Module):
    """The parameter-free shortcut A of arXiv:1512.03385: every other pixel, and new channels of zeros."""

    def __init__(self, grow):
        super().__init__()
        self.grow = grow

    def forward(self, x):
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.grow, self.grow))


def cnn_mnist():
    c = [conv_norm(1, 16, act=nn.ReLU)]
    for a in (16, 32):
        c += [conv_norm(a, 2 * a, stride=2, act=nn.ReLU), conv_norm(2 * a, 2 * a, act=nn.ReLU)]
    return nn.Sequential(*c, Head(64, 10))


def resnet20_cifar():
    widths = [16] * 4 + [32] * 3 + [64] * 3
    blocks = [Residual(nn.Sequential(conv_norm(a, b, 3, b // a, act=nn.ReLU), conv_norm(b, b)),
                       PadShortcut((b - a) // 2) if a != b else None, nn.ReLU) for a, b in zip(widths, widths[1:])]
    return nn.Sequential(conv_norm(3, 16, act=nn.ReLU), *blocks, Head(64, 10))


def resnet50():
    blocks, a = [], 64
    for stage, depth in enumerate((3, 4, 6, 3)):
        width = 64 << stage
        for i in range(depth):
            stride = 2 if stage and i == 0 else 1
            body = nn.Sequential(conv_norm(a, width, 1, act=nn.ReLU), conv_norm(width, width, 3, stride, act=nn.ReLU),
                                 conv_norm(width, 4 * width, 1))
            blocks.append(Residual(body, conv_norm(a, 4 * width, 1, stride) if i == 0 else None, nn.ReLU))
            a = 4 * width
    return nn.Sequential(conv_norm(3, 64, 7, 2, act=nn.ReLU), nn.MaxPool2d(3, 2, 1), *blocks, Head(a, 1000))


class PixelNorm(nn.LayerNorm):
    """Layer normalisation of [n,c,h,w] over the channels, which lie together."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class LayerScale(nn.Module):
    def __init__(self, a):
        super().__init__()
        self.gamma = nn.Parameter(torch.full((a, 1, 1), 1e-6))

    def forward(self, x):
        return x * self.gamma


def convnext_atto():
    layers, a = [nn.Conv2d(3, 40, 4, 4), PixelNorm(40, 1e-6)], 40
    for stage, depth in enumerate((2, 2, 6, 2)):
        if stage:
            layers += [PixelNorm(a, 1e-6), nn.Conv2d(a, 2 * a, 2, 2)]
            a *= 2
        layers += [Residual(nn.Sequential(conv(a, a, 7, groups=a, bias=True), PixelNorm(a, 1e-6), conv(a, 4 * a, 1, bias=True),
                                          nn.GELU(), conv(4 * a, a, 1, bias=True), LayerScale(a))) for _ in range(depth)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), PixelNorm(a, 1e-6), nn.Flatten(), nn.Linear(a, 1000))


class SqueezeExcite(nn.Module):
    def __init__(self, a, hidden):
        super().__init__()
        self.gate = nn.Sequential(conv(a, hidden, 1, bias=True), nn.ReLU(inplace=True), conv(hidden, a, 1, bias=True),
                                  nn.Hardsigmoid(inplace=True))

    def forward(self, x):
        return x * self.gate(x.mean((2, 3), keepdim=True))


MOBILE = [  # window, stride, hidden, out, channels of the squeeze, hard swish
    (3, 1, 16, 16, 0, 0), (3, 2, 64, 24, 0, 0), (3, 1, 72, 24, 0, 0), (5, 2, 72, 40, 24, 0), (5, 1, 120, 40, 32, 0),
    (5, 1, 120, 40, 32, 0), (3, 2, 240, 80, 0, 1), (3, 1, 200, 80, 0, 1), (3, 1, 184, 80, 0, 1), (3, 1, 184, 80, 0, 1),
    (3, 1, 480, 112, 120, 1), (3, 1, 672, 112, 168, 1), (5, 2, 672, 160, 168, 1), (5, 1, 960, 160, 240, 1),
    (5, 1, 960, 160, 240, 1)]


def mobilenetv3_large_100():
    layers, a = [conv_norm(3, 16, 3, 2, act=nn.Hardswish)], 16
    for window, stride, hidden, b, squeeze, hard in MOBILE:
        act = nn.Hardswish if hard else nn.ReLU
        body = [conv_norm(a, hidden, 1, act=act)] * (hidden != a)
        body += [conv_norm(hidden, hidden, window, stride, hidden, act)] + [SqueezeExcite(hidden, squeeze)] * (squeeze > 0)
        body = nn.Sequential(*body, conv_norm(hidden, b, 1))
        layers.append(Residual(body) if stride == 1 and a == b else body)
        a = b
    return nn.Sequential(*layers, conv_norm(a, 960, 1, act=nn.Hardswish), nn.AdaptiveAvgPool2d(1), conv(960, 1280, 1, bias=True),
                         nn.Hardswish(inplace=True), nn.Flatten(), nn.Linear(1280, 1000))


INPUTS = {cnn_mnist: (1, 28, 10), resnet20_cifar: (3, 32, 10)}


def main():
    build = globals()[sys.argv[1]]
    batch, steps, threads = (int(a) for a in sys.argv[2:5])
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    model = build().to(memory_format=torch.channels_last)
    print(sum(p.numel() for p in model.parameters()))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
    channels, size, classes = INPUTS.get(build, (3, 224, 1000))
    images = torch.randn(batch, channels, size, size).to(memory_format=torch.channels_last)
    labels = torch.randint(0, classes, (batch,))
    for step in range(steps + 2):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
        if step >= 2:
            print(1e3 * (time.perf_counter() - start))


main()
