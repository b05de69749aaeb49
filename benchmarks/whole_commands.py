"""Whole commands, as a person types them: `retrain` and `label` beside the old scripts, `make run`, and `--help`."""

import sys
from pathlib import Path
from statistics import median

from benchmarks.contenders import (
    Settings,
    copy_pictures,
    old_retrain_command,
    own_extract_command,
    own_retrain_command,
    ratio_row,
    seconds_row,
    with_cache_folder,
)
from benchmarks.processes import (
    REPOSITORY,
    Measured,
    interleaved,
    measure,
    median_result,
    median_seconds,
    module_command,
)
from benchmarks.report import Row, Target

TRAINING_STEPS = 500
START_REPEATS = 5
LABELLED = 372  # pictures, as many as the test folder of the whole data set has


def ratios(runs: dict[str, list[Measured]], ours: str, theirs: str) -> list[float]:
    """The wall time of each of our processes by that of the other contender's in the same round."""
    return [one.seconds / other.seconds for one, other in zip(runs[ours], runs[theirs], strict=True)]


def retraining(settings: Settings) -> list[Row]:
    """Whole retraining, cold and warm, with both heads, against the old script with 500 steps."""
    steps = ("--how_many_training_steps", TRAINING_STEPS)

    def own(repeat: int) -> list[str]:
        return own_retrain_command(settings, f"own{repeat}", settings.image_dir, *steps)

    def logistic(repeat: int) -> list[str]:
        return own_retrain_command(settings, f"own{repeat}", settings.image_dir, "--head", "logistic")

    def old(repeat: int) -> list[str]:
        return old_retrain_command(settings, f"old{repeat}", settings.image_dir, *steps)

    contenders = {"old, cold": old, "imgclass, cold": own, "old, warm": old, "imgclass, warm": own}
    runs = interleaved(contenders | {"imgclass, warm, logistic": logistic}, settings.repeats)
    rows = [seconds_row(name, found) for name, found in runs.items()]
    for name, limit in (("cold", 0.36), ("warm", 0.25), ("warm, logistic", 0.12)):
        found = ratios(runs, f"imgclass, {name}", f"old, {name.split(',')[0]}")
        rows.append(ratio_row(f"imgclass / old, {name}", "", found, Target(limit, at_least=False)))
    accuracy = median_result(runs["old, cold"], "test_accuracy")
    return [*rows, Row("accuracy of the old script", accuracy, "", detail="on its own random test tenth")]


def labelling(settings: Settings) -> list[Row]:
    """Naming one picture, against the old script, and many, against the extraction of their vectors."""
    folder = settings.scratch / "pictures"
    copy_pictures(settings.image_dir, folder, LABELLED)
    measure(own_retrain_command(settings, "own", folder, "--head", "logistic"))
    # The old script ends where a class has no picture in a split, as happens in so few with its usual tenth.
    shares = ("--validation_percentage", 30, "--testing_percentage", 30)
    measure(old_retrain_command(settings, "old", folder, "--how_many_training_steps", 10, *shares))
    picture, old = min(folder.rglob("*.jpg")), settings.scratch / "old"
    files = ("--graph", old / "graph.pb", "--labels", old / "labels.txt")
    own = ("imgclass_course.cli", "label", "--graph", settings.scratch / "own" / "classifier")
    one = interleaved(
        {
            "old, one picture": lambda _: module_command("benchmarks.old_label_image", "--image", picture, *files),
            "imgclass, one picture": lambda _: module_command(*own, picture),
        },
        START_REPEATS,
    )
    many = interleaved(
        {
            f"imgclass, {LABELLED} pictures": lambda _: module_command(*own, folder),
            "extraction of the same": lambda repeat: own_extract_command(settings, folder, f"store{repeat}"),
        },
        settings.repeats,
    )
    labels, extractions = many.values()
    shares = [
        LABELLED / label.seconds / extraction.result["pictures_per_second"]
        for label, extraction in zip(labels, extractions, strict=True)
    ]
    rate = median(LABELLED / label.seconds for label in labels)
    first = ratios(one, "imgclass, one picture", "old, one picture")
    return [
        *(seconds_row(name, found) for name, found in (one | many).items()),
        ratio_row("imgclass / old, one picture", "", first, Target(0.15, at_least=False)),
        Row(f"imgclass, {LABELLED} pictures", rate, "pictures/s", detail="of the whole process"),
        ratio_row("its rate against that of the extraction step", "", shares, Target(0.85)),
    ]


def make_run_command(checkout: Path, cache: Path) -> list[str]:
    """`make run` in a checkout, with the environment that is running this."""
    environment = Path(sys.prefix)
    make = ["make", "-C", checkout, "-o", environment / "installed", f"VENV={environment}", "run"]
    return with_cache_folder(cache, ["env", f"PYTHONPATH={checkout}", *map(str, make)])


def whole_run(settings: Settings) -> list[Row]:
    """`make run` with an empty cache, beside the first version; left out where there is no checkout of that."""
    if settings.first_version is None:
        print("whole_run is left out: give --first_version, a checkout of the first version", file=sys.stderr)
        return []
    checkouts = {"first version": settings.first_version, "this version": REPOSITORY}
    contenders = {
        name: lambda repeat, name=name: make_run_command(checkouts[name], settings.scratch / f"{name}{repeat}")
        for name in checkouts
    }
    runs = interleaved(contenders, settings.repeats)
    found = ratios(runs, "this version", "first version")
    rows = [seconds_row(name, runs[name]) for name in runs]
    return [*rows, ratio_row("this / first version", "", found, Target(0.6, at_least=False))]


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
