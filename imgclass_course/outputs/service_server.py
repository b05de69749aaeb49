"""The server of the service: a port of this machine, connections that do not hang, and an end that loses no answer.

uvicorn serves it; it comes with the extra `serve`.
"""

import json
import signal
import socket
from asyncio import TimerHandle, Transport
from contextlib import suppress

import click

from ..foundation.errors import ServiceError
from ..foundation.ports import named_tcp
from .service import Service, build_app
from .uploads import Refusal

MOST_CONNECTIONS = 1000  # most systems let a process have 1,024 files
HEADER_SECONDS = 10.0  # in which the headers of a request have to arrive
MOST_HEADER_BYTES = 1 << 15
KEPT_SECONDS = 5  # a connection that asks nothing


def import_server() -> None:
    """Raise `ServiceError` where what serves is not installed."""
    try:
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ServiceError('A service needs uvicorn and more: pip install "imgclass_course[serve]".') from error


def open_port(host: str, port: int) -> socket.socket:
    """Return a socket that listens at a host's port; 0 is any free one. Raises `ServiceError`."""
    where = f"{host}, port {port}"
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return named_tcp(socket.create_server((host, port), family=family, backlog=MOST_CONNECTIONS))
    except PermissionError as error:
        raise ServiceError(f"This user may not listen at {where}: name another one with --port.") from error
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ServiceError(
            f"{where} is not free, or not of this machine ({reason}): name another --port or --host."
        ) from error


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if listening.family == socket.AF_INET6 else f"http://{host}:{port}"


def _protocol(header_seconds: float) -> type:
    """Return uvicorn's protocol with what it lacks: a time-out for headers, few connections, and errors in JSON."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Protocol(H11Protocol):
        waiting: TimerHandle | None = None  # for the headers of a request

        def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > MOST_CONNECTIONS:
                self._refuse(Refusal(503, "busy", "There are too many connections: ask again.", Retry_After="1"))
            else:
                self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._forget()
            super().connection_lost(exc)

        def _watch(self) -> None:
            """Begin to wait where headers have begun to arrive, or none ever did; stop where a request is there."""
            asking = self.cycle is not None and not self.cycle.response_complete
            idle = self.cycle is not None and not self.conn.trailing_data[0]
            if asking or idle or self.transport.is_closing():
                self._forget()
            elif self.waiting is None:
                self.waiting = self.loop.call_later(header_seconds, self._end_waiting)

        def _forget(self) -> None:
            if self.waiting is not None:
                self.waiting.cancel()
                self.waiting = None

        def _end_waiting(self) -> None:
            self._refuse(Refusal(408, "headers_too_slow", "The headers did not arrive in time."))

        def send_400_response(self, msg: str) -> None:
            self._refuse(Refusal(400, "malformed_request", "The request is not HTTP, or its headers are too long."))

        def _refuse(self, refusal: Refusal) -> None:
            """Answer outside of the application, and end the connection."""
            if self.transport.is_closing():
                return
            body = json.dumps(refusal.body()).encode()
            lines = [f"HTTP/1.1 {refusal.status} {refusal.code}", "Content-Type: application/json", "Connection: close"]
            lines += [f"{name}: {value}" for name, value in refusal.headers.items()]
            head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode()
            self.transport.write(head + body)
            self.transport.close()

    return Protocol


def serve(
    service: Service, listening: socket.socket, log: bool = False, header_seconds: float = HEADER_SECONDS
) -> None:
    """Answer at a socket of `open_port`, until Ctrl+C or SIGTERM; with `log`, a line per request to stderr.

    What is being answered then is answered, within the time that the service's limits allow.
    """
    import uvicorn

    config = uvicorn.Config(
        build_app(service, log),
        http=_protocol(header_seconds),
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_level="error",
        access_log=False,
        server_header=False,
        h11_max_incomplete_event_size=MOST_HEADER_BYTES,
        timeout_keep_alive=KEPT_SECONDS,
        timeout_graceful_shutdown=int(2 * service.limits.timeout) + 1,
    )
    address, count = _address(listening), len(service.classifier.classes_)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            click.echo(f"The classifier ({count} classes) is served at {address} (Ctrl+C ends it)")
            click.echo(f"What it answers is explained at {address}/docs")

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # both signals end it in the same way
    try:
        with suppress(KeyboardInterrupt):  # uvicorn raises it once more when it has ended
            Server(config).run(sockets=[listening])
    finally:
        service.close()
        signal.signal(signal.SIGTERM, before)
