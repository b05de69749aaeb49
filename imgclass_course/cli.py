"""The command `imgclass`: retrain, label, demo, audit, cache, data and lab.

The flags of `retrain` and `label` are those of TensorFlow's `retrain.py` and `label_image.py`, with their meaning.
Heavy modules are imported where a command needs them, so that `imgclass --help` answers at once.
"""

import atexit
import gc
import logging
import math
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from imgclass_course import __version__
from imgclass_course.images import CourseError, ImageError

if TYPE_CHECKING:
    import keras

    from imgclass_course.bottlenecks import BottleneckStore
    from imgclass_course.evaluation import Evaluation
    from imgclass_course.transfer import ImageClassifier, Retraining

Command = TypeVar("Command", bound=Callable)
AUGMENTED_VIEWS = 4
RETRAIN_EXAMPLE = """\b
Example, on a folder with one folder of pictures per class:
  imgclass retrain my_pictures/ --output_graph my_classifier
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="imgclass")
def cli() -> None:
    """From a folder of pictures to an image classifier.

    \b
    Example:
      imgclass retrain my_pictures/ --output_graph my_classifier
      imgclass label --graph my_classifier new_picture.jpg
    """


class _FiniteRange(click.FloatRange):
    "A range that leaves out `nan` and `inf`, which compare with nothing."

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a number to compute with.", param, ctx)
        return number


class _CountOrAll(click.IntRange):
    "A number of pictures from 1 on, or -1 for all."

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number = super().convert(value, param, ctx)
        if number == 0:
            self.fail("0 pictures are none to measure on; -1 means all.", param, ctx)
        return number


def _percentage(name: str, what: str) -> Callable[[Command], Command]:
    return click.option(f"--{name}_percentage", type=_FiniteRange(0, 99), default=10, show_default=True, help=what)


def _bottleneck_dir(command: Command) -> Command:
    what = "Folder of the bottleneck store; the user's cache folder by default."
    return click.option("--bottleneck_dir", type=click.Path(path_type=Path), help=what)(command)


def _data_options(command: Command) -> Command:
    for option in reversed(
        (
            click.argument("folder", required=False, type=click.Path(path_type=Path)),
            click.option(
                "--image_dir", type=click.Path(path_type=Path), help="The folder, where it is not an argument."
            ),
            _percentage("testing", "Share of pictures kept to measure the result; 0 for none."),
            _percentage("validation", "Share of pictures kept to follow the training; 0 for none."),
            click.option("--seed", default=0, show_default=True, help="Of the split and of the training."),
        )
    ):
        command = option(command)
    return command


def _training_options(command: Command) -> Command:
    count, rate = click.IntRange(min=1), _FiniteRange(min=0, min_open=True)
    sizes = _CountOrAll(min=-1)
    for option in reversed(
        (
            click.option(
                "--how_many_training_steps", type=count, default=500, show_default=True, help="Training steps."
            ),
            click.option("--learning_rate", type=rate, default=0.001, show_default=True, help="Of Adam."),
            click.option("--train_batch_size", type=count, default=100, show_default=True, help="Pictures per step."),
            click.option(
                "--eval_step_interval", type=count, default=25, show_default=True, help="Steps between measurements."
            ),
            click.option("--validation_batch_size", type=sizes, default=-1, help="Pictures per measurement; -1: all."),
            click.option("--test_batch_size", type=sizes, default=-1, help="Pictures of the final test; -1: all."),
            click.option(
                "--summaries_dir",
                type=click.Path(path_type=Path),
                help="Where to write TensorBoard summaries, each run in a folder of its own (run_001, …).",
            ),
            click.option(
                "--checkpoint_path",
                type=click.Path(path_type=Path),
                help="File that keeps the best head (.keras); one of an earlier run stays if it is better.",
            ),
            click.option(
                "--intermediate_output_graphs_dir",
                type=click.Path(path_type=Path),
                help="Where to keep states on the way.",
            ),
            click.option(
                "--intermediate_store_frequency",
                type=click.IntRange(min=0),
                default=0,
                help="Steps between them; 0: none.",
            ),
        )
    ):
        command = option(command)
    return command


def _distortion_options(command: Command) -> Command:
    share = click.IntRange(0, 99)
    for option in reversed(
        (
            click.option("--flip_left_right", is_flag=True, help="Train on mirrored pictures too."),
            click.option("--random_crop", type=share, default=0, help="Margin in percent to crop away at random."),
            click.option("--random_scale", type=share, default=0, help="Percent to enlarge by at random."),
            click.option(
                "--random_brightness", type=share, default=0, help="Percent to change the brightness by at random."
            ),
            click.option(
                "--augmented_views",
                type=click.IntRange(min=1),
                show_default=str(AUGMENTED_VIEWS),
                help="Distorted views per training picture, where a distortion is asked for.",
            ),
        )  # fmt: skip
    ):
        command = option(command)
    return command


def _output_options(command: Command) -> Command:
    path = click.Path(path_type=Path)
    for option in reversed(
        (
            click.option(
                "--output_graph",
                type=path,
                default=Path("imgclass_classifier"),
                show_default=True,
                help="Folder of the classifier, with metrics.json and report.html.",
            ),
            click.option("--output_labels", type=path, help="A further file with the labels, one per line."),
            click.option("--report", type=path, help="Where to write the report instead."),
            click.option(
                "--saved_model_dir", type=path, help="Also export a SavedModel there: pixels in, probabilities out."
            ),
            click.option(
                "--final_tensor_name",
                default="final_result",
                show_default=True,
                help="Name of the SavedModel's output.",
            ),
            click.option(
                "--print_misclassified_test_images", is_flag=True, help="List the test pictures that it got wrong."
            ),
            click.option(
                "--logging_verbosity",
                type=click.Choice(["DEBUG", "INFO", "WARN", "ERROR", "FATAL"]),
                default="ERROR",
                help="Of TensorFlow's own messages.",
            ),
        )  # fmt: skip
    ):
        command = option(command)
    return command


@cli.command(epilog=RETRAIN_EXAMPLE)
@_data_options
@_bottleneck_dir
@click.option("--architecture", "--tfhub_module", "architecture", default="mobilenet_v1_100_224", show_default=True,
              help="Pretrained network: a short name, a TF Hub handle, a SavedModel folder, or keras:NAME.")  # fmt: skip
@click.option("--model_dir", type=click.Path(path_type=Path), help="Where downloaded TF Hub modules are kept.")
@_training_options
@_distortion_options
@_output_options
def retrain(folder: Path | None, image_dir: Path | None, **flags: object) -> None:
    """Train a classifier on FOLDER, which holds one folder of pictures per class.

    A folder with train, validation or test inside keeps that split. Otherwise pictures are split by their content.
    """
    chosen = _choose_folder("retrain", folder, image_dir)
    if flags["checkpoint_path"] and flags["checkpoint_path"].suffix != ".keras":
        raise click.UsageError(f"The file of --checkpoint_path ends with .keras; {flags['checkpoint_path']} does not.")
    _check_outputs(flags)
    logging.getLogger("tensorflow").setLevel(flags["logging_verbosity"])
    if flags["model_dir"]:
        os.environ["TFHUB_CACHE_DIR"] = str(flags["model_dir"])
    result = _retrain(chosen, flags)
    _write_outputs(result, flags)
    _print_result(result, flags)


def _choose_folder(command: str, folder: Path | None, image_dir: Path | None) -> Path:
    "The folder of pictures, which may be given in two ways."
    if (folder is None) == (image_dir is None):
        raise click.UsageError(f"Name the folder of pictures once: imgclass {command} FOLDER, or --image_dir FOLDER.")
    return folder or image_dir


def _check_outputs(flags: dict) -> None:
    "Raise `click.UsageError` for an output that cannot be written: better now than after the training."
    folders = ("output_graph", "saved_model_dir", "summaries_dir", "intermediate_output_graphs_dir")
    for flag in (*folders, "output_labels", "report", "checkpoint_path"):
        path = flags[flag]
        if path is None:
            continue
        if path.exists() and path.is_dir() != (flag in folders):
            raise click.UsageError(f"--{flag} {path} is a {'file' if flag in folders else 'folder'}: name another.")
        there = next(parent for parent in (path, *path.parents) if parent.exists())
        writable = os.access(there, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
        if not writable or (there != path and not there.is_dir()):
            raise click.UsageError(f"--{flag} {path} cannot be written, since {there} cannot: name another.")


def _retrain(folder: Path, flags: dict) -> "Retraining":
    from imgclass_course.transfer import retrain

    distortions = {
        name: flags[name] for name in ("flip_left_right", "random_crop", "random_scale", "random_brightness")
    }
    augmentation = None
    if any(distortions.values()):
        from imgclass_course.augmentation import retrain_distortions

        augmentation = retrain_distortions(**distortions)
    elif flags["augmented_views"]:
        raise click.UsageError("--augmented_views needs a distortion, such as --flip_left_right.")
    return retrain(
        folder,
        flags["architecture"],
        flags["bottleneck_dir"],
        flags["validation_percentage"],
        flags["testing_percentage"],
        flags["seed"],
        augmentation,
        (flags["augmented_views"] or AUGMENTED_VIEWS) if augmentation else 0,
        validation_size=flags["validation_batch_size"],
        steps=flags["how_many_training_steps"],
        batch_size=flags["train_batch_size"],
        learning_rate=flags["learning_rate"],
        eval_interval=flags["eval_step_interval"],
        make_callbacks=lambda classifier: _callbacks(classifier, flags),
    )


def _callbacks(classifier: "ImageClassifier", flags: dict) -> list["keras.callbacks.Callback"]:
    "What is written while the training runs."
    import keras

    from imgclass_course.training import BestCheckpoint, new_run_folder

    callbacks = []
    if flags["summaries_dir"]:
        flags["summaries_dir"] = new_run_folder(flags["summaries_dir"])  # so that the curves of runs do not mix
        callbacks.append(keras.callbacks.TensorBoard(flags["summaries_dir"]))
    if flags["checkpoint_path"]:
        about, saved = f"{classifier.backbone.fingerprint} {classifier.classes}", []

        def keep_best(epoch: int, logs: dict | None = None) -> None:
            measure = "val_accuracy" if "val_accuracy" in (logs or {}) else "accuracy"
            checkpoint = BestCheckpoint(flags["checkpoint_path"], measure, about=about, saved=saved)
            checkpoint.update(classifier.head, epoch + 1, logs or {})

        def tell(logs: dict | None = None) -> None:
            if not saved:
                click.echo(f"{flags['checkpoint_path']} keeps its earlier head: this run was not better.", err=True)

        callbacks.append(keras.callbacks.LambdaCallback(on_epoch_end=keep_best, on_train_end=tell))
    frequency, steps = flags["intermediate_store_frequency"], flags["how_many_training_steps"]
    if frequency:
        interval = min(flags["eval_step_interval"], steps)
        every = max(1, round(frequency / interval))
        parent = flags["intermediate_output_graphs_dir"] or flags["output_graph"] / "intermediate"

        def keep(epoch: int, logs: dict | None = None) -> None:
            if (epoch + 1) % every == 0:
                classifier.save(parent / f"step_{steps % interval + (epoch + 1) * interval}")

        callbacks.append(keras.callbacks.LambdaCallback(on_epoch_end=keep))
    return callbacks


def _write_outputs(result: "Retraining", flags: dict) -> None:
    from imgclass_course.next_steps import advise

    result.save(flags["output_graph"], flags["report"], flags["test_batch_size"], advise(result))
    if flags["output_labels"]:
        shutil.copyfile(flags["output_graph"] / "labels.txt", flags["output_labels"])
    if flags["saved_model_dir"]:
        result.classifier.export_saved_model(flags["saved_model_dir"], flags["final_tensor_name"])
    if flags["summaries_dir"]:
        from imgclass_course.training import write_summaries

        write_summaries(result, flags["summaries_dir"])


def _print_result(result: "Retraining", flags: dict) -> None:
    split = result.final_split
    evaluation = result.evaluate(split, flags["test_batch_size"])
    counts = result.folder.counts()
    totals = counts.sum()
    pictures = ", ".join(f"{count} {name}" for name, count in totals.items())
    click.echo(f"{len(result.classifier.classes)} classes, {totals.sum()} pictures: {pictures}")
    for name in result.folder.splits:
        _print_unmeasured(counts.index[counts[name] == 0], name)
    click.echo(f"Bottlenecks: {result.reused} from the store, {result.computed} computed")
    _print_problems(result.folder.problems.itertuples(index=False))
    click.echo(f"Accuracy on {split} pictures: {evaluation.accuracy}")
    if flags["print_misclassified_test_images"]:
        _print_mistakes(result.paths(split, flags["test_batch_size"]), evaluation)
    click.echo(f"Classifier: {flags['output_graph']}")
    click.echo(f"Report:     {flags['report'] or flags['output_graph'] / 'report.html'}")


def _print_unmeasured(labels: Sequence[str], split: str) -> None:
    "Say, to standard error, of which classes a split has no picture."
    from imgclass_course.datasets import printable

    if len(labels):
        click.echo(f"No {split} picture of {', '.join(map(printable, labels))}: add some to measure that.", err=True)


def _print_mistakes(paths: Sequence[Path], evaluation: "Evaluation") -> None:
    from imgclass_course.datasets import printable

    for path, label, predicted in zip(paths, evaluation.labels, evaluation.predicted, strict=True):
        if label != predicted:
            click.echo(f"  {printable(path)}: {evaluation.classes[label]}, taken for {evaluation.classes[predicted]}")


def _print_problems(problems: Sequence[tuple[str, str]], shown: int = 10) -> None:
    "List files that were left out, to standard error."
    from imgclass_course.datasets import printable

    problems = list(problems)
    if problems:
        click.echo(f"{len(problems)} files are no readable picture and were left out:", err=True)
    for path, problem in problems[:shown]:
        click.echo(f"  {printable(path)}: {problem}", err=True)
    if len(problems) > shown:
        click.echo(f"  … and {len(problems) - shown} more: imgclass audit lists them all", err=True)


@cli.command()
@click.argument("pictures", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--image", "more", multiple=True, type=click.Path(path_type=Path), help="A picture; may be given several times."
)
@click.option("--graph", type=click.Path(path_type=Path), default=Path("imgclass_classifier"), show_default=True,
              help="Folder of the classifier.")  # fmt: skip
@click.option(
    "--labels", type=click.Path(path_type=Path), help="A file with other names for the classes, one per line."
)
@click.option("--top", type=click.IntRange(min=1), default=5, show_default=True, help="Answers per picture.")
def label(pictures: tuple[Path, ...], more: tuple[Path, ...], graph: Path, labels: Path | None, top: int) -> None:
    """Name what is in PICTURES with a classifier that `imgclass retrain` made.

    \b
    Example:
      imgclass label --graph my_classifier one.jpg two.png
    """
    from imgclass_course.transfer import ImageClassifier

    paths = [*pictures, *more]
    if not paths:
        raise click.UsageError("Name at least one picture: imgclass label PICTURE, or --image PICTURE.")
    classifier = ImageClassifier.load(graph)
    names = _read_labels(labels, classifier.classes) if labels else classifier.classes
    problems = [problem for path in paths if (problem := _label_one(classifier, path, names, top))]
    _print_problems(problems)
    if len(problems) == len(paths):
        raise click.ClickException("None of the pictures could be read.")


def _label_one(classifier: "ImageClassifier", path: Path, names: Sequence[str], top: int) -> tuple[str, str] | None:
    "Print a picture's labels; return its path and problem where it cannot be read."
    from imgclass_course.datasets import printable

    try:
        (answers,) = classifier.predict([path], top)
    except ImageError as error:
        return os.fspath(path), str(error)
    except OSError as error:
        return os.fspath(path), f"the file cannot be read ({error.strerror})"
    click.echo(printable(path))
    for name, probability in answers:
        click.echo(f"  {names[classifier.classes.index(name)]} (score = {probability:.5f})")
    return None


def _read_labels(path: Path, classes: Sequence[str]) -> list[str]:
    try:
        names = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise click.UsageError(f"{path} is no text in UTF-8: it should hold one label per line.") from None
    if len(names) != len(classes):
        raise click.UsageError(f"{path} has {len(names)} labels and the classifier has {len(classes)} classes.")
    return names


@cli.command()
@_data_options
@click.option("--output", type=click.Path(path_type=Path), help="A CSV file for the whole table of files.")
def audit(folder: Path | None, image_dir: Path | None, output: Path | None, **split: float) -> None:
    """Look for what is wrong with FOLDER, which holds one folder of pictures per class. Nothing is changed.

    \b
    Example:
      imgclass audit my_pictures/
    """
    from imgclass_course.datasets import ImageFolder, audit, printable

    chosen = _choose_folder("audit", folder, image_dir)
    images = ImageFolder.scan(chosen, split["validation_percentage"], split["testing_percentage"], split["seed"])
    found = audit(images)
    counts = images.counts().rename(index=printable)
    click.echo(counts.assign(all=counts.sum(axis=1)).to_string())
    click.echo("\n" + found.summary().to_string(header=False))
    for title, table in (
        ("Not readable", found.unreadable),
        ("More than once", found.duplicates[["path", "label", "split"]]),
    ):
        if len(table):
            click.echo(f"\n{title}:\n" + _printable_table(table))
    if output:
        images.table.to_csv(output, index=False, errors="backslashreplace")


def _printable_table(table: "object") -> str:
    from imgclass_course.datasets import printable

    names = {name: table[name].map(printable) for name in ("path", "label") if name in table}
    return table.assign(**names).to_string(index=False)


@cli.group()
def cache() -> None:
    """The bottleneck store: what is in it, whether it is sound, and cleaning it up.

    \b
    Example:
      imgclass cache info
    """


def _open_store(bottleneck_dir: Path | None) -> "BottleneckStore":
    from imgclass_course.backbones import cache_folder
    from imgclass_course.bottlenecks import BottleneckStore

    folder = bottleneck_dir or cache_folder() / "bottlenecks"
    if not (folder / "bottlenecks.sqlite").exists():
        raise click.ClickException(f"There is no bottleneck store in {folder}; imgclass retrain makes one.")
    return BottleneckStore(folder)


@cache.command()
@_bottleneck_dir
def info(bottleneck_dir: Path | None) -> None:
    """Say what is in the store.

    \b
    Example:
      imgclass cache info
    """
    with _open_store(bottleneck_dir) as store:
        click.echo(f"{store.path} ({store.path.stat().st_size / 1e6:.1f} MB)")
        click.echo(store.info().to_string(index=False, float_format="%.1f"))


@cache.command()
@_bottleneck_dir
def verify(bottleneck_dir: Path | None) -> None:
    """Check every vector; remove damaged ones, so that they are computed again.

    \b
    Example:
      imgclass cache verify
    """
    with _open_store(bottleneck_dir) as store:
        check = store.verify()
    click.echo(f"{check.vectors} vectors checked, {check.damaged} damaged and removed")


@cache.command()
@_bottleneck_dir
def prune(bottleneck_dir: Path | None) -> None:
    """Remove the vectors of pictures that are no longer on the disk.

    \b
    Example:
      imgclass cache prune
    """
    with _open_store(bottleneck_dir) as store:
        click.echo(f"{store.prune()} vectors removed")


@cli.group()
def data() -> None:
    """Data sets: those that come along, and those that can be fetched by name.

    \b
    Example:
      imgclass data list
    """


@data.command(name="list")
def list_data() -> None:
    """List the data sets.

    \b
    Example:
      imgclass data list
    """
    from imgclass_course.datasets import dataset_folder
    from imgclass_course.foundation.downloads import DOWNLOADS

    for name in ("clipart", "fashion"):
        click.echo(f"{name:14} comes along: {dataset_folder(name)}")
    for name, download in DOWNLOADS.items():
        click.echo(f"{name:14} {download.description}, checked by {download.check}: imgclass data get {name}")


@data.command()
@click.argument("name")
@click.option("--to", "target", type=click.Path(path_type=Path), help="Folder to put it in; ./NAME by default.")
@click.option("--source", type=click.Path(path_type=Path), help="An archive or folder of it that is here already.")
@click.option("--sha256", help="What the archive must hash to, where you know better than the course.")
def get(name: str, target: Path | None, source: Path | None, sha256: str | None) -> None:
    """Fetch the data set NAME, check it and unpack it. Where it is there already, it stays.

    \b
    Example:
      imgclass data get flowers --to flowers/
    """
    from imgclass_course.foundation.downloads import get_dataset

    folder = get_dataset(name, target or Path(name), source, sha256)
    click.echo(f"{name} is in {folder}")


@cli.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path), default=Path("imgclass_lessons"))
@click.option("--port", type=click.IntRange(1, 65535), default=8888, show_default=True, help="Of the first try.")
@click.option("--no_browser", "--no-browser", is_flag=True, help="Only print the address.")
@click.option("--copy_only", "--copy-only", is_flag=True, help="Copy the lessons and stop.")
def lab(folder: Path, port: int, no_browser: bool, copy_only: bool) -> None:
    """Copy the lessons into FOLDER and start JupyterLab there. Files that are there already stay as they are.

    \b
    Example:
      imgclass lab my_lessons/
    """
    copied = _copy_lessons(folder)
    click.echo(f"{copied} lessons copied to {folder}")
    if copy_only:
        return
    arguments = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={folder.resolve()}",
        f"--ServerApp.port={port}",
    ]
    arguments += ["--ServerApp.open_browser=False"] if no_browser else []
    # Our settings for JupyterLab: without them it asks other hosts for news and newer versions.
    paths = [str(resources.files("imgclass_course") / "assets"), os.environ.get("JUPYTER_CONFIG_PATH")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    os.execv(sys.executable, arguments)  # takes this process's place: nothing is left behind when it stops


def _copy_lessons(folder: Path) -> int:
    "Copy the lessons that are not there yet; return how many."
    package = Path(str(resources.files("imgclass_course")))
    lessons = next(path for path in (package / "notebooks", package.parent / "nbs") if path.is_dir())
    copied = 0
    for source in sorted(
        path for path in lessons.rglob("*") if path.is_file() and ".ipynb_checkpoints" not in path.parts
    ):
        target = folder / source.relative_to(lessons)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            copied += source.suffix == ".ipynb"
    return copied


@cli.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path), default=Path("imgclass_classifier"))
@click.option("--port", type=click.IntRange(1, 65535), help="A free one from 7860 on, by default.")
@click.option("--no_browser", "--no-browser", is_flag=True, help="Only print the address.")
def demo(folder: Path, port: int | None, no_browser: bool) -> None:
    """Serve a page on this machine for trying the classifier in FOLDER: drop a picture, see its classes.

    \b
    Example:
      imgclass demo my_classifier/
    """
    from imgclass_course.demo import import_gradio, serve
    from imgclass_course.transfer import ImageClassifier

    import_gradio()  # what is missing is said before the classifier is loaded
    serve(ImageClassifier.load(folder), port, not no_browser)


def _search_less_for_garbage() -> None:
    """Make the garbage collector look less often, and not at all at the end.

    Importing TensorFlow makes a million objects that stay; looking through them again and again takes a third of the
    import's time.
    """
    gc.set_threshold(100_000, 50, 100)
    atexit.register(gc.freeze)


def main(arguments: Sequence[str] | None = None) -> int:
    "Run the command line; every foreseen mistake ends in one line and exit code 2."
    _search_less_for_garbage()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name that the terminal cannot show becomes escapes
            stream.reconfigure(errors="backslashreplace")
    try:
        return cli.main(arguments, prog_name="imgclass", standalone_mode=False) or 0
    except click.Abort:
        message = "stopped"
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help())
        return 2
    except click.ClickException as error:
        message = error.format_message()
    except (CourseError, OSError) as error:
        message = str(error)
    click.echo(f"imgclass: {' '.join(message.split())}", err=True)
    return 2


if __name__ == "__main__":
    sys.exit(main())
