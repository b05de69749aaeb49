"""What to label next: pictures that a classifier is unsure of, and that are unlike each other.

Uncertainty alone names ten shots of one thing, since all of them are hard. So of each thing one picture is a candidate, and
the candidates are clustered: one picture of each cluster is chosen (Zhdanov 2019, Diverse mini-batch active learning, arXiv
1901.05954).
"""

import numpy as np

from .foundation.errors import FeaturesError
from .trust import unit_vectors

NEAR = 0.95  # cosine similarity from which on one of two pictures is enough
CANDIDATES = 10  # for each picture that is chosen
LEAST_WEIGHT = 1e-6  # in the clustering, of a candidate that the classifier is sure of


def label_next(
    vectors: np.ndarray,
    probabilities: np.ndarray,
    labelled: np.ndarray,
    count: int,
    near: float = NEAR,
    seed: int = 0,
) -> np.ndarray:
    """Return the rows [c] int of at most `count` pictures that are worth labelling next, the least certain first.

    vectors: [n, d] of pictures without labels; probabilities: [n, k], what the classifier says of them; labelled: [m, d],
    vectors by the same network of the pictures that it was trained on. The candidates are the ten times `count` pictures
    with the smallest difference of their two highest probabilities; one whose cosine similarity to a labelled picture, or
    to a candidate before it, is `near` or more is passed over. They are clustered by k-means, weighted by their uncertainty,
    and the one nearest to each centre is chosen. `seed` is that of k-means. Raises `FeaturesError` for shapes that do not
    fit, and for a count below 1.
    """
    _check_shapes(vectors, probabilities, labelled, count)
    unit, uncertain = unit_vectors(vectors), margin_uncertainty(probabilities)
    rows = _candidates(unit, uncertain, unit_vectors(labelled), CANDIDATES * count, near)
    if len(rows) > count:
        rows = rows[_one_of_each_cluster(unit[rows], uncertain[rows], count, seed)]
    return rows[np.argsort(-uncertain[rows], kind="stable")]


def _candidates(unit: np.ndarray, uncertain: np.ndarray, known: np.ndarray, most: int, near: float) -> np.ndarray:
    """Return the rows of the least certain pictures, none of them near a known one or another of them."""
    closest = (unit @ known.T).max(axis=1) if len(known) else np.full(len(unit), -1.0)
    chosen: list[int] = []
    for row in np.argsort(-uncertain, kind="stable"):
        if len(chosen) == most:
            break
        if closest[row] < near and (not chosen or (unit[chosen] @ unit[row]).max() < near):
            chosen.append(int(row))
    return np.array(chosen, int)


def _one_of_each_cluster(unit: np.ndarray, uncertain: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return which candidate is nearest to the centre of each of `count` clusters."""
    from sklearn.cluster import KMeans

    clusters = KMeans(count, n_init=1, random_state=seed).fit(unit, sample_weight=uncertain + LEAST_WEIGHT)
    distances = clusters.transform(unit)[np.arange(len(unit)), clusters.labels_]
    order = np.lexsort((distances, clusters.labels_))
    _, first = np.unique(clusters.labels_[order], return_index=True)
    return order[first]


def margin_uncertainty(probabilities: np.ndarray) -> np.ndarray:
    """Return how unsure answers are, [n] from 0 to 1: 1 minus the difference of the two highest of probabilities [n, k]."""
    if probabilities.shape[1] < 2:
        return np.zeros(len(probabilities))
    highest = np.sort(probabilities, axis=1)[:, -2:]
    return 1 - (highest[:, 1] - highest[:, 0])


def _check_shapes(vectors: np.ndarray, probabilities: np.ndarray, labelled: np.ndarray, count: int) -> None:
    shapes = [np.shape(part) for part in (vectors, probabilities, labelled)]
    if any(len(shape) != 2 for shape in shapes) or shapes[0][0] != shapes[1][0] or shapes[0][1] != shapes[2][1]:
        wanted = "vectors [n, d], probabilities [n, k] and labelled vectors [m, d]"
        raise FeaturesError(f"{wanted} are wanted; got {', '.join(str(list(shape)) for shape in shapes)}.")
    if count < 1:
        raise FeaturesError(f"{count} pictures to label: ask for 1 or more.")
