"""Modules:

- `imgclass_course.class_scores`: What is measured where classes are unequal, each measure with a bootstrap interval: an accuracy hides the rare classes.
- `imgclass_course.cli`: The command `imgclass`: retrain, compare, convert, export, label, demo, serve, audit, clean, cache, data and lab.
- `imgclass_course.commands.lab_contents`: How JupyterLab is given the lessons: as of the Python that runs here, so that opening one does not change it.
- `imgclass_course.decisions`: What a person decided about single pictures, kept in a plain file beside them: keep, move to a class, or leave out.
- `imgclass_course.features`: The table between extraction and training: a vector and a class per picture, and what is known of it.
- `imgclass_course.foundation.downloads`: Data sets that are fetched by name: downloaded once, checked, unpacked safely, and there whole or not at all.
- `imgclass_course.foundation.grouping`: Which pictures belong together: by a pattern of their files' names, or by when they were taken.
- `imgclass_course.foundation.ray_runner`: Frozen networks run by processes of Ray: the same vectors as by LiteRT's threads, on more cores than a machine has.
- `imgclass_course.foundation.store`: Vectors of pictures by content, kept in one SQLite database per folder, and never a stale one.
- `imgclass_course.foundation.teachable_projects`: Projects of Google's Teachable Machine as pictures with their classes.
- `imgclass_course.label_next`: What to label next: pictures that a classifier is unsure of, and that are unlike each other.
- `imgclass_course.leaderboard`: A leaderboard: several ways to a classifier, tried on the same pictures from kept vectors, and one recommendation.
- `imgclass_course.near_duplicates`: Pictures that are nearly the same: saved again, resized, slightly cropped or, where asked, mirrored.
- `imgclass_course.novelty`: None of these: a picture that is farther from all training pictures than pictures of the known classes are.
- `imgclass_course.outputs.answer_files`: A classifier's answers to many pictures as a table in a CSV file, which is written as it goes and can be gone on with.
- `imgclass_course.outputs.classifier_files`: A classifier as a folder: written whole or not at all, run without TensorFlow, and trusted in nothing.
- `imgclass_course.outputs.cleaner_server`: The server of the page for cleaning a folder: on this machine alone, and only for the page that it gave out.
- `imgclass_course.outputs.export_writers`: The files of an exported classifier: LiteRT in four precisions, ONNX, and TensorFlow's SavedModel.
- `imgclass_course.outputs.exports`: A classifier as a file that runs without this library: LiteRT, TensorFlow's SavedModel or ONNX, checked before it is kept.
- `imgclass_course.outputs.onnx_classifier`: A classifier as one ONNX file, from PyTorch or elsewhere: pixels in, probabilities out, the names of the classes inside.
- `imgclass_course.outputs.report`: A page on a classifier, complete in one HTML file: what was measured, the worst mistakes, and what to do next.
- `imgclass_course.outputs.serverless`: The service as a function of AWS Lambda, behind an API Gateway or the function's own address.
- `imgclass_course.outputs.service`: A classifier as a service over HTTP: pictures in, JSON out, and a limit on everything that a stranger may ask for.
- `imgclass_course.outputs.teachable_machine`: Image models of Google's Teachable Machine as classifiers of ours, with the same answers.
- `imgclass_course.outputs.uploads`: What a request to the service brings along: pictures in a form, as the whole body, or as base64 in JSON.
- `imgclass_course.outputs.web_page`: A classifier as a page that needs no server, no network and no Python: one HTML file, opened by a double click.
- `imgclass_course.resampling`: Other training pictures for unequal classes: fewer of the common ones, more of the rare ones, also made-up ones.
- `imgclass_course.shortcuts`: Shortcuts: what tells the classes apart without looking at what is in the pictures.
- `imgclass_course.similar_vectors`: Pairs of vectors that point nearly the same way, among many: every pair is looked at, in fewer dimensions first.
- `imgclass_course.trials`: Train one network again and again on the same pictures: for fair comparisons of rates, schedules and optimizers."""

import importlib
import logging
import os
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .backbones import load_backbone as load_backbone
    from .bottlenecks import extract as extract
    from .classifiers import ImageClassifier as ImageClassifier
    from .datasets import ImageFolder as ImageFolder
    from .evaluation import Evaluation as Evaluation
    from .evaluation import compare_paired as compare_paired
    from .evaluation import evaluate as evaluate
    from .features import Features as Features
    from .outputs.classifier_files import load_classifier as load_classifier
    from .outputs.classifier_files import save_classifier as save_classifier
    from .outputs.exports import export_classifier as export_classifier
    from .outputs.run_files import save_run as save_run
    from .retraining import fit as fit
    from .retraining import retrain as retrain
    from .tuning import fine_tune as fine_tune

# TensorFlow reports its build and its every file at start-up; it reads this before it is imported. Errors stay visible.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
logging.getLogger("tensorflow").addFilter(lambda record: record.levelno >= logging.WARNING)

try:
    __version__ = version("imgclass_course")
except PackageNotFoundError:  # run from a source folder that was never installed
    __version__ = "0+unknown"

_MODULES = {  # where each public name is
    "Evaluation": "evaluation",
    "Features": "features",
    "ImageClassifier": "classifiers",
    "ImageFolder": "datasets",
    "compare_paired": "evaluation",
    "evaluate": "evaluation",
    "export_classifier": "outputs.exports",
    "extract": "bottlenecks",
    "fine_tune": "tuning",
    "fit": "retraining",
    "load_backbone": "backbones",
    "load_classifier": "outputs.classifier_files",
    "retrain": "retraining",
    "save_classifier": "outputs.classifier_files",
    "save_run": "outputs.run_files",
}
__all__ = [*_MODULES]


def __getattr__(name: str) -> Any:  # functions and classes
    """Load a public name (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
