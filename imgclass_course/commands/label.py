"""`imgclass label` and `imgclass demo`: a saved classifier at work. They never import TensorFlow."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .many_pictures import Wanted, label_many, list_paths, many_options
from .options import PATH, options, print_problems

if TYPE_CHECKING:
    from imgclass_course.classifiers import Answer
    from imgclass_course.outputs.classifier_files import SavedClassifier

CLASSIFIER = Path("imgclass_classifier")
SIZE = click.IntRange(min=1)

old_options = options(  # of label_image.py, where a graph did not know how its pictures were prepared
    click.option("--input_height", type=SIZE, help="Not needed: the classifier knows it."),
    click.option("--input_width", type=SIZE, help="Not needed: the classifier knows it."),
    click.option("--input_layer", help="Not needed: a classifier has one input."),
    click.option("--output_layer", help="Not needed: a classifier has one output."),
    click.option("--input_mean", type=float, help="Not needed: the classifier knows its preparation."),
    click.option("--input_std", type=float, help="Not needed: the classifier knows its preparation."),
)


@click.command()
@click.argument("pictures", nargs=-1, type=PATH)
@click.option("--image", "more", multiple=True, type=PATH, help="A picture or folder; may be given several times.")
@click.option(
    "--graph", type=PATH, default=CLASSIFIER, show_default=True, help="Folder of the classifier, or an ONNX file."
)
@click.option("--labels", type=PATH, help="A file with other names for the classes, one per line.")
@click.option("--top", type=click.IntRange(min=1), default=5, show_default=True, help="Answers per picture.")
@many_options
@old_options
def label(
    pictures: tuple[Path, ...],
    more: tuple[Path, ...],
    graph: Path,
    labels: Path | None,
    top: int,
    csv: Path | None,
    sort_into: Path | None,
    at_least: float | None,
    link: bool,
    **unneeded: object,
) -> None:
    """Name what is in PICTURES, or in all pictures of a folder, with a classifier that `imgclass retrain` made.

    --graph may also be a classifier in an ONNX file, such as one from PyTorch.

    \b
    Examples:
      imgclass label --graph my_classifier one.jpg two.png
      imgclass label --graph my_classifier holidays/ --csv answers.csv --sort_into sorted/ --at_least 0.6
    """
    from imgclass_course.outputs.answer_files import classifier_identity
    from imgclass_course.outputs.classifier_files import load_classifier

    given, wanted = [*pictures, *more], Wanted(csv, sort_into, at_least, link)
    _check_given(given)
    wanted.check(given)
    if graph.is_file() and graph.suffix.lower() != ".onnx":
        raise click.UsageError(
            f"--graph names a folder that `imgclass retrain` wrote, or an ONNX file; {graph} is a file of another kind."
        )
    classifier = load_classifier(graph)
    _check_unneeded(unneeded, classifier.image_size)
    names = _read_labels(labels, classifier.classes_) if labels else classifier.classes_
    renamed = dict(zip(classifier.classes_, names, strict=True))
    if wanted:
        label_many(classifier, classifier_identity(graph, names), given, renamed, wanted)
    else:
        _print_answers(classifier, given, renamed, top)


def _check_given(given: Sequence[Path]) -> None:
    """Raise `click.UsageError` where nothing is given, or what is no file or folder."""
    if not given:
        raise click.UsageError("Name at least one picture: imgclass label PICTURE, or --image PICTURE.")
    if Path("-") in given:
        raise click.UsageError("Pictures are not read from standard input (-): name files or folders.")


def _print_answers(classifier: "SavedClassifier", given: Sequence[Path], renamed: dict[str, str], top: int) -> None:
    """Print the likeliest classes of each picture; list those that cannot be read."""
    paths = [path for chosen in given for path in _files(chosen)]
    answers = classifier.predict(paths)
    for path, answer in zip(paths, answers, strict=True):
        if not answer.problem:
            _print_answer(path, answer, renamed, top)
    problems = [(str(path), answer.problem) for path, answer in zip(paths, answers, strict=True) if answer.problem]
    print_problems(problems)
    if len(problems) == len(paths):
        raise click.ClickException("None of the pictures could be read.")


def _check_unneeded(given: dict[str, object], image_size: int) -> None:
    """Say that options of the old script are not needed; raise `click.UsageError` where they contradict."""
    flags = [f"--{name}" for name, value in given.items() if value is not None]
    for name in ("input_height", "input_width"):
        if given[name] not in (None, image_size):
            raise click.UsageError(
                f"--{name} {given[name]}: this classifier takes pictures of {image_size} pixels. Leave the option out."
            )
    if flags:
        click.echo(f"Not needed, the classifier knows it: {', '.join(flags)}", err=True)


def _files(path: Path) -> list[Path]:
    """Return the path, or the files in the folder that it is. Raises `click.UsageError` where there are none."""
    found = list(list_paths([path]))
    if not found:
        raise click.UsageError(f"There are no files in the folder {path}.")
    return found


def _print_answer(path: Path, answer: "Answer", renamed: dict[str, str], top: int) -> None:
    from imgclass_course.foundation.files import printable

    click.echo(printable(path))
    for name, probability in answer.top(top):
        click.echo(f"  {renamed[name]} (score = {probability:.5f})")
    if answer.none_of_these:
        click.echo(f"  perhaps none of these: it is unlike all training pictures (distance {answer.distance:.2f})")


def _read_labels(path: Path, classes: Sequence[str]) -> list[str]:
    try:
        names = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise click.UsageError(f"{path} is no text in UTF-8: it should hold one label per line.") from None
    if len(names) != len(classes):
        raise click.UsageError(f"{path} has {len(names)} labels and the classifier has {len(classes)} classes.")
    return names


@click.command()
@click.argument("folder", required=False, type=PATH, default=CLASSIFIER)
@click.option("--port", type=click.IntRange(1, 65535), help="A free one from 7860 on, by default.")
@click.option("--no_browser", "--no-browser", is_flag=True, help="Only print the address.")
def demo(folder: Path, port: int | None, no_browser: bool) -> None:
    """Serve a page on this machine for trying the classifier in FOLDER: drop a picture or take one, see its classes.

    \b
    Example:
      imgclass demo my_classifier/
    """
    from imgclass_course.outputs.classifier_files import load_classifier
    from imgclass_course.outputs.demo import import_gradio, serve

    import_gradio()  # what is missing is said before the classifier is loaded
    serve(load_classifier(folder), port, not no_browser)
