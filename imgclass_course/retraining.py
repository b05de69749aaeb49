"""From pictures to a classifier: which ones are trained on, their vectors out of a store, a head in its best state.

What happens in between is what lessons 05, 07 and 09 take apart.
"""

import inspect
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import pandas as pd

from .backbones import Backbone, load_backbone
from .bottlenecks import extract
from .calibration import calibrate as calibrated
from .classifiers import Head, ImageClassifier
from .datasets import ImageFolder, check_trainable
from .decided_folder import as_decided_folder
from .features import Features
from .foundation.errors import TrainingError
from .foundation.files import cache_folder, printable
from .foundation.grouping import GroupBy
from .foundation.runners import Runner
from .foundation.store import BottleneckStore
from .heads import (
    ClassWeight,
    HeadChoice,
    KerasHead,
    adjust_for_prior,
    build_head,
    check_options,
    fit_estimator,
    fit_logistic,
    is_keras,
    training_weights,
)
from .joined_backbones import JoinedBackbone
from .mobilenet import EMBEDDED
from .novelty import USUAL_FALSE_ALARMS, KnownPictures, check_false_alarms, known_pictures
from .resampling import Resampling, check_resampling, resample as resampled
from .scoring import Evaluation
from .steps import Sampler, keep_best, train_head
from .views import Augmentation

if TYPE_CHECKING:
    import keras

USUAL_VIEWS = 4  # augmented views per training picture, where an augmentation is given


class Fitted(NamedTuple):
    """A trained head and how its training went."""

    head: Head
    history: pd.DataFrame  # of train_head or fit_logistic; empty for other estimators
    best: float  # where in the history the head is from: the step or strength with the lowest loss on validation


def _best(history: pd.DataFrame) -> float:
    return float(history["val_loss"].idxmin() if "val_loss" in history else history.index[-1])


def _make_model(head: HeadChoice, feature_dim: int, num_classes: int, seed: int) -> "keras.Model":
    if isinstance(head, str):
        return build_head(feature_dim, num_classes, seed)
    return head if hasattr(head, "fit") else head(feature_dim, num_classes)


def fit(
    features: Features,
    head: HeadChoice = "keras",
    *,
    steps: int = 500,
    batch_size: int = 100,
    learning_rate: float = 0.001,
    eval_interval: int = 25,
    callbacks: "Sequence[keras.callbacks.Callback]" = (),
    loss: Any = None,
    optimizer: Any = None,
    sampler: Sampler | None = None,
    class_weight: ClassWeight | None = None,
    strength: float | None = None,
    validation_size: int = -1,
    seed: int = 0,
) -> Fitted:
    """Train a head on the training rows; its best state, by cross-entropy on the validation rows, is kept.

    head: "keras" (one dense layer, trained in `steps`), "logistic", a Keras model, a function from the numbers of features
    and classes to one, or an estimator of scikit-learn's kind. `class_weight` is by class, or "balanced" or "log" (see
    `class_weights`); `strength` is that of the logistic head, scikit-learn's C (None: chosen on validation);
    `validation_size` pictures are measured every `eval_interval` steps (-1: all); `seed` is that of the head's start and of
    the batches. The other options are those of `train_head`. Raises `TrainingError` for a class that is not there, and for
    a weight that is not above 0.
    """
    train, validation = features.split("train"), features.split("validation").sample(validation_size)
    weights = training_weights(train, class_weight)
    if not is_keras(head):
        if head != "logistic":
            return Fitted(fit_estimator(head, train, weights), pd.DataFrame(), math.nan)
        logistic, history = fit_logistic(train, validation if len(validation) else None, weights, strength)
        return Fitted(logistic, history, _best(history))
    model = _make_model(head, train.X.shape[1], len(train.classes), seed)
    measured = (validation.X, validation.y) if len(validation) else None
    keep = [keep_best(steps)] if measured else []
    options = {"eval_interval": eval_interval, "seed": seed, "callbacks": [*keep, *callbacks], "loss": loss}
    options |= {"optimizer": optimizer, "sampler": sampler, "weights": weights, "validation": measured}
    history = train_head(train.X, train.y, model, steps, batch_size, learning_rate, **options)
    return Fitted(KerasHead(model), history, _best(history))


FIT_OPTIONS = tuple(inspect.signature(fit).parameters)[2:]


@dataclass(frozen=True, eq=False)
class Retraining:
    """A trained classifier and what was measured on the way."""

    classifier: ImageClassifier
    features: Features  # the vectors of the pictures that were used, and of the training pictures' views
    history: pd.DataFrame  # of the training, see train_head and fit_logistic
    best: float = math.nan  # the step or strength of the history that the classifier is from
    choices: Mapping[str, str] = field(default_factory=dict)  # what was chosen against unequal classes

    def __repr__(self) -> str:
        return f"Retraining({self.classifier!r}, {self.features!r})"

    @property
    def folder(self) -> ImageFolder:
        """Where the pictures are, with the problems that were found while decoding."""
        return cast(ImageFolder, self.features.source)

    @property
    def final_split(self) -> str:
        """The split that judges: test where there is one, else validation, else training."""
        return self.folder.splits[-1]

    def pictures(self, split: str, limit: int = -1) -> Features:
        """Return the pictures of a split, without augmented views, or `limit` drawn at random, always the same ones."""
        rows = self.features.rows
        return self.features.select(((rows["split"] == split) & (rows["view"] == 0)).to_numpy()).sample(limit)

    def evaluate(self, split: str, limit: int = -1) -> Evaluation:
        """Return the classifier's answers to the pictures of a split, or to `limit` of them."""
        chosen = self.pictures(split, limit)
        return Evaluation(self.classifier.classes_, chosen.y, self.classifier.head.predict_proba(chosen.X))

    def paths(self, split: str, limit: int = -1) -> list[Any]:
        """Return the files of a split, in the order of its evaluation; of pictures in memory, the pictures."""
        return [self.folder.picture(path).source for path in self.pictures(split, limit).rows["path"]]


def retrain(
    pictures: Any,
    labels: Sequence | None = None,
    *,
    backbone: str | Backbone | JoinedBackbone = EMBEDDED,
    head: HeadChoice = "keras",
    bottleneck_dir: str | os.PathLike | None = None,
    validation_percentage: float = 10,
    testing_percentage: float = 10,
    seed: int = 0,
    group_by: GroupBy = None,
    augmentation: Augmentation | None = None,
    views: int | None = None,
    resample: Resampling = "none",
    resample_to: int | None = None,
    adjust_prior: bool = False,
    calibrate: bool = False,
    false_alarms: float = USUAL_FALSE_ALARMS,
    callbacks: Any = (),
    decisions: bool = True,
    runner: str | Runner | None = None,
    **options: Any,
) -> Retraining:
    """Train a classifier of pictures. Raises a `CourseError` that says what to do.

    pictures: a folder with one folder per class, a table of paths and labels, or pictures with their `labels`. `backbone` is
    as for `load_backbone`; `head` and the `options` (steps, learning_rate, class_weight, ...) are as for `fit`. Vectors
    are kept in `bottleneck_dir` (default: in the user's cache folder). `augmentation` distorts training pictures, `views`
    times each. `resample` and `resample_to` change the rows that are trained on, as for `resampling.resample`; what is
    measured stays as it is. `adjust_prior` makes the answers those of a world in which all classes are equally common
    (see `adjust_for_prior`). `calibrate` divides the scores by a temperature, chosen on validation (see `calibration`).
    `false_alarms` is the share of pictures of the known classes that may be taken for none of these (see `novelty`); 0 keeps
    nothing to tell that. `seed` is that of the split and of the training; `group_by` says which files of a folder stay together
    in it (see `group_pictures`). `callbacks` are Keras's, or a function from `Features` to them. The file of decisions in a
    folder that is given by its path is obeyed (see `imgclass_course.decisions`), unless `decisions` is False. `runner` is as for
    `extract`: litert, tensorflow or ray.
    """
    check_options(head, options | ({"callbacks": callbacks} if callbacks else {}), FIT_OPTIONS)
    views = _check_views(augmentation, views)
    check_false_alarms(false_alarms)
    backbone = load_backbone(backbone)
    with BottleneckStore(bottleneck_dir or cache_folder() / "bottlenecks") as store:
        shares = (validation_percentage, testing_percentage, seed)
        folder = as_decided_folder(pictures, labels, *shares, store, decisions, group_by)
        check_trainable(folder)
        check_resampling(resample, folder.counts()["train"], resample_to, views)
        features = extract(
            folder, backbone=backbone, store=store, augmentation=augmentation, views=views, runner=runner
        )
    check_trainable(features.source or folder)
    if callbacks:
        options["callbacks"] = callbacks(features) if callable(callbacks) else callbacks
    trained_on = resampled(features, resample, resample_to, seed)
    fitted = fit(trained_on, head, seed=seed, **options)
    class_weight = options.get("class_weight")
    final = adjust_for_prior(fitted.head, _weight_of_classes(trained_on, class_weight)) if adjust_prior else fitted.head
    if calibrate:
        final = calibrated(final, features.split("validation"))
    classifier = ImageClassifier(backbone, final, tuple(map(printable, features.classes)), known_of(features, false_alarms))
    choices = _balancing(class_weight, resample, resample_to, adjust_prior) | ({"calibrate": "yes"} if calibrate else {})
    return Retraining(classifier, features, fitted.history, fitted.best, choices)


def known_of(features: Features, false_alarms: float = USUAL_FALSE_ALARMS) -> KnownPictures | None:
    """Return what tells strangers from the pictures of a training, its augmented views left out (see `known_pictures`)."""
    plain = features.rows["view"] == 0
    train, validation = (features.X[plain & (features.rows["split"] == name)] for name in ("train", "validation"))
    return known_pictures(train, validation, false_alarms)


def _weight_of_classes(features: Features, class_weight: ClassWeight | None) -> np.ndarray:
    """Return how much all training pictures of each class counted [k]."""
    train = features.split("train")
    return np.bincount(train.y, training_weights(train, class_weight), minlength=len(train.classes))


def _balancing(
    class_weight: ClassWeight | None, resample: Resampling, to: int | None, adjust_prior: bool
) -> dict[str, str]:
    """Return what was chosen against unequal classes, as name: value; nothing where nothing was."""
    found = {}
    if class_weight is not None and class_weight != "none":
        weights = class_weight.items() if isinstance(class_weight, Mapping) else ()
        found["class_weights"] = ", ".join(f"{name}: {weight:g}" for name, weight in weights) or str(class_weight)
    if resample != "none":
        found["resample"] = getattr(resample, "__name__", "a function") if callable(resample) else resample
    if to is not None and resample != "none":
        found["resample_to"] = str(to)
    if adjust_prior:
        found["adjust_prior"] = "yes"
    return found


def _check_views(augmentation: Augmentation | None, views: int | None) -> int:
    """Return how many views to make. Raises `TrainingError` where one of the two is of no use without the other."""
    if augmentation is None and views:
        raise TrainingError(f"views={views} without an augmentation: say how the views are to be distorted.")
    if augmentation is not None and views is not None and views < 1:
        raise TrainingError(f"views={views} leaves the augmentation unused: give 1 or more, or leave it out.")
    return 0 if augmentation is None else views or USUAL_VIEWS
