"""What a classifier is, whatever it is made of: names of classes, and a probability of each for a picture.

The names are scikit-learn's. Evaluation, report, label, page and export take any `Classifier`.
"""

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, overload

import numpy as np

from .foundation.errors import ClassifierError, ImageError
from .foundation.litert import Layer
from .foundation.picture_files import SQUASH
from .foundation.pictures import Picture, Pictures, PictureSource, as_pictures, is_one_picture
from .foundation.progress import progress_bar
from .foundation.runners import Outcome, Pixels, Runner
from .joined_backbones import JoinedBackbone, join_vectors
from .novelty import KnownPictures

if TYPE_CHECKING:
    from .backbones import Backbone


class Answer(str):
    """The likeliest class of a picture, as text; it also knows the other probabilities, or why there is no answer."""

    picture: str  # its name: a path, or "picture 3"
    probabilities: dict[str, float]  # of every class, likeliest first; empty where the picture cannot be read
    problem: str  # why the picture cannot be read, or empty
    distance: float  # to the nearest training picture, from 0 to 2; not a number where the classifier keeps none
    none_of_these: bool  # whether it is farther than pictures of the known classes are

    def __new__(
        cls,
        label: str = "",
        picture: str = "",
        probabilities: dict[str, float] | None = None,
        problem: str = "",
        distance: float = math.nan,
        none_of_these: bool = False,
    ) -> "Answer":
        answer = super().__new__(cls, label)
        answer.picture, answer.probabilities, answer.problem = picture, probabilities or {}, problem
        answer.distance, answer.none_of_these = distance, none_of_these
        return answer

    @property
    def probability(self) -> float:
        """Of the likeliest class; not a number where the picture cannot be read."""
        return self.probabilities.get(str(self), math.nan)

    def top(self, count: int = 5) -> list[tuple[str, float]]:
        """Return the likeliest classes with their probabilities, likeliest first."""
        return list(self.probabilities.items())[:count]

    def __repr__(self) -> str:
        doubt = ", perhaps none of these" if self.none_of_these else ""
        return f"<{os.path.basename(self.picture)}: {self.problem or f'{self} {self.probability:.2f}{doubt}'}>"


class Head(Protocol):
    """Turns vectors into probabilities: a trained last layer, or a classifier of scikit-learn."""

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the probability of each class [n, k], rows sum to 1, for vectors [n, d]."""
        ...


class DenseHead(Head, Protocol):
    """A head whose scores softmax turns into probabilities; it can be exported."""

    def scores(self, X: Any) -> Any:
        """Return the scores [n, k], an array or a tensor, of vectors [n, d], an array or a tensor."""
        ...

    def dense_layers(self) -> list[Layer]:
        """Return its layers as arrays. Raises `TrainingError` where it is more than dense layers with ReLU."""
        ...


class Classifier(Protocol):
    """Names pictures."""

    @property
    def classes_(self) -> Sequence[str]:
        """The names of the k classes."""
        ...

    def predict_proba(self, pictures: Pictures) -> np.ndarray:
        """Return the probability of each class [n, k] float64; not a number for a picture that cannot be read."""
        ...

    def predict(self, pictures: Any) -> Any:
        """Return an answer for one picture, or a list of answers for several."""
        ...

    def score(self, pictures: Pictures, labels: Sequence[str]) -> float:
        """Return the share of pictures that are named as `labels` says; one that cannot be read is named wrongly."""
        ...


class PictureClassifier(ABC):
    """`predict_proba`, `predict` and `score` for whatever turns pictures into probabilities."""

    classes_: Sequence[str]

    known: KnownPictures | None = None  # what tells that a picture is none of these

    @abstractmethod
    def outcomes(self, pictures: Sequence[Picture]) -> list[Outcome]:
        """Return the probabilities [k] float of each picture, or why it cannot be read."""

    def outcomes_and_distances(self, pictures: Sequence[Picture]) -> tuple[list[Outcome], np.ndarray]:
        """Return the outcomes, and how far each picture is from what is known [n]; not a number where nobody can tell."""
        return self.outcomes(pictures), np.full(len(pictures), np.nan)

    def _named(self, pictures: Pictures) -> list[tuple[str, Outcome]]:
        given = list(as_pictures(pictures))
        return [(picture.name, found) for picture, found in zip(given, self.outcomes(given), strict=True)]

    def _answers(self, pictures: Pictures) -> list[Answer]:
        given = list(as_pictures(pictures))
        return self._answers_from(given, *self.outcomes_and_distances(given))

    def _answers_from(
        self, pictures: Sequence[Picture], found: Sequence[Outcome], distances: np.ndarray
    ) -> list[Answer]:
        strangers = self.known.are_strangers(distances) if self.known else np.zeros(len(pictures), bool)
        rows = zip(pictures, found, distances.tolist(), strangers.tolist(), strict=True)
        return [self._answer(picture.name, *row) for picture, *row in rows]

    def predict_proba(self, pictures: Pictures) -> np.ndarray:
        """Return the probability of each class [n, k] float64; a row of not-a-number for what cannot be read."""
        unknown = np.full(len(self.classes_), np.nan)
        rows = [unknown if isinstance(found, Exception) else found for _, found in self._named(pictures)]
        return np.array(rows, np.float64).reshape(len(rows), len(self.classes_))

    @overload
    def predict(self, pictures: PictureSource) -> Answer: ...  # type: ignore[overload-overlap]

    @overload
    def predict(self, pictures: Iterable[PictureSource]) -> list[Answer]: ...

    def predict(self, pictures: Pictures) -> Answer | list[Answer]:
        """Return an `Answer` for one picture, or a list of them for several. What cannot be read says why."""
        answers = self._answers(pictures)
        return answers[0] if is_one_picture(pictures) else answers

    def _answer(self, name: str, found: Outcome, distance: float = math.nan, stranger: bool = False) -> Answer:
        if isinstance(found, Exception):
            return Answer(picture=name, problem=str(found))
        order = np.argsort(-found, kind="stable")
        probabilities = {self.classes_[index]: float(found[index]) for index in order}
        return Answer(self.classes_[order[0]], name, probabilities, "", distance, stranger)

    def score(self, pictures: Pictures, labels: Sequence[str]) -> float:
        """Return the share of pictures named as `labels` says. Raises `ClassifierError` for a class it does not know."""
        labels = [str(label) for label in labels]
        if strangers := sorted(set(labels) - set(self.classes_)):
            raise ClassifierError(f"There is no class {strangers[0]!r}; there are {', '.join(self.classes_)}.")
        answers = [self._answer(name, found) for name, found in self._named(pictures)]
        if len(answers) != len(labels) or not labels:
            raise ClassifierError(f"{len(answers)} pictures and {len(labels)} labels: give one label per picture.")
        return float(np.mean([str(answer) == label for answer, label in zip(answers, labels, strict=True)]))


@dataclass(frozen=True)
class PictureLoader:
    """Reads a picture as a network wants it: pixels [size, size, 3] uint8. Raises `ImageError` with the reason."""

    size: int
    preparation: str = SQUASH  # one of `picture_files.PREPARATIONS`

    def __call__(self, picture: Picture) -> np.ndarray:
        try:
            return picture.load(self.size, preparation=self.preparation)
        except OSError as error:
            raise ImageError(f"the file cannot be read ({error.strerror})") from error


def join_outcomes(parts: Sequence[list[Outcome]]) -> list[Outcome]:
    """Return the vectors of each picture by several networks side by side, or why one of them could not read it."""
    joined: list[Outcome] = []
    for found in zip(*parts, strict=True):
        problems = [outcome for outcome in found if isinstance(outcome, Exception)]
        joined.append(problems[0] if problems else join_vectors([outcome[None] for outcome in found])[0])
    return joined


def picture_loader(image_sizes: Sequence[int], preparation: str = SQUASH) -> Callable[[Picture], Pixels]:
    """Return what reads a picture for a runner: for one that runs several networks, in the size of each."""
    loaders = [PictureLoader(size, preparation) for size in image_sizes]

    def load(picture: Picture) -> Pixels:
        sizes = tuple(read(picture) for read in loaders)
        return sizes if len(sizes) > 1 else sizes[0]

    return load


def run_on_pictures(
    runner: Runner, image_sizes: Sequence[int], pictures: Sequence[Picture], preparation: str = SQUASH
) -> list[Outcome]:
    """Return what a runner makes of each picture, or why it cannot be read; on all cores, with a progress bar."""
    found = runner.map(picture_loader(image_sizes, preparation), pictures)
    return list(progress_bar(found, "Naming", "pictures", len(pictures)))


def measured_distances(known: KnownPictures | None, vectors: Sequence[Outcome]) -> np.ndarray:
    """Return how far vectors [d] are from what is known [n]; not a number for those that are none."""
    distances = np.full(len(vectors), np.nan)
    there = {row: vector for row, vector in enumerate(vectors) if not isinstance(vector, Exception)}
    if known and there:
        distances[list(there)] = known.distances(np.stack(list(there.values())))
    return distances


@dataclass(frozen=True, eq=False)
class ImageClassifier(PictureClassifier):
    """A backbone, a head on its vectors, and the names of the classes."""

    backbone: "Backbone | JoinedBackbone"
    head: Head
    classes_: Sequence[str]
    known: KnownPictures | None = None

    def outcomes(self, pictures: Sequence[Picture]) -> list[Outcome]:
        """Return the probabilities [k] float of each picture, or why it cannot be read."""
        return self.outcomes_and_distances(pictures)[0]

    def outcomes_and_distances(self, pictures: Sequence[Picture]) -> tuple[list[Outcome], np.ndarray]:
        """Return the outcomes, and how far each picture is from what is known [n]; not a number where nobody can tell."""
        parts = self.backbone.parts
        vectors = join_outcomes([run_on_pictures(part.runner(), [part.image_size], pictures) for part in parts])
        readable = [vector for vector in vectors if not isinstance(vector, Exception)]
        probabilities = iter(self.head.predict_proba(np.stack(readable)) if readable else ())
        found = [vector if isinstance(vector, Exception) else next(probabilities) for vector in vectors]
        return found, measured_distances(self.known, vectors)

    def __repr__(self) -> str:
        return f"ImageClassifier({self.backbone.name}, {type(self.head).__name__}, classes: {', '.join(self.classes_)})"
