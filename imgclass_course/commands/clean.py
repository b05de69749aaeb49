"""`imgclass clean`: a page that shows what is odd about a folder, and keeps what a person decides."""

import os
from pathlib import Path

import click

from .options import PATH, bottleneck_dir


@click.command()
@click.argument("folder", type=PATH)
@click.option("--graph", type=PATH, help="Folder of a classifier, whose surest mistakes are then shown, too.")
@bottleneck_dir
@click.option("--port", type=click.IntRange(1, 65535), help="A free one from 7860 on, by default.")
@click.option("--no_browser", "--no-browser", is_flag=True, help="Only print the address.")
def clean(folder: Path, graph: Path | None, bottleneck_dir: Path | None, port: int | None, no_browser: bool) -> None:
    """Serve a page on this machine that shows what is odd about FOLDER: decide what to keep, move and leave out.

    Suspects, near-duplicates and unreadable files are shown. What is decided is kept in imgclass_decisions.csv in the folder,
    which retrain, compare and audit obey. No picture is moved or deleted.

    \b
    Example:
      imgclass clean my_pictures/
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is imported
    from imgclass_course.decided_folder import obey_decisions
    from imgclass_course.findings import find_oddities
    from imgclass_course.image_folder import ImageFolder
    from imgclass_course.outputs.classifier_files import load_classifier
    from imgclass_course.outputs.cleaner import Cleaner
    from imgclass_course.outputs.cleaner_server import import_server, open_port, serve

    import_server()  # what is missing is said before the pictures are looked at
    classifier = load_classifier(graph) if graph else None
    with open_port(port) as listening:
        images = ImageFolder.scan(folder)
        findings = find_oddities(obey_decisions(images), bottleneck_dir, classifier)
        serve(Cleaner(images, findings), listening, not no_browser)
