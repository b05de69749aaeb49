"""A saved classifier at work: LiteRT or onnxruntime runs it, without TensorFlow and without its backbone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..classifiers import Answer, PictureClassifier, PictureLoader, measured_distances, picture_loader, run_on_pictures
from ..foundation.errors import ClassifierError
from ..foundation.litert import Layer
from ..foundation.onnx_running import OnnxRunner
from ..foundation.picture_files import SQUASH
from ..foundation.pictures import Picture, PictureSource, as_pictures
from ..foundation.runners import LiteRTRunner, Outcome, attempt
from ..novelty import KnownPictures
from ..trust import class_activation_map

PROBABILITIES, VECTOR, MAPS = range(3)  # the results of a LiteRT file


def score_slopes(layers: Sequence[Layer], vector: np.ndarray, number: int) -> np.ndarray:
    """Return how fast the score of a class grows with each number of a vector [d]: of one layer, the class's weights."""
    kept = []
    for kernel, bias, relu in layers:
        vector = vector @ kernel + bias
        kept.append(vector > 0 if relu else np.ones(len(vector), bool))
        vector = vector * kept[-1]
    slopes = np.eye(len(vector), dtype=np.float32)[number]
    for (kernel, _, _), passed in zip(reversed(layers), reversed(kept), strict=True):
        slopes = kernel @ (slopes * passed)
    return slopes


@dataclass(frozen=True, eq=False)
class SavedClassifier(PictureClassifier):
    """A classifier out of a folder, or out of an ONNX file. It needs neither TensorFlow nor the backbone."""

    classes_: Sequence[str]
    image_sizes: Sequence[int]  # pixels, of each network
    backbone_name: str
    # Of the probabilities and, where strangers are told, of the vector.
    runner: LiteRTRunner | OnnxRunner = field(repr=False)
    known: KnownPictures | None = field(default=None, repr=False)
    layers: Sequence[Layer] = field(
        default=(), repr=False
    )  # of the head, where the vector is an average over all places
    preparation: str = field(default=SQUASH, repr=False)  # of its pictures, one of `picture_files.PREPARATIONS`

    @property
    def image_size(self) -> int:
        """Of the network with the largest pictures, in pixels."""
        return max(self.image_sizes)

    @property
    def litert_runner(self) -> LiteRTRunner:
        """What runs its LiteRT file. Raises `ClassifierError` where it is an ONNX file, which holds none."""
        if isinstance(self.runner, OnnxRunner):
            raise ClassifierError("It is an ONNX file: only a folder that imgclass retrain wrote holds a LiteRT file.")
        return self.runner

    def outcomes(self, pictures: Sequence[Picture]) -> list[Outcome]:
        """Return the probabilities [k] float32 of each picture, or why it cannot be read; on all cores."""
        return self.outcomes_and_distances(pictures)[0]

    def outcomes_and_distances(self, pictures: Sequence[Picture]) -> tuple[list[Outcome], np.ndarray]:
        """Return the outcomes, and how far each picture is from what is known [n]; not a number where nobody can tell."""
        return self._told_apart(run_on_pictures(self.runner, self.image_sizes, pictures, self.preparation))

    def answer(self, picture: Picture) -> Answer:
        """Name one picture in the thread that asks, without a progress bar. Any number of threads may do this."""
        load = picture_loader(self.image_sizes, self.preparation)
        found = attempt(lambda one: self.runner.run(load(one)), picture)
        return self._answers_from([picture], *self._told_apart([found]))[0]

    def _told_apart(self, found: Sequence[Outcome]) -> tuple[list[Outcome], np.ndarray]:
        """Return the probabilities, and how far the vectors behind them are from what is known [n]."""
        count = len(self.classes_)
        vectors = [row if isinstance(row, Exception) else row[count:] for row in found]
        outcomes = [row if isinstance(row, Exception) else row[:count] for row in found]
        return outcomes, measured_distances(self.known, vectors)

    def activation_map(self, picture: PictureSource | Picture, label: str = "") -> np.ndarray:
        """Return what each place of a picture adds to the score of a class [h, w] float32; by default of the likeliest one.

        With a head of one layer it is exact: its mean is the class's score, less a number that is the same for all pictures
        (Zhou 2016, arXiv:1512.04150). With several it is what Grad-CAM takes, before what is negative is left out (Selvaraju
        2017, arXiv:1610.02391). Raises `ClassifierError` for a class that it does not know, and where the classifier does
        not consist of dense layers after an average; `ImageError` for what cannot be read.
        """
        if not self.layers:
            raise ClassifierError("This classifier cannot say where it looked: it is no dense layers after an average.")
        if label and label not in self.classes_:
            raise ClassifierError(f"There is no class {label!r}; there are {', '.join(self.classes_)}.")
        pixels = PictureLoader(self.image_size, self.preparation)(next(as_pictures(picture)))
        likeliest = int(self.runner.run(pixels)[: len(self.classes_)].argmax())
        number = list(self.classes_).index(label) if label else likeliest
        maps = self._maps_runner.run(pixels)
        return class_activation_map(maps, score_slopes(self.layers, maps.mean(axis=(0, 1)), number))

    @cached_property
    def _maps_runner(self) -> LiteRTRunner:
        return self.litert_runner.with_outputs(MAPS)
