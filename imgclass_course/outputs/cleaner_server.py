"""The server of the page for cleaning a folder: on this machine alone, and only for the page that it gave out.

Another web site that is open in the same browser must neither read nor decide anything: a request has to name this server
as its host (against DNS rebinding), a change has to come from this page (its origin, and a random token that only the page
knows), and the addresses of pictures hold a random part. The page runs its own script and no other.
Starlette and uvicorn serve it; they come with the extra `demo`.
"""

import json
import secrets
import socket
import webbrowser
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from ..foundation.errors import CourseError, DemoError
from ..foundation.files import assets_folder
from ..foundation.ports import named_tcp
from .cleaner import Cleaner

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

HOST = "127.0.0.1"  # this machine alone
PORTS = range(7860, 7960)  # tried in turn where none is given
MOST_BYTES = 1000  # of a request: a decision is shorter
ASSETS = {"cleaner.js": "text/javascript", "cleaner.css": "text/css"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
ONE_HOUR = "private, max-age=3600"


class Gate:
    """What a request must bring along to be answered."""

    def __init__(self, port: int) -> None:
        self.hosts = {f"{HOST}:{port}", f"localhost:{port}"}
        self.token, self.key = secrets.token_urlsafe(32), secrets.token_urlsafe(16)  # for changes, and for pictures

    def knows_host(self, request: "Request") -> bool:
        """Return whether the browser meant this server."""
        return request.headers.get("host", "") in self.hosts

    def lets_change(self, request: "Request") -> bool:
        """Return whether a request comes from the page that this server gave out."""
        origin = request.headers.get("origin", "")
        given = request.headers.get("x-token", "").encode()
        return origin in {f"http://{host}" for host in self.hosts} and secrets.compare_digest(
            given, self.token.encode()
        )


def build_app(cleaner: Cleaner, port: int) -> "Starlette":
    """Return the application that serves the page at a port of this machine. Raises `DemoError` without Starlette."""
    import_server()
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.routing import Route

    gate = Gate(port)
    pages = _Pages(cleaner, gate)
    routes = [
        Route("/", pages.page),
        Route("/{name}", pages.asset),
        Route(f"/{gate.key}/state", pages.state),
        Route(f"/{gate.key}/picture/{{number:int}}", pages.picture),
        Route("/change/decide", pages.decide, methods=["POST"]),
        Route("/change/undo", pages.undo, methods=["POST"]),
    ]
    return Starlette(routes=routes, middleware=[Middleware(_Guard, gate=gate)])


class _Guard:
    """Refuses what did not mean this server, before anything else looks at it, and adds the headers of every answer."""

    def __init__(self, app: Any, gate: Gate) -> None:
        self.app, self.gate = app, gate

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.datastructures import MutableHeaders
        from starlette.requests import Request
        from starlette.responses import PlainTextResponse

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        if scope["type"] != "http":
            return
        request, app = Request(scope), self.app
        if not self.gate.knows_host(request):
            app = PlainTextResponse("This server answers to its own address only.", 403)
        elif request.method == "POST" and not self.gate.lets_change(request):
            app = PlainTextResponse("This page is not of this server any more: load it again.", 403)
        await app(scope, receive, send_with_headers)


class _Pages:
    """What is answered at each address."""

    def __init__(self, cleaner: Cleaner, gate: Gate) -> None:
        self.cleaner, self.gate = cleaner, gate

    def page(self, request: "Request") -> "Response":
        from starlette.responses import HTMLResponse

        text = (assets_folder() / "cleaner.html").read_text(encoding="utf-8")
        return HTMLResponse(text.replace("%TOKEN%", self.gate.token).replace("%PICTURE_KEY%", self.gate.key))

    def asset(self, request: "Request") -> "Response":
        from starlette.responses import FileResponse, PlainTextResponse

        name = request.path_params["name"]
        if name not in ASSETS:
            return PlainTextResponse("There is nothing here.", 404)
        return FileResponse(assets_folder() / name, media_type=ASSETS[name])

    def state(self, request: "Request") -> "Response":
        return _answer(self.cleaner.state)

    def picture(self, request: "Request") -> "Response":
        from starlette.responses import PlainTextResponse, Response

        try:
            content = self.cleaner.small_picture(request.path_params["number"])
        except CourseError as error:
            return PlainTextResponse(str(error), 404)
        if not content:
            return PlainTextResponse("This picture cannot be read.", 404)
        return Response(content, media_type="image/jpeg", headers={"Cache-Control": ONE_HOUR})

    async def decide(self, request: "Request") -> "Response":
        from starlette.concurrency import run_in_threadpool

        given = _parse(await _body(request))
        arguments = [given.get("picture"), given.get("choice"), given.get("label", -1)]
        return await run_in_threadpool(_answer, self.cleaner.decide, *arguments)

    def undo(self, request: "Request") -> "Response":
        return _answer(self.cleaner.undo)


async def _body(request: "Request") -> bytes:
    """Return the body of a request, cut off where it is too long to be a decision."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            return b""
    return body


def _parse(body: bytes) -> dict[str, Any]:
    """Return what a request asks for, empty where it is no such thing."""
    with suppress(ValueError, RecursionError):
        given = json.loads(body)
        return given if isinstance(given, dict) else {}
    return {}


def _answer(function: Any, *arguments: Any) -> "Response":
    """Return what a function returns as JSON, or the line that says what is wrong."""
    from starlette.responses import JSONResponse

    try:
        return JSONResponse(function(*arguments))
    except CourseError as error:
        return JSONResponse({"problem": str(error)}, 409)


def import_server() -> None:
    """Raise `DemoError` where what serves the page is not installed."""
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise DemoError('The page needs Starlette and uvicorn: pip install "imgclass_course[demo]".') from error


def open_port(port: int | None) -> socket.socket:
    """Return a socket that listens on a port of this machine, or on the first free one. Raises `DemoError`."""
    for number in PORTS if port is None else (port,):
        with suppress(OSError):
            return named_tcp(socket.create_server((HOST, number)))
    where = f"The port {port} is" if port else f"The ports from {PORTS.start} to {PORTS.stop - 1} are"
    raise DemoError(f"{where} not free: name another one with --port.")


def serve(cleaner: Cleaner, listening: socket.socket, open_browser: bool = True) -> None:
    """Serve the page at a socket of `open_port`, until Ctrl+C."""
    import uvicorn

    number = listening.getsockname()[1]
    app = build_app(cleaner, number)
    config = uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
    address = f"http://{HOST}:{number}"
    click.echo(f"The page is at {address} (Ctrl+C ends it)")
    if open_browser:
        webbrowser.open(address)
    with suppress(KeyboardInterrupt):  # uvicorn raises it once more when it has ended
        uvicorn.Server(config).run(sockets=[listening])
