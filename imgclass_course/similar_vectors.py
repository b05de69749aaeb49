"""Pairs of vectors that point nearly the same way, among many: every pair is looked at, in fewer dimensions first.

A random projection keeps distances, up to an error that depends on the number of dimensions alone (Johnson and Lindenstrauss
1984, Contemporary Mathematics 26: 189). So pairs that are far apart after it are left out, and the others are checked exactly.
"""

from collections.abc import Iterable
from functools import partial
from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np

from .foundation.progress import progress_bar
from .foundation.threads import map_in_threads

PROJECTED_DIM = 128
# By how much a squared distance may come out too large after the projection. It is 1 on average, with a standard deviation
# of sqrt(2 / 128): a pair right at the limit is missed once in some thousand times, and one well inside it never.
MARGIN = 1.5
BLOCK = 1024  # vectors: a block of products, 4 MB, stays in the processor's cache
CHECKED_AT_ONCE = 8192  # pairs
CROWDED = 0.02  # of a block's pairs: where more are candidates, one product of all vectors is quicker than single ones
MOST_PAIRS = 50_000
PROJECTION_SEED = 0


class SimilarPairs(NamedTuple):
    """Pairs of rows with their cosine similarity, the most similar first."""

    first: np.ndarray  # [m] int, always the smaller row
    second: np.ndarray  # [m] int
    cosine: np.ndarray  # [m] float32, at most 1


def similar_pairs(vectors: np.ndarray, limit: float = 0.9, most: int = MOST_PAIRS) -> SimilarPairs:
    """Return the pairs of rows whose cosine similarity is at least `limit`; where there are more than `most`, the highest.

    vectors: [n, d] float, such as `Features.X`. 100,000 vectors of 1,024 numbers need 1 GB besides themselves. A pair
    whose similarity is right at the limit may be missed; one of zeros is similar to nothing. Raises `ValueError` for
    another shape, and for a limit that is not above 0 and at most 1.
    """
    if np.ndim(vectors) != 2 or not 0 < limit <= 1:
        raise ValueError(f"Vectors [n, d] and a limit in (0, 1] are wanted; got {np.shape(vectors)} and {limit}.")
    from threadpoolctl import threadpool_limits

    unit = _unit_vectors(vectors)
    left, right = _with_half_squares(_project(unit))
    starts = range(0, len(unit), BLOCK)
    blocks = list(combinations_with_replacement(starts, 2))
    search = partial(_search_block, unit, left, right, limit)
    with threadpool_limits(1, "blas"):  # the blocks are what runs side by side
        found = progress_bar(map_in_threads(search, blocks), "Comparing vectors", "blocks", len(blocks))
        return _most_similar(found, most)


def _unit_vectors(vectors: np.ndarray) -> np.ndarray:
    """Do what `trust.unit_vectors` does, with a single copy of many vectors in memory."""
    unit = np.array(vectors, np.float32)
    lengths = np.sqrt(np.einsum("nd,nd->n", unit, unit))[:, None]
    return np.divide(unit, lengths, out=unit, where=lengths > 0)


def _project(unit: np.ndarray) -> np.ndarray:
    """Return the vectors in fewer dimensions [n, 128] float32, with their distances about as they were."""
    dim = unit.shape[1]
    if dim <= PROJECTED_DIM:
        return unit
    directions = np.random.default_rng(PROJECTION_SEED).normal(size=(dim, PROJECTED_DIM))
    return unit @ (directions / np.sqrt(PROJECTED_DIM)).astype(np.float32)


def _with_half_squares(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two arrays [n, p + 2] whose products of rows are minus half the squared distances of the points [n, p]."""
    half = np.einsum("nd,nd->n", points, points)[:, None] / 2
    ones = np.ones_like(half)
    return np.hstack([points, -half, ones]), np.hstack([points, ones, -half])


def _search_block(
    unit: np.ndarray, left: np.ndarray, right: np.ndarray, limit: float, starts: tuple[int, int]
) -> SimilarPairs:
    """Return the similar pairs of a block of rows with another one, or with itself."""
    rows, columns = (slice(start, start + BLOCK) for start in starts)
    near = left[rows] @ right[columns].T >= -(1 - limit) * MARGIN  # half the squared distance is 1 - cosine
    if starts[0] == starts[1]:
        near = np.triu(near, 1)
    first, second = np.divmod(np.flatnonzero(near), near.shape[1])
    if len(first) > CROWDED * near.size:
        cosine = (unit[rows] @ unit[columns].T)[first, second]
    else:
        cosine = _cosines(unit[rows], unit[columns], first, second)
    kept = cosine >= limit
    return SimilarPairs(first[kept] + starts[0], second[kept] + starts[1], np.minimum(cosine[kept], 1))


def _cosines(one: np.ndarray, other: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the similarity of single pairs of rows, [m] float32."""
    parts = [slice(start, start + CHECKED_AT_ONCE) for start in range(0, len(first), CHECKED_AT_ONCE)]
    found = [np.einsum("md,md->m", one[first[part]], other[second[part]]) for part in parts]
    return np.concatenate([np.empty(0, np.float32), *found])


def _most_similar(parts: Iterable[SimilarPairs], most: int) -> SimilarPairs:
    """Join pairs and sort them, and keep `most` of them; more than twice as many are never held."""
    nothing = np.empty(0, int)
    held, count = [SimilarPairs(nothing, nothing, np.empty(0, np.float32))], 0
    for part in parts:
        held.append(part)
        count += len(part.first)
        if count > 2 * most:
            held = [_sorted(held, most)]
            count = len(held[0].first)
    return _sorted(held, most)


def _sorted(parts: list[SimilarPairs], most: int) -> SimilarPairs:
    first, second, cosine = map(np.concatenate, zip(*parts, strict=True))
    order = np.lexsort((second, first, -cosine))[:most]
    return SimilarPairs(first[order], second[order], cosine[order])
