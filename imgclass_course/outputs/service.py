"""A classifier as a service over HTTP: pictures in, JSON out, and a limit on everything that a stranger may ask for.

The event loop reads requests; a few threads, each with an interpreter of its own, read pictures and run the network. Whatever
goes wrong is answered by `{"error": {"code": ..., "message": ...}}` with its status.
Starlette serves it, without TensorFlow; it comes with the extra `serve`.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..classifiers import Answer
from ..foundation.errors import ImageError, ServiceError
from ..foundation.files import assets_folder, printable
from ..foundation.picture_files import open_image
from ..foundation.pictures import Picture, as_pictures
from ..foundation.threads import num_cores
from .answer_files import classifier_identity
from .classifier_files import load_classifier
from .saved_classifier import SavedClassifier
from .service_schema import describe_service
from .uploads import Limits, Refusal, read_pictures

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

USUAL_TOP = 5  # classes that an answer tells
HELD_BODIES = 8  # bodies of the largest size that are in memory at the same time
QUICK_BYTES = 1 << 18  # larger bodies are taken apart in a thread, so that the others need not wait
DRAIN_SECONDS = 1.0  # what is sent in vain is read for so long, so that the answer is not lost with it
RETRY_SECONDS = "1"
WARM_SIDE = 8  # pixels of the picture that each thread reads first
SHOWN_PATH = 200  # characters of an address in a line of the log
PAGE = {"": ("service.html", "text/html"), "/service.js": ("service.js", "text/javascript"),
        "/service.css": ("service.css", "text/css")}  # fmt: skip
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def import_starlette() -> None:
    """Raise `ServiceError` where what the service is made of is not installed."""
    try:
        import python_multipart  # noqa: F401
        import starlette  # noqa: F401
    except ImportError as error:
        raise ServiceError('A service needs Starlette and more: pip install "imgclass_course[serve]".') from error


def _version() -> str:
    """Return the version of the package, as `imgclass --version` does."""
    try:
        return version("imgclass_course")
    except PackageNotFoundError:  # run from a source folder that was never installed
        return "0+unknown"


def open_service(folder: Path, limits: Limits | None = None) -> "Service":
    """Return what answers for the classifier in a folder. Raises `ClassifierError` where none can be read."""
    classifier = load_classifier(folder)
    fingerprint = classifier_identity(folder, classifier.classes_)
    return Service(printable(folder.resolve().name), fingerprint, classifier, limits or Limits())


def build_app(service: "Service", log: bool = False) -> "Starlette":
    """Return the ASGI application of a service; with `log`, it writes a line per request to stderr."""
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.middleware import Middleware
    from starlette.routing import Route

    routes = [
        Route("/predict", service.predict, methods=["POST"]),
        Route("/health", service.health),
        Route("/labels", service.labels),
        Route("/openapi.json", service.description),
        *[Route(f"/docs{end}", partial(_asset, *asset)) for end, asset in PAGE.items()],
    ]
    handlers: Any = {Refusal: _refuse, HTTPException: _refuse_address, Exception: _refuse_at_fault}
    app = Starlette(routes=routes, exception_handlers=handlers, middleware=[Middleware(_Guard, log=log)])
    app.router.redirect_slashes = False
    return app


class Service:
    """What is answered at each address."""

    def __init__(self, name: str, fingerprint: str, classifier: SavedClassifier, limits: Limits) -> None:
        """Take a classifier, a name and a fingerprint to tell it from others, and what a request may ask for."""
        self.classifier, self.limits = classifier, limits
        self._version, self._top = _version(), min(USUAL_TOP, len(classifier.classes_))
        self._about = {
            "name": name,
            "fingerprint": fingerprint,
            "backbone": classifier.backbone_name,
            "classes": len(classifier.classes_),
            "image_size": classifier.image_size,
        }
        self._places, self._held = limits.concurrency, 0  # requests that may come in, bytes of those that are in
        workers = limits.workers or num_cores()
        self._threads = ThreadPoolExecutor(workers, "imgclass")
        for _ in range(workers):  # each has its interpreter before it is needed
            self._threads.submit(self._warm_up)

    def _warm_up(self) -> None:
        black = np.zeros((WARM_SIDE, WARM_SIDE, 3), np.uint8)
        self.classifier.answer(next(as_pictures(black)))

    def close(self) -> None:
        """Let the threads end when they have done what they are at."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def health(self, request: "Request") -> "Response":
        return _json({"status": "ready", "version": self._version, "classifier": self._about})

    async def labels(self, request: "Request") -> "Response":
        return _json({"labels": list(self.classifier.classes_)})

    async def description(self, request: "Request") -> "Response":
        return _json(describe_service(self.classifier.classes_, self.limits, self._top, self._version))

    async def predict(self, request: "Request") -> "Response":
        top = self._wanted_classes(request)
        kind = request.headers.get("content-type", "")
        with self._place() as hold:
            body = await self._body(request, hold)
            read: Callable[[], list[Picture]] = partial(read_pictures, kind, body, self.limits)
            pictures = read() if len(body) <= QUICK_BYTES else await asyncio.to_thread(read)
            answers = await self._answers(request, pictures)
        found = [_told(answer, top) for answer in answers]
        if all(answer.problem for answer in answers):
            refusal = Refusal(422, "unreadable_pictures", f"No picture can be read: {answers[0].problem}.")
            return _json({**refusal.body(), "pictures": found}, 422)
        return _json({"pictures": found})

    def _wanted_classes(self, request: "Request") -> int:
        """Return how many classes an answer should tell. Raises `Refusal`."""
        text = request.query_params.get("top", str(self._top))
        if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text)):
            raise Refusal(400, "wrong_top", "top is no number of classes: give one from 1 on, such as ?top=3.")
        return int(text)

    @contextmanager
    def _place(self) -> Iterator[Callable[[int], None]]:
        """Take a place among the requests that are in, and yield what counts the bytes they hold. Raises `Refusal`."""
        if not self._places:
            raise _busy()
        held = 0

        def hold(more: int) -> None:
            nonlocal held
            if self._held + more > HELD_BODIES * self.limits.max_bytes:
                raise _busy()
            held += more
            self._held += more

        self._places -= 1
        try:
            yield hold
        finally:
            self._places += 1
            self._held -= held

    async def _body(self, request: "Request", hold: Callable[[int], None]) -> bytes:
        """Return the body of a request, counted while it comes in. Raises `Refusal`."""
        from starlette.requests import ClientDisconnect

        try:
            return await asyncio.wait_for(self._read(request, hold), self.limits.timeout)
        except asyncio.TimeoutError:
            message = f"The body did not arrive within {self.limits.timeout:g} seconds."
            raise Refusal(408, "body_too_slow", message) from None
        except ClientDisconnect:  # nobody is there to read it
            raise Refusal(400, "body_cut_short", "The body ended before its end.") from None

    async def _read(self, request: "Request", hold: Callable[[int], None]) -> bytes:
        most, pieces, size = self.limits.max_bytes, [], 0
        too_large = Refusal(413, "body_too_large", f"The body has more than {most:,} bytes.")
        declared = request.headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > most:
            raise too_large
        async for piece in request.stream():
            size += len(piece)
            if size > most:
                raise too_large
            hold(len(piece))
            pieces.append(piece)
        return b"".join(pieces)

    async def _answers(self, request: "Request", pictures: list[Picture]) -> list[Answer]:
        """Name pictures in the threads; not for longer than is allowed, and not for somebody who left. Raises `Refusal`."""
        loop = asyncio.get_running_loop()
        work: asyncio.Future[list[Answer]] = asyncio.gather(
            *[loop.run_in_executor(self._threads, self._answer, one) for one in pictures]
        )
        left = asyncio.ensure_future(_until_left(request))
        either: list[asyncio.Future[Any]] = [work, left]
        try:
            await asyncio.wait(either, timeout=self.limits.timeout, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            if left.done():
                raise Refusal(400, "client_left", "Whoever asked is not there any more.")
            raise Refusal(504, "too_slow", f"The answer took more than {self.limits.timeout:g} seconds.")
        finally:
            left.cancel()
            work.cancel()  # what has not begun never does

    def _answer(self, picture: Picture) -> Answer:
        """Name a picture, or say why it cannot be read."""
        try:
            image = open_image(picture.source)
        except ImageError as error:
            return Answer(picture=picture.name, problem=str(error))
        if image.width * image.height > self.limits.max_pixels:
            problem = f"the picture has {image.width} x {image.height} pixels; {self.limits.max_pixels:,} are allowed"
            return Answer(picture=picture.name, problem=problem)
        return self.classifier.answer(picture)


def _busy() -> Refusal:
    return Refusal(503, "busy", "The service has as much to do as it can: ask again.", Retry_After=RETRY_SECONDS)


def _told(answer: Answer, top: int) -> dict[str, Any]:
    """Return an answer as JSON."""
    if answer.problem:
        return {"name": answer.picture, "problem": answer.problem}
    return {
        "name": answer.picture,
        "class": str(answer),
        "probabilities": {name: round(probability, 6) for name, probability in answer.top(top)},
        "none_of_these": answer.none_of_these,
        "distance": round(answer.distance, 6) if np.isfinite(answer.distance) else None,
    }


async def _until_left(request: "Request") -> None:
    """Wait until whoever asked is not there any more."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> "Response":
    from starlette.responses import JSONResponse

    return JSONResponse(content, status, headers)


async def _asset(name: str, kind: str, request: "Request") -> "Response":
    from starlette.responses import Response

    return Response((assets_folder() / name).read_bytes(), media_type=kind)


# What goes wrong


async def _refuse(request: "Request", refusal: Refusal) -> "Response":
    return _json(refusal.body(), refusal.status, refusal.headers)


async def _refuse_address(request: "Request", error: Any) -> "Response":
    """Answer what Starlette found no address for."""
    if error.status_code == 405:
        refusal = Refusal(405, "method_not_allowed", f"This address does not take {request.method}.")
    else:
        refusal = Refusal(
            error.status_code, "not_found", "There is nothing at this address: /docs tells what there is."
        )
    return _json(refusal.body(), refusal.status, error.headers)


async def _refuse_at_fault(request: "Request", error: Exception) -> "Response":
    """Answer where the service itself is wrong; the server's log tells where."""
    return _json(Refusal(500, "internal_error", "The service failed; its log tells why.").body(), 500)


class _Guard:
    """Around everything else: adds headers to each answer, ends connections whose body nobody read, writes the log."""

    def __init__(self, app: Any, log: bool) -> None:
        self.app, self.log = app, log

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        start, given = time.perf_counter(), dict(scope["headers"])
        unread = b"transfer-encoding" in given or given.get(b"content-length", b"0").strip(b"0") != b""

        async def receive_and_look() -> Any:
            nonlocal unread
            message = await receive()
            unread = unread and message.get("more_body", False)
            return message

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                if unread:
                    if b"expect" not in given:
                        await _drain(receive_and_look)
                    message["headers"].append((b"connection", b"close"))
                message["headers"] += [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                if self.log:
                    _write_line(scope, message["status"], time.perf_counter() - start)
            await send(message)

        await self.app(scope, receive_and_look, send_with_headers)


async def _drain(receive: Callable[[], Any]) -> None:
    """Read what is still sent, for a moment: who closes while the other side sends takes the answer away from it."""

    async def read_on() -> None:
        while (await receive()).get("more_body"):
            pass

    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(read_on(), DRAIN_SECONDS)


def _write_line(scope: Any, status: int, seconds: float) -> None:
    client, path = (scope.get("client") or ["-"])[0], printable(scope["path"])[:SHOWN_PATH]
    print(f"{client} {scope['method']} {path} {status} {1000 * seconds:.0f} ms", file=sys.stderr, flush=True)
