"""Networks in PyTorch give the same vectors, and what was trained there is a saved classifier as an ONNX file."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support import SMALL, gradient, run_python

from imgclass_course.backbones import IMAGE_SIZES, Backbone, load_backbone
from imgclass_course.cli import main
from imgclass_course.foundation.errors import BackboneError, ClassifierError, ExportError, ImageError
from imgclass_course.foundation.torch_running import TorchRunner
from imgclass_course.outputs.classifier_files import load_classifier
from imgclass_course.outputs.onnx_classifier import BACKBONE, CLASSES, PREPARATION, export_torch_classifier

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

NAMES = ("blue", "green", "red")
SIDE = 16
ODD = (
    "mobilenet_v1_100_224",
    100,
)  # its maps have sides of 25, 13 and 7: "same" padding is even there, elsewhere it is not
CASES = [*((f"mobilenet_v1_100_{size}", None) for size in IMAGE_SIZES), ODD]


def lowest_cosine(first: np.ndarray, second: np.ndarray) -> float:
    products = (first.astype(np.float64) * second).sum(axis=1)
    return float((products / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)).min())


@pytest.mark.parametrize(("name", "size"), CASES, ids=lambda value: str(value))
def test_vectors_are_those_of_litert(name: str, size: int | None) -> None:
    backbone = load_backbone(name, size)
    pictures = np.stack([gradient(backbone.image_size, backbone.image_size, seed) for seed in range(2)])
    expected, found = backbone.runner("litert")(pictures), backbone.runner("torch")(pictures)
    assert found.shape == expected.shape and found.dtype == np.float32
    assert lowest_cosine(expected, found) > 0.9999
    assert np.abs(expected - found).max() < 1e-3 and expected.max() > 1


def test_runner_reads_pictures_and_goes_on_after_one_that_cannot_be_read() -> None:
    runner = load_backbone(SMALL).runner("torch")
    pictures = [gradient(128, 128, seed) for seed in range(3)]

    def load(number: int) -> np.ndarray:
        if number == 1:
            raise ImageError("no picture")
        return pictures[number]

    first, second, third = runner.map(load, range(3))
    assert isinstance(second, ImageError)
    np.testing.assert_allclose([first, third], runner(np.stack(pictures))[[0, 2]], atol=1e-4)
    assert runner(np.zeros((0, 128, 128, 3), np.uint8)).shape == (0, 1024)


def test_runner_leaves_no_gradient_behind() -> None:
    """Even after it was put into training mode from outside, as a fresh module is, it computes as in use."""
    backbone = load_backbone(SMALL)
    module = backbone.network.torch_network(128)
    assert module.training  # how PyTorch makes every module
    before = {name: values.clone() for name, values in module.state_dict().items()}
    TorchRunner(module)(np.stack([gradient(128, 128)]))
    assert all(torch.equal(values, before[name]) for name, values in module.state_dict().items())
    assert all(values.grad is None for values in module.parameters())


def test_a_network_without_a_form_in_pytorch_says_so() -> None:
    backbone = Backbone("keras:Xception", 32, "e" * 64, lambda: lambda pixels: pixels)
    with pytest.raises(BackboneError, match="keras:Xception has no form in PyTorch; .*'litert' or") as caught:
        backbone.runner("torch")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["torch", "onnxruntime"])
def test_what_is_missing_is_named_in_one_line(
    missing: str, monkeypatch: pytest.MonkeyPatch, onnx_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    if missing == "torch":
        with pytest.raises(
            BackboneError, match=r'^PyTorch is not installed: pip install "imgclass_course\[torch\]"\.$'
        ):
            load_backbone("mobilenet_v1_100_160", 96).runner("torch")
        return
    assert main(["label", "--graph", str(onnx_path), "x.jpg"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and 'pip install "imgclass_course[export]"' in said


# A classifier in an ONNX file


class MeanColour(torch.nn.Module):
    """Which channel is brightest: the classes are blue, green and red."""

    def forward(self, images: "torch.Tensor") -> "torch.Tensor":
        return torch.softmax(images.float().mean(dim=(1, 2)).flip(1) / 20, dim=1)


@pytest.fixture(scope="module")
def onnx_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_torch_classifier(
        MeanColour(), NAMES, SIDE, tmp_path_factory.mktemp("onnx") / "colours.onnx", "a mean"
    )


@pytest.fixture(scope="module")
def red_picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from PIL import Image

    path = tmp_path_factory.mktemp("pictures") / "red.png"
    Image.new("RGB", (50, 40), (250, 40, 30)).save(path)
    return path


def test_onnx_classifier_answers_as_the_module(onnx_path: Path, red_picture: Path) -> None:
    classifier = load_classifier(onnx_path)
    assert (classifier.classes_, classifier.image_size, classifier.backbone_name) == (NAMES, SIDE, "a mean")
    pictures = [np.full((SIDE, SIDE, 3), colour, np.uint8) for colour in ((200, 100, 50), (10, 20, 30), (90, 99, 95))]
    with torch.inference_mode():
        expected = MeanColour()(torch.tensor(np.stack(pictures))).numpy()
    np.testing.assert_allclose(classifier.predict_proba(pictures), expected, atol=1e-5)
    assert [*classifier.predict(pictures)] == ["red", "blue", "green"]
    answer = classifier.predict(red_picture)
    assert answer == "red" and answer.probability > 0.99
    assert classifier.predict(onnx_path).problem  # it is no picture
    assert classifier.runner(np.zeros((0, SIDE, SIDE, 3), np.uint8)).shape == (0, 3)


def test_folder_that_holds_one(onnx_path: Path, red_picture: Path, tmp_path: Path) -> None:
    (tmp_path / "classifier.onnx").write_bytes(onnx_path.read_bytes())
    assert load_classifier(tmp_path).predict(red_picture) == "red"
    with pytest.raises(ClassifierError, match="not trained further"):
        load_classifier(tmp_path, load_backbone(SMALL))


def test_label_without_tensorflow_and_torch(onnx_path: Path, red_picture: Path, tmp_path: Path) -> None:
    code = f"""
import sys
from imgclass_course.cli import main
code = main(["label", "--graph", {str(onnx_path)!r}, "--top", "1", {str(red_picture)!r}])
code |= main(["label", "--graph", {str(onnx_path)!r}, "--csv", {str(tmp_path / "answers.csv")!r}, {str(red_picture)!r}])
print(code, sorted({{"tensorflow", "keras", "torch", "onnx"}} & set(sys.modules)))
"""
    done = run_python("-c", code)
    lines = done.stdout.splitlines()
    assert lines[0] == str(red_picture) and lines[1].startswith("  red (score = 0.99")
    assert lines[-1] == "0 []" and not done.stderr
    assert '"red"' in (tmp_path / "answers.csv").read_text()


def with_metadata(data: bytes, **changes: str | None) -> bytes:
    model = onnx.load_from_string(data)
    about = {entry.key: entry.value for entry in model.metadata_props} | changes
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {key: value for key, value in about.items() if value is not None})
    return model.SerializeToString()


def with_shape(data: bytes, place: int, value: int | str) -> bytes:
    """Return a file whose input has another size at one place."""
    model = onnx.load_from_string(data)
    dimension = model.graph.input[0].type.tensor_type.shape.dim[place]
    dimension.Clear()
    setattr(dimension, "dim_param" if isinstance(value, str) else "dim_value", value)
    return model.SerializeToString()


def with_weights_elsewhere(data: bytes, location: str) -> bytes:
    """Return a file whose weights are said to lie in another file."""
    model = onnx.load_from_string(data)
    weights = onnx.TensorProto(name="elsewhere", data_type=1, dims=[1, 3], data_location=onnx.TensorProto.EXTERNAL)
    weights.external_data.add(key="location", value=location)
    model.graph.initializer.append(weights)
    last = model.graph.output[0].name
    model.graph.node.append(onnx.helper.make_node("Add", [last, "elsewhere"], ["moved"]))
    model.graph.output[0].name = "moved"
    return model.SerializeToString()


HOSTILE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "nothing": (lambda data: b"", "ONNX file"),
    "text": (lambda data: b"no model" * 100, "ONNX file"),
    "cut off": (lambda data: data[: len(data) // 2], "ONNX file"),
    "a pickle": (lambda data: b"\x80\x04cos\nsystem\n(S'true'\ntR.", "ONNX file"),
    "no classes": (lambda data: with_metadata(data, **{CLASSES: None}), "missing, or no JSON"),
    "no JSON": (lambda data: with_metadata(data, **{CLASSES: "blue, green"}), "missing, or no JSON"),
    "deep JSON": (lambda data: with_metadata(data, **{CLASSES: "[" * 100_000}), "missing, or no JSON"),
    "a class too few": (lambda data: with_metadata(data, **{CLASSES: json.dumps(NAMES[:2])}), "names of its 3 classes"),
    "numbers": (lambda data: with_metadata(data, **{CLASSES: "[1, 2, 3]"}), "names of its 3 classes"),
    "no list": (lambda data: with_metadata(data, **{CLASSES: '{"a": 1, "b": 2, "c": 3}'}), "names of its 3 classes"),
    "unknown preparation": (lambda data: with_metadata(data, **{PREPARATION: "../x"}), "none that this version"),
    "huge pictures": (lambda data: with_shape(with_shape(data, 1, 99_999), 2, 99_999), "ONNX file|99999 pixels"),
    "not square": (lambda data: with_shape(data, 1, 20), "ONNX file"),
    "an open size": (lambda data: with_shape(with_shape(data, 1, "h"), 2, "h"), r"\[n, size, size, 3\] is wanted"),
    "a batch of seven": (lambda data: with_shape(data, 0, 7), r"\[n, size, size, 3\] is wanted"),
    "weights of another place": (lambda data: with_weights_elsewhere(data, "/etc/hostname"), "ONNX file"),
    "weights above": (lambda data: with_weights_elsewhere(data, "../weights.bin"), "ONNX file"),
    "weights beside": (lambda data: with_weights_elsewhere(data, "weights.bin"), "ONNX file"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_refused_in_one_line(
    name: str, onnx_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    change, words = HOSTILE[name]
    np.ones(3, np.float32).tofile(tmp_path / "weights.bin")
    np.ones(3, np.float32).tofile(tmp_path.parent / "weights.bin")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "hostile.onnx"
    path.write_bytes(change(onnx_path.read_bytes()))
    with pytest.raises(ClassifierError, match=words) as caught:
        load_classifier(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value) and len(str(caught.value)) < 600
    assert capfd.readouterr() == ("", "")


def test_names_of_a_stranger_are_made_printable(onnx_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "odd.onnx"
    odd = {CLASSES: json.dumps(["a\nb", "\x1b[31mred", "c"]), BACKBONE: "x\ny"}
    path.write_bytes(with_metadata(onnx_path.read_bytes(), **odd))
    classifier = load_classifier(path)
    assert classifier.classes_ == ("a\\x0ab", "\\x1b[31mred", "c") and classifier.backbone_name == "x\\x0ay"


def test_export_refuses_what_is_no_classifier(tmp_path: Path) -> None:
    class Scores(torch.nn.Module):
        def forward(self, images: "torch.Tensor") -> "torch.Tensor":
            return images.float().mean(dim=(1, 2))

    class Branching(torch.nn.Module):
        def forward(self, images: "torch.Tensor") -> "torch.Tensor":
            return images.float().mean(dim=(1, 2)) if int(images.sum()) > 3 else images.float().sum(dim=(1, 2))

    path = tmp_path / "x.onnx"
    for module, names, words in (
        (Scores(), NAMES, "end it with a softmax"),
        (MeanColour(), NAMES[:2], "gives 3 numbers a picture, and 2 classes"),
        (Branching(), NAMES, "cannot be exported as ONNX"),
    ):
        with pytest.raises(ExportError, match=words) as caught:
            export_torch_classifier(module, names, SIDE, path)
        assert "\n" not in str(caught.value)
    assert not any(tmp_path.iterdir())


def test_export_of_a_module_in_training_mode(tmp_path: Path, onnx_path: Path) -> None:
    """Dropout of a module that is still being trained is not in the file, and the module goes on training."""
    module = torch.nn.Sequential(torch.nn.Identity().eval(), MeanColour(), torch.nn.Dropout(0.9))
    path = export_torch_classifier(module, NAMES, SIDE, tmp_path / "x.onnx")
    assert [part.training for part in (module, *module)] == [True, False, True, True]  # each as it was
    pictures = np.stack([gradient(SIDE, SIDE, seed) for seed in range(2)])
    np.testing.assert_allclose(
        load_classifier(path).runner(pictures), load_classifier(onnx_path).runner(pictures), atol=1e-6
    )
