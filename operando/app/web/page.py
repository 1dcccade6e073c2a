"""The page beside the monitor: a thread of its own that takes snapshots out of a box and shows them.

A browser that is slow or hangs is served the newest when it takes something again, and nobody waits for
it: there is one box, one event loop, and a bound on everything that is kept for a visitor.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import secrets
import socket
import threading
import time
from collections.abc import Callable
from importlib.resources import files

from operando.app.web.bulletin import Edition, edition_of, status_of
from operando.app.web.http import MAX_HEAD_BYTES, Answer, Request, Unanswerable, head_of, read_request
from operando.app.web.mapimage import map_image
from operando.app.web.stylesheet import theme_sheet
from operando.errors import ConfigurationError
from operando.io.endpoints import page_address
from operando.live.latest import Latest
from operando.live.monitor import Monitor
from operando.types import Finding, Severity, Snapshot
from operando.view.history import History
from operando.view.quantities import choice_of
from operando.view.theme import DARK, LIGHT

__all__ = ["Page"]

_log = logging.getLogger(__name__)

_TICK_S = 0.2
"""At most five editions a second."""
_SHARE = 0.2
"""Making editions takes at most this share of the time: the fit needs the processor."""
_STATUS_S = 1.0
_MOST_VISITORS = 32
_MOST_STREAMS = 16
_PATIENCE_S = 10.0
"""A visitor that takes nothing for so long is let go."""
_PARTING_S = 1.0
_MOST_AFTER_BYTES = 2**18
"""What somebody may send after his question, to be thrown away."""
_STALE_AFTER_S = 60.0
_GOODBYE_S = 5.0
_STREAM = "text/event-stream; charset=utf-8"
_FILES = {
    "": ("page.html", "text/html; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
    "page.js": ("page.js", "text/javascript; charset=utf-8"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
}


class Page:
    """Serve what a monitor shows as a page; the address is bound at once.

    Parameters
    ----------
    address
        `HOST:PORT` on this machine; port 0 is any that is free.
    clock
        Seconds that only go forward.
    stale_after_s
        Time without a new snapshot after which an open run is greyed out.
    history
        Returns the cycles of record so far; pauses and lost beam are taken from there.

    Attributes
    ----------
    url
        Where it is, with the token that opens it.

    Raises
    ------
    ConfigurationError
        The address is not on this machine, or is in use.
    """

    def __init__(
        self,
        address: str,
        clock: Callable[[], float] = time.monotonic,
        stale_after_s: float = _STALE_AFTER_S,
        history: Callable[[], History] = History,
    ) -> None:
        endpoint = page_address(address)
        self._token = secrets.token_urlsafe(24)
        try:
            self._socket = socket.create_server(
                (endpoint.host, endpoint.port),
                family=socket.AF_INET6 if endpoint.is_v6 else socket.AF_INET,
            )
        except OSError as error:
            msg = f"no page can be served at {address} ({error.strerror or error}); choose another port, or 0"
            raise ConfigurationError(msg) from error
        host = f"[{endpoint.host}]" if endpoint.is_v6 else endpoint.host
        self.url = f"http://{host}:{self._socket.getsockname()[1]}/{self._token}/"
        self._clock = clock
        self._stale_after_s = stale_after_s
        self._history = history
        self._box: Latest[Snapshot] = Latest()
        self._snapshot: Snapshot | None = None
        self._taken_s = clock()
        self._edition: Edition | None = None
        self._visits: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._streams = 0
        self._fixed = {"theme.css": Answer(200, theme_sheet().encode(), "text/css; charset=utf-8")}
        for name, (file, kind) in _FILES.items():
            self._fixed[name] = Answer(200, files("operando.app.web").joinpath(file).read_bytes(), kind)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._goodbye = asyncio.Event()
        self._is_closing = threading.Event()
        self._has_ended = False
        self._thread = threading.Thread(target=self._run, name="operando-page", daemon=True)

    def open(self) -> None:
        """Let visitors in and tell them that nothing has come yet; what they see is begun later."""
        self._thread.start()

    def begin(self, monitor: Monitor) -> None:
        """Show a monitor from now on; lets visitors in if that was not done before."""
        self._box = monitor.open_box()
        if self._thread.ident is None:
            self.open()

    def findings(self) -> tuple[Finding, ...]:
        """Return that the page is gone, if it is."""
        if not self._has_ended:
            return ()
        words = "the page is not served any more; the fit goes on"
        return (Finding("page", Severity.WARNING, words, "start the monitor again to have it back"),)

    def close(self) -> None:
        """Say goodbye to those who look, and end."""
        self._is_closing.set()
        loop = self._loop
        if loop is not None:
            # A loop that has ended by itself cannot be told.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._goodbye.set)
        if self._thread.ident is not None:
            self._thread.join(_GOODBYE_S)
        self._socket.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._has_ended = True

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        if self._is_closing.is_set():
            self._goodbye.set()
        server = await asyncio.start_server(self._visited, sock=self._socket, limit=MAX_HEAD_BYTES)
        try:
            while not self._goodbye.is_set():
                began = self._clock()
                self._look()
                took_s = self._clock() - began
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._goodbye.wait(), max(_TICK_S, took_s / _SHARE))
        finally:
            server.close()
            await self._parted(_PARTING_S)
            for writer in self._visits.values():
                writer.transport.abort()
            await self._parted(_PARTING_S)

    async def _parted(self, most_s: float) -> None:
        """Wait until all visitors are gone, for so many seconds at most."""
        if self._visits:
            await asyncio.wait(list(self._visits), timeout=most_s)

    def _look(self) -> None:
        """Take the newest snapshot, and make an edition of it where somebody looks."""
        snapshot = self._box.take()
        if snapshot is not None:
            self._snapshot, self._taken_s = snapshot, self._clock()
        shown = None if self._edition is None else self._edition.snapshot
        if self._streams and self._snapshot is not None and shown is not self._snapshot:
            self._edition = edition_of(self._snapshot, self._edition, self._history())

    async def _visited(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one visitor, who may go at any time."""
        visit = asyncio.current_task()
        assert visit is not None  # noqa: S101 - asyncio runs this as a task
        if len(self._visits) >= 2 * _MOST_VISITORS:
            # Not even an answer: who comes in hundreds must not cost the results file its descriptor.
            writer.transport.abort()
            return
        self._visits[visit] = writer
        try:
            await self._answer(reader, writer)
        except (OSError, TimeoutError) as error:
            _log.debug("a visitor of the page was gone: %r", error)
        finally:
            del self._visits[visit]
            # What was taken is sent, what was not is dropped: nothing is kept for who is gone.
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # All that is written has to be taken before more is.
        writer.transport.set_write_buffer_limits(high=0)
        try:
            if len(self._visits) > _MOST_VISITORS:
                raise Unanswerable(503)
            request = await read_request(reader)
            if request is None:
                return
            names = self._within(request)
            if names == ("events",):
                await self._stream(reader, writer)
                return
            answer = self._found(names, request.query)
        except Unanswerable as refused:
            answer = Answer(refused.status, f"{refused}\n".encode())
        writer.write(head_of(answer.status, answer.kind, len(answer.content)) + answer.content)
        await _taken(writer)
        await _part(reader, writer)

    def _within(self, request: Request) -> tuple[str, ...]:
        """Return what is asked for behind the token.

        Raises
        ------
        Unanswerable
            There is no token, or another one.
        """
        if not hmac.compare_digest(request.parts[0].encode(), self._token.encode()):
            raise Unanswerable(401)
        return request.parts[1:]

    def _found(self, names: tuple[str, ...], query: str) -> Answer:
        match names:
            case (name,) if name in self._fixed:
                return self._fixed[name]
            case ("map", file) if self._edition is not None:
                try:
                    image = map_image(
                        self._edition,
                        choice_of(file.removesuffix(".png")),
                        DARK if query.startswith("dark") else LIGHT,
                    )
                except (KeyError, ValueError):
                    raise Unanswerable(404) from None
                return Answer(200, image, "image/png")
            case _:
                raise Unanswerable(404)

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send how it stands once a second, and every edition that is new, until somebody goes."""
        if self._streams >= _MOST_STREAMS:
            raise Unanswerable(503)
        self._streams += 1
        try:
            writer.write(head_of(200, _STREAM) + b"retry: 2000\n\n")
            sent, next_s = 0, self._clock()
            while not self._goodbye.is_set():
                edition = self._edition
                if edition is not None and edition.number != sent:
                    sent = edition.number
                    writer.write(_event("edition", edition.text))
                    next_s = self._clock()
                if self._clock() >= next_s:
                    next_s = self._clock() + _STATUS_S
                    age_s = self._clock() - self._taken_s
                    writer.write(_event("status", status_of(self._snapshot, age_s, self._stale_after_s)))
                await _taken(writer)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._goodbye.wait(), _TICK_S)
            writer.write(_event("end", "{}"))
            await _taken(writer)
            await _part(reader, writer)
        finally:
            self._streams -= 1


async def _taken(writer: asyncio.StreamWriter) -> None:
    """Wait until a visitor has taken what was sent.

    Raises
    ------
    TimeoutError, OSError
        He did not, or is gone.
    """
    await asyncio.wait_for(writer.drain(), _PATIENCE_S)


async def _part(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Let a visitor read to the end and go: what he still sends would otherwise cost him the answer."""
    writer.write_eof()
    left = _MOST_AFTER_BYTES
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PARTING_S):
            while left > 0 and (chunk := await reader.read(MAX_HEAD_BYTES)):
                left -= len(chunk)


def _event(name: str, text: str) -> bytes:
    return f"event: {name}\ndata: {text}\n\n".encode()
