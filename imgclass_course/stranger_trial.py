"""Would a classifier notice that it does not know a picture? Pictures of other things are put to it, for the report."""

import os

import numpy as np
import pandas as pd

from .bottlenecks import extract
from .foundation.files import cache_folder
from .foundation.store import BottleneckStore
from .image_folder import ImageFolder
from .intervals import Accuracy, mean_of_pairs
from .retraining import Retraining
from .strangers import few_strangers

PER_KIND = 24  # pictures
COPIES = 0.05  # cosine distance up to which most pictures of a kind are copies of training pictures


def stranger_trial(result: Retraining, bottleneck_dir: str | os.PathLike | None = None) -> pd.DataFrame | None:
    """Return a row per kind of strangers; None where the classifier keeps nothing to tell them by.

    The columns: kind; pictures; area, the share of pairs in which a stranger is farther from what is known than a picture
    of the final split (the area under the ROC curve), with low and high, its 95 % interval; told, the share that is called
    none of these. A kind that the classifier was trained on is left out. Vectors of strangers are kept in `bottleneck_dir`
    (default: in the user's cache folder).
    """
    known = result.classifier.known
    if known is None:
        return None
    kinds = few_strangers(PER_KIND)
    pictures, labels = np.concatenate([*kinds.values()]), np.repeat([*kinds], [*map(len, kinds.values())])
    folder = ImageFolder.from_pictures(pictures, labels.tolist(), 0, 0)
    with BottleneckStore(bottleneck_dir or cache_folder() / "bottlenecks") as store:
        features = extract(folder, backbone=result.classifier.backbone, store=store)
    own = known.distances(result.pictures(result.final_split).X)
    rows = []
    for number, kind in enumerate(features.classes):
        far = known.distances(features.X[features.y == number])
        if np.median(far) > COPIES:
            rows.append((kind, len(far), *mean_of_pairs(far[:, None] > own), known.are_strangers(far).mean()))
    return pd.DataFrame(rows, columns=["kind", "pictures", "area", "low", "high", "told"])


def false_alarms(result: Retraining) -> Accuracy | None:
    """Return how many pictures of the final split are called none of these; None where nothing is kept to tell by."""
    known = result.classifier.known
    if known is None:
        return None
    own = known.are_strangers(known.distances(result.pictures(result.final_split).X))
    return Accuracy(int(own.sum()), len(own))
