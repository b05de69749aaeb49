"""Measure this library beside a plain Keras loop and the old `retrain.py`, and write the results file.

    python -m benchmarks.run --image_dir FOLDER/train --validation_dir FOLDER/validation --out benchmarks/RESULTS.md

Each contender runs as a process of its own; the contenders take turns and medians are compared. Let nothing else run
on the machine. `benchmarks/README.md` says what each line means.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from benchmarks.intervals import paired_detail, wilson_detail
from benchmarks.processes import Measured, interleaved, measure, median_result, median_seconds, module_command
from benchmarks.report import Row, Target, section, write_markdown
from imgclass_course.datasets import FASHION_FOLDER

TRAINING_STEPS = 500
START_REPEATS = 5
WARM_VECTORS = 100_000
MEGABYTE = 1e6
FEATURE_DIM = 1024
FLOAT32_BYTES = 4
ALLOWED_EXCESS = 32  # MB; keeping the decoded pictures would be 1,380 MB for 2,300 more pictures
PUBLISHED_PARAMETERS = 100_000  # of the row on the data set's page that the target is from
PICTURE_SUFFIXES = {".jpg", ".jpeg"}


@dataclass(frozen=True)
class Settings:
    """What a whole run is made of; `scratch` is an empty folder for everything that the contenders write."""

    image_dir: Path
    validation_dir: Path | None
    scratch: Path
    repeats: int
    fashion_dir: Path = FASHION_FOLDER


def read_pictures(folder: Path) -> int:
    """Read each picture once, so that no contender waits for the disk; returns the number of pictures."""
    paths = [path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES]
    for path in paths:
        path.read_bytes()
    return len(paths)


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


def old_retrain_command(settings: Settings, run: str, *flags: object) -> list[str]:
    """The old script, with all that it writes in a folder of this run."""
    folder = settings.scratch / run
    folder.mkdir(exist_ok=True)
    outputs = ("--output_graph", folder / "graph.pb", "--output_labels", folder / "labels.txt")
    folders = ("--bottleneck_dir", folder / "bottlenecks", "--summaries_dir", folder / "logs")
    return module_command("benchmarks.old_retrain", "--image_dir", settings.image_dir, *folders, *outputs, *flags)


def own_retrain_command(settings: Settings, run: str, image_dir: Path, *flags: object) -> list[str]:
    """`imgclass retrain`, with all that it writes in a folder of this run."""
    folder = settings.scratch / run
    folder.mkdir(exist_ok=True)
    folders = ("--bottleneck_dir", folder / "bottlenecks", "--output_graph", folder / "classifier")
    command = module_command("imgclass_course.cli", "retrain", "--image_dir", image_dir, *folders, *flags)
    return with_cache_folder(folder / "cache", command)


def retraining(settings: Settings) -> list[Row]:
    """Whole retraining with 500 steps, cold and warm, against the old script."""
    steps = ("--how_many_training_steps", TRAINING_STEPS)

    def own(repeat: int) -> list[str]:
        return own_retrain_command(settings, f"own{repeat}", settings.image_dir, *steps)

    def old(repeat: int) -> list[str]:
        return old_retrain_command(settings, f"old{repeat}", *steps)

    names = ("old, cold", "imgclass, cold", "old, warm", "imgclass, warm")
    runs = interleaved(dict(zip(names, (old, own, old, own), strict=True)), settings.repeats)
    rows = [seconds_row(name, runs[name]) for name in names]
    for start, limit in (("cold", 0.5), ("warm", 0.3)):
        pairs = zip(runs[f"imgclass, {start}"], runs[f"old, {start}"], strict=True)
        ratios = [ours.seconds / theirs.seconds for ours, theirs in pairs]
        rows.append(ratio_row(f"imgclass / old, {start}", "", ratios, Target(limit, at_least=False)))
    accuracy = median_result(runs["old, cold"], "test_accuracy")
    return [*rows, Row("accuracy of the old script", accuracy, "", detail="on its own random test tenth")]


def rate_row(name: str, runs: list[Measured]) -> Row:
    """The median speed of a contender's extraction step, as it measured itself."""
    single = ", ".join(f"{run.result['pictures_per_second']:.0f}" for run in runs)
    detail = f"extraction step, median of {single}"
    return Row(name, median_result(runs, "pictures_per_second"), "pictures/s", detail=detail)


def own_extract_command(settings: Settings, image_dir: Path, store: str) -> list[str]:
    """This library's extraction into a store in the scratch folder."""
    flags = ("--image_dir", image_dir, "--bottleneck_dir", settings.scratch / store)
    return with_cache_folder(settings.scratch / "cache", module_command("benchmarks.own_extract", *flags))


def extraction(settings: Settings) -> list[Row]:
    """Feature extraction of all pictures into an empty store, against the Keras loop and the old way."""

    def own(repeat: int) -> list[str]:
        return own_extract_command(settings, settings.image_dir, f"store{repeat}")

    def loop(repeat: int) -> list[str]:
        output = settings.scratch / f"features{repeat}.npy"
        return module_command("benchmarks.keras_loop", "--image_dir", settings.image_dir, "--output", output)

    def old(repeat: int) -> list[str]:
        return old_retrain_command(settings, f"old{repeat}", "--extract_only")

    def forward(_: int) -> list[str]:
        return module_command("benchmarks.engines", "--image_dir", settings.image_dir, "--only", "embedded")

    contenders = {"imgclass": own, "forward passes": forward, "Keras loop": loop, "old way": old}
    runs = interleaved(contenders, settings.repeats)
    pure = [run.result["embedded"]["LiteRT"] for run in runs.pop("forward passes")]
    rows = [make(name, runs[name]) for make in (rate_row, seconds_row) for name in runs]
    rows.append(Row("forward passes alone", median(pure), "pictures/s", detail="the same engine, all cores"))
    shares = [run.result["pictures"] / run.seconds / rate for run, rate in zip(runs["imgclass"], pure, strict=True)]
    rows.append(ratio_row("imgclass against forward passes alone", "", shares, Target(0.75)))
    for other, limit in (("Keras loop", 2.0), ("old way", 3.0)):
        ratios = [theirs.seconds / ours.seconds for ours, theirs in zip(runs["imgclass"], runs[other], strict=True)]
        rows.append(ratio_row(f"imgclass against {other}", "times as fast", ratios, Target(limit)))
    return rows


def engines(settings: Settings) -> list[Row]:
    """Forward passes alone on LiteRT and on TensorFlow, for each kind of backbone, and whether the vectors agree."""
    result = measure(module_command("benchmarks.engines", "--image_dir", settings.image_dir)).result
    rows = []
    for kind, found in result.items():
        rows += [Row(f"{kind}, {engine}", found[engine], "pictures/s") for engine in ("LiteRT", "TensorFlow")]
        rows.append(Row(f"{kind}, lowest cosine", found["cosine"], "", Target(0.9999), "of the two engines' vectors"))
    return rows


def photos(settings: Settings) -> list[Row]:
    """Reading 12-megapixel photos at a reduced scale, against decoding them whole."""
    result = measure(module_command("benchmarks.large_photos", "--image_dir", settings.image_dir)).result
    reduced, whole = result["reduced_seconds"], result["whole_seconds"]
    detail = f"of 255, on average; at most {result['largest_difference']}"
    return [
        Row("decoded whole, then resized", whole, "s", detail="median of one photo"),
        Row("decoded at a reduced scale", reduced, "s", detail="median of one photo"),
        Row("reduced against whole", whole / reduced, "times as fast", Target(4)),
        Row("difference between the two", result["mean_difference"], "", Target(1, at_least=False), detail),
    ]


def accuracy(settings: Settings) -> list[Row]:
    """Validation accuracy of `imgclass retrain` on a folder that brings its own train and validation folders."""
    parent = settings.image_dir.parent
    if settings.validation_dir is None or settings.validation_dir.parent != parent:
        print("accuracy is left out: it needs --validation_dir beside --image_dir", file=sys.stderr)
        return []
    run = measure(own_retrain_command(settings, "accuracy", parent))
    metrics = json.loads((settings.scratch / "accuracy" / "classifier" / "metrics.json").read_text())
    correct, count = metrics["accuracy"]["validation"]["correct"], metrics["accuracy"]["validation"]["n"]
    detail = f"{wilson_detail(correct, count)}; default settings; {run.seconds:.1f} s"
    return [Row("validation accuracy", correct / count, "", Target(0.88), detail)]


def starting(settings: Settings) -> list[Row]:
    """Seconds until the package is imported, and until the command line shows its help."""
    commands = {
        "import imgclass_course": lambda _: [sys.executable, "-c", "import imgclass_course"],
        "imgclass --help": lambda _: module_command("imgclass_course.cli", "--help"),
    }
    runs = interleaved(commands, START_REPEATS)
    limits = dict(zip(commands, (0.5, 1.0), strict=True))
    detail = f"whole process, median of {START_REPEATS}"
    return [
        Row(name, median_seconds(runs[name]), "s", Target(limit, at_least=False), detail)
        for name, limit in limits.items()
    ]


def warm_start(settings: Settings) -> list[Row]:
    """Seconds from a store of 100,000 made-up vectors to X in memory, and the cost of one new picture among them."""

    def command(*flags: object) -> list[str]:
        folder = ("--folder", settings.scratch / "warm")
        return with_cache_folder(settings.scratch / "cache", module_command("benchmarks.warm_start", *folder, *flags))

    measure(command("--prepare", WARM_VECTORS))
    [runs] = interleaved({"warm start": lambda _: command()}, settings.repeats).values()
    seconds = {part: median_result(runs, f"{part}_seconds") for part in ("list", "load")}
    passes = measure(command("--new_picture")).result["new_picture_passes"]
    listing, loading = Target(3, at_least=False), Target(1, at_least=False)
    return [
        Row("the folder listed and each file recognised", seconds["list"], "s", listing, "one stat per file"),
        Row(f"{WARM_VECTORS:,} vectors in memory", seconds["load"], "s", loading, "from the store, each checked"),
        Row("forward passes for one new picture", passes, "", Target(1, at_least=False), "counted at the engine"),
    ]


def copy_pictures(source: Path, destination: Path, count: int) -> None:
    """Copy the first pictures, in an order that mixes the classes, into the same class folders elsewhere."""
    paths = [path for path in source.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES]
    for path in sorted(paths, key=lambda path: path.name)[:count]:
        target = destination / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def memory(settings: Settings) -> list[Row]:
    """Peak memory of extraction for n and for 4 n pictures: only the vectors may add to it."""
    many = read_pictures(settings.image_dir) // 4 * 4
    folders = {count: settings.scratch / f"pictures{count}" for count in (many // 4, many)}
    for count, folder in folders.items():
        copy_pictures(settings.image_dir, folder, count)

    def command(count: int) -> Callable[[int], list[str]]:
        return lambda repeat: own_extract_command(settings, folders[count], f"store{count}_{repeat}")

    runs = interleaved({f"{count} pictures": command(count) for count in folders}, settings.repeats)
    peaks = [median(run.peak_memory for run in contender) / MEGABYTE for contender in runs.values()]
    vectors = (many - many // 4) * FEATURE_DIM * FLOAT32_BYTES / MEGABYTE
    rows = [Row(f"peak, {name}", peak, "MB", detail="resident") for name, peak in zip(runs, peaks, strict=True)]
    excess = peaks[1] - peaks[0] - vectors
    detail = f"the vectors themselves are {vectors:.1f} MB"
    return [*rows, Row("growth beyond the vectors", excess, "MB", Target(ALLOWED_EXCESS, at_least=False), detail)]


def clipart(settings: Settings) -> list[Row]:
    """The drawings that come along: a head on cached vectors against a small network from scratch, five folds."""
    command = with_cache_folder(settings.scratch / "cache", module_command("benchmarks.clipart"))
    right = measure(command).result
    head, scratch = right["head"], right["scratch"]
    return [
        Row("head on vectors", mean(head), "accuracy", Target(0.75), wilson_detail(sum(head), len(head))),
        Row("network from scratch", mean(scratch), "accuracy", None, wilson_detail(sum(scratch), len(scratch))),
        Row("difference", mean(head) - mean(scratch), "accuracy", Target(0.2), paired_detail(head, scratch)),
    ]


def fashion(settings: Settings) -> list[Row]:
    """A network with few parameters, trained on all of Fashion-MNIST; left out where the data set is not there."""
    if not settings.fashion_dir.is_dir():
        print(f"fashion is left out: there is no {settings.fashion_dir} (give --fashion_dir)", file=sys.stderr)
        return []
    result = measure(module_command("benchmarks.fashion_full", "--folder", settings.fashion_dir)).result
    correct, count = result["correct"], result["n"]
    return [
        Row("test pictures named rightly", correct / count, "accuracy", Target(0.925), wilson_detail(correct, count)),
        Row("parameters", result["parameters"], "", Target(PUBLISHED_PARAMETERS, at_least=False), "trained or not"),
        Row("training", result["training_seconds"], "s", detail=f"one run of {result['epochs']} epochs"),
    ]


Measurement = Callable[[Settings], list[Row]]
MEASUREMENTS: dict[str, tuple[str, Measurement]] = {
    "engines": ("Engines: forward passes alone", engines),
    "photos": ("Reading 12-megapixel photos", photos),
    "extraction": ("Feature extraction", extraction),
    "retraining": ("Retraining with 500 steps", retraining),
    "accuracy": ("Accuracy", accuracy),
    "warm_start": (f"Warm start with {WARM_VECTORS:,} pictures", warm_start),
    "memory": ("Memory of extraction", memory),
    "clipart": ("Few pictures: the drawings that come along", clipart),
    "fashion": ("All of Fashion-MNIST: a network with under 100,000 parameters", fashion),
    "starting": ("Start-up", starting),
}


def parse_flags(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The flags of this program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image_dir", type=Path, required=True, help="folder of class folders with JPEG pictures")
    parser.add_argument("--validation_dir", type=Path, help="the same classes; beside image_dir, both in one folder")
    parser.add_argument("--fashion_dir", type=Path, default=FASHION_FOLDER, help="the four files of all Fashion-MNIST")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/RESULTS.md"))
    parser.add_argument("--repeats", type=int, default=3, help="interleaved runs per contender")
    what = "measure these; the other sections of the results file stay"
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, default=list(MEASUREMENTS), help=what)
    return parser.parse_args(arguments)


def main() -> None:
    """Run the chosen measurements one after the other; the results file is written after each."""
    flags = parse_flags()
    pictures = read_pictures(flags.image_dir)
    sections = {}
    for name in flags.only:
        title, measurement = MEASUREMENTS[name]
        with tempfile.TemporaryDirectory(prefix="imgclass_bench_") as scratch:
            validation_dir = flags.validation_dir and flags.validation_dir.resolve()
            folders = (flags.image_dir.resolve(), validation_dir, Path(scratch))
            rows = measurement(Settings(*folders, flags.repeats, flags.fashion_dir.resolve()))
        sections[title] = section(title, rows, pictures, flags.repeats)
        write_markdown(flags.out, sections)


if __name__ == "__main__":
    main()
