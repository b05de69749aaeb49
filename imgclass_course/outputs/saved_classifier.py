"""A classifier out of a folder at work: LiteRT runs it, without TensorFlow and without its backbone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..classifiers import PictureClassifier, PictureLoader, measured_distances, run_on_pictures
from ..foundation.errors import ClassifierError
from ..foundation.picture_files import SQUASH
from ..foundation.pictures import Picture, PictureSource, as_pictures
from ..foundation.runners import LiteRTRunner, Outcome
from ..novelty import KnownPictures
from ..trust import class_activation_map

PROBABILITIES, VECTOR, MAPS = range(3)  # the results of a LiteRT file


@dataclass(frozen=True, eq=False)
class SavedClassifier(PictureClassifier):
    """A classifier out of a folder. It needs neither TensorFlow nor the backbone."""

    classes_: Sequence[str]
    image_sizes: Sequence[int]  # pixels, of each network
    backbone_name: str
    runner: LiteRTRunner = field(repr=False)  # of the probabilities and, where strangers are told, of the vector
    known: KnownPictures | None = field(default=None, repr=False)
    class_weights: np.ndarray | None = field(default=None, repr=False)  # [d, k] float32, where the vector is an average
    preparation: str = field(default=SQUASH, repr=False)  # of its pictures, one of `picture_files.PREPARATIONS`

    @property
    def image_size(self) -> int:
        """Of the network with the largest pictures, in pixels."""
        return max(self.image_sizes)

    def outcomes(self, pictures: Sequence[Picture]) -> list[Outcome]:
        """Return the probabilities [k] float32 of each picture, or why it cannot be read; on all cores."""
        return self.outcomes_and_distances(pictures)[0]

    def outcomes_and_distances(self, pictures: Sequence[Picture]) -> tuple[list[Outcome], np.ndarray]:
        """Return the outcomes, and how far each picture is from what is known [n]; not a number where nobody can tell."""
        found, count = run_on_pictures(self.runner, self.image_sizes, pictures, self.preparation), len(self.classes_)
        vectors = [row if isinstance(row, Exception) else row[count:] for row in found]
        outcomes = [row if isinstance(row, Exception) else row[:count] for row in found]
        return outcomes, measured_distances(self.known, vectors)

    def activation_map(self, picture: PictureSource | Picture, label: str = "") -> np.ndarray:
        """Return what each place of a picture adds to the score of a class [h, w] float32; by default of the likeliest one.

        It is exact: its mean is the class's score, less a number that is the same for all pictures (Zhou 2016,
        arXiv:1512.04150). Raises `ClassifierError` for a class that it does not know and where the classifier is no dense
        layer after an average, and `ImageError` for what cannot be read.
        """
        if self.class_weights is None:
            raise ClassifierError(
                "This classifier does not say where it looked: it is no dense layer after an average."
            )
        if label and label not in self.classes_:
            raise ClassifierError(f"There is no class {label!r}; there are {', '.join(self.classes_)}.")
        pixels = PictureLoader(self.image_size, self.preparation)(next(as_pictures(picture)))
        likeliest = int(self.runner.run(pixels)[: len(self.classes_)].argmax())
        number = list(self.classes_).index(label) if label else likeliest
        return class_activation_map(self._maps_runner.run(pixels), self.class_weights[:, number])

    @cached_property
    def _maps_runner(self) -> LiteRTRunner:
        return self.runner.with_outputs(MAPS)
