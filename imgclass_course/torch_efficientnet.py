"""EfficientNet-Lite in PyTorch, from the same arrays as the Keras model (see `efficientnet`)."""

from itertools import count

import numpy as np
import torch
from torch import nn

from .efficientnet import BATCH_NORM_EPSILON, HALVING_BLOCKS, INPUT_CENTRE, INPUT_SCALE, NORM_PARTS
from .torch_mobilenet import PreparePixels, convolution, normalisation


class AroundBlock(nn.Module):
    """A block with a way round it: what goes in is added to what comes out."""

    def __init__(self, block: nn.Module) -> None:
        """Take a block that keeps the shape."""
        super().__init__()
        self.block = block

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x plus what the block makes of it."""
        return x + self.block(x)


def _convolve(
    name: str, weights: dict[str, np.ndarray], side: int, stride: int = 1, relu6: bool = True
) -> list[nn.Module]:
    """Return a convolution, its batch normalisation and, unless it ends a block, ReLU6."""
    layers = convolution(weights[f"{name}/kernel"], side, stride, name.endswith("depthwise"))
    parts = [weights[f"{name}/norm/{part}"] for part in NORM_PARTS]
    return [*layers, normalisation(parts, BATCH_NORM_EPSILON), *([nn.ReLU6()] if relu6 else [])]


def _inverted_bottleneck(number: int, weights: dict[str, np.ndarray], side: int) -> nn.Module:
    """Return a block: widen, look at neighbours, narrow; with a way round it where the shape stays as it is."""
    name, stride = f"block_{number}", 2 if number in HALVING_BLOCKS else 1
    widened = f"{name}/expand/kernel" in weights
    layers = _convolve(f"{name}/expand", weights, side) if widened else []
    layers += _convolve(f"{name}/depthwise", weights, side, stride)
    layers += _convolve(f"{name}/project", weights, -(-side // stride), relu6=False)
    first = weights[f"{name}/expand/kernel" if widened else f"{name}/depthwise/kernel"]
    same = stride == 1 and first.shape[2] == weights[f"{name}/project/kernel"].shape[3]
    return AroundBlock(nn.Sequential(*layers)) if same else nn.Sequential(*layers)


def torch_efficientnet(weights: dict[str, np.ndarray], image_size: int) -> nn.Sequential:
    """Return the network without its last layer: bytes [n, size, size, 3] uint8 in, vectors [n, 1280] float32 out."""
    side = -(-image_size // 2)
    layers: list[nn.Module] = [PreparePixels(INPUT_CENTRE, INPUT_SCALE), *_convolve("stem", weights, image_size, 2)]
    for number in count():
        if f"block_{number}/project/kernel" not in weights:
            break
        layers.append(_inverted_bottleneck(number, weights, side))
        side = -(-side // 2) if number in HALVING_BLOCKS else side
    return nn.Sequential(*layers, *_convolve("top", weights, side), nn.AdaptiveAvgPool2d(1), nn.Flatten())
