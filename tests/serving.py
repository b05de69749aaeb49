"""A service in a process of its own, as `imgclass serve` runs it, and clients that say exactly what they want to."""

import base64
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from support import child_environment

SECONDS = 60  # what a test waits at most
# A service with limits of a test, which tells at its end what it imported.
SERVE = """
import json, sys
from pathlib import Path
from imgclass_course.outputs.service import open_service
from imgclass_course.outputs.service_server import open_port, serve
from imgclass_course.outputs.uploads import Limits
folder, header_seconds, limits = Path(sys.argv[1]), float(sys.argv[2]), Limits(**json.loads(sys.argv[3]))
with open_port("127.0.0.1", 0) as listening:
    serve(open_service(folder, limits), listening, header_seconds=header_seconds)
print("imported:", *sorted({name.partition(".")[0] for name in sys.modules}))
"""


@dataclass
class Answer:
    """What came back: a status, headers by lower-case name, and the body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of an error, whose form is checked."""
        error = self.json["error"]
        assert set(error) == {"code", "message"} and error["message"] and "\n" not in error["message"]
        assert "Traceback" not in error["message"] and self.headers["content-type"].startswith("application/json")
        return error["code"]


@dataclass
class Server:
    """A running service."""

    process: psutil.Popen
    port: int

    def connect(self) -> socket.socket:
        """Return a connection to it."""
        return socket.create_connection(("127.0.0.1", self.port), SECONDS)

    def send(self, *pieces: bytes) -> Answer | None:
        """Send bytes over a connection of their own and return the answer, None where there is none."""
        with self.connect() as connection:
            try:
                for piece in pieces:
                    connection.sendall(piece)
            except OSError:  # it has answered and closed already
                pass
            return receive(connection)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Ask as a well-behaved client does."""
        found = self.send(request(method, path, body, **headers))
        assert found is not None
        return found

    def post(self, body: bytes, kind: str = "image/png", path: str = "/predict") -> Answer:
        """Ask about a body of a kind."""
        return self.ask("POST", path, body, Content_Type=kind)


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """Return the bytes of a request. An underscore in a header's name stands for a hyphen."""
    given = {"Host": "here", "Content_Length": str(len(body)), "Connection": "close", **headers}
    lines = [f"{method} {path} HTTP/1.1", *[f"{name.replace('_', '-')}: {value}" for name, value in given.items()]]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def receive(connection: socket.socket) -> Answer | None:
    """Read an answer to its end; None where the connection ends without one."""
    data = b""
    try:
        while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < _length(data):
            piece = connection.recv(1 << 16)
            if not piece:
                break
            data += piece
    except ConnectionError:
        pass
    if not data:
        return None
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    assert len(body) == _length(data), data[:500]
    return Answer(int(first.split()[1]), headers, body)


def _length(data: bytes) -> int:
    found = re.search(rb"\r\ncontent-length: (\d+)", data.partition(b"\r\n\r\n")[0].lower())
    return int(found[1]) if found else 0


def form(*files: tuple[str, bytes], boundary: str = "edge", ending: bool = True) -> bytes:
    """Return a form with files."""
    parts = []
    for name, data in files:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="picture"; filename="{name}"\r\n\r\n'
        parts.append(head.encode("utf-8", "surrogatepass") + data + b"\r\n")
    return b"".join(parts) + (f"--{boundary}--\r\n".encode() if ending else b"")


FORM = "multipart/form-data; boundary=edge"
JSON = "application/json"


def base64_json(*pictures: bytes) -> bytes:
    """Return pictures as the JSON that the service takes."""
    return json.dumps({"pictures": [base64.b64encode(data).decode() for data in pictures]}).encode()


@contextmanager
def started(command: list[str], errors: Path) -> Iterator[Server]:
    """Start a service, wait for its first line, and end it as `docker stop` does; it must end well, and soon."""
    with errors.open("w") as log:
        process = psutil.Popen(command, stdout=subprocess.PIPE, stderr=log, env=child_environment(), text=True)
    try:
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert found, line + errors.read_text()
        yield Server(process, int(found[1]))
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(SECONDS)
        except psutil.TimeoutExpired:
            process.kill()
            raise
    assert process.returncode == 0, errors.read_text()
    assert "Traceback" not in errors.read_text(), errors.read_text()


@contextmanager
def service(folder: Path, errors: Path, header_seconds: float = 10, **limits: float) -> Iterator[Server]:
    """Start a service with other limits than a command line gives."""
    arguments = [str(folder), str(header_seconds), json.dumps(limits)]
    with started([sys.executable, "-c", SERVE, *arguments], errors) as server:
        yield server
