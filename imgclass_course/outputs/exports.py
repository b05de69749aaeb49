"""A classifier as a file that runs without this library: LiteRT, TensorFlow's SavedModel or ONNX, checked before it is kept.

Every file is run by its own runtime and compared with the classifier, picture by picture, before it gets its name: one that
does not answer as the classifier does is no export.
"""

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..classifiers import PictureClassifier, PictureLoader
from ..course_data import dataset_folder
from ..decided_folder import as_decided_folder
from ..foundation.errors import ClassifierError, ExportError
from ..foundation.files import printable, remove, write_text_whole, write_whole
from ..foundation.picture_files import CROP, SQUASH
from ..foundation.pictures import Picture, as_pictures
from ..foundation.threads import map_in_threads
from ..image_folder import ImageFolder
from .classifier_files import load_classifier, save_classifier
from .export_runtimes import RUNTIMES
from .export_writers import input_names, named_model, quantised, with_metadata, write_onnx, write_saved_model
from .parity import Parity, check_equal, check_loss, compare_answers
from .saved_classifier import PROBABILITIES, VECTOR, SavedClassifier

FORMATS = ("litert", "saved_model", "onnx")
NEEDED = {
    "litert": ("ai_edge_litert",),
    "saved_model": ("tensorflow",),
    "onnx": ("tensorflow", "tf2onnx", "onnxruntime"),
}
PRECISIONS = ("float32", "float16", "int8_weights", "int8")
ACCEPTED_LOSS = 0.02  # of the accuracy, by quantised files
CALIBRATION_PICTURES = 100
HOW = {
    SQUASH: "RGB, each side resized to the shape's size (bilinear, antialiased), bytes as they are: scaling is inside",
    CROP: "RGB, the square in the middle resized to the shape's size (Lanczos), bytes as they are: scaling is inside",
}
COURSE_PICTURES = 60  # of the drawings that come along, where no others are given
RANDOM_PICTURES = 4
LABELS = "labels.txt"


@dataclass(frozen=True)
class Export:
    """An exported classifier: its file, or its folder, and how it answers beside the classifier."""

    path: Path
    format: str  # one of FORMATS
    precision: str  # one of PRECISIONS
    megabytes: float
    parity: Parity
    compared_on: str  # which pictures, in words

    def __str__(self) -> str:
        return f"{printable(self.path)} ({self.megabytes:.1f} MB): {self.parity} on {self.compared_on}"


@dataclass(frozen=True)
class Shown:
    """Pictures that a classifier and its exports are compared on, in the size of each network."""

    pictures: Sequence[Picture]
    pixels: list[np.ndarray]  # for each network [n, size, size, 3] uint8
    labels: np.ndarray | None  # [n], the numbers of their classes, where they are known
    described: str


def export_classifier(
    classifier: "PictureClassifier | str | os.PathLike",  # one that `retrain` gives, or the folder of a saved one
    folder: str | os.PathLike,  # where the file goes, with labels.txt and a .json beside it; made where it is not there
    to: str = "litert",  # one of FORMATS
    precision: str = "float32",  # one of PRECISIONS; others than float32 for litert
    pictures: "ImageFolder | str | os.PathLike | None" = None,  # with their classes; None: some that come along
    accept_loss: float = ACCEPTED_LOSS,  # of the accuracy, by quantised files
    **split: Any,  # validation_percentage, testing_percentage, seed and group_by of `retrain`, where `pictures` is a folder
) -> Export:
    """Write a classifier as one file for another runtime, run it there, and keep it if it answers as the classifier does.

    It is compared on the validation pictures, or where there are none on all; int8 is calibrated on training pictures.
    Raises `ExportError` for what cannot be exported, or answers otherwise; a file that was there before then stays.
    """
    folder = Path(folder)
    _check_wish(folder, to, precision, pictures)
    saved, images = _as_saved(classifier), None if pictures is None else as_decided_folder(pictures, **split)
    if not isinstance(classifier, PictureClassifier):
        classifier = saved
    shown = _pictures_to_compare(saved, images)
    about = describe(saved, precision)
    model = named_model(saved.litert_runner.model)
    if precision != "float32":
        model = quantised(model, precision, _calibration(saved, images) if precision == "int8" else ())
    path = folder / file_name(to, precision)
    found: list[Parity] = []

    def write(unfinished: Path) -> None:
        _write(model, to, about, unfinished)
        parity = _compare(classifier, saved, shown, to, unfinished)
        check_equal(parity) if precision == "float32" else check_loss(parity, accept_loss)
        found.append(parity)
        if path.is_dir():  # an earlier export
            remove(path)

    write_whole(path, write)
    export = Export(path, to, precision, _megabytes(path), found[0], shown.described)
    write_text_whole(folder / LABELS, "".join(f"{name}\n" for name in about["classes"]))
    write_text_whole(folder / f"{path.name}.json", json.dumps({**about, "parity": _as_json(export)}, indent=2))
    return export


def file_name(to: str, precision: str = "float32") -> str:
    """Return the name of an exported file, or of a SavedModel's folder."""
    if to == "saved_model":
        return "saved_model"
    added = "" if precision == "float32" else f"_{precision}"
    return f"classifier{added}.{'onnx' if to == 'onnx' else 'tflite'}"


def describe(saved: SavedClassifier, precision: str) -> dict[str, Any]:
    """Return what another program must know to use an exported file, as JSON takes it."""
    inputs = [
        {"name": name, "shape": ["pictures", size, size, 3], "dtype": "uint8", "range": [0, 255], "channels": "RGB"}
        for name, size in zip(input_names(len(saved.image_sizes)), saved.image_sizes, strict=True)
    ]
    return {
        "classes": list(saved.classes_),
        "backbone": saved.backbone_name,
        "precision": precision,
        "inputs": inputs,
        "resizing": saved.preparation,
        "preparation": HOW[saved.preparation],
    }


def _check_wish(folder: Path, to: str, precision: str, pictures: Any) -> None:
    """Raise `ExportError` for what is not offered."""
    if to not in FORMATS:
        raise ExportError(f"There is no format {to!r}; there are {', '.join(FORMATS)}.")
    if precision not in PRECISIONS:
        raise ExportError(f"There is no precision {precision!r}; there are {', '.join(PRECISIONS)}.")
    if to != "litert" and precision != "float32":
        raise ExportError(f"{precision} is for litert; {to} is written in float32.")
    if precision == "int8" and pictures is None:
        raise ExportError(
            "int8 needs pictures that the classifier was trained on, to find the range of its numbers: give --image_dir."
        )
    if folder.exists() and not folder.is_dir():
        raise ExportError(f"{printable(folder)} is a file: name a folder for the exported classifier.")
    for name in (*NEEDED[to], *(() if precision == "float32" else ("ai_edge_quantizer",))):
        if find_spec(name) is None:
            raise ExportError(f'This export needs {name}: pip install "imgclass_course[export]".')


def _as_saved(classifier: "PictureClassifier | str | os.PathLike") -> SavedClassifier:
    """Return the classifier as its folder holds it: with a LiteRT file. Raises `ExportError` where it has none."""
    try:
        saved = classifier if isinstance(classifier, SavedClassifier) else _read_or_save(classifier)
        _ = saved.litert_runner  # it has one
    except ClassifierError as error:
        raise ExportError(f"This classifier cannot be exported: {error}") from error
    return saved


def _read_or_save(classifier: "PictureClassifier | str | os.PathLike") -> SavedClassifier:
    if isinstance(classifier, str | os.PathLike):
        return load_classifier(classifier)
    with tempfile.TemporaryDirectory() as folder:
        save_classifier(classifier, folder)  # type: ignore[arg-type] # others say themselves that they cannot be saved
        return load_classifier(folder)


def _pictures_to_compare(saved: SavedClassifier, images: ImageFolder | None) -> Shown:
    if images is None:
        return _course_pictures(saved)
    rows = images.readable
    strangers = sorted(set(rows["label"]) - set(saved.classes_))
    if strangers:
        raise ExportError(
            f"The pictures have a class {printable(strangers[0])} that the classifier does not know; it knows "
            f"{', '.join(saved.classes_)}."
        )
    chosen = rows[rows["split"] == "validation"]
    name = "validation pictures" if len(chosen) else "pictures, since none are for validation"
    chosen = chosen if len(chosen) else rows
    if not len(chosen):
        raise ExportError("There is no readable picture to compare on: give a folder of pictures with their classes.")
    numbers = np.array([list(saved.classes_).index(label) for label in chosen["label"]])
    pictures = [images.picture(path) for path in chosen["path"]]
    return Shown(pictures, load_pixels(saved, pictures), numbers, f"{len(pictures)} {name}")


def _course_pictures(saved: SavedClassifier) -> Shown:
    """Return drawings that come along and random pixels, in place of pictures of the classifier's own kind."""
    images = ImageFolder.scan(dataset_folder("clipart"))
    paths = images.readable["path"]
    chosen = [images.picture(path) for path in paths[:: max(len(paths) // COURSE_PICTURES, 1)]]
    noise = np.random.default_rng(0).integers(
        0, 256, (RANDOM_PICTURES, saved.image_size, saved.image_size, 3), np.uint8
    )
    pictures = [*chosen, *as_pictures([*noise])]
    described = (
        f"{len(chosen)} drawings of the course and {RANDOM_PICTURES} pictures of noise (--image_dir names better ones)"
    )
    return Shown(pictures, load_pixels(saved, pictures), None, described)


def load_pixels(saved: SavedClassifier, pictures: Sequence[Picture]) -> list[np.ndarray]:
    """Return pictures as a classifier prepares them, [n, size, size, 3] uint8 for each of its networks."""
    loaders = [PictureLoader(size, saved.preparation) for size in saved.image_sizes]
    return [np.stack(list(map_in_threads(load, pictures))) for load in loaders]


def _calibration(saved: SavedClassifier, images: ImageFolder | None) -> list[np.ndarray]:
    """Return some training pictures, from all classes alike. Raises `ExportError` where there are none."""
    rows = images.readable if images else None
    if images is None or rows is None or not (rows["split"] == "train").any():
        raise ExportError("int8 needs training pictures, to find the range of its numbers: none are given.")
    training = rows[rows["split"] == "train"]
    turn = training.groupby("label").cumcount()  # the first of each class, then the second of each
    chosen = training.iloc[np.argsort(turn.to_numpy(), kind="stable")[:CALIBRATION_PICTURES]]
    return load_pixels(saved, [images.picture(path) for path in chosen["path"]])


def _write(model: bytes, to: str, about: dict[str, Any], path: Path) -> None:
    if to == "litert":
        path.write_bytes(with_metadata(model, about))
    elif to == "onnx":
        write_onnx(model, about, path)
    else:
        write_saved_model(model, about, path)


def _compare(classifier: PictureClassifier, saved: SavedClassifier, shown: Shown, to: str, path: Path) -> Parity:
    """Run a file by its own runtime and compare it with the classifier. Raises `ExportError` where it cannot be run."""
    expected = np.stack(cast(list[np.ndarray], classifier.outcomes(shown.pictures)))  # all of them can be read
    try:
        found = RUNTIMES[to](path)(shown.pixels)
    except Exception as error:  # runtimes fail in many ways; each means the same
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise ExportError(f"The exported file cannot be run, so it was not kept: {reason}") from error
    vectors = None
    if len(found) > 1:
        whole = saved.litert_runner.with_outputs(PROBABILITIES, VECTOR)
        each = [sizes if len(sizes) > 1 else sizes[0] for sizes in zip(*shown.pixels, strict=True)]
        rows = np.stack(list(map_in_threads(whole.run, each)))
        vectors = rows[:, len(saved.classes_) :], found[1]
    return compare_answers(expected, found[0], vectors, shown.labels)


def _megabytes(path: Path) -> float:
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return sum(one.stat().st_size for one in files) / 1e6


def _as_json(export: Export) -> dict[str, Any]:
    found = {**asdict(export.parity), "compared_on": export.compared_on}
    if found["lowest_vector_cosine"] != found["lowest_vector_cosine"]:  # not a number, which JSON has not
        del found["lowest_vector_cosine"]
    return found
