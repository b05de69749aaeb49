"""What strangers send to `imgclass serve`: it answers in JSON or hangs up, keeps its memory, and goes on."""

import io
import random
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image
from serving import FORM, JSON, Server, base64_json, form, receive, request, service
from support import encode, gradient

MOST_BYTES = 300_000
MOST_GROWTH = 40_000_000  # bytes of resident memory, after everything that is sent here
ALLOWED = {200, 400, 404, 405, 408, 413, 415, 422, 503, 504}
FUZZED = 400


@pytest.fixture(scope="module")
def server(quick_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a service with little patience, which is as large at the end as when it began."""
    limits = {"max_bytes": MOST_BYTES, "max_pictures": 4, "concurrency": 16, "timeout": 1.5}
    with service(quick_folder, tmp_path_factory.mktemp("fuzz") / "log.txt", header_seconds=1.5, **limits) as server:
        for _ in range(8):
            assert server.post(PICTURE).status == 200
        before = memory(server)
        yield server
        grown = memory(server) - before
        assert grown < MOST_GROWTH, grown
        assert_goes_on(server)


PICTURE = encode(gradient(80, 60))


def memory(server: Server) -> int:
    """Return the resident memory of the service in bytes."""
    return psutil.Process(server.process.pid).memory_info().rss


def assert_goes_on(server: Server) -> None:
    """Check that a picture is still named."""
    (found,) = server.post(PICTURE).json["pictures"]
    assert set(found["probabilities"]) == {"blue", "green", "red"}


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb(width: int, height: int) -> bytes:
    """Return a small PNG file that says it holds many black pixels, and does as far as its size allows."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(min(height * (3 * width + 1), 50_000_000)), 9)
    text = b"zTXt", b"note\0\0" + zlib.compress(bytes(30_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(*text) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


# Pictures that are none, or too much


@pytest.mark.parametrize(("width", "height"), [(30_000, 30_000), (10_000, 5001), (2**31 - 1, 2**31 - 1), (0, 5)])
def test_decompression_bombs(server: Server, width: int, height: int) -> None:
    found = server.post(png_bomb(width, height))
    assert (found.status, found.code) == (422, "unreadable_pictures"), found.body


def test_damaged_pictures_of_every_kind(server: Server) -> None:
    chance = random.Random(0)
    kinds = [encode(gradient(64, 48), kind) for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF")]
    for number in range(FUZZED // 4):
        data = bytearray(kinds[number % len(kinds)])
        for _ in range(chance.randrange(1, 9)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        found = server.post(bytes(data[: chance.randrange(len(data)) + 1 if number % 3 else len(data)]))
        assert found.status in (200, 422)
        assert found.status == 200 or found.code == "unreadable_pictures"


HOSTILE = [
    "../../etc/passwd",
    "a" * 5000,
    "<script>alert(1)</script>.png",
    "x\x1b[31m",
    "ü\u202egnp.png",
    "\ud800",
    "nul",
    "\0",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_come_back_short_and_printable(server: Server, name: str) -> None:
    found = server.post(form((name, PICTURE)), FORM)
    if found.status == 200:
        (one,) = found.json["pictures"]
        assert 0 < len(one["name"]) <= 200 and one["name"].isprintable() and one["class"]
    else:
        assert found.code == "malformed_form"


def test_web_pages_and_drawings_are_no_pictures(server: Server) -> None:
    for data in (b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<!doctype html><img src=x>", b"%PDF-1.7", b"GIF89a"):
        assert server.post(data).code == "unreadable_pictures"


# Bodies that are no good


def test_deep_and_wide_json(server: Server) -> None:
    deep = [b"[" * 10_000, b'{"pictures":' * 10_000, b'{"a":' * 5 + b"[" * 99 + b"]" * 99 + b"}" * 5]
    wide = [b"[" + b"1," * 100_000 + b"1]", b'"' + b"\\u0000" * 40_000 + b'"', b"1" * 100_000, b"NaN"]
    for body in deep + wide:
        assert server.post(body, JSON).status in (400, 413, 422)


def mutated(chance: random.Random, body: bytes) -> bytes:
    """Return a body with bytes changed, left out, doubled or cut off."""
    data = bytearray(body)
    for _ in range(chance.randrange(1, 6)):
        start = chance.randrange(len(data) + 1)
        end = min(start + chance.choice((1, 1, 2, 20, 400)), len(data))
        way = chance.randrange(4)
        if way == 0:
            data[start:end] = chance.randbytes(end - start)
        elif way == 1:
            del data[start:end]
        elif way == 2:
            data[start:start] = data[start:end] or b"\r\n--edge"
        else:
            data[start:start] = chance.choice((b"\r\n", b"--edge", b"\0", b"\r\n--edge--\r\n", b'"', b":", b"\xff"))
    return bytes(data)


def test_malformed_forms_and_json(server: Server) -> None:
    chance = random.Random(0)
    small = encode(gradient(8, 6))
    good = [
        (form(("one.png", small), ("two.png", small)), FORM),
        (base64_json(small, small), JSON),
        (small, "image/png"),
    ]
    for number in range(FUZZED):
        body, kind = good[number % 3]
        if number % 5 == 0:
            kind = (
                mutated(chance, kind.encode()).decode("latin-1").replace("\r", "").replace("\n", "").replace("\0", "")
            )
        found = server.post(mutated(chance, body), kind)
        assert found.status in ALLOWED - {503, 504}
        assert found.status == 200 or found.code


def test_form_of_nearly_boundaries_is_answered(server: Server) -> None:
    body = form(("a", b"\r\n--edg" * (MOST_BYTES // 8)))
    assert server.post(body, FORM).status in (422, 504)
    assert_goes_on(server)


# Requests that are no good


def test_malformed_requests_are_refused_in_json(server: Server) -> None:
    huge = b"GET /health HTTP/1.1\r\nHost: here\r\nX: " + b"a" * 200_000 + b"\r\n\r\n"
    many = b"GET /health HTTP/1.1\r\nHost: here\r\n" + b"X: a\r\n" * 50_000 + b"\r\n"
    smuggled = b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"
    negative = b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Length: -5\r\n\r\nhello!"
    chunks = b"POST /predict HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"
    for data in (
        b"\x16\x03\x01\x02\x00\x01",
        b"GET\r\n\r\n",
        b"\0" * 1000 + b"\r\n\r\n",
        huge,
        many,
        smuggled,
        negative,
        chunks,
    ):
        found = server.send(data)
        assert found is None or (found.status == 400 and found.code), data[:50]
    assert server.send(b"GET\r\n\r\n").code == "malformed_request"
    assert_goes_on(server)


def test_random_bytes(server: Server) -> None:
    chance = random.Random(1)
    good = request("POST", "/predict?top=2", encode(gradient(8, 6)), Content_Type="image/png")
    for number in range(FUZZED // 4):
        data = chance.randbytes(chance.randrange(1, 300)) + b"\r\n\r\n" if number % 2 else mutated(chance, good)
        with server.connect() as connection:
            connection.sendall(data)
            connection.shutdown(1)  # nothing more will come
            found = receive(connection)
        assert found is None or found.status in ALLOWED


def test_lying_lengths(server: Server) -> None:
    for length, status in ((10**12, 413), (MOST_BYTES + 1, 413), (len(PICTURE) + 5, 408)):
        headers = {"Content_Length": str(length), "Content_Type": "image/png", "Connection": "keep-alive"}
        found = server.send(request("POST", "/predict", PICTURE, **headers))
        assert found.status == status and found.code and found.headers["connection"] == "close"
    short = server.send(
        request("POST", "/predict", PICTURE, Content_Length=str(len(PICTURE) // 2), Content_Type="image/png")
    )
    assert short.status in (200, 422)  # a picture cut short
    with server.connect() as connection:  # and one who leaves in the middle
        connection.sendall(request("POST", "/predict", PICTURE, Content_Length="99999"))


def test_bodies_that_never_end(server: Server) -> None:
    head = b"POST %s HTTP/1.1\r\nHost: here\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"
    for path, status in ((b"/predict", 413), (b"/nothing", 404)):
        start = time.monotonic()
        found = server.send(head % path, *[b"10000\r\n" + bytes(0x10000) + b"\r\n"] * 200)
        assert found is None or (found.status == status and found.code)
        assert time.monotonic() - start < 20


def test_slow_ones_are_given_up_and_do_not_hold_up_the_others(server: Server) -> None:
    """Some send their headers, others their bodies, byte for byte; a third kind sends nothing at all."""
    headers, silent, bodies = ([server.connect() for _ in range(count)] for count in (6, 3, 6))
    for connection in bodies:
        connection.sendall(request("POST", "/predict", b"", Content_Length="1000", Content_Type="image/png"))
    start, letters = time.monotonic(), iter(b"GET /health HTTP/1.1\r\nHost: here\r\nX: " + b"a" * 1000)
    pending = [*headers, *silent, *bodies]
    while pending and time.monotonic() - start < 15:
        letter = bytes([next(letters)])
        for connection in [*headers, *bodies]:
            try:
                connection.sendall(letter)
            except OSError:  # given up
                pass
        assert_goes_on(server)
        time.sleep(0.1)
        if time.monotonic() - start > 4:
            break
    codes = []
    for connection in pending:
        with connection:
            found = receive(connection)
            codes.append(found.code if found else "")
    assert set(codes[:9]) <= {"headers_too_slow", ""} and set(codes[9:]) <= {"body_too_slow", ""}
    assert {"headers_too_slow", "body_too_slow"} <= set(codes)


def test_many_at_once_are_all_answered(server: Server) -> None:
    data = io.BytesIO()
    Image.effect_noise((300, 200), 60).save(data, "PNG")
    connections = [server.connect() for _ in range(60)]
    for connection in connections:
        connection.sendall(request("POST", "/predict", data.getvalue(), Content_Type="image/png"))
    statuses = []
    for connection in connections:
        with connection:
            found = receive(connection)
            statuses.append(found.status)
            assert found.status == 200 or found.code in ("busy", "too_slow")
    assert statuses.count(200) >= 1 and set(statuses) <= {200, 503, 504}
