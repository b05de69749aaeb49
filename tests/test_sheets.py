"""Drawings on sheets, windows that move over them, and the plots of lesson 17."""

import numpy as np
import pytest

from imgclass_course.sheets import load_sheets, window


def test_a_window_moves_the_picture_the_way_that_it_says() -> None:
    sheet = np.zeros((1, 10, 10, 1), np.uint8)
    sheet[0, 5, 5] = 1
    seen = [np.argwhere(window(sheet, *move, 6)[0, :, :, 0])[0] for move in ((0, 0), (1, 0), (0, -2))]
    assert (seen[1] - seen[0]).tolist() == [1, 0]
    assert (seen[2] - seen[0]).tolist() == [0, -2]


@pytest.mark.parametrize("move", [(3, 0), (0, -3)])
def test_a_window_that_leaves_the_sheet_is_refused(move: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="give larger sheets"):
        window(np.zeros((1, 10, 10, 3)), *move, 6)


def test_drawings_lie_in_the_middle_of_white_sheets() -> None:
    sheets = load_sheets(size=20, sheet=40, every=20)
    assert sheets.images.shape[1:] == (40, 40, 3) and len(sheets.images) == len(sheets.labels) == len(sheets.names)
    assert len(sheets.classes) > 5 and sheets.labels.max() < len(sheets.classes)
    frame = sheets.images.copy()
    assert frame[:, 10:30, 10:30].min() < 255
    frame[:, 10:30, 10:30] = 255
    assert (frame == 255).all()
