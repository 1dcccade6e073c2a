"""How a message leaves the program: as an argument of a command, or as JSON to a web address.

What a message says comes from documents, and is only ever an argument, a variable of the environment or a
text in JSON: no shell sees it, and nothing in it is expanded. Both ways end after a time, whatever the
other side does.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import time
from dataclasses import asdict, dataclass

from operando.io.endpoints import web_address

__all__ = ["Errand", "Message", "plain_line"]

_MOST_LETTERS = 500
_MOST_ANSWER_BYTES = 4096
_KILLED_S = 2.0
"""A process that was killed is gone in this time, unless a disk holds it or it is not ours."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is passed on; every text is one line without control characters.

    Attributes
    ----------
    alarm
        Name of the rule.
    when
        What it watches.
    text
        The whole in words; begins with the name of the rule.
    run, sample, source
        Uid of the run, its sample as its documents name it, where the documents come from.
    value
        What was found, in the unit of the limit; None where it is no number.
    time_s
        When, seconds since the epoch.
    """

    alarm: str
    when: str
    text: str
    run: str
    sample: str
    source: str
    value: float | None
    time_s: float


@dataclass(frozen=True, slots=True)
class Errand:
    """Where messages go.

    Attributes
    ----------
    command
        A program and its arguments, to which the text is added as the last; None for none.
    webhook
        An address that takes JSON: `https://…`, or `http://…` on this machine; None for none.
    timeout_s
        After so long either is given up.

    Raises
    ------
    ConfigurationError
        The webhook is another kind of address.
    """

    command: tuple[str, ...] | None
    webhook: str | None
    timeout_s: float

    def __post_init__(self) -> None:
        if self.webhook is not None:
            web_address(self.webhook)

    def run(self, message: Message) -> str:
        """Pass a message on; return why that failed, or ""."""
        troubles = [
            "" if self.command is None else _run(self.command, message, self.timeout_s),
            "" if self.webhook is None else _post(self.webhook, message, self.timeout_s),
        ]
        return "; ".join(filter(None, troubles))


def plain_line(text: str) -> str:
    """Return text from documents as one line of letters that can be printed, of at most 500."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:_MOST_LETTERS])


def _run(command: tuple[str, ...], message: Message, timeout_s: float) -> str:
    said = {
        f"OPERANDO_{name.upper()}": str(value) for name, value in asdict(message).items() if value is not None
    }
    name = plain_line(command[0])
    try:
        # A session of its own: what the command starts can be ended with it, and Ctrl-C is not for it.
        process = subprocess.Popen(  # noqa: S603 - a list of arguments from the profile, without a shell
            [*command, message.text],
            env={**os.environ, **said},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return f"{name} cannot be started ({error})"
    try:
        code = process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        how = "was killed" if _has_ended(process) else "cannot be killed"
        return f"{name} had not ended after {timeout_s:g} s and {how}"
    return "" if code == 0 else f"{name} ended with exit code {code}"


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """End a command with its whole session, if it lets us; what has left that on purpose is none of ours."""
    # Behind sudo it runs as somebody else and is not ours to kill; or it has just gone by itself.
    with contextlib.suppress(PermissionError, ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
    try:
        process.wait(_KILLED_S)
    except subprocess.TimeoutExpired:
        return False
    return True


def _post(address: str, message: Message, timeout_s: float) -> str:
    """Post a message; what a web address may have of secrets is in nothing that is said."""
    parts = web_address(address)
    host = parts.hostname or ""
    until_s = time.monotonic() + timeout_s
    line = (
        http.client.HTTPSConnection(host, parts.port, timeout=timeout_s, context=ssl.create_default_context())
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, parts.port, timeout=timeout_s)
    )
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    body = json.dumps(asdict(message), allow_nan=False).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "operando", "Connection": "close"}
    try:
        line.request("POST", target, body, headers)
        status = _status(line.sock, until_s)
    except http.client.InvalidURL:
        # What it says quotes the path, which may be a key.
        return f"{host} did not take it (letters of its address have to be written as %20 and alike)"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"{host} did not take it ({type(error).__name__}: {error})"
    finally:
        line.close()
    return "" if 200 <= status < 300 else f"{host} answered {status}"


def _status(line: socket.socket, until_s: float) -> int:
    """Return the status of an answer; nothing else of it is read, and no redirection followed."""
    answer = b""
    while b"\n" not in answer and len(answer) < _MOST_ANSWER_BYTES:
        left_s = until_s - time.monotonic()
        if left_s <= 0:
            msg = "no answer came in time"
            raise TimeoutError(msg)
        line.settimeout(left_s)
        chunk = line.recv(_MOST_ANSWER_BYTES)
        if not chunk:
            break
        answer += chunk
    words = answer.split(b"\n")[0].split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit() or len(words[1]) != 3:
        msg = "what answered is no web server"
        raise ValueError(msg)
    return int(words[1])
