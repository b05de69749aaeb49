"""A folder of pictures as it was decided on: what `imgclass_decisions.csv` beside the pictures says is obeyed."""

import os
from collections.abc import Sequence
from typing import Any

from .decisions import apply_decisions, read_decisions
from .image_folder import Catalogue, GroupBy, ImageFolder, as_image_folder


def obey_decisions(images: ImageFolder) -> ImageFolder:
    """Return the pictures as the file in their folder decides; as they are, where there is no file.

    To obey twice changes nothing. Raises `DatasetError` for a file that is wrong, or that decides on pictures that are gone.
    """
    decisions = read_decisions(images.root) if images.root else {}
    return apply_decisions(images, decisions.values()) if decisions else images


def as_decided_folder(
    data: Any,
    labels: Sequence | None = None,
    validation_percentage: float = 10,
    testing_percentage: float = 10,
    seed: int = 0,
    catalogue: Catalogue | None = None,
    decisions: bool = True,
    group_by: GroupBy = None,
) -> ImageFolder:
    """Return what `as_image_folder` does, and obey the decisions in a folder that is given by its path.

    An `ImageFolder` stays as it is, since whoever made it chose whether to apply them. `decisions` False leaves them out.
    """
    images = as_image_folder(data, labels, validation_percentage, testing_percentage, seed, catalogue, group_by)
    by_path = labels is None and isinstance(data, str | os.PathLike)
    return obey_decisions(images) if decisions and by_path else images
