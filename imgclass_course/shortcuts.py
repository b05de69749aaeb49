"""Shortcuts: what tells the classes apart without looking at what is in the pictures.

Where one class was photographed in the evening, on one tablecloth or with one camera, a classifier may learn the light, the
cloth or the camera, and fail on the next picture (Geirhos et al. 2020, Shortcut learning in deep neural networks, Nature
Machine Intelligence 2: 665). So for brightness, size, aspect ratio, colour of the border and file format alone, a small tree is
asked to name the class of pictures that it was not fitted on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from PIL import ExifTags, Image

from .foundation.errors import ImageError
from .foundation.files import printable
from .foundation.picture_files import open_image
from .foundation.pictures import Picture
from .foundation.progress import progress_bar
from .foundation.tables import any_names
from .foundation.threads import map_in_threads
from .image_folder import ImageFolder
from .intervals import Accuracy

SMALL = 64  # pixels of the side of the copy that brightness and border are measured on
BORDER = 3  # pixels of it, along each edge
LEAST_GAIN = 0.1  # of the accuracy on all classes, above that of always naming the largest
LEAST_CLASS_GAIN = 0.3  # of the accuracy on one class and as many others, above 0.5
LEAST_PICTURES = 10  # of a class that is tried against the others
MISTAKEN = 0.05  # the share of folders without a shortcut in which any of the tests may raise an alarm
NUM_FOLDS = 5
LYING = (5, 6, 7, 8)  # orientations of photos that lie on their side in their file
NUM_LEAVES = 16
MEASURES = ["brightness", "width", "height", "red", "green", "blue", "format"]
PROPERTIES: dict[str, tuple[str, ...]] = {  # what is tried, and the measures that each consists of
    "brightness": ("brightness",),
    "picture size": ("pixels",),
    "aspect ratio": ("aspect",),
    "border colour": ("red", "green", "blue"),
    "file format": ("format",),
}


@dataclass(frozen=True)
class Shortcut:
    """A property that alone tells classes apart, and how well."""

    name: str  # one of PROPERTIES
    label: str  # the class that it tells best from the others
    accuracy: Accuracy  # of the property alone, on pictures that it was not fitted on
    chance: float  # the accuracy of always naming the largest class, on the same pictures
    against: str  # "all classes", or "the others": as many pictures of the other classes as of `label`
    sentence: str  # what goes with the class, for people

    @property
    def gain(self) -> float:
        """How much more often the property names the class rightly than guessing does."""
        return self.accuracy.value - self.chance

    def __str__(self) -> str:
        what = "names the class" if self.against == "all classes" else f"tells {printable(self.label)} from the others"
        return f"{self.name} alone {what}: {self.accuracy}, guessing {self.chance:.3f}; {self.sentence}"


def find_shortcuts(folder: ImageFolder, measures: pd.DataFrame | None = None, seed: int = 0) -> list[Shortcut]:
    """Return the properties that alone predict the class beyond chance, the strongest first; at most one of each kind.

    `measures` is what `measure_pictures` returns (None: they are measured now). A property is a shortcut where its accuracy
    in five folds is higher than guessing's by 0.1 for all classes, or by 0.3 for one class against as many others, and
    an exact binomial test, corrected for the number of tests (Bonferroni), says that this is no chance.
    """
    measures = measure_pictures(folder) if measures is None else measures
    labels = measures["label"].to_numpy(str)
    with any_names():
        counts = pd.Series(labels).value_counts()
    classes = [name for name in counts.index if counts[name] >= LEAST_PICTURES]
    if len(counts) < 2 or not classes:
        return []
    tried = [name for name in PROPERTIES if len(_columns(measures, name).drop_duplicates()) > 1]
    significance = MISTAKEN / max(1, len(tried) * (len(classes) + 1))
    found = [_search(measures, labels, classes, name, significance, seed) for name in tried]
    return sorted(filter(None, found), key=lambda shortcut: -shortcut.gain)


def measure_pictures(folder: ImageFolder) -> pd.DataFrame:
    """Return a row for each different picture that can be read: label, brightness, width, height, red, green, blue, format.

    Brightness and the colour of the border are from 0 to 255. Of a picture that is there more than once,
    the first counts.
    """
    rows = folder.readable.drop_duplicates("digest")
    found = map_in_threads(lambda path: _measure(folder.picture(path)), rows["path"])
    measured = list(progress_bar(found, "Measuring", "pictures", len(rows)))
    table = pd.DataFrame(measured, columns=MEASURES, index=rows.index)
    table = table.assign(label=rows["label"])
    return table[table["format"] != ""].reset_index(drop=True)


def _measure(picture: Picture) -> tuple:
    """Return the measures of one picture; zeros and no format where it cannot be read."""
    try:
        content = picture.content()
        image = open_image(content) if isinstance(content, bytes) else content
        kind, (width, height) = getattr(image, "format", None) or "pixels", _size(image)
        small = picture.load(SMALL).astype(np.float32)
    except (ImageError, OSError):
        return (0.0, 0, 0, 0.0, 0.0, 0.0, "")
    inside = slice(BORDER, -BORDER)
    border = np.ones(small.shape[:2], bool)
    border[inside, inside] = False
    return (float(small.mean()), width, height, *map(float, small[border].mean(axis=0)), kind)


def _size(image: Image.Image) -> tuple[int, int]:
    """Return width and height of a picture as people see it: photos may lie on their side in the file."""
    try:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) in LYING
    except Exception:  # damaged notes on an undamaged picture
        turned = False
    return (image.height, image.width) if turned else image.size


def _columns(measures: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return what a property consists of, as numbers [n, m]."""
    if name == "file format":
        return pd.get_dummies(measures["format"]).astype(float)
    made = measures.assign(pixels=measures["width"] * measures["height"], aspect=measures["width"] / measures["height"])
    return made[list(PROPERTIES[name])].astype(float)


def _search(
    measures: pd.DataFrame, labels: np.ndarray, classes: Sequence[str], name: str, significance: float, seed: int
) -> Shortcut | None:
    """Try one property on all classes together, then on each class against the others."""
    values = _columns(measures, name).to_numpy()
    single = {label: _one_class(values, labels, label, seed) for label in classes}
    best = max(single, key=lambda label: single[label].value)
    sentence = describe(measures, labels == best, name, best)
    largest = max(np.unique(labels, return_counts=True)[1]) / len(labels)
    every = _accuracy(values, labels, seed)
    if every.value - largest >= LEAST_GAIN and _p_value(every, largest) < significance:
        return Shortcut(name, best, every, largest, "all classes", sentence)
    if single[best].value - 0.5 >= LEAST_CLASS_GAIN and _p_value(single[best], 0.5) < significance:
        return Shortcut(name, best, single[best], 0.5, "the others", sentence)
    return None


def _one_class(values: np.ndarray, labels: np.ndarray, label: str, seed: int) -> Accuracy:
    """Return how well a property tells a class from as many other pictures, drawn at random: guessing gets half."""
    own, others = np.flatnonzero(labels == label), np.flatnonzero(labels != label)
    generator, count = np.random.default_rng(seed), min(len(own), len(others))
    chosen = np.concatenate([generator.choice(rows, count, replace=False) for rows in (own, others)])
    return _accuracy(values[chosen], (labels[chosen] == label).astype(str), seed)


def _accuracy(values: np.ndarray, labels: np.ndarray, seed: int) -> Accuracy:
    """Return the accuracy of a shallow tree in five folds: each picture is named by a tree that was fitted on others."""
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier

    leaves = NUM_LEAVES + len(np.unique(labels))
    tree = DecisionTreeClassifier(max_leaf_nodes=leaves, min_samples_leaf=3, random_state=seed)
    folds = KFold(min(NUM_FOLDS, len(labels)), shuffle=True, random_state=seed)
    answers = cross_val_predict(tree, values, labels, cv=folds)
    return Accuracy(int((answers == labels).sum()), len(labels))


def _p_value(accuracy: Accuracy, chance: float) -> float:
    from scipy.stats import binomtest

    return float(binomtest(accuracy.correct, accuracy.n, chance, alternative="greater").pvalue)


def describe(measures: pd.DataFrame, own: np.ndarray, name: str, label: str) -> str:
    """Say what goes with a class, in a sentence: "birds are brighter (median 210 against 140)".

    own: [n] bool, which pictures are of the class.
    """
    shown = printable(label)
    if name == "file format":
        usual = measures.loc[own, "format"].mode()[0]
        shares = [100 * (measures.loc[rows, "format"] == usual).mean() for rows in (own, ~own)]
        return f"{shown} are {usual} files ({shares[0]:.0f} % against {shares[1]:.0f} %)"
    columns = _columns(measures, name)
    here, there = (columns[rows].median() for rows in (own, ~own))
    if name == "border colour":
        colours = ["(" + ", ".join(f"{value:.0f}" for value in part) + ")" for part in (here, there)]
        return f"{shown} have borders of another colour (median red, green, blue {colours[0]} against {colours[1]})"
    value, other = float(here.iloc[0]), float(there.iloc[0])
    if name == "picture size":
        sizes = ["{:.0f} x {:.0f}".format(*measures.loc[rows, ["width", "height"]].median()) for rows in (own, ~own)]
        return f"{shown} are {_word(value, other, 'larger', 'smaller')} (median {sizes[0]} against {sizes[1]} pixels)"
    words = {"brightness": ("brighter", "darker"), "aspect ratio": ("wider", "narrower")}[name]
    digits = 0 if name == "brightness" else 2
    medians = f"median {value:.{digits}f} against {other:.{digits}f}"
    return f"{shown} are {_word(value, other, *words)} ({medians})"


def _word(value: float, other: float, more: str, less: str) -> str:
    """Return which word is true; two classes may differ although their medians do not."""
    return "spread differently" if value == other else more if value > other else less
