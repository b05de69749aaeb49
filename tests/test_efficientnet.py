"""The second network that comes along: it names photos, every way to run it agrees, and its reader runs no code."""

import io
import pickle
from collections import OrderedDict

import numpy as np
import pytest
import skimage.data
from scipy.special import softmax

from imgclass_course.backbones import load_backbone
from imgclass_course.foundation.assets import EFFICIENTNET, embedded_weights, imagenet_labels
from imgclass_course.images import resize_image
from scripts.build_efficientnet import MAGIC, PROTOCOL, as_ours, read_tensors, rename

PHOTOS = {"chelsea": "Egyptian cat", "coffee": "espresso"}
FINGERPRINT = "65be93514c23e99c5a820f65ed1bf44b1ec7a4f1450a748e24284ff6054d7de5"


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """The photos at the network's size."""
    return np.stack([resize_image(getattr(skimage.data, name)(), 260) for name in PHOTOS])


def test_it_is_loaded_by_name_and_is_what_it_was() -> None:
    backbone = load_backbone(EFFICIENTNET)
    assert (backbone.image_size, backbone.fingerprint) == (260, FINGERPRINT)
    assert pickle.loads(pickle.dumps(backbone)) == backbone
    assert load_backbone(EFFICIENTNET, image_size=224).fingerprint != FINGERPRINT


def test_every_way_to_run_it_gives_the_same_vectors(pictures: np.ndarray) -> None:
    backbone = load_backbone(EFFICIENTNET)
    by_litert, by_tensorflow = backbone.runner("litert")(pictures), backbone.runner("tensorflow")(pictures)
    assert by_litert.shape == (2, 1280) and backbone.feature_dim == 1280
    assert np.allclose(by_litert, by_tensorflow, atol=1e-3)
    assert np.allclose(backbone.model()(pictures).numpy(), by_litert, atol=1e-3)


def test_pytorch_gives_the_same_vectors(pictures: np.ndarray) -> None:
    pytest.importorskip("torch")
    backbone = load_backbone(EFFICIENTNET)
    found, expected = backbone.runner("torch")(pictures), backbone.runner("litert")(pictures)
    cosines = (found * expected).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosines.min() > 0.9999 and np.allclose(found, expected, atol=1e-3) and expected.max() > 1


def test_it_names_photos(pictures: np.ndarray) -> None:
    weights = embedded_weights(EFFICIENTNET)
    vectors = load_backbone(EFFICIENTNET)(pictures)
    probabilities = softmax(vectors @ weights["logits/kernel"] + weights["logits/bias"], axis=1)
    assert [imagenet_labels()[row.argmax()] for row in probabilities] == list(PHOTOS.values())
    assert probabilities.max(axis=1).min() > 0.7


def test_it_is_frozen_or_learns_from_a_block_on() -> None:
    backbone = load_backbone(EFFICIENTNET)
    assert not backbone.model().trainable_weights
    learning = {weight.path.split("/")[0] for weight in backbone.model("block_20_expand").trainable_weights}
    assert learning == {"block_20_expand", "block_20_depthwise", "block_20_project", "top"}


class Storage:
    """Stands for a storage of PyTorch's, which a pickle names and does not hold."""

    def __init__(self, key: str) -> None:
        self.key = key


class TorchPickler(pickle.Pickler):
    """Writes tensors as PyTorch did."""

    def persistent_id(self, thing: object) -> tuple | None:
        return ("storage", "FloatStorage", thing.key, "cpu", 6, None) if isinstance(thing, Storage) else None


def write_as_torch(named: object, data: bytes, magic: int = MAGIC) -> io.BytesIO:
    """Return a file as torch.save wrote it, of one storage."""
    file = io.BytesIO()
    for part in (magic, PROTOCOL, {"little_endian": True}, named, ["7"]):
        TorchPickler(file, protocol=2).dump(part)
    file.write(len(data).to_bytes(8, "little"))
    file.write(data)
    file.seek(0)
    return file


class Harmful:
    """Runs a command when it is read."""

    def __reduce__(self) -> tuple:
        return print, ("run!",)


def test_the_reader_of_weights_runs_no_code(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(pickle.UnpicklingError, match="print, which is no part of a tensor"):
        read_tensors(write_as_torch(OrderedDict(weight=Harmful()), b""))
    assert capsys.readouterr().out == ""


def test_the_reader_of_weights_refuses_other_files() -> None:
    with pytest.raises(ValueError, match=r"before version 1\.6"):
        read_tensors(write_as_torch(OrderedDict(), b"", magic=3))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("_conv_stem.weight", "stem/kernel"),
        ("_bn0.running_var", "stem/norm/moving_variance"),
        ("_bn1.bias", "top/norm/beta"),
        ("_fc.bias", "logits/bias"),
        ("_blocks.0._bn1.weight", "block_0/depthwise/norm/gamma"),
        ("_blocks.12._bn0.running_mean", "block_12/expand/norm/moving_mean"),
        ("_blocks.12._project_conv.weight", "block_12/project/kernel"),
        ("_bn0.num_batches_tracked", None),
    ],
)
def test_each_tensor_gets_its_name(theirs: str, ours: str | None) -> None:
    assert rename(theirs) == ours


def test_kernels_are_laid_out_as_keras_has_them() -> None:
    kernel = np.arange(2 * 3 * 5 * 5, dtype=np.float32).reshape(2, 3, 5, 5)  # out, in, height, width
    assert (
        as_ours("top/kernel", kernel).shape == (5, 5, 3, 2)
        and as_ours("top/kernel", kernel)[1, 2, 0, 1] == kernel[1, 0, 1, 2]
    )
    assert as_ours("block_1/depthwise/kernel", kernel[:, :1]).shape == (5, 5, 2, 1)
    assert as_ours("logits/kernel", kernel[:, :, 0, 0]).shape == (3, 2)
    assert (
        as_ours("top/kernel", kernel).dtype == np.float16
        and as_ours("top/norm/beta", kernel[0, 0, 0]).dtype == np.float32
    )
