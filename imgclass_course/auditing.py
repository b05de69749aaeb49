"""What commonly is wrong with a data set, found before it costs a day."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .foundation.errors import ImageError
from .foundation.progress import progress_bar
from .foundation.threads import map_in_threads
from .image_folder import ImageFolder
from .shortcuts import Shortcut

MIN_CLASS_PICTURES = 20  # below this a class has about two test pictures: nothing to measure with
SURPRISING = 0.001  # a p-value below this is not put down to chance


@dataclass(frozen=True, eq=False)
class Audit:
    """What is wrong with a data set."""

    folder: ImageFolder
    unreadable: pd.DataFrame  # path, problem
    duplicates: pd.DataFrame  # digest, path, label, split of pictures that are there more than once
    near: pd.DataFrame | None = None  # pairs as `near_duplicates` returns them, where they were looked for
    shortcuts: Sequence[Shortcut] | None = None  # as `find_shortcuts` returns them, where they were looked for

    @property
    def split_p_value(self) -> float:
        """Of the chi-squared test that every split has the same mix of classes; 1 where there is one split only."""
        from scipy.stats import chi2_contingency

        counts = self.folder.counts()
        counts = counts.loc[counts.sum(axis=1) > 0, counts.sum() > 0]
        return float(chi2_contingency(counts).pvalue) if min(counts.shape, default=0) > 1 else 1.0

    def summary(self) -> pd.DataFrame:
        """One row per kind of problem, and how many were found."""
        counts = self.folder.counts()
        totals = counts.sum(axis=1)
        varied = self.duplicates.groupby("digest")[["split", "label"]].nunique() > 1
        found = {
            "files that are no readable picture": len(self.unreadable),
            "pictures that are there more than once": len(varied),
            "pictures that are in two splits": int(varied["split"].sum()),
            "pictures under two labels": int(varied["label"].sum()),
            f"classes with fewer than {MIN_CLASS_PICTURES} pictures": int((totals < MIN_CLASS_PICTURES).sum()),
            "classes that a split has no picture of": int((counts == 0).any(axis=1).sum()),
            "splits drawn differently": int(self.split_p_value < SURPRISING),
            **self._near_counts(),
            **({} if self.shortcuts is None else {"properties that alone predict the class": len(self.shortcuts)}),
            **({"groups that are in two splits": self.straddling} if "group" in self.folder.table else {}),
        }
        return pd.DataFrame({"found": found}).rename_axis("what")

    @property
    def straddling(self) -> int:
        """How many groups have pictures in more than one split, which only a folder with its own splits can bring about."""
        rows = self.folder.readable
        if "group" not in rows:
            return 0
        return int((rows[rows["group"] != ""].groupby("group")["split"].nunique() > 1).sum())

    def _near_counts(self) -> dict[str, int]:
        if self.near is None:
            return {}
        return {
            "pairs that are nearly the same": len(self.near),
            "of these, across two splits": int((~self.near["same_split"]).sum()),
            "of these, under two labels": int((~self.near["same_label"]).sum()),
        }


def audit(
    folder: ImageFolder, near: pd.DataFrame | None = None, shortcuts: Sequence[Shortcut] | None = None
) -> Audit:
    """Decode every picture, on all cores, and look for what commonly goes wrong.

    `near` are the pairs that `near_duplicates` finds, which takes the pictures' vectors, and `shortcuts` what
    `find_shortcuts` finds; without them they are not counted.
    """
    readable = folder.readable
    damage = map_in_threads(lambda path: folder.picture(path).problem(), readable["path"])
    damage = readable.assign(problem=list(progress_bar(damage, "Decoding", "pictures", len(readable))))
    damage = damage.loc[damage["problem"] != "", ["path", "problem"]]
    repeated = readable.loc[readable["digest"].duplicated(keep=False), ["digest", "path", "label", "split"]]
    unreadable = pd.concat([folder.unreadable, damage], ignore_index=True)
    return Audit(folder, unreadable, repeated.sort_values(["digest", "path"], ignore_index=True), near, shortcuts)


def thumbnails(folder: ImageFolder, side: int = 16) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the rows of all pictures that can be decoded, and these as uint8 [n, side, side, 3]."""
    readable = folder.readable

    def shrink(path: str) -> np.ndarray | None:
        try:
            return folder.picture(path).load(side)
        except (ImageError, OSError):
            return None

    small = list(map_in_threads(shrink, readable["path"]))
    decoded = np.array([image is not None for image in small], bool)
    images = [image for image in small if image is not None]
    return readable[decoded].reset_index(drop=True), np.array(images, np.uint8).reshape(-1, side, side, 3)
