"""The service as a function of AWS Lambda, behind an API Gateway or the function's own address.

Name `imgclass_course.outputs.serverless.handler` as the function's handler, and the folder of the classifier in the environment
variable `IMGCLASS_CLASSIFIER`. Answers and errors are those of `imgclass serve`, since it is the same application. Mangum turns
events into requests; it comes with the extra `serve`.
"""

import os
from functools import cache
from pathlib import Path
from typing import Any

from ..foundation.errors import ServiceError
from .service import build_app, import_starlette, open_service
from .uploads import Limits

CLASSIFIER_VARIABLE = "IMGCLASS_CLASSIFIER"
MAX_BYTES = 6_000_000  # what Lambda takes at once


@cache
def _application(folder: str) -> Any:
    """Return what answers events for a folder; made once, when the function gets its first one."""
    import_starlette()
    try:
        from mangum import Mangum
    except ImportError as error:
        raise ServiceError('A function of Lambda needs Mangum: pip install "imgclass_course[serve]".') from error
    return Mangum(build_app(open_service(Path(folder), Limits(max_bytes=MAX_BYTES))), lifespan="off")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer an event of an API Gateway (REST or HTTP) or of a function's address.

    Raises `ServiceError` where the environment names no classifier or Mangum is missing, `ClassifierError` where the folder
    holds none: what asks gets an error of Lambda then, and its log the line.
    """
    folder = os.environ.get(CLASSIFIER_VARIABLE)
    if not folder:
        raise ServiceError(f"Name the folder of the classifier in the environment variable {CLASSIFIER_VARIABLE}.")
    return _application(folder)(event, context)
