"""Whatever people bring as a picture is read the same way, or refused with its name and the reason."""

import io
import os
import pickle
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, features
from support import encode, gradient, run_python

from imgclass_course.datasets import ImageFolder
from imgclass_course.foundation import picture_files, pictures
from imgclass_course.foundation.errors import DatasetError, FileChangedError, ImageError
from imgclass_course.foundation.picture_files import load_image, read_image
from imgclass_course.foundation.pictures import Picture, as_pictures, is_one_picture
from imgclass_course.foundation.threads import map_in_threads

PIXELS = gradient(40, 30)
FILE = encode(PIXELS)


class Tensor:
    """An array of another library, as far as we need to know it."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.shape, self.ndim, self.dtype = pixels.shape, pixels.ndim, "bytes"
        self._pixels = pixels

    def __array__(self, *arguments: object, **more: object) -> np.ndarray:
        return self._pixels

    def __iter__(self) -> Iterator["Tensor"]:
        return map(Tensor, self._pixels)


def stored(folder: Path, data: bytes = FILE) -> Path:
    """Return a file with these bytes."""
    path = folder / "picture.png"
    path.write_bytes(data)
    return path


# One picture, in every shape that people have it; each from a folder in which files may be made.
FILES: dict[str, Callable[[Path], object]] = {
    "path": stored,
    "text": lambda folder: str(stored(folder)),
    "bytes": lambda folder: FILE,
    "bytearray": lambda folder: bytearray(FILE),
    "memoryview": lambda folder: memoryview(FILE),
    "BytesIO": lambda folder: io.BytesIO(FILE),
    "open file": lambda folder: stored(folder).open("rb"),
    "unbuffered file": lambda folder: stored(folder).open("rb", buffering=0),
}
IN_MEMORY: dict[str, Callable[[Path], object]] = {
    "array": lambda folder: PIXELS,
    "view": lambda folder: PIXELS[:, ::-1][:, ::-1],
    "PIL": lambda folder: Image.fromarray(PIXELS),
    "PIL, not read yet": lambda folder: Image.open(stored(folder)),
    "tensor": lambda folder: Tensor(PIXELS),
}


@pytest.mark.parametrize("make", [*FILES.values(), *IN_MEMORY.values()], ids=[*FILES, *IN_MEMORY])
def test_one_picture_is_one_and_read_as_often_as_wanted(make: Callable[[Path], object], tmp_path: Path) -> None:
    source = make(tmp_path)
    (picture,) = as_pictures(source)
    assert is_one_picture(source) and is_one_picture(picture) and list(as_pictures(picture)) == [picture]
    for _ in range(2):
        np.testing.assert_array_equal(picture.pixels(), PIXELS)
        np.testing.assert_array_equal(picture.load(16, picture.digest()), load_image(PIXELS, 16))
    assert picture.problem() == ""
    assert picture.name == (str(tmp_path / "picture.png") if isinstance(source, str | Path) else "picture 1")
    with pytest.raises(FileChangedError, match="changed"):
        picture.load(16, "00" * 32)


def test_same_content_has_the_same_digest_however_it_is_given(tmp_path: Path) -> None:
    for kinds in (FILES, IN_MEMORY):
        assert len({Picture(make(tmp_path), "").digest() for make in kinds.values()}) == 1
    assert Picture(PIXELS, "").digest() != Picture(PIXELS.reshape(40, 30, 3), "").digest()


@pytest.mark.parametrize("channels", [(), (1,), (3,), (4,)], ids=str)
def test_grey_and_transparent_arrays_become_rgb(channels: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, *channels), np.uint8)
    expected = read_image(encode(pixels.squeeze(2) if channels == (1,) else pixels))
    np.testing.assert_array_equal(Picture(pixels, "").pixels(), expected)
    np.testing.assert_array_equal(load_image(pixels, 16), load_image(expected, 16))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "I", "F"])
def test_pil_pictures_of_every_mode_are_read_as_their_files_are(mode: str) -> None:
    image = Image.fromarray(PIXELS)
    image = (image.convert("L") if mode in ("I;16", "I", "F") else image).convert(mode)
    kind = "TIFF" if mode in ("CMYK", "I", "F") else "PNG"
    np.testing.assert_array_equal(Picture(image, "").pixels(), read_image(encode(image, kind)))


def test_picture_that_is_given_stays_as_it_is() -> None:
    given = Image.fromarray(PIXELS)
    copy = Picture(given, "").image(8)
    copy.thumbnail((8, 8))
    assert given.size == (40, 30) and copy.size == (8, 6)
    assert Picture(encode(gradient(800, 600), "JPEG"), "").image(64).size == (200, 150)


def test_palettes_are_part_of_a_picture() -> None:
    first, second = (Image.new("P", (2, 2)) for _ in range(2))
    first.putpalette([10, 20, 30])
    second.putpalette([40, 50, 60])
    assert Picture(first, "").digest() != Picture(second, "").digest()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_rotated_pil_picture_is_turned_and_left_as_it_is(kind: str, orientation: int) -> None:
    notes = Image.Exif()
    notes[0x0112] = orientation
    data = encode(PIXELS, kind, exif=notes, **({"lossless": True} if kind == "WEBP" else {}))
    image = Image.open(io.BytesIO(data))
    np.testing.assert_array_equal(Picture(image, "").pixels(), read_image(data))
    assert read_image(data).shape == (PIXELS.shape if orientation < 5 else (40, 30, 3))
    assert image.size == (PIXELS.shape[1::-1] if kind != "TIFF" or orientation < 5 else (30, 40))  # Pillow turns TIFFs


def test_photo_with_a_second_picture_inside_is_its_first() -> None:
    photo = encode(Image.fromarray(PIXELS), "MPO", save_all=True, append_images=[Image.new("RGB", (9, 9))], quality=95)
    assert np.abs(read_image(photo).astype(int) - PIXELS).mean() < 3


# Several


def several(folder: Path) -> dict[str, object]:
    """Return two pictures in every container that people have them in."""
    paths = [str(stored(folder)), folder / "other.png"]
    paths[1].write_bytes(FILE)
    return {
        "list": [FILE, PIXELS],
        "tuple": tuple(paths),
        "generator": (pixels for pixels in (PIXELS, PIXELS)),
        "array": np.stack([PIXELS, PIXELS]),
        "tensor": Tensor(np.stack([PIXELS, PIXELS])),
        "column": pd.Series(paths, index=[7, 7]),
        "table": pd.DataFrame({"label": ["a", "b"], "path": paths}),
        "array of paths": np.array([str(path) for path in paths]),
        "array of objects": np.array(paths, object),
        "strings of pandas": pd.array([str(path) for path in paths], dtype="string"),
        "iterator": iter([FILE, str(paths[0])]),
    }


def test_several_pictures_come_in_any_container(tmp_path: Path) -> None:
    for kind, given in several(tmp_path).items():
        assert not is_one_picture(given), kind
        found = list(as_pictures(given))
        assert len(found) == 2, kind
        for picture in found:
            np.testing.assert_array_equal(picture.pixels(), PIXELS, kind)
    assert [picture.name for picture in as_pictures([PIXELS, tmp_path / "other.png", FILE])] == [
        "picture 1",
        str(tmp_path / "other.png"),
        "picture 3",
    ]


def test_grey_pictures_in_one_array_are_several() -> None:
    found = list(as_pictures(np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)))
    assert len(found) == 5 and found[4].pixels().shape == (28, 28, 3)
    assert len(list(as_pictures(np.zeros((5, 28, 28, 1), np.uint8)))) == 5


def test_pictures_of_a_generator_are_taken_one_by_one() -> None:
    taken = []
    found = as_pictures(taken.append(number) or PIXELS for number in range(3))
    assert next(found).name == "picture 1" and taken == [0]


def test_text_is_one_path_and_not_its_letters() -> None:
    assert [picture.name for picture in as_pictures("x.jpg")] == ["x.jpg"]


def test_table_without_paths_is_one_clear_error() -> None:
    with pytest.raises(DatasetError, match="no column path; it has file, label"):
        list(as_pictures(pd.DataFrame(columns=["file", "label"])))


# What cannot be read says why, and the others go on


def closed(folder: Path) -> object:
    """Return a file that was closed, as at the end of a `with` statement."""
    with stored(folder).open("rb") as file:
        return file


def closed_image(folder: Path) -> object:
    """Return a PIL picture whose file was closed before it was read."""
    with Image.open(stored(folder)) as image:
        return image


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "floats": (lambda folder: PIXELS / 255, "float64, not bytes .uint8.: was this picture scaled already"),
    "whole numbers": (lambda folder: PIXELS.astype(int), "int64, not bytes .uint8.: give values from 0 to 255"),
    "truths": (lambda folder: PIXELS > 9, "bool, not bytes"),
    "two channels": (lambda folder: PIXELS[..., :2], r"shape \[30, 40, 2\]"),
    "no pixels": (lambda folder: PIXELS[:0], r"shape \[0, 40, 3\]"),
    "one number": (lambda folder: np.array(5, np.uint8), r"shape \[\]"),
    "a vector": (lambda folder: np.zeros(9, np.uint8), r"shape \[9\]"),
    "lists": (lambda folder: PIXELS.tolist(), "a list, not a path"),
    "nothing": (lambda folder: None, "a NoneType, not a path"),
    "a number": (lambda folder: 5, "a int, not a path"),
    "no file": (lambda folder: folder / "missing.jpg", "cannot be read .No such file"),
    "no name": (lambda folder: "a\0b.jpg", "no file can have this name"),
    "a folder": (lambda folder: folder, "a folder, not a picture"),
    "words": (lambda folder: b"these are words", "not a picture but text"),
    "cut": (lambda folder: FILE[:500], "cut short or damaged"),
    "empty": (lambda folder: io.BytesIO(), "the file is empty"),
    "file of text": (lambda folder: stored(folder).open(encoding="latin-1"), 'opened as text; open it with mode "rb"'),
    "text in memory": (lambda folder: io.StringIO("x"), "opened as text"),
    "closed file": (closed, "cannot be read .* closed file"),
    "closed picture": (closed_image, "cut short or damaged"),
    "file to write": (lambda folder: (folder / "new.png").open("wb"), "cannot be read"),
    "cut PIL picture": (lambda folder: Image.open(io.BytesIO(FILE[:500])), "cut short or damaged"),
    "web address": (lambda folder: "https://example.org/cat.jpg", "No such file"),
}


@pytest.mark.parametrize(("make", "reason"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_read_says_why(make: Callable[[Path], object], reason: str, tmp_path: Path) -> None:
    bad, good = as_pictures([make(tmp_path), FILE])
    for read in (bad.pixels, lambda: bad.load(16)):
        with pytest.raises((ImageError, OSError)):
            read()
    assert re.search(reason, bad.problem()) and len(bad.problem().splitlines()) == 1
    assert good.problem() == ""


SPECIAL = """
import sys
from imgclass_course.foundation.pictures import Picture
for path in sys.argv[1:]:
    print(Picture(path, "").problem())
"""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such files")
def test_pipes_devices_and_folders_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    child = run_python("-c", SPECIAL, "/dev/zero", str(tmp_path / "pipe.jpg"), str(tmp_path), "/dev/tty", timeout=20)
    device = "not a file but a device or pipe"
    assert child.stdout.splitlines() == [device, device, "a folder, not a picture", device]


def test_file_without_an_end_is_read_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_IMAGE_BYTES", 1000)
    monkeypatch.setattr(picture_files, "MAX_IMAGE_BYTES", 1000)

    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            assert size == 1001
            return bytes(size)

    assert Picture(Endless(), "").problem() == "the file has 1,001 bytes; the limit is 1,000"


def test_stream_that_can_be_read_only_once_is_kept() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as file:
        file.write(FILE)
    with os.fdopen(reader, "rb") as file:
        picture = Picture(file, "picture 1")
        assert picture.digest() == Picture(FILE, "").digest()
        np.testing.assert_array_equal(picture.load(16), load_image(FILE, 16))


class SlowFile(io.BytesIO):
    """A file that takes its time to be wound back."""

    def seek(self, *where: int) -> int:
        """Wind back, and let other threads run."""
        found = super().seek(*where)
        time.sleep(0.002)
        return found


@pytest.mark.parametrize("make", [SlowFile, lambda data: Image.open(io.BytesIO(data))], ids=["file", "PIL"])
def test_one_picture_may_be_read_by_many_threads(make: Callable[[bytes], object]) -> None:
    pixels = gradient(400, 300)
    for _ in range(10):
        picture = Picture(make(encode(pixels)), "")
        found = map_in_threads(lambda _, picture=picture: picture.pixels().tobytes(), range(8), 8)
        assert set(found) == {pixels.tobytes()}


def test_pictures_that_are_files_go_to_other_processes(tmp_path: Path) -> None:
    picture = pickle.loads(pickle.dumps(Picture(stored(tmp_path), "x")))
    np.testing.assert_array_equal(picture.pixels(), PIXELS)


# Photos of phones


def as_heic(image: np.ndarray | Image.Image, **options: object) -> bytes:
    """Return a HEIC photo."""
    pillow_heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    pillow_heif.from_pillow(image).save(buffer, quality=95, **options)
    return buffer.getvalue()


def as_avif(image: np.ndarray | Image.Image, **options: object) -> bytes:
    """Return an AVIF photo."""
    if not features.check("avif"):
        pytest.skip("this build of Pillow has no AVIF")
    return encode(image, "AVIF", quality=95, **options)


@pytest.mark.parametrize("encode_photo", [as_heic, as_avif])
def test_photos_of_phones_are_read(encode_photo: Callable[..., bytes], tmp_path: Path) -> None:
    photo = encode_photo(PIXELS)
    assert np.abs(read_image(photo).astype(int) - PIXELS).mean() < 4
    assert np.abs(load_image(photo, 16).astype(int) - load_image(PIXELS, 16)).mean() < 4
    renamed = photo[:8] + b"mif1" + photo[12:]  # the brand of either, in some photos
    np.testing.assert_array_equal(read_image(renamed), read_image(photo))
    clear = Image.fromarray(np.dstack([PIXELS, np.zeros((30, 40), np.uint8)]))
    assert read_image(encode_photo(clear)).min() > 250
    notes = Image.Exif()
    notes[0x0112] = 6
    turned = np.rot90(PIXELS, -1)
    assert np.abs(read_image(encode_photo(PIXELS, exif=notes.tobytes())).astype(int) - turned).mean() < 4
    for share in (0.3, 0.7, 0.95):
        with pytest.raises(ImageError):
            read_image(photo[: int(share * len(photo))])
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "IMG_0001.HEIC").write_bytes(photo)
    row = ImageFolder.scan(tmp_path).table.iloc[0]
    assert (row["width"], row["height"], row["problem"]) == (40, 30, "")


def test_damaged_heic_photo_is_called_so() -> None:
    photo = as_heic(PIXELS)
    assert Picture(photo[:400], "").problem() == "not a picture but a damaged HEIC photo"


def test_without_pillow_heif_one_line_says_what_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    photo = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # importing it fails
    for name, data in {"IMG_0001.HEIC": photo, "a.png": FILE}.items():
        (tmp_path / "cats").mkdir(exist_ok=True)
        (tmp_path / "cats" / name).write_bytes(data)
    problems = ImageFolder.scan(tmp_path).problems
    assert problems["path"].tolist() == [os.path.join("cats", "IMG_0001.HEIC")]
    reason = "not a picture but a HEIC photo, which needs pillow-heif (pip install pillow-heif); or export it as JPEG"
    assert problems["problem"].tolist() == [reason] == [Picture(photo, "").problem()]
