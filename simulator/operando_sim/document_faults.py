"""What goes wrong with documents on their way: lost, repeated, in disorder, or the end of their run.

A line's document is an event, or a page of events, which is taken as a whole.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

__all__ = [
    "LINES",
    "Abort",
    "Document",
    "DocumentFault",
    "Drops",
    "Duplicates",
    "NoStop",
    "Reordering",
    "Rewinds",
    "Twin",
]

Document = tuple[str, dict[str, Any]]
"""Name and document, as a RunEngine emits them."""

LINES = frozenset({"event", "event_page"})
"""What a line comes as."""
_REFERENCES = ("uid", "run_start", "descriptor")


class DocumentFault:
    """Something that happens to documents; by itself it passes them on."""

    __slots__ = ()

    def begin(self, rng: random.Random) -> Callable[[Document], Iterable[Document]]:
        """Return what is called with each document in turn and returns those that go on in its stead."""
        del rng
        return lambda document: (document,)


@dataclass(frozen=True, slots=True)
class Duplicates(DocumentFault):
    """Some lines arrive twice, byte for byte.

    Attributes
    ----------
    share
        Of the lines, 0..1.
    """

    share: float

    def begin(self, rng: random.Random) -> Callable[[Document], Iterable[Document]]:
        """Return a stream that repeats."""
        return lambda document: (
            (document, document) if document[0] in LINES and rng.random() < self.share else (document,)
        )


@dataclass(frozen=True, slots=True)
class Drops(DocumentFault):
    """Some lines are lost.

    Attributes
    ----------
    share
        Of the lines, 0..1.
    """

    share: float

    def begin(self, rng: random.Random) -> Callable[[Document], Iterable[Document]]:
        """Return a stream that loses."""
        return lambda document: () if document[0] in LINES and rng.random() < self.share else (document,)


@dataclass(frozen=True, slots=True)
class Rewinds(DocumentFault):
    """Now and then the last lines are emitted again, as after a pause: the same numbers, new uids.

    Attributes
    ----------
    share
        Of the lines after which it happens, 0..1.
    lines
        How many are repeated.
    """

    share: float
    lines: int = 3

    def begin(self, rng: random.Random) -> Callable[[Document], Iterable[Document]]:
        """Return a stream that goes back."""
        last: list[Document] = []

        def pass_on(document: Document) -> Iterator[Document]:
            yield document
            if document[0] not in LINES:
                last.clear()
                return
            last.append(document)
            del last[: -self.lines]
            if rng.random() < self.share:
                for name, line in last:
                    yield name, _with_uids(line, rng)

        return pass_on


@dataclass(frozen=True, slots=True)
class Reordering(DocumentFault):
    """Lines arrive in another order, none further from its place than the window.

    The last ones come with the document that follows them: a `NoStop` has to stand behind this fault.

    Attributes
    ----------
    window
        So many lines are held back and shuffled.
    """

    window: int

    def begin(self, rng: random.Random) -> Callable[[Document], Iterable[Document]]:
        """Return a stream in disorder; what is held back comes before anything that is no line."""
        held: list[Document] = []

        def pass_on(document: Document) -> Iterator[Document]:
            if document[0] in LINES:
                held.append(document)
            if document[0] not in LINES or len(held) >= self.window:
                rng.shuffle(held)
                yield from held
                held.clear()
            if document[0] not in LINES:
                yield document

        return pass_on


@dataclass(frozen=True, slots=True)
class Abort(DocumentFault):
    """The run is aborted after so many lines; nothing of it follows its stop document.

    Attributes
    ----------
    lines
        That arrive.
    """

    lines: int

    def begin(self, rng: random.Random) -> Callable[[Document], Iterable[Document]]:
        """Return a stream that ends early."""
        run, count = "", 0

        def pass_on(document: Document) -> Iterator[Document]:
            nonlocal run, count
            name, content = document
            if name == "start":
                run, count = content["uid"], 0
            if count < self.lines or name == "start":
                yield document
            if name in LINES:
                count += 1
                if count == self.lines:
                    yield "stop", _abort_of(run, content, count, rng)

        return pass_on


@dataclass(frozen=True, slots=True)
class NoStop(DocumentFault):
    """The stop document never comes."""

    def begin(self, rng: random.Random) -> Callable[[Document], Iterable[Document]]:
        """Return a stream without end."""
        del rng
        return lambda document: () if document[0] == "stop" else (document,)


@dataclass(frozen=True, slots=True)
class Twin(DocumentFault):
    """A second run goes on at the same time: each document is followed by that of its twin."""

    def begin(self, rng: random.Random) -> Callable[[Document], Iterable[Document]]:
        """Return a stream of two runs."""
        known: dict[str, str] = {}

        def other(uid: str) -> str:
            return known.setdefault(uid, _uid_of(rng))

        def pass_on(document: Document) -> Iterator[Document]:
            yield document
            name, content = document
            twin = dict(content)
            for key in _REFERENCES:
                if isinstance(twin.get(key), str):
                    twin[key] = other(twin[key])
            # Lines refer to nothing by their own uid, which is then not kept.
            yield name, _with_uids(twin, rng) if name in LINES else twin

        return pass_on


def _with_uids(line: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """Return a line, or a page of them, that has uids of its own."""
    uid = line["uid"]
    return {**line, "uid": [_uid_of(rng) for _ in uid] if isinstance(uid, list) else _uid_of(rng)}


def _uid_of(rng: random.Random) -> str:
    """Return a new uid, the same for the same seed."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _abort_of(run: str, line: dict[str, Any], lines: int, rng: random.Random) -> dict[str, Any]:
    time_s = line["time"]
    return {
        "uid": _uid_of(rng),
        "run_start": run,
        "time": time_s[-1] if isinstance(time_s, list) else time_s,
        "exit_status": "abort",
        "reason": "aborted by hand",
        "num_events": {"primary": lines},
    }
