"""What to do after a training: what to look at, what to move, and whether more pictures would help."""

from typing import Any

from ..evaluation import Advice, most_confused
from ..features import Features
from ..foundation.files import printable
from ..next_steps import learning_curve, suspects
from ..ridge import leave_one_out_scores
from ..transfer import Retraining

CURVE_PICTURES = 8  # training pictures below which there is no learning curve
UNEQUAL = 10  # times as many training pictures in the largest class as in the smallest: from there on a gain was measured
# Logistic regressions on vectors: five draws of Fashion-MNIST; five folds of ELPV (benchmarks/elpv.py).
MEASURED = (
    "What was measured: on garments whose classes were made 1 to 10 unequal, the recall of the rarer ones rose by 0.07 with "
    "the first and by 0.04 with the second, at an accuracy lower by 0.01 and by nothing that could be seen. On solar cells "
    "that are hard to tell apart, 1 to 14, it rose by 0.28 and 0.20, but accuracy fell by 0.13 and 0.09, and macro-F1 did "
    "not rise. At 1 to 3 no gain was seen."
)


def advise(result: Retraining, shown: int = 12) -> Advice:
    """Return what to look at and what to do, most useful first, with at most `shown` suspect pictures."""
    features = result.features.select((result.features.rows["view"] == 0).to_numpy())
    count, pictures = _suspect_pictures(result, features, shown)
    sentences = [_confusions(result), _suspicion(count), _imbalance(result), _growth(features)]
    return Advice([sentence for sentence in sentences if sentence], pictures)


def _suspect_pictures(result: Retraining, features: Features, shown: int) -> tuple[int, list[tuple[Any, str]]]:
    """Return how many pictures are suspect, and the first of them with what is said of each."""
    classes = result.classifier.classes_
    scores = leave_one_out_scores(features.X, features.y, len(classes))
    found = suspects(scores, features.y)
    pictures = [result.folder.picture(path).source for path in features.rows["path"].iloc[found[:shown]]]
    captions = [f"in {classes[features.y[row]]}, like {classes[scores[row].argmax()]}" for row in found[:shown]]
    return len(found), list(zip(pictures, captions, strict=True))


def _confusions(result: Retraining) -> str:
    confused = most_confused(result.evaluate(result.final_split).confusion(), top=3)
    pairs = [f"{row['is']} for {row['taken for']} ({row['pictures']} times)" for row in confused.to_dict("records")]
    what_to_do = "Look at these pictures, and add some that show the difference."
    return f"Taken most often: {', '.join(pairs)}. {what_to_do}" if pairs else ""


def _suspicion(count: int) -> str:
    if not count:
        return ""
    return f"{count} pictures look more like another class than like that of their folder. Are they in the right one?"


def _imbalance(result: Retraining) -> str:
    """Return what may help rare classes, where classes are as unequal as it was measured for and nothing is done yet."""
    counts = result.folder.counts()["train"]
    counts = counts[counts > 0]
    if result.choices or counts.max() < UNEQUAL * counts.min():
        return ""
    common, rare = printable(counts.idxmax()), printable(counts.idxmin())
    unequal = f"For {common} there are {counts.max()} training pictures, for {rare} {counts.min()}."
    worth = "If finding the rare ones is worth some mistakes on the common ones"
    return f"{unequal} {worth}, try --adjust_prior or --class_weights balanced. {MEASURED}"


def _growth(features: Features) -> str:
    """Return what the last doubling of the training pictures brought, if that can be measured."""
    splits = features.splits
    if len(splits) < 2 or (features.rows["split"] == "train").sum() < CURVE_PICTURES:
        return ""
    return f"{learning_curve(features).verdict} (Measured on {splits[-1]} pictures, with a ridge regression.)"
