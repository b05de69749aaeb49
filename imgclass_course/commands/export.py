"""`imgclass export`: a saved classifier becomes a file that another runtime runs, and is checked there before it is kept."""

import os
from pathlib import Path
from typing import Any

import click

from .options import PATH, FiniteRange, percentage

FORMATS = ("litert", "saved_model", "onnx", "web")
PRECISIONS = ("float32", "float16", "int8_weights", "int8")


@click.command()
@click.argument("classifier", type=PATH)
@click.argument("output_dir", type=PATH)
@click.option("--to", type=click.Choice(FORMATS), default="litert", show_default=True, help="The format of the file; web: a page that runs it in any browser.")
@click.option("--precision", type=click.Choice(PRECISIONS), default="float32", show_default=True,
              help="Of the numbers in it. float16 halves a LiteRT file, int8_weights quarters it; int8 also computes in whole "
                   "numbers, whose range it finds on training pictures (--image_dir).")
@click.option("--image_dir", type=PATH,
              help="The folder of pictures that it was trained on: the file is compared with the classifier on those that "
                   "retrain took for validation. Without it, on drawings that come along.")
@percentage("testing", "As given to retrain, so that the same pictures are for validation.")
@percentage("validation", "As given to retrain.")
@click.option("--seed", default=0, show_default=True, help="Of the split, as given to retrain.")
@click.option("--accept_loss", type=FiniteRange(0, 1), default=0.02, show_default=True,
              help="Of the accuracy, by smaller numbers: a file is refused where the loss is certainly larger.")  # fmt: skip
def export(
    classifier: Path, output_dir: Path, to: str, precision: str, image_dir: Path | None, accept_loss: float, **split: Any
) -> None:
    """Write CLASSIFIER, a folder that imgclass retrain wrote, as one file for another program into OUTPUT_DIR.

    Pixels go in as they are (uint8), probabilities come out; labels.txt and a .json beside the file say the rest. The file is
    run by its own runtime (LiteRT, TensorFlow, ONNX Runtime) and kept only if it answers as the classifier does.

    \b
    Examples:
      imgclass export my_classifier/ exported/ --to onnx --image_dir my_pictures/
      imgclass export my_classifier/ exported/ --precision float16 --image_dir my_pictures/
      imgclass export my_classifier/ page/ --to web
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is imported
    if to == "web":
        from imgclass_course.outputs.web_page import export_web_page

        page = export_web_page(
            classifier, output_dir, precision, pictures=image_dir, accept_loss=accept_loss, **split
        )
        click.echo(f"Exported: {page} ({page.stat().st_size / 1e6:.1f} MB): open it in a browser")
        return
    from imgclass_course.outputs.exports import export_classifier

    found = export_classifier(classifier, output_dir, to, precision, image_dir, accept_loss, **split)
    click.echo(f"Compared on {found.compared_on}: {found.parity}")
    if found.parity.accuracy:
        click.echo(f"Accuracy, the file minus the classifier: {found.parity.accuracy}")
    click.echo(f"Exported: {found.path} ({found.megabytes:.1f} MB)")
