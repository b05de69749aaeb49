"""A headless Chromium that the tests drive, and what they do with it again and again."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import psutil
import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from support import TOP

OFFLINE = "host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"  # no other machine is found
FAKE_CAMERA = ("use-fake-device-for-media-stream", "use-fake-ui-for-media-stream")  # a moving picture; allowed unasked
REFUSED_CAMERA = ("use-fake-device-for-media-stream", "deny-permission-prompts")  # it is there, and may not be used
SCREENSHOTS = TOP / "build" / "screenshots"
WIDE, PHONE = (1400, 1000), (390, 844)  # pixels
Found = TypeVar("Found")


def require_browser() -> tuple[str, str]:
    """Return the paths of Chromium and its driver; skip the test where they are missing, but not in CI."""
    programs = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if None in programs:
        assert not os.environ.get("CI"), "CI must have a browser: see .ci/run"
        pytest.skip("there is no Chromium with its driver; on Debian: apt-get install chromium chromium-driver")
    return programs


@contextmanager
def open_browser(size: tuple[int, int] = WIDE, more_flags: Sequence[str] = ()) -> Iterator[webdriver.Chrome]:
    """Start a browser with a window of `size` pixels, and end it."""
    chromium, driver = require_browser()
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "no-first-run", *more_flags):
        options.add_argument(f"--{flag}")
    options.add_argument(f"--window-size={size[0]},{size[1]}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
    try:
        yield browser
    except BaseException:
        keep_screenshot(browser, "when_it_failed")
        raise
    finally:
        browser.quit()


def wait_for(find: Callable[[], Found], what: str, seconds: float = 60) -> Found:
    """Return what `find` finds as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if found := find():
                return found
        except WebDriverException:  # the page is being drawn anew
            pass
        assert time.monotonic() < deadline, f"no {what} within {seconds} seconds"
        time.sleep(0.2)


def keep_screenshot(browser: webdriver.Chrome, name: str) -> Path:
    """Write what the browser shows into build/screenshots, and return the file."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    assert browser.save_screenshot(str(path))
    return path


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def server(
    command: list[str],
    address: str,
    log: Path,
    environment: dict[str, str] | None = None,
    stop: signal.Signals = signal.SIGINT,
) -> Iterator[str]:
    """Start a server, yield the address that it prints (a regular expression), and stop it, as Ctrl+C does.

    Nothing that it started may outlive it.
    """
    with log.open("w") as output:
        process = psutil.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment
        )
        try:
            found = wait_for(lambda: re.search(address, log.read_text()) or process.poll() is not None, "address")
            assert found is not True, log.read_text()
            yield found[0]
        finally:
            started = [process, *process.children(recursive=True)] if process.is_running() else []
            if process.poll() is None:
                process.send_signal(stop)
            alive, deadline = started, time.monotonic() + 30
            while alive and time.monotonic() < deadline:
                wake(log, address)
                _, alive = psutil.wait_procs(started, timeout=1)
            names = [" ".join(one.cmdline()) for one in alive]
            for one in alive:
                one.kill()
        assert not names, f"outlived the server: {names}"


def wake(log: Path, address: str) -> None:
    """Knock at a server's port: one that waits for requests may take no notice of a signal before the next one."""
    found = re.search(address, log.read_text())
    try:
        socket.create_connection(("127.0.0.1", urlsplit(found[0]).port), timeout=1).close()
    except OSError:  # it has stopped listening
        pass
