"""Folders in object storage: listed and read through fsspec, with the answers that a folder on the disk gives."""

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from support import SMALL, assert_one_line_error, encode, gradient, plain_backbone, run_command

from imgclass_course import ImageFolder, extract
from imgclass_course.datasets import as_image_folder
from imgclass_course.foundation import pictures as reading
from imgclass_course.foundation.errors import DatasetError
from imgclass_course.foundation.pictures import as_pictures
from imgclass_course.foundation.remote_files import is_address, list_addresses
from imgclass_course.foundation.store import BottleneckStore

needs_storage = pytest.mark.skipif(
    not (find_spec("moto") and find_spec("s3fs")), reason="needs an S3-like server, which comes with the extra dev"
)
FACTS = ["path", "label", "split", "digest", "width", "height", "problem"]


@pytest.fixture(scope="module")
def bucket(pictures: Path) -> Iterator[str]:
    """Serve the pictures and a file that is none from an S3-like server on this machine; return their address."""
    import fsspec
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        system = fsspec.filesystem("s3", skip_instance_cache=True)
        system.mkdir("shelf")
        for file in pictures.rglob("*.png"):
            system.pipe(f"shelf/shapes/{file.relative_to(pictures).as_posix()}", file.read_bytes())
        system.pipe("shelf/shapes/red/notes.txt", b"no picture")
        system.pipe("shelf/shapes/red/.hidden.png", b"")
        system.pipe("shelf/shapes/readme.txt", b"beside the classes")
        yield "s3://shelf/shapes"
    server.stop()


@needs_storage
def test_bucket_is_a_folder(bucket: str, pictures: Path) -> None:
    there, here = as_image_folder(bucket), ImageFolder.scan(pictures)
    (problem,) = there.problems.itertuples(index=False)
    assert problem == ("red/notes.txt", "not a picture but text")
    table = there.readable[FACTS]
    assert table.equals(here.readable[FACTS]) and there.classes == here.classes and len(table) == 60


@needs_storage
def test_warm_start_reads_nothing(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backbone, read = plain_backbone(), []
    original = reading.read_address
    monkeypatch.setattr(reading, "read_address", lambda address: read.append(address) or original(address))
    found = []
    with BottleneckStore(tmp_path) as store:
        monkeypatch.setattr("imgclass_course.foundation.store.SETTLED_NS", -(10**12))  # the bucket was filled just now
        for _ in range(2):
            found.append(extract(bucket, backbone=backbone, store=store))
            if len(found) == 1:
                assert len(read) == 61 + 60
                read.clear()
        assert not read and found[1].reused == 60
        np.testing.assert_array_equal(found[0].X, found[1].X)
        store.prune()
        assert extract(bucket, backbone=backbone, store=store).reused == 60


@needs_storage
def test_command_on_a_bucket(bucket: str, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    options = ["--architecture", SMALL, "--head", "logistic", "--bottleneck_dir", tmp_path / "store"]
    options += ["--output_graph", tmp_path / "classifier", "--testing_percentage", "30"]
    options += ["--print_misclassified_test_images"]
    done = run_command(capfd, "retrain", bucket, *options)
    assert done.code == 0 and "60 computed" in done.out and "red/notes.txt" in done.err
    page = (tmp_path / "classifier" / "report.html").read_text("utf-8")
    assert "data:image" in page
    nowhere = run_command(capfd, "retrain", "s3://nowhere/pictures", *options)
    assert_one_line_error(nowhere, "s3://nowhere/pictures cannot be listed", "AWS_ENDPOINT_URL")


def test_splits_single_files_and_tables_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec = pytest.importorskip("fsspec")
    import pandas as pd

    system = fsspec.filesystem("memory")
    for number, place in enumerate(["train/a", "train/b", "val/a", "val/b", "other/c"]):
        system.pipe(f"/lesson/{place}/{number}.png", encode(gradient(seed=number)))
    folder = as_image_folder("memory://lesson")
    assert folder.readable["split"].tolist() == ["train", "train", "validation", "validation"]
    assert folder.classes == ["a", "b"] and folder.splits == ("train", "validation")
    address = "memory://lesson/train/a/0.png"
    (picture,) = as_pictures(address)
    np.testing.assert_array_equal(picture.pixels(), gradient(seed=0))
    table = pd.DataFrame({"path": [address, "memory://lesson/gone.png"], "label": ["x", "y"]})
    problems = ImageFolder.from_table(table).problems
    assert problems["problem"].tolist() == ["the file cannot be read (there is no such file)"]
    with pytest.raises(DatasetError, match="There are no files at memory://empty"):
        list_addresses("memory://empty")


@pytest.mark.parametrize(
    ("given", "expected"),
    [("s3://a/b", True), ("memory://x", True), ("C:/pictures", False), ("a/b", False), (Path("s3://a"), False)]
    + [("https://example.org/cat.jpg", False), ("nonsense://bucket", False)],
)
def test_addresses_are_told_from_paths(given: object, expected: bool) -> None:
    assert is_address(given) is expected


def test_what_is_missing_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("fsspec"):
        with pytest.raises(DatasetError, match="gs:// need gcsfs: pip install gcsfs"):
            list_addresses("gs://bucket/pictures")
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(DatasetError, match=r'pip install "imgclass_course\[ray\]"'):
        as_image_folder("s3://bucket/pictures")
