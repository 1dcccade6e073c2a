"""Messages leave as arguments and as JSON, as they are, whatever whoever takes them does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.errors import ConfigurationError
from operando.io import errands
from operando.io.errands import Errand, Message, plain_line

NASTY = "hot: $(touch /tmp/x) `id` ; rm -rf \"'\\ %s {run} \u202e σ"
MESSAGE = Message("hot", "residual", plain_line(NASTY), "run-1", "LiFePO4; reboot", "a.runlog", 3.5, 12.0)
WRITES = (
    "import json, os, sys; json.dump([sys.argv[2:], {key: value for key, value in os.environ.items()"
    " if key.startswith('OPERANDO_')}], open(sys.argv[1], 'w'))"
)


def python(text: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-c", text, *arguments)


def test_a_command_gets_the_text_as_one_argument_and_the_rest_as_variables(tmp_path: Path) -> None:
    written = tmp_path / "written.json"
    assert Errand(python(WRITES, str(written), "first"), None, 30.0).run(MESSAGE) == ""
    arguments, variables = json.loads(written.read_text())
    assert arguments == ["first", MESSAGE.text]
    assert variables["OPERANDO_TEXT"] == MESSAGE.text
    assert variables["OPERANDO_SAMPLE"] == "LiFePO4; reboot"
    assert variables["OPERANDO_VALUE"] == "3.5"


@settings(max_examples=200)
@given(text=st.text())
def test_a_line_is_one_line_of_printable_letters_and_fits_an_argument(text: str) -> None:
    line = plain_line(text)
    assert len(line) <= 500
    assert line.isprintable()
    assert plain_line(line) == line
    os.fsencode(line)


def test_a_command_that_fails_is_missing_or_hangs_is_said() -> None:
    assert "exit code 3" in Errand(python("raise SystemExit(3)"), None, 30.0).run(MESSAGE)
    assert "cannot be started" in Errand(("/no/such/program",), None, 30.0).run(MESSAGE)
    began = time.monotonic()
    hangs = python("import threading; threading.Event().wait(60)")
    assert Errand(hangs, None, 0.3).run(MESSAGE).endswith("killed")
    assert time.monotonic() - began < 20.0


def test_what_a_command_that_hangs_has_started_is_ended_with_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # A grandchild holds the pipe open for writing: that it is gone is read as its end.
    text = "import os, subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1], sys.argv[2]])"
    inner = (
        "import sys, threading; line = open(sys.argv[1], 'w'); print('here', file=line, flush=True);"
        " threading.Event().wait(60)"
    )
    said: list[str] = []
    listening = threading.Thread(target=lambda: said.append(pipe.read_text()))
    listening.start()
    assert Errand(python(text, inner, str(pipe)), None, 3.0).run(MESSAGE).endswith("killed")
    listening.join(20.0)
    assert said == ["here\n"]


def test_a_command_that_is_not_ours_to_kill_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def is_not_ours(number: int, _signal: int) -> None:
        raise PermissionError(number)

    class Foreign(subprocess.Popen):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(os, "killpg", is_not_ours)
    monkeypatch.setattr(subprocess, "Popen", Foreign)
    monkeypatch.setattr(errands, "_KILLED_S", 0.1)
    hangs = python("import threading; threading.Event().wait(60)")
    assert Errand(hangs, None, 0.1).run(MESSAGE).endswith("cannot be killed")
    (process,) = started
    process.kill()
    process.wait()


class Hook(BaseHTTPRequestHandler):
    """Takes what is posted, and answers with the status in its path."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((self.path, self.headers["Content-Type"], json.loads(body)))  # type: ignore[attr-defined]
        status = int(self.path.rpartition("/")[2].partition("?")[0])
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "http://192.0.2.1/")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - as above
        """Say nothing."""


@contextmanager
def hooked() -> Iterator[tuple[str, list]]:
    server = HTTPServer(("127.0.0.1", 0), Hook)
    server.taken = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.taken  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_webhook_gets_the_message_as_json() -> None:
    with hooked() as (address, taken):
        assert Errand(None, f"{address}/hook/204?key=secret", 10.0).run(MESSAGE) == ""
    ((path, kind, said),) = taken
    assert path == "/hook/204?key=secret"
    assert kind == "application/json"
    assert said == {
        "alarm": "hot",
        "when": "residual",
        "text": MESSAGE.text,
        "run": "run-1",
        "sample": "LiFePO4; reboot",
        "source": "a.runlog",
        "value": 3.5,
        "time_s": 12.0,
    }


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_webhook_that_refuses_is_said_without_its_secrets_and_no_redirection_is_followed(
    status: int,
) -> None:
    with hooked() as (address, taken):
        said = Errand(None, f"{address}/secret/{status}?key=secret", 10.0).run(MESSAGE)
    assert str(status) in said
    assert "secret" not in said
    assert len(taken) == 1


@contextmanager
def saying(answer: bytes) -> Iterator[str]:
    """A server that says something to one visitor, and then keeps the line open until the end."""
    listening = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve() -> None:
        visitor, _ = listening.accept()
        visitor.sendall(answer)
        done.wait(20.0)
        visitor.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        done.set()
        thread.join()
        listening.close()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 2", b"SSH-2.0-server\r\n", b"x" * 100_000])
def test_a_webhook_that_hangs_or_is_something_else_is_given_up_in_time(answer: bytes) -> None:
    began = time.monotonic()
    with saying(answer) as address:
        assert "did not take it" in Errand(None, address, 0.3).run(MESSAGE)
    assert time.monotonic() - began < 10.0


def test_a_webhook_that_nobody_serves_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert "did not take it" in Errand(None, f"http://127.0.0.1:{port}/", 5.0).run(MESSAGE)


@pytest.mark.parametrize("path", ["secret hook", "secret/µ", "secret?key=\x7f"])
def test_a_webhook_that_cannot_be_asked_for_is_said_without_its_secrets(path: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = Errand(None, f"http://127.0.0.1:{silent.getsockname()[1]}/{path}", 1.0).run(MESSAGE)
    assert "did not take it" in said
    assert "secret" not in said


def test_a_webhook_elsewhere_needs_https() -> None:
    with pytest.raises(ConfigurationError, match="use https"):
        Errand(None, "http://192.0.2.1/hook", 1.0)
