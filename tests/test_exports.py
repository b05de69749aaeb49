"""An exported classifier answers as the one that it was made of, whatever runs it; one that does not is no export."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from support import SMALL, assert_one_line_error, run_command, write_pictures

from imgclass_course.backbones import load_backbone
from imgclass_course.classifiers import ImageClassifier
from imgclass_course.foundation.errors import ExportError
from imgclass_course.foundation.litert import LiteRTGraph
from imgclass_course.heads import LogisticHead
from imgclass_course.outputs import exports
from imgclass_course.outputs.classifier_files import load_classifier
from imgclass_course.outputs.export_writers import named_model, read_metadata
from imgclass_course.outputs.exports import ACCEPTED_LOSS, Export, export_classifier, file_name
from imgclass_course.outputs.litert_to_tensorflow import tensorflow_function
from imgclass_course.outputs.parity import check_equal, check_loss, compare_answers
from imgclass_course.outputs.service import build_app, open_service

Run = Callable[..., SimpleNamespace]
WAYS = [("litert", "float32"), ("litert", "float16"), ("litert", "int8_weights"), ("litert", "int8"),
        ("saved_model", "float32"), ("onnx", "float32")]  # fmt: skip


@pytest.fixture
def imgclass(capfd: pytest.CaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: run_command(capfd, *arguments)


@pytest.fixture(scope="module")
def exported(classifier_folder: Path, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple, Export]:
    folder = tmp_path_factory.mktemp("exported")
    return {way: export_classifier(classifier_folder, folder, *way, pictures, accept_loss=1) for way in WAYS}


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_every_format_answers_as_the_classifier_does(exported: dict[tuple, Export], way: tuple, pictures: Path) -> None:
    parity, path = exported[way].parity, exported[way].path
    assert path.name == file_name(*way) and path.exists() and "validation" in exported[way].compared_on
    assert parity.accuracy is not None and parity.accuracy.n == parity.pictures > 3
    if way[1] == "float32":
        assert parity.lowest_cosine > 0.9999 and parity.lowest_vector_cosine > 0.9999
        assert parity.changed == 0 and parity.largest_difference < 1e-4
    else:  # other numbers were really used, and they are of some use
        assert 0 < parity.largest_difference < 0.9 and 0.5 < parity.lowest_vector_cosine < 1 - 1e-9
    about = json.loads(path.with_name(f"{path.name}.json").read_text())
    assert about["classes"] == path.with_name("labels.txt").read_text().splitlines()
    assert about["inputs"][0]["shape"] == ["pictures", 128, 128, 3] and about["parity"]["pictures"] == parity.pictures


def test_smaller_numbers_make_smaller_files(exported: dict[tuple, Export]) -> None:
    whole, half, weights, integers = (exported[way].megabytes for way in WAYS[:4])
    assert half < 0.55 * whole and weights < 0.3 * whole and integers < 0.3 * whole
    closest = [exported[way].parity.lowest_vector_cosine for way in WAYS[:4]]
    assert closest == sorted(closest, reverse=True)


def test_an_exported_file_needs_nothing_but_its_runtime(exported: dict[tuple, Export], classifier_folder: Path) -> None:
    import onnxruntime
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    picture = np.random.default_rng(1).integers(0, 256, (3, 128, 128, 3), np.uint8)
    saved = load_classifier(classifier_folder)
    expected = np.stack([saved.runner.run(one)[: len(saved.classes_)] for one in picture])

    session = onnxruntime.InferenceSession(str(exported["onnx", "float32"].path))
    assert json.loads(session.get_modelmeta().custom_metadata_map["classes"]) == list(saved.classes_)
    for count in (1, 3):  # any number of pictures
        found = session.run(["probabilities"], {"pixels": picture[:count]})[0]
        np.testing.assert_allclose(found, expected[:count], atol=1e-5)

    module = tf.saved_model.load(str(exported["saved_model", "float32"].path))
    found = module.signatures["serving_default"](pixels=tf.constant(picture))["probabilities"]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert Path(module.labels.asset_path.numpy().decode()).read_text().splitlines() == list(saved.classes_)

    path = exported["litert", "int8"].path
    assert read_metadata(path.read_bytes())["classes"] == list(saved.classes_)
    run = Interpreter(model_path=str(path)).get_signature_runner("serving_default")
    assert run(pixels=picture[:1])["probabilities"].dtype == np.float32


def two_networks() -> ImageClassifier:
    """Return a classifier of two networks side by side, whose head nobody trained."""
    joined = load_backbone(f"{SMALL}+mobilenet_v1_100_160")
    weights = np.random.default_rng(0).normal(size=(2048, 3)).astype(np.float32) / 40
    return ImageClassifier(joined, LogisticHead(weights, np.zeros(3, np.float32)), ("a", "b", "c"))


@pytest.mark.parametrize("to", ["saved_model", "onnx"])
def test_joined_networks_have_an_input_each(to: str, tmp_path: Path, pictures: Path) -> None:
    found = export_classifier(two_networks(), tmp_path, to)  # of a classifier that was never saved
    assert found.parity.lowest_cosine > 0.9999 and found.parity.changed == 0 and found.parity.accuracy is None
    assert "drawings of the course" in found.compared_on
    about = json.loads((tmp_path / f"{file_name(to)}.json").read_text())
    assert [(one["name"], one["shape"][1]) for one in about["inputs"]] == [("pixels_1", 128), ("pixels_2", 160)]


def test_a_file_that_answers_otherwise_is_refused_and_the_one_before_stays(
    classifier_folder: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sharper(model: bytes) -> bytes:
        graph = LiteRTGraph(named_model(model))
        (softmax,) = [one for one in graph.parts.operators if hasattr(one.builtinOptions, "beta")]
        softmax.builtinOptions.beta = 1.5  # the same likeliest class, and other probabilities
        return named_model(graph.pack(graph.parts.inputs.tolist(), graph.parts.outputs.tolist()))

    good = export_classifier(classifier_folder, tmp_path / "kept", pictures=pictures).path.read_bytes()
    monkeypatch.setattr(exports, "named_model", sharper)
    for folder in ("kept", "new"):
        with pytest.raises(ExportError, match="does not answer as the classifier does"):
            export_classifier(classifier_folder, tmp_path / folder, pictures=pictures)
    assert (tmp_path / "kept" / "classifier.tflite").read_bytes() == good
    assert not list((tmp_path / "new").iterdir())


def test_parity_counts_what_changed_and_leaves_ties_alone() -> None:
    expected = np.array([[0.7, 0.3], [0.4, 0.6], [0.5, 0.5 - 1e-7]])
    found = np.array([[0.7, 0.3], [0.6, 0.4], [0.5 - 1e-7, 0.5]])
    parity = compare_answers(expected, found, labels=np.array([0, 1, 0]))
    assert parity.changed == 1 and parity.largest_difference == pytest.approx(0.2)
    assert parity.lowest_cosine == pytest.approx(0.48 / 0.52) and parity.accuracy.only_first == 2
    with pytest.raises(ExportError, match="same class 2 of 3"):
        check_equal(parity)
    check_equal(compare_answers(expected, expected + 1e-6))
    with pytest.raises(ExportError, match="no number"):
        compare_answers(expected, expected * np.nan)


@pytest.mark.parametrize("labelled", [True, False])
def test_a_loss_is_refused_once_it_is_certain(labelled: bool) -> None:
    expected, labels = np.tile([0.9, 0.1], (100, 1)), np.zeros(100, int) if labelled else None
    found = expected.copy()
    found[:4] = found[:4, ::-1]  # 4 % lost: more than is accepted, but it may be chance
    check_loss(compare_answers(expected, found, labels=labels), ACCEPTED_LOSS)
    found[:12] = expected[0, ::-1]
    with pytest.raises(ExportError, match="--accept_loss 0.02"):
        check_loss(compare_answers(expected, found, labels=labels), ACCEPTED_LOSS)
    check_loss(compare_answers(expected, found, labels=labels), 0.2)


def test_an_operation_that_is_not_known_is_named(classifier_folder: Path) -> None:
    graph = LiteRTGraph(load_classifier(classifier_folder).runner.model)
    graph.operation("CEIL", [int(graph.parts.outputs[0])], [1, 3], graph.schema.SoftmaxOptionsT())
    with pytest.raises(ExportError, match="CEIL"):
        tensorflow_function(graph.pack(graph.parts.inputs.tolist(), graph.parts.outputs.tolist()))


def test_the_command_says_what_it_compared(imgclass: Run, classifier_folder: Path, pictures: Path) -> None:
    result = imgclass("export", classifier_folder, "out", "--precision", "float16", "--image_dir", pictures)
    assert result.code == 0 and "validation pictures" in result.out and "difference" in result.out
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "classifier_float16.tflite", "classifier_float16.tflite.json", "labels.txt"]  # fmt: skip


def test_mistakes_are_one_line(
    imgclass: Run, classifier_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("here already")
    strange = write_pictures(tmp_path / "strange", {"fish": 12, "fowl": 12})
    mistakes = [
        (("out", "--to", "coreml"), "coreml"),
        (("out", "--to", "onnx", "--precision", "int8"), "int8 is for litert"),
        (("out", "--precision", "int8"), "--image_dir"),
        (("file",), "is a file"),
        (("out", "--image_dir", strange), "fish"),
        (("out", "--image_dir", "nowhere"), "nowhere"),
    ]
    for arguments, words in mistakes:
        assert_one_line_error(imgclass("export", classifier_folder, *arguments), words)
    assert_one_line_error(imgclass("export", strange, "out"), "cannot be exported")
    monkeypatch.setattr(exports, "find_spec", lambda name: None)
    assert_one_line_error(imgclass("export", classifier_folder, "out"), 'pip install "imgclass_course[export]"')
    assert not (tmp_path / "out").exists()
    with pytest.raises(ExportError, match="no format 'coreml'"):
        export_classifier(classifier_folder, tmp_path, "coreml")
    with pytest.raises(ExportError, match="no precision 'int4'"):
        export_classifier(classifier_folder, tmp_path, precision="int4")


def test_an_exported_onnx_file_is_a_classifier_again_and_is_served(
    exported: dict[tuple, Export], classifier_folder: Path, pictures: Path
) -> None:
    from starlette.testclient import TestClient

    path = sorted((pictures / "red").iterdir())[0]
    expected = load_classifier(classifier_folder).predict(path)
    onnx = exported["onnx", "float32"].path
    assert load_classifier(onnx).predict(path).probabilities == pytest.approx(expected.probabilities, abs=1e-5)
    client, png = TestClient(build_app(open_service(onnx))), {"Content-Type": "image/png"}
    (answer,) = client.post("/predict", content=path.read_bytes(), headers=png).json()["pictures"]
    assert answer["class"] == expected
    assert answer["probabilities"] == pytest.approx(expected.probabilities, abs=1e-5)


def test_an_onnx_file_holds_no_litert_file(exported: dict[tuple, Export], tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="cannot be exported: It is an ONNX file"):
        export_classifier(exported["onnx", "float32"].path, tmp_path)


def test_the_page_in_smaller_numbers(imgclass: Run, classifier_folder: Path, pictures: Path, tmp_path: Path) -> None:
    sizes = []
    for precision in ("float32", "int8_weights"):
        flags = ("--to", "web", "--precision", precision, "--image_dir", pictures, "--accept_loss", "1")
        assert "open it in a browser" in imgclass("export", classifier_folder, tmp_path / precision, *flags).out
        sizes.append((tmp_path / precision / "index.html").stat().st_size)
    assert sizes[1] < 0.6 * sizes[0]
