"""`imgclass serve`: what it answers, what it refuses, how much it takes at once, and how it ends."""

import asyncio
import base64
import json
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from serving import FORM, JSON, Server, base64_json, form, receive, request, service, started
from support import assert_one_line_error, encode, gradient, run_command, run_python

from imgclass_course import __version__
from imgclass_course.classifiers import Answer
from imgclass_course.foundation.pictures import Picture
from imgclass_course.outputs import serverless
from imgclass_course.outputs import service as service_module
from imgclass_course.outputs.classifier_files import load_classifier
from imgclass_course.outputs.service import Service, build_app, open_service
from imgclass_course.outputs.uploads import Limits

HEAVY = {"tensorflow", "keras", "pandas", "scipy", "sklearn", "matplotlib", "jinja2", "h5py", "ml_dtypes"}


@pytest.fixture(scope="module")
def server(quick_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return `imgclass serve` as a user starts it."""
    errors = tmp_path_factory.mktemp("service") / "log.txt"
    command = [sys.executable, "-m", "imgclass_course.cli", "serve", str(quick_folder), "--port", "0"]
    with started(command, errors) as server:
        yield server
    lines = errors.read_text().splitlines()
    assert "127.0.0.1 GET /health 200" in " ".join(lines) and all(line.startswith("127.0.0.1 ") for line in lines)


@pytest.fixture(scope="module")
def files(pictures: Path) -> list[Path]:
    return [pictures / name / "003.png" for name in ("blue", "green", "red")]


# What is answered


def test_three_ways_to_bring_pictures_give_the_classifiers_answers(
    server: Server, files: list[Path], quick_folder: Path
) -> None:
    contents = [path.read_bytes() for path in files]
    named = [(path.parent.name, path.read_bytes()) for path in files]
    in_form = server.post(form(*named), FORM).json["pictures"]
    in_json = server.post(base64_json(*contents), JSON).json["pictures"]
    alone = [server.post(data).json["pictures"][0] for data in contents]
    assert [one["name"] for one in in_form] == ["blue", "green", "red"] == [one["class"] for one in in_form]
    assert [one.pop("name") for one in in_json] == ["picture 1", "picture 2", "picture 3"]
    for one, other in zip(in_form, alone, strict=True):
        assert one.pop("name") and other.pop("name") == "picture 1"
    assert in_form == in_json == alone
    for found, expected in zip(in_form, load_classifier(quick_folder).predict(files), strict=True):
        assert found["class"] == expected and found["none_of_these"] == expected.none_of_these
        assert found["probabilities"] == pytest.approx(expected.probabilities, abs=1e-5)
        assert found["distance"] == pytest.approx(expected.distance, abs=1e-5)


def test_top_chooses_how_many_classes_are_told(server: Server, files: list[Path]) -> None:
    for top, count in (("1", 1), ("2", 2), ("99", 3)):
        (found,) = server.post(files[0].read_bytes(), path=f"/predict?top={top}").json["pictures"]
        shares = list(found["probabilities"].values())
        assert len(shares) == count and shares == sorted(shares, reverse=True)
        assert next(iter(found["probabilities"])) == found["class"]
    for top in ("0", "-1", "x", "", "9" * 5000, "%D9%A3"):
        assert server.post(files[0].read_bytes(), path=f"/predict?top={top}").code == "wrong_top"


def test_unreadable_picture_does_not_spoil_the_others(server: Server, files: list[Path]) -> None:
    found = server.post(form(("notes.txt", b"words"), ("red.png", files[2].read_bytes()), ("none", b"")), FORM)
    words, red, none = found.json["pictures"]
    assert found.status == 200 and red["class"] == "red"
    assert words == {"name": "notes.txt", "problem": "not a picture but text"} and "empty" in none["problem"]


def test_fields_beside_the_pictures_are_not_looked_at(server: Server, files: list[Path]) -> None:
    field = b'--edge\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
    unchosen = form(("", b""), ending=False)
    found = server.post(field + unchosen + form(("red.png", files[2].read_bytes())), FORM).json["pictures"]
    assert [one["name"] for one in found] == ["red.png"]


def test_connection_is_kept_for_more_requests(server: Server, files: list[Path]) -> None:
    with server.connect() as connection:
        for _ in range(3):
            connection.sendall(
                request("POST", "/predict", files[0].read_bytes(), Connection="keep-alive", Content_Type="image/png")
            )
            assert receive(connection).status == 200


def test_answers_over_a_kept_connection_do_not_wait_for_an_acknowledgement(server: Server) -> None:
    seconds = []
    with server.connect() as connection:
        for _ in range(9):
            begun = time.perf_counter()
            connection.sendall(request("GET", "/labels", Connection="keep-alive"))
            receive(connection)
            seconds.append(time.perf_counter() - begun)
    assert sorted(seconds)[2] < 0.02, seconds  # an acknowledgement takes 0.04 s


def test_health_and_labels(server: Server, quick_folder: Path) -> None:
    health = server.ask("GET", "/health").json
    assert health["status"] == "ready" and health["version"] == __version__
    about = health["classifier"]
    assert about["name"] == quick_folder.name and len(about["fingerprint"]) == 12 and about["classes"] == 3
    assert about["image_size"] == 128 and server.ask("GET", "/labels").json == {"labels": ["blue", "green", "red"]}


# What is refused


REFUSED = [
    (404, "not_found", ("GET", "/")),
    (404, "not_found", ("GET", "/predict/")),
    (404, "not_found", ("POST", "/docs/../labels", b"x")),
    (405, "method_not_allowed", ("GET", "/predict")),
    (405, "method_not_allowed", ("DELETE", "/health", b"x")),
    (415, "unsupported_media_type", ("POST", "/predict", b"<svg/>", "text/html")),
    (415, "unsupported_media_type", ("POST", "/predict", b"a=b", "application/x-www-form-urlencoded")),
    (422, "unreadable_pictures", ("POST", "/predict", b"<svg/>", "image/svg+xml")),
    (422, "unreadable_pictures", ("POST", "/predict", b"", "image/png")),
    (422, "unreadable_pictures", ("POST", "/predict", form(("a.zip", b"PK\3\4" + bytes(99))), FORM)),
    (422, "no_pictures", ("POST", "/predict", b"--edge--\r\n", FORM)),
    (422, "no_pictures", ("POST", "/predict", b'{"pictures": []}', JSON)),
    (400, "malformed_form", ("POST", "/predict", form(("a", b"b")), "multipart/form-data")),
    (400, "malformed_form", ("POST", "/predict", form(("a", b"b"), ending=False), FORM)),
    (400, "malformed_form", ("POST", "/predict", form(("a", b"b"), boundary="other"), FORM)),
    (400, "malformed_json", ("POST", "/predict", b"{", JSON)),
    (400, "malformed_json", ("POST", "/predict", b"\xff\xfe", JSON)),
    (422, "wrong_json", ("POST", "/predict", b"null", JSON)),
    (422, "wrong_json", ("POST", "/predict", b'{"pictures": "abc"}', JSON)),
    (422, "wrong_json", ("POST", "/predict", b'{"pictures": [1]}', JSON)),
    (422, "wrong_base64", ("POST", "/predict", b'{"pictures": ["*"]}', JSON)),
    (422, "wrong_base64", ("POST", "/predict", '{"pictures": ["ü"]}'.encode(), JSON)),
    (413, "too_many_pictures", ("POST", "/predict", form(*[("a", b"b")] * 33), FORM)),
    (413, "too_many_pictures", ("POST", "/predict", form(*[("a", b"b")] * 3000), FORM)),
    (413, "too_many_pictures", ("POST", "/predict", base64_json(*[b"b"] * 33), JSON)),
    (413, "too_many_pictures", ("POST", "/predict", b"[" * 10_000, JSON)),
]


@pytest.mark.parametrize(("status", "code", "asked"), REFUSED)
def test_what_is_wrong_is_said_with_its_status_and_code(server: Server, status: int, code: str, asked: tuple) -> None:
    method, path, body, kind = (*asked, b"", "")[:4] if len(asked) < 4 else asked
    found = server.ask(method, path, body, Content_Type=kind or "image/png")
    assert (found.status, found.code) == (status, code), found.body


def test_picture_of_too_many_pixels_says_so(quick_folder: Path) -> None:
    service = open_service(quick_folder, Limits(max_pixels=1199))
    found = service._answer(Picture(encode(gradient(40, 30)), "one"))
    service.close()
    assert found.problem == "the picture has 40 x 30 pixels; 1,199 are allowed"


# Time and number


class Slow:
    """A classifier that waits for a signal before each answer, and counts how many it is at."""

    classes_ = ("one",)
    image_sizes = (8,)
    image_size, backbone_name = 8, "none"
    runner = SimpleNamespace(run=lambda pixels: None)

    def __init__(self) -> None:
        self.go, self.begun = threading.Event(), 0

    def answer(self, picture: Picture) -> Answer:
        """Wait, then answer."""
        self.begun += 1
        assert self.go.wait(60)
        return Answer("one", picture.name, {"one": 1.0})


PNG = encode(np.zeros((4, 4, 3), np.uint8))


def test_more_than_it_can_take_is_told_to_come_back_and_the_others_are_answered() -> None:
    slow = Slow()
    service = Service("slow", "none", slow, Limits(concurrency=3, workers=1))

    async def ask_all() -> tuple[list[httpx.Response], list[httpx.Response]]:
        transport = httpx.ASGITransport(build_app(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            post = [client.post("/predict", content=PNG, headers={"Content-Type": "image/png"}) for _ in range(8)]
            tasks = [asyncio.create_task(one) for one in post]
            done, waiting = await asyncio.wait(tasks, timeout=0.5)
            slow.go.set()
            return [one.result() for one in done], await asyncio.gather(*waiting)

    refused, answered = asyncio.run(ask_all())
    assert [one.status_code for one in answered] == [200] * 3 and len(refused) == 5
    for one in refused:
        assert one.status_code == 503 and one.json()["error"]["code"] == "busy" and one.headers["retry-after"] == "1"
    service.close()


def test_bodies_that_would_fill_the_memory_are_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "HELD_BODIES", 2)
    slow = Slow()
    service = Service("slow", "none", slow, Limits(max_bytes=len(PNG), workers=1))

    async def ask_all() -> list[int]:
        transport = httpx.ASGITransport(build_app(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            post = [client.post("/predict", content=PNG, headers={"Content-Type": "image/png"}) for _ in range(5)]
            tasks = [asyncio.create_task(one) for one in post]
            await asyncio.sleep(0.3)
            slow.go.set()
            return sorted(one.status_code for one in await asyncio.gather(*tasks))

    assert asyncio.run(ask_all()) == [200, 200, 503, 503, 503]
    assert service._held == 0 and service._places == Limits().concurrency
    service.close()


def test_work_that_takes_too_long_is_given_up_and_what_had_not_begun_never_does() -> None:
    slow = Slow()
    service = Service("slow", "none", slow, Limits(timeout=0.2, workers=1))

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(build_app(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.post("/predict", content=base64_json(PNG, PNG, PNG), headers={"Content-Type": JSON})

    found = asyncio.run(ask())
    assert found.status_code == 504 and found.json()["error"]["code"] == "too_slow"
    slow.go.set()
    service._threads.shutdown()
    assert slow.begun == 1


def test_who_leaves_is_not_worked_for() -> None:
    slow = Slow()
    service = Service("slow", "none", slow, Limits(workers=1))
    sent = []

    async def ask_and_leave() -> None:
        left = asyncio.Event()
        messages = [{"type": "http.request", "body": base64_json(PNG, PNG, PNG)}]

        async def receive() -> dict:
            if messages:
                return messages.pop()
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict) -> None:
            sent.append(message)

        headers = [(b"content-type", JSON.encode())]
        scope = {"type": "http", "method": "POST", "path": "/predict", "query_string": b"", "headers": headers}
        asking = asyncio.create_task(build_app(service)(scope, receive, send))
        await asyncio.sleep(0.3)
        left.set()
        await asyncio.wait_for(asking, 5)

    asyncio.run(ask_and_leave())
    slow.go.set()
    service._threads.shutdown()
    assert slow.begun == 1 and b"client_left" in sent[-1]["body"]


def test_fault_of_the_service_itself_is_an_error_in_json() -> None:
    slow = Slow()
    slow.answer = None
    service = Service("slow", "none", slow, Limits(workers=1))

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(build_app(service), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.post("/predict", content=PNG, headers={"Content-Type": "image/png"})

    found = asyncio.run(ask())
    assert (
        found.status_code == 500 and found.json()["error"]["code"] == "internal_error" and "NoneType" not in found.text
    )
    service.close()


# The description and its page


def test_description_is_openapi_and_true(server: Server, files: list[Path]) -> None:
    description = server.ask("GET", "/openapi.json").json
    validate(description)
    schemas = description["components"]["schemas"]

    def check(name: str, found: object) -> None:
        Draft202012Validator({**schemas[name], "components": {"schemas": schemas}}).validate(found)

    mixed = form(("words", b"words"), ("red", files[2].read_bytes()))
    check("Answers", server.post(mixed, FORM).json)
    check("Error", server.post(b"words").json)
    check("Error", server.post(b"words", "text/plain").json)
    check("Health", server.ask("GET", "/health").json)
    check("Labels", server.ask("GET", "/labels").json)
    assert set(description["paths"]) == {"/predict", "/health", "/labels"}
    told = {int(status) for status in description["paths"]["/predict"]["post"]["responses"]}
    assert told >= {status for status, _, (method, path, *_) in REFUSED if (method, path) == ("POST", "/predict")}


def test_page_loads_nothing_from_elsewhere(server: Server) -> None:
    for path, kind in (
        ("/docs", "text/html"),
        ("/docs/service.js", "text/javascript"),
        ("/docs/service.css", "text/css"),
    ):
        found = server.ask("GET", path)
        assert found.status == 200 and found.headers["content-type"].startswith(kind)
        assert "default-src 'none'" in found.headers["content-security-policy"]
        assert b"://" not in found.body and b"//" not in found.body.replace(b"\n// ", b"")


# Its beginning and its end


def test_end_answers_what_is_in_flight_and_imports_nothing_heavy(
    quick_folder: Path, files: list[Path], tmp_path: Path
) -> None:
    with service(quick_folder, tmp_path / "log.txt", timeout=20) as server, server.connect() as connection:
        assert server.post(files[0].read_bytes()).status == 200
        whole = request("POST", "/predict", files[0].read_bytes(), Content_Type="image/png")
        connection.sendall(whole[:-100])
        time.sleep(0.3)  # the request is there, and not whole
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        connection.sendall(whole[-100:])
        assert receive(connection).json["pictures"][0]["class"] == "blue"
        out = server.process.stdout.read()
    imported = set(out.partition("imported:")[2].split())
    assert "starlette" in imported and not imported & HEAVY, imported & HEAVY
    with pytest.raises(ConnectionRefusedError):
        server.connect()


def test_ctrl_c_ends_it(quick_folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "imgclass_course.cli", "serve", str(quick_folder), "--port", "0", "--quiet"]
    with started(command, tmp_path / "log.txt") as server:
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(30) == 0
    assert (tmp_path / "log.txt").read_text() == ""


def test_mistakes_at_the_start_are_one_line(
    quick_folder: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    network_attempts: list[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert_one_line_error(run_command(capfd, "serve", quick_folder, "--port", port), port, "not free", "--port")
    free = ("--port", "0")
    assert_one_line_error(run_command(capfd, "serve", tmp_path, *free), "holds no classifier")
    assert_one_line_error(run_command(capfd, "serve", quick_folder, "--host", "256.0.0.1", *free), "--host")
    network_attempts.clear()  # the name was looked up
    assert_one_line_error(run_command(capfd, "serve", quick_folder, "--timeout", "nan", *free), "nan")
    monkeypatch.setitem(sys.modules, "starlette", None)
    assert_one_line_error(run_command(capfd, "serve", quick_folder, *free), 'pip install "imgclass_course[serve]"')
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert_one_line_error(run_command(capfd, "serve", quick_folder, *free), 'pip install "imgclass_course[serve]"')


def test_help_imports_no_server() -> None:
    code = (
        "import sys; from imgclass_course.cli import main; main(['serve', '--help']); print('starlette' in sys.modules)"
    )
    assert run_python("-c", code).stdout.splitlines()[-1] == "False"


# A function of Lambda


def gateway_event(method: str, path: str, body: bytes = b"", kind: str = "image/png", query: str = "") -> dict:
    """Return an event of an HTTP API, payload format 2.0, as AWS documents it."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "cookies": ["cookie1", "cookie2"],
        "headers": {
            "content-type": kind,
            "content-length": str(len(body)),
            "host": "id.execute-api.us-east-1.amazonaws.com",
        },
        "queryStringParameters": dict(pair.split("=") for pair in query.split("&") if pair),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": "id.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "id",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "agent",
            },
            "requestId": "id",
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1583348638390,
        },
        "body": base64.b64encode(body).decode(),
        "pathParameters": {"parameter1": "value1"},
        "isBase64Encoded": True,
        "stageVariables": {"stageVariable1": "value1"},
    }


@pytest.fixture
def handler(quick_folder: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("IMGCLASS_CLASSIFIER", str(quick_folder))
    return serverless.handler


def test_function_gives_the_answers_and_errors_of_the_service(
    handler: object, server: Server, files: list[Path]
) -> None:
    red = files[2].read_bytes()
    asked = [("POST", "/predict", form(("red", red), ("x", b"x")), FORM), ("POST", "/predict", base64_json(red), JSON)]
    asked += [
        ("GET", "/health", b"", ""),
        ("GET", "/labels", b"", ""),
        *[one for _, _, one in REFUSED if len(one) == 4],
    ]
    for method, path, body, kind in asked:
        found = handler(gateway_event(method, path, body, kind), None)
        expected = server.ask(method, path, body, Content_Type=kind)
        assert (found["statusCode"], json.loads(found["body"])) == (expected.status, expected.json)
        assert found["headers"]["content-type"] == "application/json" and not found["isBase64Encoded"]
    one = json.loads(handler(gateway_event("POST", "/predict", red, query="top=1"), None)["body"])
    assert list(one["pictures"][0]["probabilities"]) == ["red"]


def test_function_limits_bytes_and_needs_a_classifier(handler: object, monkeypatch: pytest.MonkeyPatch) -> None:
    found = handler(gateway_event("POST", "/predict", bytes(serverless.MAX_BYTES + 1)), None)
    assert found["statusCode"] == 413 and json.loads(found["body"])["error"]["code"] == "body_too_large"
    monkeypatch.delenv("IMGCLASS_CLASSIFIER")
    with pytest.raises(serverless.ServiceError, match="IMGCLASS_CLASSIFIER"):
        serverless.handler(gateway_event("GET", "/health"), None)
