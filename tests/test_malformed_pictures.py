"""Thousands of malformed picture files: each is read or refused with a reason, quickly, and nothing is left behind."""

import io
import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support import TOP, average_colours, encode, gradient, plain_backbone, run_python

from imgclass_course.bottlenecks import extract
from imgclass_course.datasets import ImageFolder, audit
from imgclass_course.foundation.errors import ImageError
from imgclass_course.foundation.picture_files import load_image, open_image, read_image
from imgclass_course.foundation.store import BottleneckStore

# The library silences these warnings, and pytest lets them through again.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
PICTURE = gradient(48, 36)
ROTATED = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
FRAMES = {"save_all": True, "append_images": [Image.fromarray(gradient(48, 36, seed)) for seed in (1, 2)]}
GREY, PALETTE = Image.fromarray(PICTURE).convert("L"), Image.fromarray(PICTURE).quantize(16)
WHOLE = {
    "jpeg": encode(PICTURE, "JPEG", quality=90),
    "jpeg, progressive": encode(PICTURE, "JPEG", progressive=True),
    "jpeg, rotated": encode(PICTURE, "JPEG", exif=ROTATED),
    "jpeg, CMYK": encode(Image.fromarray(PICTURE).convert("CMYK"), "JPEG"),
    "jpeg, grey": encode(GREY, "JPEG"),
    "png": encode(PICTURE),
    "png, palette": encode(PALETTE, "PNG", transparency=3),
    "png, 16 bits": encode(Image.fromarray(PICTURE[..., 0].astype(np.uint16) * 257)),
    "gif": encode(PICTURE, "GIF"),
    "gif, animated": encode(Image.fromarray(PICTURE), "GIF", **FRAMES),
    "webp": encode(PICTURE, "WEBP"),
    "webp, lossless": encode(Image.fromarray(PICTURE).convert("RGBA"), "WEBP", lossless=True),
    "bmp": encode(PICTURE, "BMP"),
    "bmp, palette": encode(PALETTE, "BMP"),
    "tiff": encode(PICTURE, "TIFF"),
    "tiff, LZW": encode(PICTURE, "TIFF", compression="tiff_lzw"),
    "tiff, deflate": encode(PICTURE, "TIFF", compression="tiff_adobe_deflate"),
    "tiff, jpeg": encode(PICTURE, "TIFF", compression="jpeg"),
    "tiff, bilevel": encode(GREY.convert("1"), "TIFF", compression="group4"),
    "ppm": encode(PICTURE, "PPM"),
}
NAMES = sorted(WHOLE)
LONG_AGO = 1_700_000_000_000_000_000  # nanoseconds; what the store knows of a file changed just now is not trusted
SECONDS = 10  # in which any file of this size must be read or refused; the usual time is under a millisecond

Change = Callable[[bytes], bytes]


def place(data: bytes, share: float) -> int:
    """Return the index that lies at a share of the length."""
    return int(share * len(data))


def flip(share: float, mask: int) -> Change:
    """Return a change of one byte."""

    def change(data: bytes) -> bytes:
        spot = place(data, share)
        return data[:spot] + bytes(byte ^ mask for byte in data[spot : spot + 1]) + data[spot + 1 :]

    return change


def cut(share: float) -> Change:
    """Return a change that keeps the beginning only."""
    return lambda data: data[: place(data, share)]


def splice(name: str, start: float, end: float, share: float) -> Change:
    """Return a change that puts a piece of another file in."""
    other = WHOLE[name]
    piece = other[place(other, min(start, end)) : place(other, max(start, end))]
    return lambda data: data[: place(data, share)] + piece + data[place(data, share) :]


def leave_out(start: float, end: float) -> Change:
    """Return a change that takes a piece out."""
    return lambda data: data[: place(data, min(start, end))] + data[place(data, max(start, end)) :]


SHARES = st.floats(0, 1, exclude_max=True)
EARLY = SHARES.map(lambda share: share**3)  # most of what a header holds lies early
CHANGES = st.lists(
    st.one_of(
        st.builds(flip, EARLY, st.integers(1, 255)),
        st.builds(flip, SHARES, st.integers(1, 255)),
        st.builds(cut, SHARES),
        st.builds(splice, st.sampled_from(NAMES), SHARES, SHARES, SHARES),
        st.builds(leave_out, EARLY, SHARES),
    ),
    min_size=1,
    max_size=4,
)


def apply(changes: list[Change], data: bytes) -> bytes:
    """Return a file's bytes after all changes."""
    for change in changes:
        data = change(data)
    return data


def is_read(data: bytes, size: int = 32) -> bool:
    """Return whether a picture is read; it may be refused, but only with a reason, and quickly."""
    start = time.monotonic()
    try:
        image = load_image(data, size)
        assert image.shape == (size, size, 3) and image.dtype == np.uint8
        return True
    except ImageError as error:
        assert str(error).isprintable() and len(str(error)) > 5
        return False
    finally:
        assert time.monotonic() - start < SECONDS


@pytest.mark.parametrize("name", NAMES)
def test_whole_file_is_read(name: str) -> None:
    assert is_read(WHOLE[name])


@settings(max_examples=4000)
@given(name=st.sampled_from(NAMES), changes=CHANGES)
def test_malformed_file_is_read_or_refused(name: str, changes: list[Change]) -> None:
    is_read(apply(changes, WHOLE[name]))


@settings(max_examples=1000)
@given(name=st.sampled_from(NAMES), changes=CHANGES)
def test_both_ways_of_reading_agree_on_what_is_a_picture(name: str, changes: list[Change]) -> None:
    data = apply(changes, WHOLE[name])
    try:
        read_image(data)
        whole = True
    except ImageError:
        whole = False
    assert is_read(data) == whole


def random_changes(generator: random.Random) -> list[Change]:
    """Return one to four changes, without hypothesis, for the tests that need many files at once."""
    makers = (
        lambda: flip(generator.random() ** 3, generator.randrange(1, 256)),
        lambda: cut(generator.random()),
        lambda: splice(generator.choice(NAMES), generator.random(), generator.random(), generator.random()),
        lambda: leave_out(generator.random() ** 3, generator.random()),
    )
    return [generator.choice(makers)() for _ in range(generator.randrange(1, 5))]


def malformed_files(count: int, seed: int) -> list[bytes]:
    """Return malformed files, always the same ones."""
    generator = random.Random(seed)
    return [apply(random_changes(generator), WHOLE[generator.choice(NAMES)]) for _ in range(count)]


def test_each_malformed_file_of_a_folder_is_used_or_listed(tmp_path: Path) -> None:
    for label in ("one", "other"):
        (tmp_path / "pictures" / label).mkdir(parents=True)
    for number, data in enumerate(malformed_files(1000, seed=1)):
        label = "one" if number % 2 else "other"
        path = tmp_path / "pictures" / label / f"{number}.jpg"
        path.write_bytes(data)
        os.utime(path, ns=(LONG_AGO, LONG_AGO))
    backbone = plain_backbone()
    with BottleneckStore(tmp_path / "store") as store:
        folder = ImageFolder.scan(tmp_path / "pictures", catalogue=store)
        first = extract(folder, backbone=backbone, store=store)
        assert len(folder.table) == len(first.source.table) == 1000
        assert len(first.source.problems) + len(first) == 1000 and 0 < len(first) < len(folder.readable)
        assert (first.source.problems["problem"] != "").all() and list(first.rows["path"]) == list(
            first.source.readable["path"]
        )
        for path, vector in zip(first.rows["path"], first.X, strict=True):
            np.testing.assert_array_equal(vector, average_colours(load_image(folder.root / path, 16)))
        assert set(audit(folder).unreadable["path"]) == set(first.source.problems["path"])
        again = ImageFolder.scan(tmp_path / "pictures", catalogue=store)
        second = extract(again, backbone=backbone, store=store)
    assert len(again.problems) == len(first.source.problems)
    assert second.computed == 0 and list(second.rows["path"]) == list(first.rows["path"])
    np.testing.assert_array_equal(second.X, first.X)


READ_MANY = """
import gc, os, resource, sys
from test_malformed_pictures import is_read, malformed_files

files = malformed_files(3000, seed=2)
def read_all():
    return sum(map(is_read, files))

used = read_all()
gc.collect()
before = int(open("/proc/self/statm").read().split()[1]), len(os.listdir("/proc/self/fd"))
for _ in range(2):
    assert read_all() == used
gc.collect()
after = int(open("/proc/self/statm").read().split()[1]), len(os.listdir("/proc/self/fd"))
print(used, (after[0] - before[0]) * resource.getpagesize(), after[1] - before[1])
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system does not tell what a process holds")
def test_thousands_of_malformed_files_neither_crash_hang_nor_leak() -> None:
    child = run_python("-c", READ_MANY, timeout=300, PYTHONPATH=str(TOP / "tests"))
    assert child.returncode == 0, child.stderr
    assert "Warning" not in child.stderr
    used, grown_bytes, grown_files = map(int, child.stdout.split())
    assert 100 < used < 2900
    assert grown_bytes < 30e6 and grown_files == 0


MODES = "1 L LA La P PA RGB RGBA RGBa RGBX CMYK YCbCr LAB HSV I F I;16 I;16L I;16B".split()
NEW = ("La", "RGBa", "I;16L", "I;16B")  # Pillow converts nothing to these
HELD = {"JPEG": 6, "PNG": 8, "GIF": 7, "WEBP": 15, "BMP": 5, "TIFF": 12, "PPM": 7}  # modes that a format can hold


@pytest.mark.parametrize("kind", HELD)
def test_every_mode_that_a_format_can_hold_is_read(kind: str) -> None:
    held = []
    for mode in MODES:
        image = Image.new(mode, (48, 36)) if mode in NEW else Image.fromarray(PICTURE).convert(mode)
        try:
            data = encode(image, kind)
            Image.open(io.BytesIO(data)).load()  # some that Pillow writes it cannot read
        except (OSError, ValueError, KeyError):
            continue
        assert read_image(data).shape == PICTURE.shape and is_read(data), mode
        held.append(mode)
    assert len(held) >= HELD[kind], held


SIDES = {"JPEG": 65_500, "PNG": 500_000, "WEBP": 16_383, "TIFF": 500_000, "BMP": 30_000}  # pixels


@pytest.mark.parametrize("turn", [False, True], ids=["wide", "high"])
@pytest.mark.parametrize(("kind", "short"), [(kind, short) for kind in SIDES for short in (1, 40)])
def test_extreme_sizes_are_read(kind: str, short: int, turn: bool) -> None:
    width, height = (short, SIDES[kind]) if turn else (SIDES[kind], short)
    data = encode(Image.new("RGB", (width, height), "red"), kind)
    image = load_image(data, 224)
    assert image.shape == (224, 224, 3) and np.abs(image.astype(int) - [255, 0, 0]).max() < 5


@pytest.mark.parametrize("kind", ["PNG", "GIF", "TIFF"])
def test_small_file_of_many_pixels_is_refused_before_it_is_decoded(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = encode(Image.new("1", (20_000, 10_000)), kind)  # 200 million pixels
    assert len(bomb) < 200_000 or kind == "TIFF"
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("decoded"))
    with pytest.raises(ImageError, match="pixels"):
        open_image(bomb)


def test_files_that_vanish_or_change_while_they_are_read_are_listed(pictures: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(pictures, tmp_path / "copied"))
    paths = sorted(root.rglob("*.png"))

    def meddling(image: np.ndarray) -> np.ndarray:
        # While the first are being computed, the rest goes, is replaced, or loses its right to be read.
        for number, path in enumerate(paths[20:]):
            path.unlink(missing_ok=True) if number % 2 else path.write_bytes(b"words")
        return average_colours(image)

    folder = ImageFolder.scan(root)
    with BottleneckStore(tmp_path / "store") as store:
        found = extract(folder, backbone=plain_backbone(engine=meddling), store=store)
    problems = found.source.problems["problem"]
    assert list(found.rows["path"][:20]) == [os.path.relpath(path, root) for path in paths[:20]] and len(problems) >= 30
    assert all("No such file" in problem or "changed" in problem for problem in problems)
