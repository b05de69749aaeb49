"""Answers to the exercises of lesson 04."""

from collections.abc import Callable

import numpy as np

from imgclass_course.images import resize_image, scale_to_range
from imgclass_course.mobilenet import embedded_weights, mobilenet_cost, mobilenet_features

from . import Answers

PUBLISHED = {  # width: {side: (millions of multiply-adds, top-1 %)}
    1.00: {224: (569, 70.9), 192: (418, 70.0), 160: (291, 68.0), 128: (186, 65.2)},
    0.75: {224: (317, 68.4), 192: (233, 67.2), 160: (162, 65.3), 128: (104, 62.1)},
    0.50: {224: (150, 63.3), 192: (110, 61.7), 160: (77, 59.1), 128: (49, 56.3)},
    0.25: {224: (41, 49.8), 192: (34, 47.7), 160: (21, 45.5), 128: (14, 41.5)},
}
ROWS = [(width, side, *row) for width, sides in PUBLISHED.items() for side, row in sides.items()]

Pair = Callable[[np.ndarray, np.ndarray], float]


def comparing(low: float = 0, high: float = 1, full_size: bool = False) -> Pair:
    def similarity(first: np.ndarray, second: np.ndarray) -> float:
        sized = [picture if full_size else resize_image(picture, 224) for picture in (first, second)]
        one, two = mobilenet_features(scale_to_range(np.stack(sized), low, high), embedded_weights()).numpy()
        return one @ two / np.linalg.norm(one) / np.linalg.norm(two)

    return similarity


def product(first: np.ndarray, second: np.ndarray) -> float:
    sized = np.stack([resize_image(picture, 224) for picture in (first, second)])
    one, two = mobilenet_features(scale_to_range(sized), embedded_weights()).numpy()
    return float(one @ two)


def by_cosine(vectors: np.ndarray) -> np.ndarray:
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -1)
    return similarity.argmax(axis=1)


def by_product(vectors: np.ndarray) -> np.ndarray:
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -np.inf)
    return similarity.argmax(axis=1)


def by_distance(vectors: np.ndarray) -> np.ndarray:
    distance = ((vectors[:, None] - vectors) ** 2).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    return distance.argmin(axis=1)


def with_itself(vectors: np.ndarray) -> np.ndarray:
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors @ vectors.T).argmax(axis=1)


def strangers(nearest: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    return lambda vectors, labels: np.flatnonzero(labels[nearest(vectors)] != labels)


def cheapest_of_table(budget: float) -> tuple[float, int]:
    return max((row for row in ROWS if row[2] * 1e6 <= budget), key=lambda row: row[3])[:2]


def fitting(budget: float) -> list[tuple]:
    return [row for row in ROWS if mobilenet_cost(*row[:2])[0] <= budget]


def best(budget: float) -> tuple[float, int]:
    return max(fitting(budget), key=lambda row: row[3])[:2]


def dearest(budget: float) -> tuple[float, int]:
    return max(fitting(budget), key=lambda row: mobilenet_cost(*row[:2])[0])[:2]


def smallest(budget: float) -> tuple[float, int]:
    return min(fitting(budget), key=lambda row: row[3])[:2]


ANSWERS = {
    "similarity": Answers(
        right=[(comparing(), "upside down"), (lambda first, second: float(comparing()(second, first)), "upside down")],
        wrong={
            "what pixels from 0 to 255 give": (comparing(0, 255), "grey"),
            "what pixels from -1 to 1 give": (comparing(-1, 1), "upside down"),
            "pictures of full size": (comparing(full_size=True), "upside down"),
            "the product of the vectors": (product, "upside down"),
            "a distance": (lambda first, second: 1 - comparing()(first, second), "upside down"),
            "is not what it minds most": (comparing(), "mirrored"),
            "one of upside down": (comparing(), "the colour"),
        },
    ),
    "strangers": Answers(
        right=[(strangers(by_cosine),), (lambda vectors, labels: list(strangers(by_cosine)(vectors, labels))[::-1],)],
        wrong={
            "Long vectors are near": (strangers(by_product),),
            "by distance": (strangers(by_distance),),
            "find itself": (strangers(with_itself),),
            "a yes or no": (lambda vectors, labels: labels[by_cosine(vectors)] != labels,),
            "of the same class": (lambda vectors, labels: np.flatnonzero(labels[by_cosine(vectors)] == labels),),
            "These are the neighbours": (
                lambda vectors, labels: by_cosine(vectors)[strangers(by_cosine)(vectors, labels)],
            ),
            "Return row numbers": (lambda vectors, labels: labels,),
        },
    ),
    "best_member": Answers(
        right=[(best,), (lambda budget: list(best(budget)),), (lambda budget: np.array(best(budget)),)],
        wrong={
            "only in the published column": (cheapest_of_table,),
            "the dearest that fits": (dearest,),
            "not in millions": (lambda budget: best(1e6 * budget),),
            "First the width": (lambda budget: best(budget)[::-1],),
            "more right, by": (smallest,),
            "no such network": (lambda budget: (0.6, 150),),
            "Return two numbers": (lambda budget: "MobileNet",),
        },
    ),
}
