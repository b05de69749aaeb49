import numpy as np
import torch
from torch import nn

from .mobilenet import BATCH_NORM_EPSILON, STRIDES


class PreparePixels(nn.Module):
    "Bytes [n, h, w, 3] as torch wants them: [n, 3, h, w] float32, (byte - centre) / scale."

    def __init__(self, centre: float = 127.5, scale: float = 127.5) -> None:
        super().__init__()
        self.centre, self.scale = centre, scale

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return (images.permute(0, 3, 1, 2).float() - self.centre) / self.scale


def to_torch(
    kernel: np.ndarray,  # [h, w, in, out]; depthwise: [h, w, channels, 1]
    depthwise: bool = False,
) -> torch.Tensor:  # [out, in, h, w]; depthwise: [channels, 1, h, w]
    "The kernel of a convolution, in PyTorch's order."
    order = (2, 3, 0, 1) if depthwise else (3, 2, 0, 1)
    return torch.tensor(kernel.transpose(order).copy())


def same_padding(
    side: int,  # pixels of the picture
    kernel_size: int,
    stride: int,
) -> tuple[int, int]:
    'Zeros before and after the picture, as TensorFlow\'s "same" adds them.'
    steps = -(-side // stride) - 1
    zeros = max(steps * stride + kernel_size - side, 0)
    return zeros // 2, zeros - zeros // 2


def convolution(
    kernel: np.ndarray,  # as `to_torch` takes it
    side: int,  # pixels of what goes in
    stride: int = 1,
    depthwise: bool = False,
) -> list[nn.Module]:
    'A convolution with "same" padding: one module, or two where the padding is uneven.'
    values = to_torch(kernel, depthwise)
    before, after = same_padding(side, values.shape[2], stride)
    even = before == after
    padding, groups = before if even else 0, len(values) if depthwise else 1
    options = {"stride": stride, "padding": padding, "groups": groups, "bias": False}
    channels = values.shape[1] * groups, values.shape[0]
    module = nn.Conv2d(*channels, values.shape[2], **options)
    module.weight.data = values
    return [module] if even else [nn.ZeroPad2d((before, after) * 2), module]


def normalisation(
    parts: tuple[np.ndarray, ...],  # gamma, beta, moving mean, moving variance
    epsilon: float = BATCH_NORM_EPSILON,
) -> nn.BatchNorm2d:
    "Batch normalisation with what it has learned."
    module = nn.BatchNorm2d(len(parts[0]), eps=epsilon)
    names = ("weight", "bias", "running_mean", "running_var")
    module.load_state_dict(dict(zip(names, map(torch.tensor, parts))), strict=False)
    return module


def torch_mobilenet(
    weights: dict[str, np.ndarray],  # by layer name
    image_size: int = 224,
) -> nn.Sequential:  # bytes [n, size, size, 3] to vectors [n, 1024] float32
    "MobileNet v1 without its last layer, preparation inside."
    names = [("Conv2d_0", "weights", 2)]
    for number, stride in enumerate(STRIDES, start=1):
        names.append((f"Conv2d_{number}_depthwise", "depthwise_weights", stride))
        names.append((f"Conv2d_{number}_pointwise", "weights", 1))
    layers, side = [PreparePixels()], image_size
    for name, kernel, stride in names:
        depthwise = kernel == "depthwise_weights"
        layers += convolution(weights[f"{name}/{kernel}"], side, stride, depthwise)
        parts = ("gamma", "beta", "moving_mean", "moving_variance")
        layers += [normalisation(tuple(weights[f"{name}/BatchNorm/{p}"] for p in parts)), nn.ReLU6()]
        side = -(-side // stride)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
