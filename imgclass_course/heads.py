"""Heads: what turns the vectors of a backbone into probabilities, and the checks of what is asked of them.

A head is a Keras model, a logistic regression, or any classifier of scikit-learn's kind. Softmax stands here, once.
"""

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from .classifiers import Head
from .features import Features
from .foundation.errors import TrainingError
from .foundation.litert import Layer
from .foundation.progress import progress_bar
from .imbalance import WEIGHTINGS, class_counts, class_weights

if TYPE_CHECKING:
    import keras

HeadChoice = Any  # "keras", "logistic", a Keras model, a function that makes one, or an estimator of scikit-learn's kind
ClassWeight = Mapping[str | int, float] | str  # by a class's name or number, others count 1; or one of `WEIGHTINGS`
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # that `logistic` chooses from, scikit-learn's C: smaller holds back more
USUAL_STRENGTH = 0.1  # where there are no validation pictures
UNSEEN = -1e4  # score of a class without training pictures
STEP_OPTIONS = ("steps", "batch_size", "learning_rate", "eval_interval", "callbacks", "loss", "optimizer", "sampler")


def build_head(feature_dim: int, num_classes: int, seed: int = 0) -> "keras.Model":
    """Return one dense layer from vectors [n, feature_dim] to scores [n, num_classes]; its start depends on the seed alone."""
    import keras

    start = keras.initializers.GlorotUniform(seed=seed)
    return keras.Sequential([keras.Input((feature_dim,)), keras.layers.Dense(num_classes, kernel_initializer=start)])


def softmax(scores: Any) -> np.ndarray:
    """Return the probabilities [n, k] float64, rows sum to 1, of scores [n, k], an array or a tensor."""
    from scipy import special

    return special.softmax(np.asarray(scores, np.float64), axis=1)


def ends_with_softmax(model: "keras.Model") -> bool:
    """Return whether a Keras head gives probabilities, and not scores."""
    import keras

    return getattr(model.layers[-1], "activation", None) is keras.activations.softmax


@dataclass(frozen=True, eq=False)
class KerasHead:
    """A Keras model from vectors [n, d] to scores or, where it ends with a softmax, probabilities [n, k]."""

    model: "keras.Model"

    def scores(self, X: Any) -> Any:
        """Return what softmax turns into probabilities [n, k], a tensor, for an array or a tensor [n, d]."""
        import keras

        outputs = self.model(X)
        return keras.ops.log(outputs) if ends_with_softmax(self.model) else outputs

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the probability of each class [n, k] float64, rows sum to 1."""
        return softmax(self.scores(X))

    def dense_layers(self) -> list[Layer]:
        """Return the layers as arrays. Raises `TrainingError` for a head that is more than dense layers with ReLU."""
        import keras

        layers = [layer for layer in self.model.layers if layer.weights]
        last = keras.activations.softmax if ends_with_softmax(self.model) else keras.activations.linear
        wanted = [keras.activations.relu] * (len(layers) - 1) + [last]
        dense = all(isinstance(layer, keras.layers.Dense) for layer in layers)
        if not dense or [layer.activation for layer in layers] != wanted:
            raise TrainingError("This head is more than dense layers with ReLU between them.")
        return [(*_kernel_and_bias(layer), layer is not layers[-1]) for layer in layers]


def _kernel_and_bias(layer: "keras.layers.Dense") -> tuple[np.ndarray, np.ndarray]:
    kernel = np.asarray(layer.kernel)
    return kernel, np.asarray(layer.bias) if layer.use_bias else np.zeros(kernel.shape[1], np.float32)


@dataclass(frozen=True, eq=False)
class LogisticHead:
    """A logistic regression: scores are X @ weights + bias."""

    weights: np.ndarray  # [d, k] float32
    bias: np.ndarray  # [k] float32

    def scores(self, X: Any) -> Any:
        """Return what softmax turns into probabilities [n, k], of the kind that X [n, d] is."""
        return X @ self.weights + self.bias

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the probability of each class [n, k] float64, rows sum to 1."""
        return softmax(self.scores(X))

    def dense_layers(self) -> list[Layer]:
        """Return the one layer as arrays."""
        return [(self.weights, self.bias, False)]


@dataclass(frozen=True, eq=False)
class EstimatorHead:
    """Any classifier of scikit-learn's kind, fitted on class numbers."""

    estimator: Any
    num_classes: int

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the probability of each class [n, k] float64, rows sum to 1; 0 for a class that it has not seen."""
        probabilities = np.zeros((len(X), self.num_classes))
        probabilities[:, np.asarray(self.estimator.classes_, int)] = self.estimator.predict_proba(X)
        return probabilities


def adjust_for_prior(head: Head, counts: np.ndarray, strength: float = 1.0) -> Head:
    """Return a head whose scores are lower by `strength` times the logarithm of how common each class was in training.

    counts: [k], how much all training pictures of a class counted. Its probabilities are then those of a world in which
    all classes are equally common (Menon 2021, arXiv:2007.07314; see `leave_out_prior`). Only biases change, so it is
    saved and exported as before. Raises `TrainingError` for a head that has no bias to change.
    """
    shift = strength * np.log(np.where(counts > 0, counts, 1) / max(np.sum(counts), 1))
    if isinstance(head, LogisticHead):
        return replace(head, bias=(head.bias - shift).astype(np.float32))
    layer = head.model.layers[-1] if isinstance(head, KerasHead) else None
    if not getattr(layer, "use_bias", False):
        raise TrainingError("This head has no bias to adjust for unequal classes: take 'keras' or 'logistic'.")
    return _with_last_bias(cast(KerasHead, head), -shift)


def _with_last_bias(head: KerasHead, more: np.ndarray) -> KerasHead:
    """Return a copy of a Keras head with something added to the bias of its last layer."""
    import keras

    model = keras.models.clone_model(head.model)
    model.set_weights(head.model.get_weights())
    bias = model.layers[-1].bias
    bias.assign(np.asarray(bias) + more)
    return KerasHead(model)


def fit_estimator(estimator: Any, train: Features, weights: np.ndarray | None) -> EstimatorHead:
    """Train a copy of an estimator on all rows; `weights` [n] say how much each counts (None: all alike)."""
    from sklearn.base import clone

    weighted = {} if weights is None else {"sample_weight": weights}
    return EstimatorHead(clone(estimator).fit(train.X, train.y, **weighted), len(train.classes))


def fit_logistic(
    train: Features,
    validation: Features | None = None,
    weights: np.ndarray | None = None,
    strength: float | None = None,
) -> tuple[LogisticHead, pd.DataFrame]:
    """Train a logistic regression; its strength is given, or the one with the lowest cross-entropy on the validation rows.

    `weights` [n] say how much each training row counts (None: all alike). Also returns what was measured: index:
    strength; columns: accuracy, loss and, with validation, val_accuracy, val_loss.
    """
    from sklearn.linear_model import LogisticRegression

    middle = train.X.mean(axis=0)  # taken off, it makes the work several times less; the bias takes it in again
    model = LogisticRegression(max_iter=1000, tol=1e-3, warm_start=True)  # each strength begins where the last one ended
    heads, rows = [], []
    strengths = (strength,) if strength else STRENGTHS if validation else (USUAL_STRENGTH,)
    for one in progress_bar(strengths, "Training", "strengths"):
        model.set_params(C=one).fit(train.X - middle, train.y, sample_weight=weights)
        heads.append(_as_head(model, middle, len(train.classes)))
        rows.append(_measure(heads[-1], train) | (_measure(heads[-1], validation, "val_") if validation else {}))
    history = pd.DataFrame(rows, index=pd.Index(strengths, name="strength"))
    return heads[int(history[history.columns[-1]].to_numpy().argmin())], history


def _as_head(model: Any, middle: np.ndarray, num_classes: int) -> LogisticHead:
    """Give each class a column: two classes have one in scikit-learn, and a class without pictures has none."""
    coefficients, intercepts = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        coefficients, intercepts = (np.concatenate([-one, one]) for one in (coefficients, intercepts))
        coefficients[0], intercepts[0] = 0, 0
    weights, bias = np.zeros((len(middle), num_classes), np.float32), np.full(num_classes, UNSEEN, np.float32)
    weights[:, model.classes_] = coefficients.T
    bias[model.classes_] = intercepts - coefficients @ middle
    return LogisticHead(weights, bias)


def _measure(head: Head, features: Features, prefix: str = "") -> dict[str, float]:
    """Return accuracy and cross-entropy."""
    probabilities = head.predict_proba(features.X)
    likelihood = np.maximum(probabilities[np.arange(len(features)), features.y], np.finfo(float).tiny)
    accuracy, loss = np.mean(probabilities.argmax(axis=1) == features.y), -np.log(likelihood).mean()
    return {f"{prefix}accuracy": float(accuracy), f"{prefix}loss": float(loss)}


def training_weights(features: Features, class_weight: ClassWeight | None = None) -> np.ndarray | None:
    """Return how much each row counts in training [n] float64; None where all count alike.

    Raises `TrainingError` for a class that is not there, and for a weight that is not above 0.
    """
    if class_weight is None or (isinstance(class_weight, str) and class_weight == "none"):
        return features.weights
    if isinstance(class_weight, Mapping):
        factors = _class_factors(features.classes, class_weight)
    else:
        factors = class_weights(class_counts(features), class_weight)
    return features.sample_weights() * factors[features.y]


def check_class_weight(class_weight: ClassWeight | None) -> None:
    """Refuse weights that no class can have, before any long work. Raises `TrainingError`."""
    if class_weight is None or (isinstance(class_weight, str) and class_weight in WEIGHTINGS):
        return
    if not isinstance(class_weight, Mapping):
        kinds = ", ".join(map(repr, WEIGHTINGS))
        raise TrainingError(f"class_weight is {class_weight!r}: give a number per class, as {{'birds': 2}}, or {kinds}.")
    for name, factor in class_weight.items():
        if not (isinstance(factor, Real) and 0 < factor < math.inf):
            raise TrainingError(
                f"class_weight gives {name!r} {factor!r}: a weight is a number above 0. "
                "To train without a class, leave its pictures out."
            )


def _class_factors(classes: Sequence[str], class_weight: Mapping[str | int, float]) -> np.ndarray:
    check_class_weight(class_weight)
    factors = np.ones(len(classes))
    numbers: dict[str | int, int] = {name: number for number, name in enumerate(classes)}
    for name, factor in class_weight.items():
        number = numbers.get(name, name if isinstance(name, int) else -1)
        if not 0 <= number < len(classes):
            raise TrainingError(f"class_weight names {name!r}; the classes are {', '.join(map(str, classes))}.")
        factors[number] = factor
    return factors


def is_keras(head: HeadChoice) -> bool:
    """Return whether a head is trained in steps."""
    return head == "keras" if isinstance(head, str) else not hasattr(head, "predict_proba")


def check_options(head: HeadChoice, options: Mapping[str, Any], known: Sequence[str]) -> None:
    """Refuse what a head cannot be trained with, before any long work. Raises `TrainingError`.

    `known` are the names of all options that there are.
    """
    if isinstance(head, str) and head not in ("keras", "logistic"):
        raise TrainingError(f"There is no head {head!r}: give 'keras', 'logistic', a Keras model or an estimator.")
    for name, value in options.items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else f"There are {', '.join(known)}."
            raise TrainingError(f"There is no option {name!r}. {hint}")
        _check_value(name, value)
    stray = [name for name in STEP_OPTIONS if name in options]
    if stray and not is_keras(head):
        raise TrainingError(f"{', '.join(stray)} belong to a Keras head, and the head is {head!r}: leave them out.")
    if options.get("strength") is not None and head != "logistic":
        raise TrainingError(f"strength belongs to the logistic head, and the head is {head!r}: leave it out.")


def _check_value(name: str, value: Any) -> None:
    if name == "class_weight":
        check_class_weight(value)
    if name in ("steps", "batch_size", "eval_interval") and not (isinstance(value, int) and value > 0):
        raise TrainingError(f"{name}={value!r} is not possible: give a whole number above 0.")
    if name in ("learning_rate", "strength") and value is not None and not 0 < value < math.inf:
        raise TrainingError(f"{name}={value!r} is not possible: give a number above 0, such as 0.001.")
