"""What several measurements need: their settings, the commands of the contenders, and rows of seconds and ratios."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.processes import Measured, median_seconds, module_command
from benchmarks.report import Row, Target
from imgclass_course.datasets import FASHION_FOLDER

PICTURE_SUFFIXES = {".jpg", ".jpeg"}


@dataclass(frozen=True)
class Settings:
    """What a whole run is made of; `scratch` is an empty folder for everything that the contenders write."""

    image_dir: Path
    validation_dir: Path | None
    scratch: Path
    repeats: int
    fashion_dir: Path = FASHION_FOLDER
    first_version: Path | None = None
    textile_dir: Path | None = None
    elpv: Path | None = None
    emoji: Path | None = None  # a folder of emoji


def read_pictures(folder: Path) -> int:
    """Read each picture once, so that no contender waits for the disk; returns the number of pictures."""
    paths = [path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES]
    for path in paths:
        path.read_bytes()
    return len(paths)


def copy_pictures(source: Path, destination: Path, count: int) -> None:
    """Copy the first pictures, in an order that mixes the classes, into the same class folders elsewhere."""
    paths = [path for path in source.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES]
    for path in sorted(paths, key=lambda path: path.name)[:count]:
        target = destination / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def seconds_row(name: str, runs: list[Measured]) -> Row:
    """The median wall time of a contender's processes."""
    single = ", ".join(f"{run.seconds:.2f}" for run in runs)
    return Row(name, median_seconds(runs), "s", detail=f"whole process, median of {single}")


def ratio_row(name: str, unit: str, ratios: list[float], target: Target) -> Row:
    """The median of ratios, each of two processes that ran one after the other: a machine's speed drifts."""
    single = ", ".join(f"{ratio:.3f}" for ratio in ratios)
    return Row(name, median(ratios), unit, target, f"whole process, median of {single}")


def with_cache_folder(folder: Path, command: list[str]) -> list[str]:
    """The command with its own cache folder, so that nothing is left from earlier runs."""
    return ["env", f"IMGCLASS_CACHE_DIR={folder}", *command]


def old_retrain_command(settings: Settings, run: str, image_dir: Path, *flags: object) -> list[str]:
    """The old script, with all that it writes in a folder of this run."""
    folder = settings.scratch / run
    folder.mkdir(exist_ok=True)
    outputs = ("--output_graph", folder / "graph.pb", "--output_labels", folder / "labels.txt")
    folders = ("--bottleneck_dir", folder / "bottlenecks", "--summaries_dir", folder / "logs")
    return module_command("benchmarks.old_retrain", "--image_dir", image_dir, *folders, *outputs, *flags)


def own_retrain_command(settings: Settings, run: str, image_dir: Path, *flags: object) -> list[str]:
    """`imgclass retrain`, with all that it writes in a folder of this run."""
    folder = settings.scratch / run
    folder.mkdir(exist_ok=True)
    folders = ("--bottleneck_dir", folder / "bottlenecks", "--output_graph", folder / "classifier")
    command = module_command("imgclass_course.cli", "retrain", "--image_dir", image_dir, *folders, *flags)
    return with_cache_folder(folder / "cache", command)


def own_extract_command(settings: Settings, image_dir: Path, store: str) -> list[str]:
    """This library's extraction into a store in the scratch folder."""
    flags = ("--image_dir", image_dir, "--bottleneck_dir", settings.scratch / store)
    return with_cache_folder(settings.scratch / "cache", module_command("benchmarks.own_extract", *flags))
