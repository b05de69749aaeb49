"""Each vector is computed once, is never stale and never another picture's, whatever happens to the pictures.

The backbone here averages colours with NumPy: what is tested is `extract`, and no test waits for TensorFlow.
"""

import io
import multiprocessing
import os
import pickle
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support import CountingEngine, EngineRunner, average_colours, encode, gradient, plain_backbone, write_pictures

from imgclass_course.backbones import Backbone
from imgclass_course.bottlenecks import extract
from imgclass_course.datasets import ImageFolder
from imgclass_course.features import Features
from imgclass_course.foundation.errors import AugmentationError, FileChangedError, ImageError, StoreError
from imgclass_course.foundation.picture_files import load_image
from imgclass_course.foundation.pictures import Picture
from imgclass_course.foundation.runners import Item, Load, Outcome, attempt
from imgclass_course.foundation.store import FILE_NAME, BottleneckStore
from imgclass_course.foundation.threads import map_in_threads
from imgclass_course.views import View

RED = os.path.join("red", "000.png")


@pytest.fixture
def copied(pictures: Path, tmp_path: Path) -> Path:
    """Return a copy of the small pictures that a test may change, none of them fresh from the disk's point of view."""
    root = Path(shutil.copytree(pictures, tmp_path / "copied"))
    make_old(root)
    return root


def make_old(root: Path) -> None:
    """Set the time of change of all files to some years ago, so that the store trusts it."""
    for path in root.rglob("*.png"):
        os.utime(path, ns=(1_700_000_000_000_000_000, 1_700_000_000_000_000_000))


def run(root: Path, store_folder: Path, backbone: Backbone | None = None) -> Features:
    """List a folder and extract its bottlenecks, as retraining does."""
    with BottleneckStore(store_folder) as store:
        folder = ImageFolder.scan(root, catalogue=store)
        return extract(folder, backbone=backbone or plain_backbone(), store=store)


def assert_right(features: Features, count: int, backbone: Backbone | None = None) -> None:
    """Check that there are `count` pictures, each with the vector, class and view that its file asks for."""
    backbone, root = backbone or plain_backbone(), features.source.root
    images = [load_image(root / path, backbone.image_size) for path in features.rows["path"]]
    np.testing.assert_array_equal(features.X, backbone.runner()(np.stack(images)))
    assert features.X.dtype == np.float32 and len(features) == count
    assert [features.classes[number] for number in features.y] == features.rows["label"].tolist()
    assert (features.rows["view"] == 0).all() and features.reused + features.computed == count


def problems(features: Features) -> dict[str, str]:
    """Return what was found wrong, by path."""
    return dict(features.source.problems.itertuples(index=False))


# What the store is for


def test_cached_equals_uncached(copied: Path, tmp_path: Path) -> None:
    first, second = run(copied, tmp_path / "store"), run(copied, tmp_path / "store")
    for features in (first, second, extract(copied, backbone=plain_backbone())):
        assert_right(features, 60)
        assert problems(features) == {} and features.backbone == plain_backbone()
    assert (first.reused, first.computed) == (0, 60) and (second.reused, second.computed) == (60, 0)


@pytest.mark.parametrize("listed", [False, True])
def test_warm_run_computes_nothing_and_reads_nothing(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: bool
) -> None:
    engine = CountingEngine()

    def features() -> Features:
        with BottleneckStore(tmp_path / "store") as store:
            given = (
                ImageFolder.scan(copied, catalogue=store) if listed else copied
            )  # the store remembers files either way
            return extract(given, backbone=plain_backbone(engine=engine), store=store)

    features()
    assert engine.passes == 60
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} was read"))
    assert features().reused == 60 and engine.passes == 60


def rename_all(root: Path) -> None:
    for path in list(root.rglob("*.png")):
        path.rename(path.with_name(f"renamed_{path.name}"))


def move_folder(root: Path) -> None:
    (root / "red").rename(root / "crimson")


def copy_all(root: Path) -> None:
    for path in list(root.rglob("*.png")):
        shutil.copy(path, path.with_name(f"copy_{path.name}"))


def touch_all(root: Path) -> None:
    for path in root.rglob("*.png"):
        path.touch()


@pytest.mark.parametrize("change", [rename_all, move_folder, copy_all, touch_all])
def test_changes_that_keep_the_content_cost_nothing(
    copied: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    engine = CountingEngine()
    run(copied, tmp_path / "store")
    change(copied)
    warm = run(copied, tmp_path / "store", plain_backbone(engine=engine))
    assert engine.passes == 0 and warm.computed == 0
    assert_right(warm, 120 if change is copy_all else 60)


@pytest.mark.parametrize("same_size_and_time", [False, True])
def test_changed_picture_is_computed_again(tmp_path: Path, same_size_and_time: bool) -> None:
    # Uncompressed, so that the new picture has exactly the size of the old one; written just now, so that a change
    # within one tick of the clock cannot be told from the time.
    path = tmp_path / "root" / "a" / "one.bmp"
    path.parent.mkdir(parents=True)
    path.write_bytes(encode(gradient(seed=1), "BMP"))
    before = path.stat()
    run(tmp_path / "root", tmp_path / "store")
    path.write_bytes(encode(gradient(seed=2), "BMP"))
    if same_size_and_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    second = run(tmp_path / "root", tmp_path / "store")
    assert second.computed == 1
    np.testing.assert_array_equal(second.X[0], average_colours(load_image(gradient(seed=2), 16)))


def test_other_backbone_and_resolution_never_mix(copied: Path, tmp_path: Path) -> None:
    backbones = [plain_backbone(), plain_backbone("other", engine=lambda image: -average_colours(image))]
    backbones.append(plain_backbone(image_size=32))
    for _ in range(2):
        for backbone in backbones:
            assert_right(run(copied, tmp_path / "store", backbone), 60, backbone)
    with BottleneckStore(tmp_path / "store") as store:
        assert store.info()["vectors"].tolist() == [60, 60, 60]


def test_new_pictures_are_added_to_known_ones(copied: Path, tmp_path: Path) -> None:
    run(copied, tmp_path / "store")
    write_pictures(copied, {"new": 7}, first_seed=900)
    second = run(copied, tmp_path / "store")
    assert (second.reused, second.computed) == (60, 7)
    assert_right(second, 67)


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_folder_without_a_readable_picture_gives_no_vectors(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "root" / "a").mkdir(parents=True)
    if content:
        (tmp_path / "root" / "a" / "one.png").write_bytes(content)
    for features in (run(tmp_path / "root", tmp_path / "store"), extract(tmp_path / "root", backbone=plain_backbone())):
        assert len(features) == 0 and features.classes == ("a",) and len(problems(features)) == bool(content)


def test_table_may_have_any_order_and_index(copied: Path, tmp_path: Path) -> None:
    folder = ImageFolder.scan(copied)
    folder = replace(folder, table=folder.table.sample(frac=0.5, random_state=0))
    cut(folder.root / folder.table["path"].iloc[3])
    with BottleneckStore(tmp_path / "store") as store:
        extract(replace(folder, table=folder.table.iloc[10:20]), backbone=plain_backbone(), store=store)
        features = extract(folder, backbone=plain_backbone(), store=store)
    assert_right(features, 29)
    assert features.reused == 10 and list(problems(features)) == [folder.table["path"].iloc[3]]
    assert features.rows["path"].tolist() == folder.table["path"].drop(folder.table.index[3]).tolist()


@pytest.mark.parametrize("dim", [0, 7, -5, 1 << 50])
def test_wrong_length_is_an_error_or_put_right(copied: Path, tmp_path: Path, dim: int) -> None:
    run(copied, tmp_path / "store")
    with sqlite3.connect(tmp_path / "store" / FILE_NAME) as database:
        database.execute(f"UPDATE spaces SET dim = {dim}")
    try:
        second = run(copied, tmp_path / "store")
    except StoreError:
        return
    assert_right(second, 60)
    assert run(copied, tmp_path / "store").computed == 0


def test_damaged_vector_is_computed_again(copied: Path, tmp_path: Path) -> None:
    run(copied, tmp_path / "store")
    with sqlite3.connect(tmp_path / "store" / FILE_NAME) as database:
        database.execute("UPDATE vectors SET value = zeroblob(length(value)) WHERE rowid IN (3, 30)")
    second = run(copied, tmp_path / "store")
    assert (second.reused, second.computed) == (58, 2)
    assert_right(second, 60)


# Pictures with the same content


def test_copies_are_computed_once_and_each_counts(copied: Path, tmp_path: Path) -> None:
    copy_all(copied)
    for name in ("000.png", "copy_000.png", "001.png"):  # two copies of one broken picture, and another broken one
        cut(copied / "red" / name)
    make_old(copied)
    engine = CountingEngine()
    first = run(copied, tmp_path / "store", plain_backbone(engine=engine))
    assert engine.passes == 59  # the second copy of the other one is whole
    assert (first.reused, first.computed, len(problems(first))) == (0, 117, 3)
    second = run(copied, tmp_path / "store", plain_backbone(engine=engine))
    assert engine.passes == 59 and (second.reused, second.computed, len(problems(second))) == (117, 0, 3)
    for features in (first, second):
        assert_right(features, 117)


def test_same_picture_under_two_labels_is_in_both(copied: Path, tmp_path: Path) -> None:
    shutil.copy(copied / RED, copied / "blue" / "also red.png")
    engine = CountingEngine()
    features = run(copied, tmp_path / "store", plain_backbone(engine=engine))
    assert engine.passes == 60
    assert_right(features, 61)
    both = features.rows["digest"].duplicated(keep=False).to_numpy()
    assert [features.classes[number] for number in features.y[both]] == ["blue", "red"]
    assert features.rows["split"][both].nunique() == 1


@pytest.mark.parametrize("gone", ["000.png", "copy.png"])
def test_one_copy_that_is_gone_does_not_take_the_other_with_it(copied: Path, gone: str) -> None:
    shutil.copy(copied / RED, copied / "red" / "copy.png")
    folder = ImageFolder.scan(copied)
    (copied / "red" / gone).unlink()
    features = extract(folder, backbone=plain_backbone())
    assert len(features) == 61 and problems(features) == {}


# Pictures that cannot be used


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_unreadable_picture_is_listed_and_remembered(copied: Path, tmp_path: Path) -> None:
    shutil.copy(copied / RED, copied / "red" / "copy.png")
    for name in ("000.png", "copy.png"):
        cut(copied / "red" / name)
    make_old(copied)
    first = run(copied, tmp_path / "store")
    assert list(problems(first)) == [RED, os.path.join("red", "copy.png")]
    assert all("cut short or damaged" in problem for problem in problems(first).values())
    assert (first.source.table["split"] == "").sum() == 2
    with BottleneckStore(tmp_path / "store") as store:
        folder = ImageFolder.scan(copied, catalogue=store)  # this time it is known before anything is decoded
    assert dict(folder.problems.itertuples(index=False)) == problems(first)
    assert_right(run(copied, tmp_path / "store"), 59)


def test_repaired_picture_is_used_again(copied: Path, tmp_path: Path) -> None:
    whole = (copied / RED).read_bytes()
    cut(copied / RED)
    make_old(copied)
    assert len(run(copied, tmp_path / "store")) == 59
    (copied / RED).write_bytes(whole)
    assert len(run(copied, tmp_path / "store")) == 60


def test_picture_that_changes_after_the_scan_is_left_out_this_time(copied: Path, tmp_path: Path) -> None:
    with BottleneckStore(tmp_path / "store") as store:
        folder = ImageFolder.scan(copied, catalogue=store)
        (copied / RED).write_bytes(encode(gradient(seed=700)))
        (copied / "red" / "001.png").unlink()
        first = extract(folder, backbone=plain_backbone(), store=store)
    assert "changed while it was in use" in problems(first)[RED]
    assert "No such file" in problems(first)[os.path.join("red", "001.png")]
    assert_right(first, 58)
    assert_right(run(copied, tmp_path / "store"), 59)


def test_picture_that_was_changed_and_put_back_is_used_next_time(copied: Path, tmp_path: Path) -> None:
    whole = (copied / RED).read_bytes()
    with BottleneckStore(tmp_path / "store") as store:
        folder = ImageFolder.scan(copied, catalogue=store)
        (copied / RED).write_bytes(encode(gradient(seed=700)))
        assert len(extract(folder, backbone=plain_backbone(), store=store)) == 59
    (copied / RED).write_bytes(whole)
    make_old(copied)  # as `cp -p` or `rsync -t` do
    assert_right(run(copied, tmp_path / "store"), 60)


@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(encode(gradient(seed=700))), Path.unlink])
def test_copy_that_changed_is_not_taken_for_damaged(
    copied: Path, tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    shutil.copy(copied / RED, copied / "red" / "z.png")
    whole = (copied / RED).read_bytes()
    make_old(copied)
    with BottleneckStore(tmp_path / "store") as store:
        folder = ImageFolder.scan(copied, catalogue=store)
        for name in ("000.png", "z.png"):
            spoil(copied / "red" / name)
        assert len(problems(extract(folder, backbone=plain_backbone(), store=store))) == 2
    (copied / RED).write_bytes(whole)
    (copied / "red" / "z.png").write_bytes(whole)
    make_old(copied)
    assert_right(run(copied, tmp_path / "store"), 61)


def test_programming_error_in_the_engine_is_not_hidden(copied: Path, tmp_path: Path) -> None:
    def broken(image: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(copied, tmp_path / "store", plain_backbone(engine=broken))


def test_reading_refuses_other_content_and_what_is_gone(tmp_path: Path) -> None:
    picture = Picture(tmp_path / "one.png", "one.png")
    view = View(plain_backbone())
    with pytest.raises(FileChangedError, match="No such file"):
        view.read(picture, "ab" * 32)
    picture.source.write_bytes(encode(gradient()))
    with pytest.raises(FileChangedError, match="changed"):
        view.read(picture, "ab" * 32)
    picture.source.write_bytes(b"no picture")
    with pytest.raises(ImageError, match="not a picture but text"):
        view.read(picture, picture.digest())


# What may be given


def kinds_of(pictures: list[Path]) -> dict[str, Callable[[], Iterable]]:
    """Return ways to give the same pictures."""
    return {
        "paths": lambda: pictures,
        "text": lambda: map(str, pictures),
        "bytes": lambda: (path.read_bytes() for path in pictures),
        "open files": lambda: [io.BytesIO(path.read_bytes()) for path in pictures],
        "PIL pictures": lambda: [Image.open(path) for path in pictures],
        "arrays": lambda: [np.asarray(Image.open(path)) for path in pictures],
        "one array": lambda: np.stack([np.asarray(Image.open(path)) for path in pictures]),
    }


@pytest.mark.parametrize("kind", kinds_of([]))
def test_pictures_of_every_kind_are_cached_across_runs(copied: Path, tmp_path: Path, kind: str) -> None:
    files = sorted(copied.rglob("*.png"))[10:30]
    labels, engine = [path.parent.name for path in files], CountingEngine()

    def features(store: BottleneckStore | None) -> Features:
        backbone = plain_backbone(engine=engine)
        return extract(kinds_of(files)[kind](), labels, backbone=backbone, store=store)

    plain = features(None)
    expected = [average_colours(load_image(path, 16)) for path in files]
    for passes in (40, 40):
        with BottleneckStore(tmp_path / "store") as store:
            found = features(store)
        assert engine.passes == passes
        for one in (plain, found):
            np.testing.assert_array_equal(one.X, expected)
            assert one.rows["label"].tolist() == labels and one.rows["digest"].equals(plain.rows["digest"])
    assert found.reused == 20


def test_table_of_paths_gives_what_its_folder_gives(copied: Path, tmp_path: Path) -> None:
    whole = run(copied, tmp_path / "store")
    table = whole.rows[["path", "label"]].assign(path=[str(copied / path) for path in whole.rows["path"]])
    with BottleneckStore(tmp_path / "store") as store:
        features = extract(table, backbone=plain_backbone(), store=store)
    assert features.reused == 60 and np.array_equal(features.X, whole.X) and np.array_equal(features.y, whole.y)
    assert features.rows["split"].equals(whole.rows["split"])


def test_unreadable_picture_in_memory_goes_without_the_others(tmp_path: Path) -> None:
    given = [gradient(seed=1), gradient(seed=1).astype(float), b"no picture", gradient(seed=2)]
    for _ in range(2):
        with BottleneckStore(tmp_path) as store:
            features = extract(given, [3, 3, 4, 4], backbone=plain_backbone(), store=store)
        assert features.y.tolist() == [0, 1] and list(problems(features)) == ["picture 2", "picture 3"]


# Pruning


def scanned(root: Path) -> ImageFolder:
    return ImageFolder.scan(root)


def tabled(root: Path) -> ImageFolder:
    """Return a table of paths that go round by another folder."""
    paths = [os.path.join(root, "red", "..", path.parent.name, path.name) for path in root.rglob("*.png")]
    return ImageFolder.from_table(pd.DataFrame({"path": paths, "label": [Path(path).parent.name for path in paths]}))


def listed(root: Path) -> ImageFolder:
    files = list(root.rglob("*.png"))
    return ImageFolder.from_pictures(files, [path.parent.name for path in files])


@pytest.mark.parametrize("look", [scanned, tabled, listed])
def test_prune_keeps_pictures_that_were_listed_without_the_store(
    copied: Path, tmp_path: Path, look: Callable[[Path], ImageFolder]
) -> None:
    original = Path(shutil.copytree(copied, tmp_path / "original"))
    run(original, tmp_path / "store")  # every digest is known from files that are soon gone
    with BottleneckStore(tmp_path / "store") as store:
        extract(look(copied), backbone=plain_backbone(), store=store)
        shutil.rmtree(original)
        assert store.prune() == 0
        assert extract(look(copied), backbone=plain_backbone(), store=store).reused == 60
        shutil.rmtree(copied / "red")
        assert store.prune() == 20


def test_prune_forgets_what_is_gone(copied: Path, tmp_path: Path) -> None:
    run(copied, tmp_path / "store")
    shutil.copy(copied / RED, copied / "blue" / "kept.png")
    run(copied, tmp_path / "store")
    shutil.rmtree(copied / "red")
    with BottleneckStore(tmp_path / "store") as store:
        assert store.prune() == 19  # the twentieth has a copy
        assert store.info()["vectors"].tolist() == [41]
        assert store.prune() == 0
    assert run(copied, tmp_path / "store").computed == 0


# Views


@dataclass(frozen=True)
class Brighter:
    """Adds a number that depends on the seed."""

    fingerprint: str = "brighter"

    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        """Add 1 to 40 to every value of [h, w, 3] uint8."""
        return np.minimum(image, 200) + np.uint8(1 + seed % 40)


@pytest.mark.parametrize("options", [{"views": 1}, {"augmentation": Brighter()}])
def test_views_need_an_augmentation_and_it_needs_views(options: dict) -> None:
    with pytest.raises(AugmentationError, match="give both, or neither"):
        extract("no folder is looked for yet", backbone=plain_backbone(), **options)


def test_views_are_made_of_readable_training_pictures(copied: Path) -> None:
    folder = ImageFolder.scan(copied)
    broken = folder.table.loc[folder.table["split"] == "train", "path"].iloc[0]
    cut(copied / broken)
    plain, features = (
        extract(folder, backbone=plain_backbone(), **options)
        for options in ({}, {"augmentation": Brighter(), "views": 3})
    )
    itself = (features.rows["view"] == 0).to_numpy()
    np.testing.assert_array_equal(features.X[itself], plain.X)  # the picture itself is never distorted
    train = plain.split("train")
    assert list(problems(features)) == [broken] and len(train) == (folder.table["split"] == "train").sum() - 1
    for view in (1, 2, 3):
        chosen = features.select((features.rows["view"] == view).to_numpy())
        same = ["path", "label", "split", "digest"]
        assert chosen.rows[same].equals(train.rows[same]) and np.array_equal(chosen.y, train.y)
        assert (chosen.X > train.X).any(axis=1).all()
    assert features.reused == 0 and features.computed == len(features) == len(plain) + 3 * len(train)


def test_same_view_is_the_same_vector_and_is_kept(copied: Path, tmp_path: Path) -> None:
    engine = CountingEngine()
    folder = ImageFolder.scan(copied, 0, 0)

    def views(count: int, store: BottleneckStore | None, fingerprint: str = "brighter") -> np.ndarray:
        options = {"augmentation": Brighter(fingerprint), "views": count, "store": store}
        features = extract(folder, backbone=plain_backbone(engine=engine), **options)
        return features.X.reshape(count + 1, 60, -1)

    with BottleneckStore(tmp_path / "store") as store:
        first = views(1, store)
        assert engine.passes == 120
        np.testing.assert_array_equal(views(1, store), first)
        assert engine.passes == 120
        both = views(2, store)
        assert engine.passes == 180 and np.array_equal(both[:2], first) and (both[2] != both[1]).any()
        views(1, store, "another augmentation")
        assert engine.passes == 240  # nothing of it was taken from the first one
        assert set(store.info()["backbone"]) == {"plain", "plain, augmented"}
    np.testing.assert_array_equal(views(1, None), first)


# Runners


@dataclass(frozen=True)
class InThreads(EngineRunner):
    """A runner with a number of threads."""

    workers: int

    def map(self, load: Load, items: Iterable[Item]) -> Iterator[Outcome]:
        """Read pictures and run the engine on them."""
        return map_in_threads(lambda item: attempt(lambda one: self.engine(load(one)), item), items, self.workers)


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_result_does_not_depend_on_the_number_of_workers(copied: Path, workers: int) -> None:
    cut(copied / "red" / "003.png")
    features = extract(copied, backbone=plain_backbone(), runner=InThreads(average_colours, workers))
    assert_right(features, 59)
    assert list(problems(features)) == [os.path.join("red", "003.png")]


class Elsewhere(EngineRunner):
    """A runner whose work is sent away, as to another process or machine."""

    def map(self, load: Load, items: Iterable[Item]) -> Iterator[Outcome]:
        """Read and run what arrives there."""
        return pickle.loads(pickle.dumps(list(super().map(*pickle.loads(pickle.dumps((load, list(items))))))))


def test_work_can_be_sent_away(copied: Path, tmp_path: Path) -> None:
    copy_all(copied)
    for name in ("red/001.png", "red/copy_001.png"):
        cut(copied / name)
    options = {"backbone": plain_backbone(), "augmentation": Brighter(), "views": 1}
    here = extract(copied, **options)
    with BottleneckStore(tmp_path / "store") as store:
        there = extract(copied, **options, store=store, runner=Elsewhere(average_colours))
    np.testing.assert_array_equal(there.X, here.X)
    assert problems(there) == problems(here) and len(problems(there)) == 2
    assert len(run(copied, tmp_path / "store")) == 118


class Forgetful(EngineRunner):
    """A runner that loses its last picture."""

    def map(self, load: Load, items: Iterable[Item]) -> Iterator[Outcome]:
        """Leave one out."""
        return iter(list(super().map(load, items))[:-1])


@pytest.mark.parametrize(
    "runner", [Forgetful(average_colours), EngineRunner(lambda image: np.ones(image[0, 0, 0] % 5 + 1, np.float32))]
)
def test_broken_runner_is_an_error(copied: Path, runner: EngineRunner) -> None:
    with pytest.raises(ValueError):
        extract(copied, backbone=plain_backbone(), runner=runner)


@given(items=st.lists(st.integers(), max_size=60), workers=st.integers(1, 5))
def test_threads_keep_the_order(items: list[int], workers: int) -> None:
    assert list(map_in_threads(lambda item: item * 2, items, workers)) == [item * 2 for item in items]


def test_threads_run_only_a_little_ahead() -> None:
    taken = []

    def endless() -> Iterator[int]:
        for number in range(100_000):
            taken.append(number)
            yield number

    results = map_in_threads(lambda number: number, endless(), workers=2)
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    assert len(taken) < 50
    results.close()
    assert len(taken) < 50


def test_several_threads_work_at_once() -> None:
    meeting = threading.Barrier(3, timeout=20)
    assert list(map_in_threads(lambda _: meeting.wait() >= 0, range(3), workers=3)) == [True] * 3


def test_error_in_a_thread_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        list(map_in_threads(lambda number: 1 // number, [1, 1, 0, 1], workers=2))


# Several processes


def fill_when_all_are_ready(ready: "multiprocessing.Barrier", root: Path, store: Path) -> None:
    """Wait for the other processes, then make, fill and read one store."""
    ready.wait(60)
    assert_right(run(root, store), 60)


@pytest.mark.parametrize("processes", [2, 4])
def test_several_processes_fill_one_new_store(copied: Path, tmp_path: Path, processes: int) -> None:
    context = multiprocessing.get_context("spawn")
    arguments = (context.Barrier(processes), copied, tmp_path / "store")
    children = [context.Process(target=fill_when_all_are_ready, args=arguments) for _ in range(processes)]
    for child in children:
        child.start()
    for child in children:
        child.join(90)
    assert [child.exitcode for child in children] == [0] * processes
    warm = run(copied, tmp_path / "store")
    assert warm.computed == 0
    assert_right(warm, 60)
