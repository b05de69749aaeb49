"""Running a frozen network with PyTorch, in batches; on a GPU where PyTorch sees one."""

from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import BackboneError
from .runners import BatchRunner

if TYPE_CHECKING:
    import torch


def import_torch() -> Any:
    """Return PyTorch. Raises `BackboneError`, with what to install, where it is missing."""
    try:
        import torch
    except ImportError as error:
        raise BackboneError('PyTorch is not installed: pip install "imgclass_course[torch]".') from error
    return torch


def torch_device() -> "torch.device":
    """Return the device that PyTorch computes on: an NVIDIA or AMD GPU (cuda), Apple's (mps), or else the CPU."""
    torch = import_torch()
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


class TorchRunner(BatchRunner):
    """PyTorch runs a network, in batches, on `torch_device()`."""

    def __init__(self, network: "torch.nn.Module", workers: int | None = None) -> None:
        """Take a module from pictures [n, size, size, 3] uint8 to vectors [n, d] float32; it is put into evaluation mode.

        Pictures are read by `workers` threads (None: one a core).
        """
        super().__init__(workers)
        self._torch, self._device = import_torch(), torch_device()
        self._network = network.train(False).to(self._device)

    def run_batch(self, images: np.ndarray) -> np.ndarray:
        """Return the vectors [n, d] float32 of pictures [n, size, size, 3] uint8."""
        with self._torch.inference_mode():
            return self._network(self._torch.tensor(images, device=self._device)).cpu().numpy()
