"""What runs a backbone's network: runners by name, made once each."""

import threading
import warnings
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Protocol

from .foundation.assets import EFFICIENTNET, EMBEDDED
from .foundation.errors import BackboneError
from .foundation.files import cache_folder
from .foundation.litert import convert_network, converted_once
from .foundation.ray_runner import RayRunner
from .foundation.runners import LiteRTRunner, Runner, TensorFlowRunner, sees_gpu
from .foundation.torch_running import TorchRunner

KEPT_RUNNERS = 8
_one_at_a_time = threading.RLock()  # so that two threads do not convert the same network


class Described(Protocol):
    """What must be known of a backbone to run it."""

    @property
    def name(self) -> str: ...
    @property
    def image_size(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def network(self) -> Any: ...
    def __hash__(self) -> int: ...


def runner_of(backbone: Described, device: str | None = None) -> Runner:
    """Return one of `RUNNERS`; by default TensorFlow's where it sees a GPU, else LiteRT's. Raises `BackboneError`."""
    device = device or ("tensorflow" if sees_gpu() else "litert")
    if device not in RUNNERS:
        raise BackboneError(f"There is no runner {device!r}; there are {', '.join(RUNNERS)}.")
    with _one_at_a_time:
        return made_runner(backbone, device)


@lru_cache(maxsize=KEPT_RUNNERS)
def made_runner(backbone: Described, device: str) -> Runner:
    """Return the runner of a backbone; equal backbones share one."""
    return RUNNERS[device](backbone)


def litert_file(backbone: Described) -> bytes:
    """Return the network as a LiteRT file, [1, size, size, 3] uint8 to [1, d] float32; converted once and kept."""
    if hasattr(backbone.network, "litert_file"):
        return backbone.network.litert_file(backbone.image_size)

    def convert() -> bytes:
        return convert_network(backbone.network(), backbone.image_size)

    return converted_once(cache_folder() / "engines", backbone.fingerprint, convert)


def _litert_runner(backbone: Described) -> Runner:
    """Return LiteRT's runner; TensorFlow's, which is said, where the network cannot be converted."""
    try:
        return LiteRTRunner(litert_file(backbone))
    except BackboneError:
        raise
    except Exception as error:  # converters fail in many ways; each means the same
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        message = f"{backbone.name} runs on TensorFlow, which is slower; LiteRT failed with {reason}."
        warnings.warn(message, stacklevel=5)
        return _tensorflow_runner(backbone)


def _tensorflow_runner(backbone: Described) -> Runner:
    return TensorFlowRunner(backbone.network())


def _ray_runner(backbone: Described) -> Runner:
    """Return a runner on processes of Ray, in each of which LiteRT runs in one thread; TensorFlow where LiteRT cannot."""
    runner = runner_of(backbone, "litert")
    if isinstance(runner, LiteRTRunner):
        return RayRunner(partial(LiteRTRunner, runner.model, workers=1))
    return RayRunner(partial(_tensorflow_runner, backbone))


def _torch_runner(backbone: Described) -> Runner:
    """Return PyTorch's runner. Raises `BackboneError` for a network that has no form in PyTorch."""
    if not hasattr(backbone.network, "torch_network"):
        raise BackboneError(
            f"{backbone.name} has no form in PyTorch; {EMBEDDED} and {EFFICIENTNET} have one. Run it with 'litert' or "
            "'tensorflow'."
        )
    return TorchRunner(backbone.network.torch_network(backbone.image_size))


RUNNERS: dict[str, Callable[[Described], Runner]] = {
    "litert": _litert_runner,
    "tensorflow": _tensorflow_runner,
    "ray": _ray_runner,
    "torch": _torch_runner,
}
