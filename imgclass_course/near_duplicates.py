"""Pictures that are nearly the same: saved again, resized, slightly cropped or, where asked, mirrored.

Two looks: vectors of a network that point nearly the same way name the candidates, since such changes hardly move them. But
a network also finds two shirts on one carpet alike. So each pair of candidates is laid over each other, small, at several
crops, and counts where the edges fall in the same places in the same colours. Two photos of one thing, one after the other,
are no near-duplicates in this sense: what keeps them together are groups.
"""

from functools import cache, lru_cache

import numpy as np
import pandas as pd

from .features import Features
from .foundation.errors import FeaturesError, ImageError
from .foundation.pictures import Picture
from .foundation.progress import progress_bar
from .foundation.threads import map_in_threads
from .similar_vectors import MOST_PAIRS, similar_pairs
from .trust import unit_vectors

SIMILAR = 0.85  # cosine similarity of two vectors, from which on their pictures are looked at
MANY = 20_000  # pictures, among which too many pairs are a little similar to look at them all:
SIMILAR_AMONG_MANY = 0.9
ALIKE = 0.92  # correlation of two pictures' edges, from which on they are nearly the same
SMALL = 64  # pixels of the side of what is kept of a picture
COARSE = 8  # pixels of the side of what tells at once that two pictures have nothing in common
UNLIKE = 0.3  # correlation of coarse pictures: crops that keep 90 % of each side have more with the whole
COMPARED = 24  # pixels of the side of what is laid over each other
KEPT_SHARES = (0.98, 0.96, 0.94, 0.92, 0.9)  # of each side, in crops that one picture may be of the other
PLACES = np.linspace(0, 1, 4)  # of a crop, from one edge to the other
NO_EDGES = 1.0  # grey levels, the length of all edges together: below it they are rounding errors
TILE = 64  # pictures: pairs are looked at tile by tile, so that no picture is cropped again and again
COLUMNS = ["first", "second", "cosine", "likeness", "mirrored", "same_split", "same_label"]


def near_duplicates(
    features: Features, mirrored: bool = False, limit: float | None = None, most: int = MOST_PAIRS
) -> pd.DataFrame:
    """Return the pairs of pictures that are nearly the same, those across splits or labels first, then the most alike.

    features: as `extract` returns them, with the folder that their pictures are in. `mirrored` also finds pairs of which
    one is mirrored. `limit` is the least cosine similarity of candidates (None: 0.85, or 0.9 among more than 20,000
    pictures); of more than `most` candidates, the most similar are looked at.

    Columns: first, second (paths), cosine (of the vectors), likeness (correlation of the edges, up to 1), mirrored,
    same_split, same_label. Files with the same bytes are no pair: `audit` lists them. Raises `FeaturesError` for features
    that do not know where their pictures are.
    """
    contents, folder = _plain_rows(features).drop_duplicates("digest"), features.source
    if folder is None:
        raise FeaturesError("These features do not know their pictures: make them with `extract`.")
    limit = limit or (SIMILAR_AMONG_MANY if len(contents) > MANY else SIMILAR)
    found = similar_pairs(features.X[contents.index.to_numpy()], limit, most)
    involved, places = np.unique([found.first, found.second], return_inverse=True)
    paths, digests = (contents[name].to_numpy(object)[involved] for name in ("path", "digest"))
    read = map_in_threads(lambda path: _small(folder.picture(path)), paths)
    small = np.array(list(progress_bar(read, "Reading candidates", "pictures", len(paths)))).reshape(
        -1, SMALL, SMALL, 3
    )
    first, second = places.reshape(2, -1)
    alike = np.stack([_compare(small, first, second, flipped) for flipped in (False, True)[: 1 + mirrored]])
    pairs = {"first": digests[first], "second": digests[second], "cosine": found.cosine}
    pairs |= {"likeness": alike.max(axis=0), "mirrored": alike.argmax(axis=0) == 1}
    return _table(pd.DataFrame(pairs).query("likeness >= @ALIKE"), _plain_rows(features))


def _plain_rows(features: Features) -> pd.DataFrame:
    """Return the rows of pictures, without their augmented views."""
    if missing := [name for name in ("path", "label", "digest") if name not in features.rows]:
        raise FeaturesError(f"These features do not know their pictures: their rows have no column {missing[0]}.")
    rows = features.rows.reset_index(drop=True)
    return rows[rows["view"] == 0] if "view" in rows else rows


def _table(pairs: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Turn pairs of digests into pairs of paths: a content that is there twice makes two pairs."""
    known = rows[["digest", "path", "label", "split"]]
    for side in ("first", "second"):
        pairs = pairs.merge(known.rename(columns={"digest": side}), on=side).drop(columns=side)
        pairs = pairs.rename(columns={"path": side, "label": f"{side}_label", "split": f"{side}_split"})
    for name in ("split", "label"):
        pairs[f"same_{name}"] = pairs[f"first_{name}"] == pairs[f"second_{name}"]
    inside = pairs["same_split"] & pairs["same_label"]
    order = pairs.assign(inside=inside, unlike=-pairs["likeness"]).sort_values(["inside", "unlike", "first", "second"])
    return order[COLUMNS].reset_index(drop=True)


def _small(picture: Picture) -> np.ndarray:
    """Return a picture as [64, 64, 3] uint8; one that cannot be read is black, and so like no other."""
    try:
        return picture.load(SMALL)
    except (ImageError, OSError):
        return np.zeros((SMALL, SMALL, 3), np.uint8)


def _compare(small: np.ndarray, first: np.ndarray, second: np.ndarray, flipped: bool) -> np.ndarray:
    """Return the likeness [m] of pairs of small pictures [n, 64, 64, 3], the second mirrored or not; 0 where none is."""
    others = small[:, :, ::-1] if flipped else small
    shared = np.einsum("md,md->m", _coarse(small)[first], _coarse(others)[second])
    order = np.lexsort((second // TILE, first // TILE))
    order = order[shared[order] >= UNLIKE]

    @lru_cache(2 * TILE)
    def crops(row: int, flipped: bool) -> np.ndarray:
        return edges_of_crops(others[row] if flipped else small[row])

    def look(place: int) -> float:
        return likeness(crops(int(first[place]), False), crops(int(second[place]), flipped))

    found = np.zeros(len(first))
    looks = map_in_threads(look, order)
    found[order] = list(progress_bar(looks, "Comparing pictures", "pairs", len(order)))
    return found


def _coarse(small: np.ndarray) -> np.ndarray:
    """Return pictures as vectors [n, 64] float32 of length 1: what their brightness is, roughly, and where."""
    each = SMALL // COARSE
    grey = small.reshape(-1, COARSE, each, COARSE, each * 3).mean((2, 4), dtype=np.float32).reshape(-1, COARSE**2)
    return unit_vectors(grey - grey.mean(axis=1, keepdims=True))


@cache
def _samplers() -> np.ndarray:
    """Return what takes 24 samples along 64 pixels: of all of them, then of each crop; [21, 24, 64] float32."""
    starts = [(0.0, 1.0), *((place * (1 - kept), kept) for kept in KEPT_SHARES for place in PLACES)]
    centres = (np.arange(COMPARED) + 0.5) / COMPARED
    middles = np.stack([SMALL * (start + kept * centres) for start, kept in starts])
    apart = np.abs(np.arange(SMALL) + 0.5 - middles[..., None]) * COMPARED / SMALL
    weights = np.maximum(1 - apart, 0)  # bilinear with antialiasing, as Pillow resizes
    return (weights / weights.sum(axis=2, keepdims=True)).astype(np.float32)


def edges_of_crops(image: np.ndarray) -> np.ndarray:
    """Return the edges of a small picture [64, 64, 3] and of 80 crops of it, rows [81, e] float32 of length 1.

    Edges are the differences of neighbouring pixels, in each colour, of a copy of 24 x 24 pixels.
    """
    samplers = _samplers()
    across = np.tensordot(samplers, image.astype(np.float32), (2, 0))  # [21, 24, 64, 3]
    whole = np.einsum("hwc,sw->hsc", across[0], samplers[0])[None]
    each = len(PLACES)
    parts = [slice(start, start + each) for start in range(1, len(samplers), each)]
    crops = [np.tensordot(across[part], samplers[part], (2, 2)).transpose(0, 3, 1, 4, 2) for part in parts]
    pictures = np.concatenate([whole, *(crop.reshape(-1, COMPARED, COMPARED, 3) for crop in crops)])
    edges = np.hstack([np.diff(pictures, axis=axis).reshape(len(pictures), -1) for axis in (1, 2)])
    return edges / np.maximum(np.linalg.norm(edges, axis=1, keepdims=True), NO_EDGES)


def likeness(first: np.ndarray, second: np.ndarray) -> float:
    """Return how alike two pictures are at best, from -1 to 1: either of them whole, with each crop of the other."""
    return float(max((first @ second[0]).max(), (second @ first[0]).max()))
