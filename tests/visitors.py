"""A page that is served beside a monitor of fakes, and those who visit it."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast
from urllib.parse import urlsplit

from operando.app.web import Page
from operando.live.latest import Latest
from operando.live.monitor import Monitor
from operando.types import Snapshot
from operando.view.history import History

__all__ = ["Shown", "events", "served", "spoken", "visited"]

WAIT_S = 20.0


class Shown:
    """What a page asks of a monitor: a box."""

    def __init__(self) -> None:
        self.box: Latest[Snapshot] = Latest()

    def open_box(self) -> Latest[Snapshot]:
        return self.box


@contextmanager
def served(
    stale_after_s: float = 60.0, history: Callable[[], History] = History
) -> Iterator[tuple[Page, Latest[Snapshot]]]:
    """Serve a page, and yield it with the box that snapshots are put into."""
    page, monitor = Page("127.0.0.1:0", stale_after_s=stale_after_s, history=history), Shown()
    page.begin(cast("Monitor", monitor))
    try:
        yield page, monitor.box
    finally:
        page.close()
    assert not page._thread.is_alive()


def visited(
    page: Page, path: str = "", method: str = "GET", body: bytes | None = None
) -> tuple[int, dict, bytes]:
    """Ask for something below the address of the page; return status, headers and content."""
    parts = urlsplit(page.url)
    line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=WAIT_S)
    try:
        line.request(method, path if path.startswith("/") else parts.path + path, body)
        answer = line.getresponse()
        return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
    finally:
        line.close()


def spoken(page: Page, words: bytes) -> bytes:
    """Say anything to the page, and return all that it answers until it hangs up."""
    parts = urlsplit(page.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), WAIT_S) as line:
        heard = b""
        try:
            line.sendall(words)
            while chunk := line.recv(65536):
                heard += chunk
        except ConnectionError:
            pass
        return heard


@contextmanager
def events(page: Page) -> Iterator[Iterator[tuple[str, dict]]]:
    """Listen to a page; yields its events as they come."""
    parts = urlsplit(page.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), WAIT_S) as line:
        line.sendall(f"GET {parts.path}events HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        with line.makefile("rb") as lines:
            yield _parsed(lines)


def _parsed(lines: Iterator[bytes]) -> Iterator[tuple[str, dict]]:
    name = ""
    for line in lines:
        if line.startswith(b"event: "):
            name = line[7:].strip().decode()
        elif line.startswith(b"data: "):
            yield name, json.loads(line[6:])
