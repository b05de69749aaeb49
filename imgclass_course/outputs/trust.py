"""What a report says of how far a classifier can be relied on: its probabilities, and pictures of nothing that it knows."""

import os
from dataclasses import dataclass

import pandas as pd

from ..calibration import best_temperature, divide_scores
from ..class_scores import bootstrap, bootstrap_difference, calibration_error
from ..evaluation import Evaluation, verdict
from ..foundation.errors import TrainingError
from ..intervals import Accuracy, Interval
from ..stranger_trial import false_alarms, stranger_trial
from ..transfer import Retraining

SAID = {  # of a verdict on a temperature
    "better": "Train with --calibrate to have it.",
    "worse": "It would do harm.",
    "no difference": "That is no difference worth speaking of.",
    "inconclusive": "So few pictures cannot tell whether that is worth it.",
}


@dataclass(frozen=True)
class Calibration:
    """How far probabilities are from how often answers are right, and what a temperature would change."""

    error: Interval
    temperature: float | None = (
        None  # chosen on validation; None where no other split judges it, or nothing can be chosen
    )
    after: Interval | None = None  # the error at that temperature
    change: Interval | None = None  # the difference of the two, on the same pictures

    @property
    def advice(self) -> str:
        """What the change says, as a sentence; empty where there is none."""
        if self.change is None or self.temperature is None:
            return ""
        said = SAID[verdict([-self.change.high, -self.change.low])]  # less error is better
        return f"At the temperature {self.temperature:.2f}, chosen on validation, it would be {self.after}. {said}"


@dataclass(frozen=True, eq=False)
class Trust:
    """What was found out."""

    calibration: Calibration
    share: float = 0.0  # of pictures of known classes that may be taken for none of these; 0 where it never says that
    alarms: Accuracy | None = None  # how many pictures of the split that judges are taken for none of these
    strangers: pd.DataFrame | None = None  # see `stranger_trial`


def examine(result: Retraining, bottleneck_dir: str | os.PathLike | None = None) -> Trust:
    """Return how far a classifier can be relied on, measured on the split that judges and on strangers."""
    known = result.classifier.known
    calibration = _calibration(result)
    if known is None:
        return Trust(calibration)
    return Trust(calibration, known.false_alarms, false_alarms(result), stranger_trial(result, bottleneck_dir))


def _calibration(result: Retraining) -> Calibration:
    split, head = result.final_split, result.classifier.head
    before = result.evaluate(split)
    error = bootstrap(before, calibration_error)
    if split != "test" or "validation" not in result.folder.splits:
        return Calibration(error)
    try:
        temperature = best_temperature(head, result.pictures("validation"))
        divided = divide_scores(head, temperature)
    except TrainingError:  # a head that has no scores
        return Calibration(error)
    after = Evaluation(before.classes, before.labels, divided.predict_proba(result.pictures(split).X))
    change = bootstrap_difference(before, after, calibration_error)
    return Calibration(error, temperature, bootstrap(after, calibration_error), change)
