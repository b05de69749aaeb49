"""The guard of conftest.py works: a test that reaches for another machine is noticed."""

import socket
import urllib.request

import pytest


def test_connection_to_another_machine_is_refused_and_noted(network_attempts: list[str]) -> None:
    with pytest.raises(OSError, match="refuse"), socket.socket() as one:
        one.connect(("192.0.2.1", 80))
    assert network_attempts == ["connect ('192.0.2.1', 80)"]
    network_attempts.clear()


def test_download_is_refused_and_noted(network_attempts: list[str]) -> None:
    with pytest.raises(OSError, match="refuse"):
        urllib.request.urlopen("http://example.org", timeout=1)
    assert network_attempts == ["resolve example.org"]
    network_attempts.clear()


def test_connection_to_this_machine_is_allowed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname(), timeout=1):
            pass
