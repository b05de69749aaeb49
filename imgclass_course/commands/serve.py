"""`imgclass serve`: a saved classifier as a service over HTTP. It never imports TensorFlow."""

import os
from pathlib import Path

import click

from .options import PATH, FiniteRange

COUNT = click.IntRange(min=1)


@click.command()
@click.argument("classifier", type=PATH)
@click.option("--host", default="127.0.0.1", show_default=True, help="This machine alone; 0.0.0.0 for every other, too.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: a free one.")
@click.option("--max_bytes", type=COUNT, default=20_000_000, show_default=True, help="Of the body of a request.")
@click.option("--max_pixels", type=COUNT, default=50_000_000, show_default=True, help="Of a picture, width x height.")
@click.option("--max_pictures", type=COUNT, default=32, show_default=True, help="Of a request.")
@click.option("--concurrency", type=COUNT, default=128, show_default=True,
              help="Requests at the same time, waiting or worked on; more are told to come back (503).")
@click.option("--timeout", type=FiniteRange(min=0, min_open=True), default=30, show_default=True,
              help="Seconds in which a body has to arrive, and again in which it is answered.")
@click.option("--workers", type=COUNT, help="Threads that read and name pictures; one a core, by default.")
@click.option("--quiet", is_flag=True, help="No line for each request on standard error.")  # fmt: skip
def serve(
    classifier: Path,
    host: str,
    port: int,
    max_bytes: int,
    max_pixels: int,
    max_pictures: int,
    concurrency: int,
    timeout: float,
    workers: int | None,
    quiet: bool,
) -> None:
    """Serve CLASSIFIER, a folder that `imgclass retrain` made, to programs: POST pictures to /predict, get JSON.

    \b
    Example:
      imgclass serve my_classifier/
      curl -F picture=@photo.jpg http://127.0.0.1:8000/predict
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is imported
    from imgclass_course.outputs.service import import_starlette, open_service
    from imgclass_course.outputs.service_server import import_server, open_port
    from imgclass_course.outputs.service_server import serve as serve_classifier
    from imgclass_course.outputs.uploads import Limits

    import_starlette()  # what is missing is said first
    import_server()
    limits = Limits(max_bytes, max_pixels, max_pictures, concurrency, timeout, workers)
    with open_port(host, port) as listening:
        serve_classifier(open_service(classifier, limits), listening, log=not quiet)
