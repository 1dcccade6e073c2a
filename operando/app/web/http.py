"""As much of HTTP as a read-only page needs: one GET a connection, small heads, and strict answers."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

__all__ = ["MAX_HEAD_BYTES", "Answer", "Request", "Unanswerable", "head_of", "read_request"]

MAX_HEAD_BYTES = 8192
"""Of a request line and all its headers; browsers send about a thousand."""
_HEAD_S = 5.0
"""The whole head has to be there in this time, however slowly it trickles."""
_LINE = re.compile(rb"(?P<method>[A-Z]{1,16}) (?P<target>[!-~]{1,2000}) HTTP/1\.[01]")

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ALWAYS = (
    f"Content-Security-Policy: {_POLICY}",
    "X-Content-Type-Options: nosniff",
    "X-Frame-Options: DENY",
    "Referrer-Policy: no-referrer",
    "Cross-Origin-Resource-Policy: same-origin",
    "Cache-Control: no-store",
    "Connection: close",
)
_PHRASES = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: parts of the path without the query, ASCII, as they were sent."""

    parts: tuple[str, ...]
    query: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    content: bytes
    kind: str = "text/plain; charset=utf-8"


class Unanswerable(Exception):  # noqa: N818 - it names the request
    """A request that is refused with a status before anybody looks at what it asks for."""

    def __init__(self, status: int) -> None:
        super().__init__(_PHRASES[status])
        self.status = status


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Return what is asked for; None where nothing was.

    Parameters
    ----------
    reader
        Made with a limit of `MAX_HEAD_BYTES`.

    Raises
    ------
    Unanswerable
        It is no request, no GET, too long or too slow.
    """
    try:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD_S)
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError:
        raise Unanswerable(431) from None
    except TimeoutError:
        raise Unanswerable(408) from None
    line = _LINE.fullmatch(head.split(b"\r\n", 1)[0])
    if line is None:
        raise Unanswerable(400)
    if line["method"] != b"GET":
        raise Unanswerable(405)
    path, _, query = line["target"].decode("ascii").partition("?")
    if not path.startswith("/"):
        raise Unanswerable(400)
    return Request(tuple(path.split("/")[1:]), query)


def head_of(status: int, kind: str, length: int | None = None) -> bytes:
    """Return the head of an answer; without a length it lasts until the connection ends."""
    lines = [f"HTTP/1.1 {status} {_PHRASES[status]}", f"Content-Type: {kind}", *_ALWAYS]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    if status == 405:
        lines.append("Allow: GET")
    return "\r\n".join([*lines, "", ""]).encode("ascii")
