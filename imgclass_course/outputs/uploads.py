"""What a request to the service brings along: pictures in a form, as the whole body, or as base64 in JSON.

All of it comes from strangers: it is limited, and a `Refusal` says what is wrong with it. python-multipart reads forms; it
comes with the extra `serve`.
"""

import base64
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..foundation.files import printable
from ..foundation.pictures import Picture

FORM, JSON, ANY_BYTES = "multipart/form-data", "application/json", "application/octet-stream"
SHOWN_NAME = 200  # characters of a file's name that an answer repeats
OTHER_PARTS = 16  # of a form, beside pictures: plain fields, which are not looked at
MARKS_PER_PICTURE = 8  # commas and brackets in JSON: base64 has none, so a request needs few

logging.getLogger("python_multipart").addHandler(logging.NullHandler())  # it would write a line for each malformed form


@dataclass(frozen=True)
class Limits:
    """What a request may ask of the service."""

    max_bytes: int = 20_000_000  # of its body
    max_pixels: int = 50_000_000  # of a picture, width x height
    max_pictures: int = 32
    concurrency: int = 128  # requests that are read, wait or are worked on at the same time
    timeout: float = 30.0  # seconds in which a body has to arrive, and again in which it is answered
    workers: int | None = None  # threads that read and name pictures; None: one a core


class Refusal(Exception):
    """A request that is not answered as it wishes: an HTTP status, a code for programs and a line for people."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def body(self) -> dict[str, Any]:
        """Return what is sent as JSON."""
        return {"error": {"code": self.code, "message": self.message}}


def read_pictures(content_type: str, body: bytes, limits: Limits) -> list[Picture]:
    """Return the pictures in a body, at least one and not read yet. Raises `Refusal`."""
    from python_multipart.multipart import parse_options_header

    kind, options = parse_options_header(content_type.encode("latin-1", "replace"))
    name = kind.decode("latin-1").strip()
    if name == FORM:
        pictures = _form_pictures(body, options.get(b"boundary", b""), limits)
    elif name == JSON:
        pictures = _json_pictures(body, limits)
    elif name.startswith("image/") or name == ANY_BYTES:
        pictures = [_picture("", body, 1)]
    else:
        said = f"Content-Type {printable(name)[:SHOWN_NAME]!r}" if name else "A body without Content-Type"
        raise Refusal(
            415, "unsupported_media_type", f"{said} is none that is read here: send {FORM}, image/* or {JSON}."
        )
    if not pictures:
        raise Refusal(422, "no_pictures", "There is no picture in the request: send at least one file.")
    return pictures


def _picture(name: str, data: bytes, number: int) -> Picture:
    """Return a picture under the name that an answer repeats: one line, and not long."""
    return Picture(data, printable(name.encode("utf-8", "replace").decode())[:SHOWN_NAME] or f"picture {number}")


def _too_many(limits: Limits) -> Refusal:
    return Refusal(
        413, "too_many_pictures", f"A request may bring {limits.max_pictures} pictures, and this one has more."
    )


# A form


@dataclass
class _Part:
    """A part of a form: its headers, by lower-case name, and its bytes."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)


class _Form:
    """Collects the parts of a form, as python-multipart finds them."""

    def __init__(self, most_parts: int, limits: Limits) -> None:
        self.parts: list[_Part] = []
        self.complete = False
        self._most, self._limits = most_parts, limits
        self._name, self._value = b"", b""

    def on_part_begin(self) -> None:
        if len(self.parts) == self._most:
            raise _too_many(self._limits)
        self.parts.append(_Part())

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        self.parts[-1].headers[self._name.lower()] = self._value
        self._name, self._value = b"", b""

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].pieces.append(data[start:end])

    def on_end(self) -> None:
        self.complete = True


def _form_pictures(body: bytes, boundary: bytes, limits: Limits) -> list[Picture]:
    parts = _read_form(body, boundary, limits)
    files = [(name, b"".join(part.pieces)) for part in parts if (name := _file_name(part)) is not None]
    chosen = [(name, data) for name, data in files if name or data]  # a browser sends an empty one for no choice
    if len(chosen) > limits.max_pictures:
        raise _too_many(limits)
    return [_picture(name, data, number) for number, (name, data) in enumerate(chosen, start=1)]


def _read_form(body: bytes, boundary: bytes, limits: Limits) -> Sequence[_Part]:
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser

    if not boundary:
        raise Refusal(400, "malformed_form", "The Content-Type of the form names no boundary.")
    form = _Form(limits.max_pictures + OTHER_PARTS, limits)
    names = ("part_begin", "header_field", "header_value", "header_end", "part_data", "end")
    callbacks: Any = {f"on_{name}": getattr(form, f"on_{name}") for name in names}
    try:
        MultipartParser(boundary, callbacks).write(body)
    except FormParserError as error:
        raise Refusal(400, "malformed_form", f"The form cannot be read ({error}).") from None
    if not form.complete:
        raise Refusal(400, "malformed_form", "The form is cut short: its last boundary is missing.")
    return form.parts


def _file_name(part: _Part) -> str | None:
    """Return the name of a file in a form, perhaps empty; None for a plain field."""
    from python_multipart.multipart import parse_options_header

    _, options = parse_options_header(part.headers.get(b"content-disposition", b""))
    if b"filename" in options:
        return options[b"filename"].decode("utf-8", "replace")
    return "" if part.headers.get(b"content-type", b"").startswith(b"image/") else None


# JSON


def _json_pictures(body: bytes, limits: Limits) -> list[Picture]:
    if sum(body.count(mark) for mark in (b",", b"[", b"{")) > MARKS_PER_PICTURE * (limits.max_pictures + OTHER_PARTS):
        raise _too_many(limits)
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "malformed_json", f"The body is no JSON ({error}).") from None
    texts = given.get("pictures") if isinstance(given, dict) else None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Refusal(422, "wrong_json", 'The JSON is not of the form {"pictures": ["base64 of a picture", ...]}.')
    if len(texts) > limits.max_pictures:
        raise _too_many(limits)
    return [_picture("", _decoded(text, number), number) for number, text in enumerate(texts, start=1)]


def _decoded(text: str, number: int) -> bytes:
    """Return the bytes of base64, which may be that of an address data:image/png;base64,... Raises `Refusal`."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:  # also where it is not even ASCII
        raise Refusal(422, "wrong_base64", f"Picture {number} is no base64 ({error}).") from None
