"""The page for cleaning a folder: what it finds, what it keeps, and to whom it answers."""

import io
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import assert_one_line_error, encode, gradient, plain_backbone, run_command, write_pictures

from imgclass_course.bottlenecks import extract
from imgclass_course.classifiers import Answer
from imgclass_course.decisions import FILE_NAME, Decision, Decisions, read_decisions
from imgclass_course.features import Features
from imgclass_course.findings import (
    Finding,
    find_mistakes,
    find_near_duplicates,
    find_oddities,
    find_suspects,
    find_unreadable,
)
from imgclass_course.foundation.errors import DatasetError, DemoError
from imgclass_course.image_folder import ImageFolder
from imgclass_course.outputs import cleaner_server
from imgclass_course.outputs.cleaner import SHOWN_SIZE, Cleaner

PORT = 7860
HOST = f"http://127.0.0.1:{PORT}"
ODD_NAMES = ["<img src=x onerror=alert(1)>.png", "\"'&.png", " line\nbreak.png", os.fsdecode(b"\xff.png")]
needs_odd_names = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the file system allows no such names")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return three classes of eight pictures; a red one lies among the blue ones."""
    root = write_pictures(tmp_path / "pictures", {"blue": 8, "green": 8, "red": 8})
    (root / "red" / "000.png").rename(root / "blue" / "stray.png")
    return root


def features_of(root: Path) -> Features:
    """Return the average colours of a folder's pictures as vectors."""
    return extract(ImageFolder.scan(root, 0, 0), backbone=plain_backbone())


# What is found


def test_stray_picture_is_suspect_and_its_class_is_proposed(root: Path) -> None:
    (found,) = find_suspects(features_of(root))
    assert found == Finding("suspects", os.path.join("blue", "stray.png"), "looks like red", "red")


def test_single_class_has_no_suspects(tmp_path: Path) -> None:
    assert find_suspects(features_of(write_pictures(tmp_path, {"red": 3}))) == []


def test_near_duplicates_come_in_groups_those_of_two_classes_first(root: Path) -> None:
    random = np.random.default_rng(0)
    for path in sorted(root.rglob("*.png")):  # smooth pictures would be nearly the same
        blocks = Image.fromarray(random.integers(0, 256, (6, 8, 3), np.uint8))
        blocks.resize((320, 240), Image.Resampling.BICUBIC).save(path)
    picture = Image.open(root / "green" / "000.png")
    for name in ("green/again.png", "green/more.png"):
        picture.resize((288, 216)).save(root / name)
    Image.open(root / "red" / "001.png").save(root / "green" / "twin.jpg", quality=95)
    found = [(Path(one.path).name, Path(one.other).name) for one in find_near_duplicates(features_of(root))]
    assert found == [
        ("twin.jpg", "001.png"),
        ("001.png", "twin.jpg"),
        ("000.png", "again.png"),
        ("again.png", "000.png"),
        ("more.png", "000.png"),
    ]
    notes = [one.note for one in find_near_duplicates(features_of(root))]
    assert notes[2] == f"nearly the same as {os.path.join('green', 'again.png')} and 1 more"


def test_unreadable_files_come_with_their_reason(root: Path) -> None:
    (root / "red" / "words.png").write_text("words")
    (found,) = find_unreadable(ImageFolder.scan(root))
    assert found.path == os.path.join("red", "words.png") and "text" in found.note


class Seer:
    """A classifier that takes every picture for red, the later the surer, and cannot read the third one."""

    def predict(self, pictures: Sequence) -> list[Answer]:
        """Return an answer for each picture."""
        answers = [Answer("red", str(path), {"red": 0.5 + number / 100}) for number, path in enumerate(pictures)]
        return [*answers[:2], Answer(problem="no"), *answers[3:]]


def test_mistakes_are_the_surest_wrong_answers(root: Path) -> None:
    found = find_mistakes(ImageFolder.scan(root), Seer(), most=3)
    assert [one.path for one in found] == [os.path.join("green", f"00{number}.png") for number in (7, 6, 5)]
    assert found[0].note == "named red (66%)" and found[0].proposed == "red"
    assert len(find_mistakes(ImageFolder.scan(root), Seer())) == 9 + 8 - 1


def test_everything_together(root: Path, tmp_path: Path) -> None:
    (root / "red" / "words.png").write_text("words")
    found = find_oddities(ImageFolder.scan(root), tmp_path / "store", Seer())
    kinds = [one.kind for one in found]
    assert kinds == sorted(kinds, key=["suspects", "near-duplicates", "unreadable", "mistakes"].index)
    assert {"unreadable", "mistakes"} <= set(kinds)


# What the page shows and does


@pytest.fixture
def cleaner(root: Path) -> Cleaner:
    findings = [
        Finding("suspects", "blue/stray.png", "looks like red", "red"),
        Finding("suspects", "green/001.png", "looks like blue", "blue"),
        Finding("near-duplicates", "blue/stray.png", "nearly the same as red/001.png", other="red/001.png"),
    ]
    return Cleaner(ImageFolder.scan(root), findings)


def test_state_names_pictures_and_classes_by_numbers(cleaner: Cleaner) -> None:
    state = cleaner.state()
    assert state["classes"] == ["blue", "green", "red"]
    assert [one["name"] for one in state["pictures"]] == ["blue/stray.png", "green/001.png", "red/001.png"]
    suspects, twins = state["sections"]
    assert suspects["items"][0] == {"picture": 0, "note": "looks like red", "proposed": 2, "other": -1}
    assert twins["items"] == [{"picture": 0, "note": "nearly the same as red/001.png", "proposed": -1, "other": 2}]
    assert state["decisions"] == {}


def test_decisions_are_in_the_file_at_once_and_undone(cleaner: Cleaner, root: Path) -> None:
    found = cleaner.decide(0, "move", 2)
    assert found == {"picture": 0, "decision": {"choice": "move", "label": 2}, "name": "blue/stray.png"}
    assert read_decisions(root) == {"blue/stray.png": Decision("blue/stray.png", "move", "red")}
    cleaner.decide(1, "leave out")
    cleaner.decide(2, "keep")
    assert {number: one["choice"] for number, one in cleaner.state()["decisions"].items()} == {
        "0": "move",
        "1": "leave out",
        "2": "keep",
    }
    assert cleaner.undo() == {"picture": 2, "decision": None, "name": "red/001.png"}
    cleaner.undo(), cleaner.undo()
    assert cleaner.undo() == {"picture": -1, "decision": None, "name": ""} and read_decisions(root) == {}


@pytest.mark.parametrize("number", [-1, 3, "0", None, True, 1.0, [0]])
def test_strange_numbers_are_refused(cleaner: Cleaner, root: Path, number: object) -> None:
    with pytest.raises(DatasetError, match="no picture"):
        cleaner.decide(number, "keep")
    with pytest.raises(DatasetError, match="no picture"):
        cleaner.small_picture(number)
    with pytest.raises(DatasetError, match="Choose the class"):
        cleaner.decide(0, "move", 3 if number == 0 else number if number != 1.0 else 1.5)
    assert not (root / FILE_NAME).exists()


def test_strange_choices_are_refused(cleaner: Cleaner) -> None:
    for choice in ("delete", None, ["keep"]):
        with pytest.raises(DatasetError, match="no choice"):
            cleaner.decide(0, choice)


def test_what_was_decided_before_stays_in_reach(root: Path) -> None:
    decisions = Decisions(ImageFolder.scan(root))
    decisions.keep("green/003.png")
    decisions.keep("green/001.png")
    decisions.move("blue/stray.png", "red")
    findings = [Finding("suspects", f"{name}.png", "looks like blue", "blue") for name in ("green/001", "blue/stray")]
    cleaner = Cleaner(ImageFolder.scan(root), findings)
    suspects, earlier = cleaner.state()["sections"]
    assert [one["picture"] for one in suspects["items"]] == [0] and earlier["title"] == "Decided before"
    assert [cleaner.paths[one["picture"]] for one in earlier["items"]] == ["green/003.png", "blue/stray.png"]
    assert cleaner.undo()["name"] == "blue/stray.png"


def test_small_pictures(cleaner: Cleaner, root: Path) -> None:
    (root / "blue" / "stray.png").write_bytes(encode(gradient(1000, 500)))
    assert Image.open(io.BytesIO(cleaner.small_picture(0))).size == (SHOWN_SIZE, SHOWN_SIZE // 2)
    (root / "green" / "001.png").unlink()
    assert cleaner.small_picture(1) == b""


@needs_odd_names
def test_odd_names_are_printable_and_decided_on(root: Path) -> None:
    for name in ODD_NAMES:
        (root / "red" / name).write_bytes(encode(gradient()))
    cleaner = Cleaner(
        ImageFolder.scan(root), [Finding("suspects", f"red/{name}", f"like {name}", "blue") for name in ODD_NAMES]
    )
    names = [one["name"] for one in cleaner.state()["pictures"]]
    assert names[0] == f"red/{ODD_NAMES[0]}" and "\\x0a" in names[2] and "\\xff" in names[3]
    assert all(one["note"].isprintable() for one in cleaner.state()["sections"][0]["items"])
    for number in range(3):
        cleaner.decide(number, "keep")
    assert [*read_decisions(root)] == [f"red/{name}" for name in ODD_NAMES[:3]]
    with pytest.raises(DatasetError, match="is no text: rename"):
        cleaner.decide(3, "keep")
    assert all(cleaner.small_picture(number) for number in range(4))


# To whom it answers


class Visitor:
    """Asks the application as a browser does that has loaded the page."""

    def __init__(self, cleaner: Cleaner) -> None:
        pytest.importorskip("starlette", reason="the library alone has no server")
        pytest.importorskip("httpx", reason="the library alone has no client for tests")
        from starlette.testclient import TestClient

        self.client = TestClient(cleaner_server.build_app(cleaner, PORT), base_url=HOST)
        page = self.client.get("/").text
        self.token, self.key = (part.split('"')[0] for part in page.split('content="')[2:4])
        self.headers = {"Origin": HOST, "X-Token": self.token}

    def change(self, what: str = "decide", headers: dict[str, str] | None = None, **content: object) -> tuple[int, str]:
        """Ask for a change; return the status and what is said."""
        given = self.headers if headers is None else headers
        answer = self.client.post(f"/change/{what}", json=content, headers=given)
        return answer.status_code, answer.text


@pytest.fixture
def visitor(cleaner: Cleaner) -> Visitor:
    return Visitor(cleaner)


def test_page_and_its_parts(visitor: Visitor, cleaner: Cleaner) -> None:
    page = visitor.client.get("/")
    assert page.headers["cache-control"] == "no-store" and len(visitor.token) > 40 and len(visitor.key) > 20
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';") and "unsafe" not in policy
    assert "<script>" not in page.text and "style=" not in page.text and "onclick" not in page.text
    assert visitor.client.get("/cleaner.js").headers["content-type"].startswith("text/javascript")
    assert visitor.client.get("/cleaner.css").status_code == 200
    assert visitor.client.get(f"/{visitor.key}/state").json() == cleaner.state()
    picture = visitor.client.get(f"/{visitor.key}/picture/0")
    assert picture.headers["content-type"] == "image/jpeg" and "max-age" in picture.headers["cache-control"]
    assert picture.headers["cross-origin-resource-policy"] == "same-origin"


def test_changes_reach_the_file(visitor: Visitor, root: Path) -> None:
    assert visitor.change(picture=0, choice="move", label=2)[0] == 200
    assert [*read_decisions(root)] == ["blue/stray.png"]
    assert visitor.change("undo")[0] == 200 and read_decisions(root) == {}


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", "", f"[::1]:{PORT}"]
)
def test_other_hosts_get_nothing(visitor: Visitor, host: str) -> None:
    for address in ("/", "/cleaner.js", f"/{visitor.key}/state", f"/{visitor.key}/picture/0"):
        answer = visitor.client.get(address, headers={"Host": host})
        assert answer.status_code == 403 and visitor.token not in answer.text
    assert visitor.change(headers={**visitor.headers, "Host": host}, picture=0, choice="keep")[0] == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"https://127.0.0.1:{PORT}"},
        {"Origin": ""},
        {"X-Token": ""},
        {"X-Token": "x" * 43},
        {"X-Token": "é"},
    ],
)
def test_other_pages_change_nothing(visitor: Visitor, root: Path, wrong: dict[str, str]) -> None:
    for what in ("decide", "undo"):
        headers = {name: value.encode() for name, value in {**visitor.headers, **wrong}.items()}
        status, text = visitor.change(what, headers, picture=0, choice="keep")
        assert status == 403 and "load it again" in text
    assert not (root / FILE_NAME).exists()


@pytest.mark.parametrize(
    "address", ["/../settings.ini", "/report.html", "/cleaner.html", "/wrong/state", "/wrong/picture/0"]
)
def test_there_is_nothing_else(visitor: Visitor, address: str) -> None:
    assert visitor.client.get(address).status_code == 404


@pytest.mark.parametrize("number", ["3", "-1", "..%2f..%2fetc%2fpasswd", "red/000.png"])
def test_pictures_go_by_their_number_alone(visitor: Visitor, number: str) -> None:
    assert visitor.client.get(f"/{visitor.key}/picture/{number}").status_code == 404


@pytest.mark.parametrize(
    "body", [b"", b"no json", b"[1]", b'"x"', b"[" * 900, b'{"picture": 0}' + b" " * 2000, b"\xff"]
)
def test_what_is_no_decision_is_refused_in_one_line(visitor: Visitor, root: Path, body: bytes) -> None:
    answer = visitor.client.post("/change/decide", content=body, headers=visitor.headers)
    assert answer.status_code == 409 and "no picture None" in answer.json()["problem"]
    assert not (root / FILE_NAME).exists()


def test_file_that_became_wrong_is_said_and_stays(visitor: Visitor, root: Path) -> None:
    (root / FILE_NAME).write_text("nonsense")
    for status, text in (visitor.change(picture=0, choice="keep"), visitor.change("undo")):
        assert status == 409 and "begins with the line" in text
    assert (root / FILE_NAME).read_text() == "nonsense"


def test_gone_picture_is_not_found(visitor: Visitor, root: Path) -> None:
    (root / "blue" / "stray.png").unlink()
    assert visitor.client.get(f"/{visitor.key}/picture/0").status_code == 404


# The command


def test_port_in_use_is_one_line(capfd: pytest.CaptureFixture, root: Path) -> None:
    pytest.importorskip("starlette", reason="the library alone has no server")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert_one_line_error(run_command(capfd, "clean", root, "--port", str(port)), f"The port {port} is not free")


def test_free_port_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with cleaner_server.open_port(None) as first:
        number = first.getsockname()[1]
        monkeypatch.setattr(cleaner_server, "PORTS", range(number, number + 1))
        with pytest.raises(DemoError, match=f"from {number} to {number} are not free"):
            cleaner_server.open_port(None)
        assert first.getsockname()[0] == "127.0.0.1"


def test_missing_starlette_is_one_line(
    capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    monkeypatch.setitem(sys.modules, "starlette", None)
    assert_one_line_error(run_command(capfd, "clean", root), "imgclass_course[demo]")


@pytest.mark.parametrize("what", ["folder", "file of decisions"])
def test_wrong_input_is_one_line(capfd: pytest.CaptureFixture, root: Path, what: str) -> None:
    pytest.importorskip("starlette", reason="the library alone has no server")
    if what == "folder":
        assert_one_line_error(run_command(capfd, "clean", root / "nowhere"), "nowhere")
        return
    (root / FILE_NAME).write_text("path,decision,class\nred/gone.png,keep,\n")
    assert_one_line_error(run_command(capfd, "clean", root), "decides on red/gone.png")
    assert "gone" in (root / FILE_NAME).read_text()
