"""Every picture is read the same way, and what is no picture gives one clear error."""

import io
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import nbclient
import nbformat
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support import encode, gradient, run_python

from imgclass_course import pixels
from imgclass_course.foundation import picture_files
from imgclass_course.foundation.errors import ImageError
from imgclass_course.foundation.picture_files import load_image, open_image, read_image
from imgclass_course.images import center_crop, resize_image, scale_to_range, show_images, stretch_contrast

# Pillow warns of damaged notes; the tests damage them on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
PICTURE = gradient(40, 30)
# Of each format one file: whole, so that it can be cut anywhere.
FILES = {
    "jpeg": encode(PICTURE, "JPEG", quality=90),
    "progressive": encode(PICTURE, "JPEG", progressive=True),
    "png": encode(PICTURE),
    "gif": encode(PICTURE, "GIF"),
    "webp": encode(PICTURE, "WEBP"),
    "bmp": encode(PICTURE, "BMP"),
    "tiff": encode(PICTURE, "TIFF"),
    "tiff_lzw": encode(PICTURE, "TIFF", compression="tiff_lzw"),
    "ppm": encode(PICTURE, "PPM"),
    "exif": encode(PICTURE, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"),
}


def with_orientation(image: np.ndarray, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(image, "PNG", exif=exif)


@pytest.mark.parametrize(
    ("orientation", "undo"),
    [
        (1, lambda image: image),
        (2, lambda image: image[:, ::-1]),
        (3, lambda image: image[::-1, ::-1]),
        (4, lambda image: image[::-1]),
        (5, lambda image: image.transpose(1, 0, 2)),
        (6, lambda image: np.rot90(image, -1)),
        (7, lambda image: np.rot90(image, 2).transpose(1, 0, 2)),
        (8, lambda image: np.rot90(image, 1)),
    ],
)
def test_orientation_is_applied(orientation: int, undo: object) -> None:
    np.testing.assert_array_equal(read_image(with_orientation(PICTURE, orientation)), undo(PICTURE))


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" * 3]
)
def test_damaged_exif_does_not_spoil_the_picture(exif: bytes) -> None:
    assert read_image(encode(PICTURE, "JPEG", exif=exif)).shape == PICTURE.shape


# Notes of three entries, the first an orientation; one byte further on makes Pillow raise what is no OSError.
NOTES = (
    b"Exif\0\0II*\0\x08\0\0\0\x03\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\x1a\x01\x05\0\x01\0\0\0\x32\0\0\0"
    b"\x0f\x01\x02\0\x05\0\0\0\x3a\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0canon\0"
)


@pytest.mark.parametrize(("place", "value"), [(28, 6), (30, 2), (28, 16)], ids=["struct.error", "TypeError", "other"])
def test_notes_that_cannot_be_written_again_do_not_spoil_the_picture(place: int, value: int) -> None:
    damaged = NOTES[:place] + bytes([value]) + NOTES[place + 1 :]
    assert read_image(encode(PICTURE, "JPEG", exif=damaged)).size == PICTURE.size


def test_grey_has_three_equal_channels() -> None:
    grey = read_image(encode(PICTURE[..., 0]))
    np.testing.assert_array_equal(grey, np.repeat(PICTURE[..., :1], 3, axis=2))


def test_one_bit_is_black_and_white() -> None:
    image = read_image(encode(Image.fromarray(PICTURE[..., 0]).convert("1")))
    assert set(np.unique(image)) == {0, 255}


def test_alpha_is_laid_on_white() -> None:
    image = np.full((2, 3, 4), (200, 100, 0, 255), np.uint8)
    image[0, :, 3] = (0, 51, 255)
    np.testing.assert_array_equal(read_image(encode(image))[0], [[255, 255, 255], [244, 224, 204], [200, 100, 0]])


def test_grey_alpha_is_laid_on_white() -> None:
    image = Image.fromarray(np.array([[[40, 0], [40, 255]]], np.uint8), "LA")
    np.testing.assert_array_equal(read_image(encode(image)), [[[255] * 3, [40] * 3]])


def test_transparent_palette_entry_is_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    for transparency in (0, b"\x00\xff"):
        np.testing.assert_array_equal(
            read_image(encode(image, transparency=transparency)), [[[255, 255, 255], [40, 50, 60]]]
        )


def test_transparent_colour_of_rgb_is_white() -> None:
    image = np.array([[[1, 2, 3], [40, 50, 60]]], np.uint8)
    np.testing.assert_array_equal(read_image(encode(image, transparency=(1, 2, 3))), [[[255, 255, 255], [40, 50, 60]]])


def test_cmyk_keeps_its_colours() -> None:
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    red, green, blue = read_image(encode(image, "JPEG", quality=95))[4, 4]
    assert red > 240 and green < 15 and blue < 15


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_become_8(kind: str) -> None:
    values = np.array([[0, 257, 32896, 65535]], np.uint16)
    np.testing.assert_array_equal(read_image(encode(Image.fromarray(values), kind))[0, :, 0], [0, 1, 128, 255])


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_wide_values_are_stretched(dtype: type) -> None:
    values = np.array([[-1000, 0, 1000]], dtype)
    np.testing.assert_array_equal(read_image(encode(Image.fromarray(values), "TIFF"))[0, :, 0], [0, 128, 255])


@pytest.mark.parametrize("values", [[0, np.nan], [0, np.inf], [-np.inf, 0], [-np.inf, np.inf]])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_values_that_are_no_numbers_are_read_without_warnings(values: list[float]) -> None:
    values = np.array([[0, 1, *values]], np.float32)
    assert read_image(encode(Image.fromarray(values), "TIFF")).shape == (1, 4, 3)


def test_constant_wide_values_are_read() -> None:
    assert read_image(encode(Image.fromarray(np.full((2, 2), 7, np.int32)), "TIFF")).shape == (2, 2, 3)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_animation_gives_its_first_frame(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    animation = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(read_image(animation)[4, 4], [255, 0, 0])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"these are words", "not a picture but text"),
        (b"<!DOCTYPE html><html>404</html>", "a web page"),
        (b"\n <svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (bytes(range(256)), "unknown or damaged"),
        (b"\xff\xd8\xff", "unknown or damaged"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
    ],
)
def test_what_is_no_picture_gives_the_reason(data: bytes, reason: str) -> None:
    for read in (open_image, read_image):
        with pytest.raises(ImageError, match=reason):
            read(data)


@given(name=st.sampled_from(sorted(FILES)), share=st.floats(0, 1))
def test_cut_file_is_read_or_refused(name: str, share: float) -> None:
    data = FILES[name][: int(share * len(FILES[name]))]
    for read in (read_image, lambda data: load_image(data, 16)):
        try:
            assert read(data).dtype == np.uint8
        except ImageError as error:
            assert str(error)


@pytest.mark.parametrize("name", ["jpeg", "progressive", "png", "gif", "webp", "tiff_lzw", "bmp"])
def test_half_a_file_is_refused(name: str) -> None:
    with pytest.raises(ImageError):
        read_image(FILES[name][: len(FILES[name]) // 2])


@given(name=st.sampled_from(sorted(FILES)), place=st.floats(0, 0.999), value=st.integers(0, 255))
def test_changed_byte_is_read_or_refused(name: str, place: float, value: int) -> None:
    data = bytearray(FILES[name])
    data[int(place * len(data))] = value
    try:
        read_image(bytes(data))
    except ImageError as error:
        assert str(error)


# Changes that Pillow answers with SyntaxError, ValueError and TypeError.
@pytest.mark.parametrize(
    ("name", "place", "change"), [("png", 36, 128), ("bmp", 30, 1), ("tiff", 72, 1), ("tiff", 96, 1), ("ppm", 9, 1)]
)
def test_every_kind_of_error_of_pillow_becomes_ours(name: str, place: int, change: int) -> None:
    data = bytearray(FILES[name])
    data[place] ^= change
    with pytest.raises(ImageError):
        read_image(bytes(data))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for start in (
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"\xff\xd8\xff\xe0",
        b"RIFF\x40\0\0\0WEBPVP8 ",
        b"II*\0",
        b"BM",
    ):
        try:
            read_image(start + data)
        except ImageError as error:
            assert str(error)


def png_claiming(width: int, height: int) -> bytes:
    """Return a PNG whose header claims a size that its few bytes do not hold."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(100_000, 100_000), (15_001, 10_000), (1 << 31, 1 << 31)])
def test_bomb_is_refused_before_decoding(width: int, height: int) -> None:
    with pytest.raises(ImageError, match="pixels|damaged"):
        open_image(png_claiming(width, height))


def test_picture_at_the_limit_is_opened() -> None:
    assert open_image(png_claiming(15_000, 10_000)).size == (15_000, 10_000)


def test_filter_of_the_program_counts_more_than_ours(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(png_claiming(10_000, 10_000))  # Pillow warns from 89 million pixels on
    start = "import sys, warnings; from PIL import Image; "
    strict = "warnings.simplefilter('error', Image.DecompressionBombWarning); "
    ours = "from imgclass_course.foundation.picture_files import open_image, read_bytes; "
    ours += "print(open_image(read_bytes(sys.argv[1])).size, 'pillow_heif' in sys.modules); "
    child = run_python("-c", start + ours, str(path))
    assert child.stdout == "(10000, 10000) False\n" and child.stderr == ""
    for code in (start + strict + ours.split(";")[0] + "; Image.open(sys.argv[1])", start + strict + ours):
        child = run_python("-c", code, str(path))
        assert child.stdout == "" and "exceeds limit" in child.stderr.splitlines()[-1]


def test_file_of_too_many_bytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(PICTURE)
    monkeypatch.setattr(picture_files, "MAX_IMAGE_BYTES", len(data))
    assert read_image(data).shape == PICTURE.shape
    monkeypatch.setattr(picture_files, "MAX_IMAGE_BYTES", len(data) - 1)
    with pytest.raises(ImageError, match="limit"):
        read_image(data)


def test_file_of_too_many_bytes_is_not_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a terabyte of nothing: takes no space on the disk
    with pytest.raises(ImageError, match="limit"):
        read_image(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with a name")
def test_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    code = "import sys; from imgclass_course.foundation.picture_files import read_image; read_image(sys.argv[1])"
    child = run_python("-c", code, str(tmp_path / "pipe.jpg"), timeout=10)
    assert "ImageError" in child.stderr


def test_missing_file_is_an_os_error(tmp_path: Path) -> None:
    for read in (read_image, lambda path: load_image(path, 8)):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "missing.png")


@given(seed=st.integers(0, 50), width=st.integers(1, 70), height=st.integers(1, 70), size=st.integers(1, 50))
def test_bytes_path_and_pixels_are_one_picture(
    tmp_path_factory: pytest.TempPathFactory, seed: int, width: int, height: int, size: int
) -> None:
    pixels = gradient(width, height, seed)
    data = encode(pixels)
    path = tmp_path_factory.getbasetemp() / "one.png"
    path.write_bytes(data)
    expected = load_image(pixels, size)
    assert expected.shape == (size, size, 3)
    for source in (data, path, str(path)):
        np.testing.assert_array_equal(read_image(source), pixels)
        np.testing.assert_array_equal(load_image(source, size), expected)


def test_pixels_of_the_wanted_size_stay_as_they_are() -> None:
    np.testing.assert_array_equal(load_image(PICTURE[:30, :30], 30), PICTURE[:30, :30])


@pytest.mark.parametrize("size", [32, 128, 224])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_reduced_decoding_is_close_to_full(mode: str, size: int) -> None:
    photo = encode(Image.fromarray(gradient(1600, 1200)).convert(mode), "JPEG", quality=95)
    full = resize_image(read_image(photo), size).astype(int)
    assert np.abs(load_image(photo, size) - full).mean() < 1


def test_reduced_decoding_keeps_the_orientation() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = encode(gradient(800, 600), "JPEG", quality=95, exif=exif)
    assert np.abs(load_image(photo, 64) - resize_image(read_image(photo), 64).astype(int)).mean() < 1


def test_reduced_decoding_reads_fewer_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    def watch(data: bytes) -> Image.Image:
        opened.append(open_image(data))
        return opened[-1]

    monkeypatch.setattr(picture_files, "open_image", watch)
    load_image(encode(gradient(1600, 1200), "JPEG"), 100)
    assert opened[0].size == (400, 300)


def test_resizing_averages_instead_of_skipping() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(resize_image(stripes, 8).astype(int) - 127).max() < 20


def test_center_crop_takes_the_middle() -> None:
    np.testing.assert_array_equal(center_crop(PICTURE, 10), PICTURE[10:20, 15:25])
    with pytest.raises(ValueError, match="does not fit"):
        center_crop(PICTURE, 31)


def test_stretch_contrast_reaches_both_ends() -> None:
    stretched = stretch_contrast(PICTURE // 4 + 50)
    assert (stretched.min(), stretched.max()) == (0, 255)
    flat = np.full((2, 2, 3), 9, np.uint8)
    np.testing.assert_array_equal(stretch_contrast(flat), flat)


def test_scale_to_range_scales_bytes_once() -> None:
    scaled = scale_to_range(np.array([0, 51, 255], np.uint8), -1, 1)
    np.testing.assert_allclose(scaled, [-1, -0.6, 1], rtol=1e-6)
    with pytest.raises(TypeError, match="scaled already"):
        scale_to_range(scaled)


@pytest.fixture
def figures() -> Iterator[ModuleType]:
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    yield plt
    plt.close("all")


def test_show_images_draws_a_grid_and_needs_a_picture(figures: ModuleType) -> None:
    assert show_images([PICTURE] * 3, ["a", "b", "c"], columns=2) is None
    axes = figures.gcf().axes
    assert [axis.get_title() for axis in axes] == ["a", "b", "c", ""]
    assert [axis.axison for axis in axes] == [True, True, True, False]
    with pytest.raises(ValueError, match="no picture"):
        show_images([])


def test_rows_of_wide_pictures_are_low_and_those_of_tall_ones_square(figures: ModuleType) -> None:
    heights = []
    for image in (PICTURE, PICTURE.swapaxes(0, 1), np.zeros((9, 9), np.uint8)):
        show_images([image], size=2)
        heights.append(figures.gcf().get_figheight())
    assert heights == pytest.approx([1.8, 2.3, 2.3])


def test_pixels_are_drawn_with_their_numbers(figures: ModuleType) -> None:
    photo = gradient(60, 40)
    pixels.show_pixels(photo, 34, 0, size=3)
    (axis,) = figures.gcf().axes
    numbers = [text.get_text() for text in axis.texts]
    assert numbers == ["\n".join(map(str, pixel)) for pixel in photo[34:37, :3].reshape(-1, 3)]
    whole, near = (np.asarray(image.get_array()) for image in axis.images)
    np.testing.assert_array_equal(whole, photo)
    np.testing.assert_array_equal(near, photo[10:40, :30])
    assert (axis.get_xlim(), axis.get_ylim()) == ((0, 6.4), (0, 3.9))


@pytest.mark.parametrize(("row", "column"), [(-1, 0), (0, -1), (35, 0), (0, 55)])
def test_patch_outside_the_picture_is_refused(row: int, column: int) -> None:
    with pytest.raises(ValueError, match="does not lie in a picture of 60 x 40"):
        pixels.show_pixels(gradient(60, 40), row, column)


def test_sheets_are_the_channels_and_say_the_numbers_of_a_pixel(figures: ModuleType) -> None:
    pixels.show_sheets(PICTURE, 20, 30)
    (axis,) = figures.gcf().axes
    for depth, image in zip((2, 1, 0), axis.images, strict=True):
        sheet = np.asarray(image.get_array())
        np.testing.assert_array_equal(sheet[..., depth], PICTURE[..., depth])
        assert sheet.sum() == PICTURE[..., depth].sum()
    written = {text.get_text() for text in axis.texts}
    red, green, blue = PICTURE[20, 30]
    assert {f"red {red}", f"green {green}", f"blue {blue}", "30 rows", "40 columns", "3 channels"} <= written


@pytest.mark.parametrize(("count", "labels"), [(2, [0, 1]), (4, [0, 1, 2, 3]), (32, [0, 1, 2, 31])])
def test_batch_is_drawn_as_blocks_with_its_shape(figures: ModuleType, count: int, labels: list[int]) -> None:
    pixels.show_batch(np.zeros((count, 8, 8, 3), np.float32))
    (axis,) = figures.gcf().axes
    texts = [text.get_text() for text in axis.texts]
    assert texts == [
        *(f"batch[{label}]" for label in labels),
        f"{count} pictures  x  8 rows  x  8 columns  x  3 channels",
    ]


def test_sample_files_are_of_nine_kinds_and_readable() -> None:
    files = pixels.sample_files(PICTURE)
    opened = {name: Image.open(io.BytesIO(data)) for name, data in files.items()}
    kinds = {(image.format, image.mode) for image in opened.values()}
    assert len(kinds) == len(files) - 1 == 8  # the photo of the phone is like the first, but for its note
    assert opened["phone.jpg"].getexif()[0x0112] == 6 and opened["moving.webp"].n_frames == 2
    assert {read_image(data).shape for data in files.values()} == {PICTURE.shape}


def test_broken_files_are_refused_each_for_its_own_reason() -> None:
    reasons = set()
    for data in pixels.broken_files(PICTURE).values():
        with pytest.raises(ImageError) as caught:
            read_image(data)
        reasons.add(str(caught.value))
    assert len(reasons) == len(pixels.broken_files(PICTURE)) == 5


def test_show_images_shows_once_in_a_notebook() -> None:
    cells = [
        "import matplotlib.pyplot as plt; import numpy as np; from imgclass_course.images import show_images",
        "show_images([np.zeros((2, 2, 3), np.uint8)])",
        "show_images([np.zeros((2, 2, 3), np.uint8)]); plt.show()",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    shown = [[output for output in cell.outputs if "image/png" in output.get("data", {})] for cell in notebook.cells]
    assert list(map(len, shown)) == [0, 1, 1]


def test_pillow_opens_only_the_formats_of_the_course() -> None:
    buffer = io.BytesIO()
    Image.fromarray(PICTURE).save(buffer, "PCX")
    with pytest.raises(ImageError):
        open_image(buffer.getvalue())
