"""`imgclass convert`: a classifier that another tool made becomes one of ours."""

from pathlib import Path

import click

from .options import PATH


@click.command()
@click.argument("model", type=PATH)
@click.option("--labels", type=PATH, help="The labels.txt beside it, by default.")
@click.option("--output_graph", type=PATH, default=Path("imgclass_classifier"), show_default=True,
              help="Folder of the classifier.")  # fmt: skip
def convert(model: Path, labels: Path | None, output_graph: Path) -> None:
    """Turn MODEL, the keras_model.h5 of an image project of Teachable Machine, into a classifier with the same answers.

    Export it there as Tensorflow, Keras, and unpack the zip. The classifier can be used, and not trained further; the
    pictures of the project can be: imgclass retrain project.tm.

    \b
    Example:
      imgclass convert keras_model.h5 --labels labels.txt --output_graph my_classifier
      imgclass label --graph my_classifier new_picture.jpg
    """
    from imgclass_course.outputs.teachable_machine import convert_teachable_machine

    if output_graph.is_file():
        raise click.UsageError(f"--output_graph {output_graph} is a file: name a folder.")
    classifier = convert_teachable_machine(model, labels or model.with_name("labels.txt"), output_graph)
    click.echo(f"Classifier: {output_graph} ({len(classifier.classes_)} classes)")
