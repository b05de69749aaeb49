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
from pathlib import Path
from statistics import mean, median

from benchmarks.contenders import (
    Settings,
    copy_pictures,
    old_retrain_command,
    own_extract_command,
    own_retrain_command,
    ratio_row,
    read_pictures,
    seconds_row,
    with_cache_folder,
)
from benchmarks.intervals import paired_detail, seeds_detail, wilson_detail
from benchmarks.processes import Measured, interleaved, measure, median_result, module_command
from benchmarks.report import Row, Target, section, write_markdown
from benchmarks.whole_commands import labelling, retraining, starting, whole_run
from imgclass_course.datasets import FASHION_FOLDER

WARM_VECTORS = 100_000
MEGABYTE = 1e6
FEATURE_DIM = 1024
FLOAT32_BYTES = 4
ALLOWED_EXCESS = 32  # MB; keeping the decoded pictures would be 1,380 MB for 2,300 more pictures
COMPARISON_MINUTES = 5
PUBLISHED_PARAMETERS = 100_000  # of the row on the data set's page that the target is from


def rate_row(name: str, runs: list[Measured]) -> Row:
    """The median speed of a contender's extraction step, as it measured itself."""
    single = ", ".join(f"{run.result['pictures_per_second']:.0f}" for run in runs)
    detail = f"extraction step, median of {single}"
    return Row(name, median_result(runs, "pictures_per_second"), "pictures/s", detail=detail)


def extraction(settings: Settings) -> list[Row]:
    """Feature extraction of all pictures into an empty store, against the Keras loop and the old way."""

    def own(repeat: int) -> list[str]:
        return own_extract_command(settings, settings.image_dir, f"store{repeat}")

    def loop(repeat: int) -> list[str]:
        output = settings.scratch / f"features{repeat}.npy"
        return module_command("benchmarks.keras_loop", "--image_dir", settings.image_dir, "--output", output)

    def old(repeat: int) -> list[str]:
        return old_retrain_command(settings, f"old{repeat}", settings.image_dir, "--extract_only")

    def forward(_: int) -> list[str]:
        return module_command(
            "benchmarks.engines", "--image_dir", settings.image_dir, "--only", "embedded", "--engines"
        )

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
    """Forward passes alone on each engine, for each kind of backbone, and whether the vectors agree."""
    result = measure(module_command("benchmarks.engines", "--image_dir", settings.image_dir)).result
    rows = []
    for kind, found in result.items():
        engines = [engine for engine in ("LiteRT", "TensorFlow", "PyTorch") if engine in found]
        rows += [Row(f"{kind}, {engine}", found[engine], "pictures/s") for engine in engines]
        rows.append(Row(f"{kind}, lowest cosine", found["cosine"], "", Target(0.9999), "of the engines' vectors"))
    return rows


def exports(settings: Settings) -> list[Row]:
    """Every format and precision that a classifier is exported in: size, rate, accuracy lost; int8 as an engine."""
    command = module_command("benchmarks.exports", "--image_dir", settings.image_dir)
    result = measure(with_cache_folder(settings.scratch / "cache", command)).result
    rows = []
    for name, found in result["files"].items():
        rows.append(Row(f"{name}, size", found["megabytes"], "MB"))
        rows.append(Row(f"{name}, rate", found["pictures_per_second"], "pictures/s"))
        target = Target(0.9999) if name.endswith("float32") else None
        detail = f"of the probabilities; {found['changed']} pictures get another class"
        rows.append(Row(f"{name}, lowest cosine", found["lowest_cosine"], "", target, detail))
        rows.append(_difference_row(f"{name}, accuracy minus the classifier's", found["accuracy"]))
    title = "a head on int8 vectors minus one on those of float32, accuracy"
    return [*rows, _difference_row(title, result["int8 extraction"])]


def _difference_row(name: str, found: dict[str, float]) -> Row:
    detail = f"95 % interval {found['low']:+.3f} to {found['high']:+.3f}, same {found['n']} pictures"
    return Row(name, found["difference"], "", None, detail)


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


def backbones(settings: Settings) -> list[Row]:
    """The two networks that come along, alone and joined, on image_dir and validation_dir together: five folds."""
    folders = [folder for folder in (settings.image_dir, settings.validation_dir) if folder]
    command = module_command("benchmarks.backbones", "--image_dir", *folders)
    result = measure(with_cache_folder(settings.scratch / "cache", command)).result
    right, seconds = result["right"], result["seconds"]
    rows = []
    for name, found in right.items():
        detail = f"{wilson_detail(sum(found), len(found))}; {1000 * seconds[name]:.1f} ms a picture"
        rows.append(Row(name, mean(found), "accuracy", None, detail))
    first, second, joined = right
    pairs = [(second, first, None), (joined, first, Target(0.01)), (joined, second, Target(0.01))]
    for one, other, target in pairs:
        name = f"{'joined' if one == joined else one} minus {other}"
        gain = mean(right[one]) - mean(right[other])
        rows.append(Row(name, gain, "accuracy", target, paired_detail(right[one], right[other])))
    return rows


def fine_tuning(settings: Settings) -> list[Row]:
    """Simulated cloth, far from ImageNet; left out where its folder is not given."""
    if settings.textile_dir is None:
        print("fine_tuning is left out: it needs --textile_dir", file=sys.stderr)
        return []
    command = module_command("benchmarks.fine_tuning", "--image_dir", settings.textile_dir)
    result = measure(with_cache_folder(settings.scratch / "cache", command)).result
    right = result["right"]
    first = next(iter(right))
    rows = []
    for name, found in right.items():
        pair = "" if name == first else f"; minus {first}: {paired_detail(found, right[first])}"
        target = Target(0.87) if found == max(right.values(), key=sum) and name.startswith("block") else None
        rows.append(Row(name, mean(found), "accuracy", target, f"{wilson_detail(sum(found), len(found))}{pair}"))
    for block, ratio in result["ratios"].items():
        detail = ", ".join(f"{name} {median(seconds):.2f} s" for name, seconds in result["seconds"][block].items())
        limit = Target(0.35, at_least=False)
        rows.append(Row(f"an epoch from {block}, activations kept against computed anew", ratio, "", limit, detail))
    return rows


def comparison(settings: Settings) -> list[Row]:
    """What `imgclass compare` recommends on image_dir, judged on validation_dir."""
    parent = settings.image_dir.parent
    if settings.validation_dir is None or settings.validation_dir.parent != parent:
        print("comparison is left out: it needs --validation_dir beside --image_dir", file=sys.stderr)
        return []
    output = settings.scratch / "comparison"
    command = module_command("imgclass_course.cli", "compare", parent, "--minutes", COMPARISON_MINUTES)
    run = measure(with_cache_folder(settings.scratch / "cache", [*command, "--output_dir", output]))
    found = json.loads((output / "leaderboard.json").read_text())
    rows = []
    for row in found["table"]:
        costs = f"{row['train_seconds']:.0f} s, {row['ms_per_picture']:.1f} ms a picture, {row['MB']:.0f} MB"
        detail = f"[{row['low']:.3f}, {row['high']:.3f}]; {costs}"
        rows.append(Row(row["classifier"], row["accuracy"], "accuracy in five folds of train", None, detail))
    correct, count = found["judged"]["correct"], found["judged"]["n"]
    detail = f"{wilson_detail(correct, count)}; {found['recommendation']}; {run.seconds / 60:.1f} minutes"
    rows.append(Row("recommended, on validation", correct / count, "accuracy", Target(0.9), detail))
    return rows


def label_errors(settings: Settings) -> list[Row]:
    """Labels planted wrong on image_dir and validation_dir together: our rule and cleanlab look for them."""
    folders = [folder for folder in (settings.image_dir, settings.validation_dir) if folder]
    command = module_command("benchmarks.label_errors", "--image_dir", *folders)
    result = measure(with_cache_folder(settings.scratch / "cache", command)).result
    return label_error_rows(result["pictures"], result["draws"])


def label_error_rows(pictures: int, draws_of: dict[str, list[dict[str, dict[str, float]]]]) -> list[Row]:
    """What each way found of planted labels, and how it differs from the first way in the same draws."""
    rows = []
    for flip, draws in draws_of.items():
        first, *others = draws[0]
        for way in (first, *others):
            for name in ("average precision", "recall of the first 10 %", "precision", "recall"):
                if name not in draws[0][way]:
                    continue
                values = [draw[way][name] for draw in draws]
                gains = [draw[way][name] - draw[first][name] for draw in draws]
                more = f"; minus {first}: {mean(gains):+.3f}, {seeds_detail(gains)}" if way != first else ""
                rows.append(Row(f"{flip}: {way}, {name}", mean(values), "", None, f"{seeds_detail(values)}{more}"))
            named, seconds = (median(draw[way][name] for draw in draws) for name in ("named", "seconds"))
            detail = f"median, of {pictures:,} pictures; {seconds:.1f} s"
            rows.append(Row(f"{flip}: {way}, pictures named", named, "", None, detail))
    return rows


def near_duplicates(settings: Settings) -> list[Row]:
    """Copies planted among the pictures of image_dir (and validation_dir beside it), and a search among vectors."""
    beside = settings.validation_dir is not None and settings.validation_dir.parent == settings.image_dir.parent
    folder = settings.image_dir.parent if beside else settings.image_dir
    command = module_command("benchmarks.near_duplicates")
    result = measure(with_cache_folder(settings.scratch / "cache", [*command, "--image_dir", str(folder)])).result
    hits, others = sum(result["found"].values()), len(result["others"])
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(result["found"].items()))
    search = measure([*command, "--vectors", str(WARM_VECTORS)])
    recall, precision = (wilson_detail(hits, count) for count in (result["planted"], hits + others))
    limit, most = (Target(value, at_least=False) for value in (30, 2000))
    share, said = f"{search.result['found']} of {search.result['planted']}", "pairs found that were planted"
    return [
        Row("planted copies found", hits / result["planted"], "", Target(0.95), f"{recall}; {kinds}"),
        Row(said, hits / (hits + others), "", Target(0.95), f"{precision}; others may be real ones"),
        Row("search, vectors at hand", result["seconds"], "s", None, f"{result['pictures']:,} pictures, mirrored too"),
        Row(f"search among {WARM_VECTORS:,} vectors", search.result["seconds"], "s", limit, f"{share} planted pairs"),
        Row("its peak memory", search.peak_memory / MEGABYTE, "MB", most, "resident, with the vectors themselves"),
    ]


def elpv(settings: Settings) -> list[Row]:
    """Solar cells of unequal classes: ways to make up for it, against doing nothing; left out where none are given."""
    if settings.elpv is None or not settings.elpv.exists():
        print("elpv is left out: give its wheel or folder as --elpv (see benchmarks/elpv.py)", file=sys.stderr)
        return []
    command = module_command("benchmarks.elpv", "--elpv", settings.elpv)
    result = measure(with_cache_folder(settings.scratch / "cache", command)).result
    rows, cells = [], f"{sum(result['counts'].values()):,} cells"
    for name, (value, low, high) in result["ways"]["nothing"].items():
        rows.append(Row(f"nothing done, {name}", value, "", detail=f"95 % interval {low:.3f} to {high:.3f}, {cells}"))
    for way, gains in result["gains"].items():
        for name, (value, low, high) in gains.items():
            detail = f"95 % interval {low:+.3f} to {high:+.3f}, same {cells}"
            rows.append(Row(f"{way} minus nothing, {name}", value, "", detail=detail))
    return rows


def strangers(settings: Settings) -> list[Row]:
    """Whether pictures of nothing that a classifier knows are noticed, against its largest probability; the cost."""
    if settings.validation_dir is None:
        print("strangers is left out: it needs --validation_dir", file=sys.stderr)
        return []
    folders = ["--image_dir", settings.image_dir, "--held_out", settings.validation_dir]
    emoji = ["--emoji", settings.emoji] if settings.emoji else []
    command = module_command("benchmarks.strangers", *folders, *emoji)
    result = measure(with_cache_folder(settings.scratch / "cache", command)).result
    alarms, rows = result["false alarms"], []
    kinds = result["kinds"] | {"photos, for a classifier of drawings": result["drawings, against photos"]}
    for kind, found in kinds.items():
        (value, low, high), control, (more, *interval) = found["distance"], found["probability"][0], found["difference"]
        target = Target(0.9) if kind in ("drawings", "emoji") else None  # what was asked for
        gain = f"largest probability {control:.3f}, difference {more:+.3f} [{interval[0]:+.3f}, {interval[1]:+.3f}]"
        told = f"{found['told']['count']} of {found['pictures']} called none of these"
        detail = f"[{low:.3f}, {high:.3f}]; {gain}; {told}"
        rows.append(Row(f"{kind}, by distance", value, "area under the ROC curve", target, detail))
    detail = wilson_detail(alarms["count"], alarms["n"])
    rows.append(Row("held-out pictures called none of these, 0.05 allowed", alarms["value"], "", detail=detail))
    for name in ("one by one", "at once"):
        limit = Target(0.05, at_least=False)
        rows.append(
            Row(
                f"cost of asking, {name}",
                result["cost"][f"{name}, cost"],
                "",
                limit,
                f"{result['cost'][f'{name}, ms']:.1f} ms a picture",
            )
        )
    return rows


def web_page(settings: Settings) -> list[Row]:
    """A classifier of image_dir as a page in Chromium, beside the same classifier in Python."""
    if shutil.which("chromedriver") is None:
        print("web_page is left out: it needs Chromium and its driver", file=sys.stderr)
        return []
    measure(own_retrain_command(settings, "page", settings.image_dir))
    classifier = settings.scratch / "page" / "classifier"
    flags = ("--classifier", classifier, "--image_dir", settings.image_dir)
    found = measure(module_command("benchmarks.web_page", *flags)).result
    same = Target(found["pictures"])
    detail = f"largest difference of a probability {found['largest_difference']:.5f}"
    return [
        Row("size", found["megabytes"], "MB", detail="one file: the classifier and what runs it"),
        Row("ready after", found["ready_seconds"], "s"),
        Row("in Chromium", found["pictures_per_second"], "pictures/s", detail="from file to answer, one thread"),
        Row("in Python", found["python_pictures_per_second"], "pictures/s", detail="the same, one thread"),
        Row("lowest cosine of probabilities", found["lowest_cosine"], "", Target(0.9999), detail),
        Row("the same class", found["same_class"], "pictures", same, f"of {found['pictures']}"),
    ]


def service(settings: Settings) -> list[Row]:
    """`imgclass serve` under load, beside TensorFlow behind an equal server, and the engine alone."""
    command = module_command("benchmarks.service", "--image_dir", settings.image_dir)
    result = measure(with_cache_folder(settings.scratch / "cache", command)).result
    engine, servers = result["engine"], result["servers"]
    rows = [Row("the engine alone", engine, "pictures/s", detail=f"reading and naming, {result['cores']} threads")]
    for name, found in servers.items():
        for clients, one in found.items():
            times = f"p50 {one['p50']:.1f} ms, p99 {one['p99']:.1f} ms"
            detail = f"{times}; {one['missed']} of {one['asked']} lost or wrong"
            rows.append(Row(f"{name}, {clients} clients", one["rate"], "requests/s", detail=detail))
    own = servers["imgclass"]
    spread = max(one["p99"] / one["p50"] for one in own.values())
    asked, missed = (sum(one[part] for one in own.values()) for part in ("asked", "missed"))
    patient, quick = (Target(limit, at_least=False) for limit in (4, 1.5))
    return [
        *rows,
        Row("imgclass against the engine, 8 clients", own["8"]["rate"] / engine, "", Target(0.8)),
        Row("p99 against p50, the largest", spread, "times", patient, "of all numbers of clients"),
        Row("answers that came, of the right class", 1 - missed / asked, "", Target(1), f"of {asked:,} requests"),
        Row("imgclass, first answer", result["first_answer"]["imgclass"], "s", quick, "from the process's start"),
        Row("saved_model, first answer", result["first_answer"]["saved_model"], "s", detail="from the process's start"),
    ]


def scaling(settings: Settings) -> list[Row]:
    """Extraction by processes of Ray beside the threads, once started, in turns; the threads against themselves."""
    command = module_command("benchmarks.scaling", "--image_dir", settings.image_dir)
    result = measure(with_cache_folder(settings.scratch / "cache", command)).result
    rows = []
    for name, (value, low, high) in result["rates"].items():
        detail = f"95 % interval {low:.0f} to {high:.0f}, files to vectors"
        rows.append(Row(name, value, "pictures/s", detail=detail))
    for name, target in (("ray, of threads", Target(0.8)), ("control", None)):
        value, low, high = result[name]
        rows.append(Row(name, value, "", target, f"95 % interval {low:.3f} to {high:.3f}, in turns"))
    equal = "vectors equal to the last bit" if result["equal"] else "**vectors differ**"
    rows.append(Row("starting Ray", result["seconds to start Ray"], "s", detail=f"once; {equal}"))
    return rows


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
    "exports": ("Exports: each format and precision by its own runtime", exports),
    "photos": ("Reading 12-megapixel photos", photos),
    "extraction": ("Feature extraction", extraction),
    "retraining": ("Retraining with 500 steps", retraining),
    "labelling": ("Naming pictures", labelling),
    "whole_run": ("make run, with an empty cache", whole_run),
    "accuracy": ("Accuracy", accuracy),
    "warm_start": (f"Warm start with {WARM_VECTORS:,} pictures", warm_start),
    "memory": ("Memory of extraction", memory),
    "backbones": ("Backbones: each network that comes along, and both side by side", backbones),
    "fine_tuning": ("Pictures far from ImageNet: earlier activations, and networks that learn", fine_tuning),
    "comparison": (f"imgclass compare, with {COMPARISON_MINUTES} minutes", comparison),
    "label_errors": ("Label errors: 5 % planted, our rule and cleanlab", label_errors),
    "near_duplicates": ("Near-duplicates: planted copies", near_duplicates),
    "elpv": ("Unequal classes: solar cells (ELPV), five folds", elpv),
    "strangers": ("None of these: pictures of nothing that a classifier knows", strangers),
    "web_page": ("In the browser: a classifier as a page", web_page),
    "service": ("imgclass serve under load", service),
    "scaling": ("Processes of Ray on this machine, beside threads", scaling),
    "clipart": ("Few pictures: the drawings that come along", clipart),
    "fashion": ("All of Fashion-MNIST: a network with under 100,000 parameters", fashion),
    "starting": ("Start-up", starting),
}


def parse_flags(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The flags of this program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image_dir", type=Path, required=True, help="folder of class folders with JPEG pictures")
    parser.add_argument("--validation_dir", type=Path, help="the same classes; beside image_dir, both in one folder")
    parser.add_argument("--textile_dir", type=Path, help="simulated cloth, see README.md")
    parser.add_argument("--fashion_dir", type=Path, default=FASHION_FOLDER, help="the four files of all Fashion-MNIST")
    parser.add_argument("--elpv", type=Path, help="the wheel of PyPI's elpv-dataset, or its unpacked folder")
    parser.add_argument("--emoji", type=Path, help="a folder of emoji, see strangers.py")
    parser.add_argument("--first_version", type=Path, help="a checkout of the first version, for `make run`")
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
            optional = (flags.first_version, flags.textile_dir, flags.elpv, flags.emoji)
            others = (flags.fashion_dir.resolve(), *(folder and folder.resolve() for folder in optional))
            rows = measurement(Settings(*folders, flags.repeats, *others))
        if rows:  # what is left out keeps its earlier section
            sections[title] = section(title, rows, pictures, flags.repeats)
            write_markdown(flags.out, sections)


if __name__ == "__main__":
    main()
