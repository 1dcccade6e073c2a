"""A source whose events have the images that the documents only point to.

A file may not be written as far as its document says. Then what comes before is given, and the file is looked
into again whenever the reader comes back, until the patience ends; nothing waits in between. What is missing
after that is named, and its event goes on without it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from operando.errors import FrameRejected
from operando.io.assets import ASSETS, AssetBook
from operando.io.eventless import Unwritten, page_of, reading_at
from operando.io.readings import whole
from operando.io.runlog import LoggedDocument
from operando.io.sources import Source
from operando.settings import LayoutSettings
from operando.types import Finding, Severity

__all__ = ["FilledSource", "with_images"]

_log = logging.getLogger(__name__)

_PATIENCE_S = 10.0
_AHEAD = 256
"""Documents that are looked through for what an event points to."""
_SCAN = 1024


def with_images(source: Source, layout: LayoutSettings) -> Source:
    """Return a source with images from the folders that the profile names, or as it is if it names none."""
    if not layout.asset_roots:
        return source
    return FilledSource(source, tuple(Path(root) for root in layout.asset_roots))


class FilledSource:
    """Another source, with the images in its events.

    Parameters
    ----------
    source
        Whose events point to files.
    roots
        Folders below which files are read.
    patience_s
        How long after it was first asked for an image may still be written.
    clock
        Seconds that only go forward.
    """

    def __init__(
        self,
        source: Source,
        roots: tuple[Path, ...],
        patience_s: float = _PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._book = AssetBook(roots)
        self._patience_s = patience_s
        self._clock = clock
        self._held: list[LoggedDocument] = []
        self._fetched = 0
        self._given = 0
        self._asked: tuple[int, float] | None = None
        self._given_up: set[Path | None] = set()
        self._missing = ""
        self._misses = 0
        self._completed: dict[int, range] = {}
        self._with_events: set[str] = set()
        self.name = source.name

    def read(self, after: int, limit: int) -> list[LoggedDocument]:
        """Return up to `limit` documents after number `after`, as far as their images are written."""
        if after != self._given:
            self._look_back(after)
        if len(self._held) < max(limit, _AHEAD):
            self._fetch(limit)
        given: list[LoggedDocument] = []
        while self._held and len(given) < limit:
            filled = self._filled(self._held[0])
            if filled is None:
                break
            given.append(filled)
            self._given = filled.seq
            del self._held[0]
        return given

    def head(self) -> int:
        """Return the number of the last document of the source."""
        return self._source.head()

    def has_ended(self, after: int) -> bool:
        """Return whether the source has ended and nothing is held back."""
        return not self._held and self._source.has_ended(after)

    def findings(self) -> tuple[Finding, ...]:
        """Return those of the source, and which images are missing."""
        found = self._source.findings()
        if not self._misses:
            return found
        more = f", and {self._misses - 1} more" if self._misses > 1 else ""
        advice = "the maps are made without them; replay the recording once the files are there"
        return (*found, Finding("images", Severity.WARNING, f"{self._missing}{more}", advice))

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def _fetch(self, limit: int) -> None:
        before = self._held[-1].seq if self._held else self._fetched
        try:
            batch = self._source.read(before, max(limit, _AHEAD))
        except (OSError, ValueError):
            if not self._held:
                raise
            return  # what stands before the damage is given first
        for each in batch:
            self._note(each)
            self._held.append(each)
            self._fetched = each.seq

    def _look_back(self, after: int) -> None:
        """Learn what the documents before say of files, for whoever begins in the middle."""
        self._held, self._fetched, self._completed = [], 0, {}
        while self._fetched < after:
            batch = self._source.read(self._fetched, min(_SCAN, after - self._fetched))
            if not batch:
                break
            for each in batch:
                self._note(each)
                self._learn(each)
            self._completed.clear()
            self._fetched = batch[-1].seq
        self._given = self._fetched = after

    def _note(self, logged: LoggedDocument) -> None:
        if logged.name in ASSETS or logged.name == "descriptor":
            try:
                self._book.note(logged.name, logged.document)
                if logged.name == "stream_datum" and (numbers := self._book.completed(logged.document)):
                    self._completed[logged.seq] = numbers
            except (FrameRejected, LookupError, TypeError, ValueError) as error:
                _log.warning("a %s document could not be read: %s", logged.name, error)

    def _learn(self, logged: LoggedDocument) -> None:
        """Take note that a stream has events, which say themselves when their data are complete."""
        if logged.name in {"event", "event_page"}:
            self._with_events.add(str(logged.document.get("descriptor")))

    def _filled(self, logged: LoggedDocument) -> LoggedDocument | None:
        """Return a document with its images; None to be asked again."""
        self._learn(logged)
        if logged.name == "stream_datum":
            return self._as_page(logged)
        if logged.name != "event":
            return logged
        try:
            places = dict(self._book.places(logged.document))
            images: dict[str, Any] = {}
            for key, place in places.items():
                image = None if place is None else reading_at(place)
                if image is None:
                    unwritten = Unwritten(key, whole(logged.document["seq_num"], "seq_num"), place)
                    return None if self._may_come(logged, (unwritten,)) else logged
                images[key] = image
                self._given_up.discard(None if place is None else place.path)
        except (FrameRejected, LookupError, TypeError, ValueError) as error:
            self._miss(str(error))
            return logged
        self._asked = None
        if not images:
            return logged
        data = cast("Mapping[str, Any]", logged.document["data"])
        return replace(logged, document={**logged.document, "data": {**data, **images}})

    def _as_page(self, logged: LoggedDocument) -> LoggedDocument | None:
        """Return the events that a `stream_datum` stands for, if no others come; None to be asked again."""
        numbers = self._completed.get(logged.seq)
        if numbers is None or str(logged.document.get("descriptor")) in self._with_events:
            return logged
        try:
            page = page_of(self._book, logged, numbers)
        except (FrameRejected, LookupError, TypeError, ValueError) as error:
            self._miss(str(error))
            return logged
        if page.missing and self._may_come(logged, page.missing):
            return None
        self._asked = None
        if not page.missing:
            self._given_up -= page.files
        return replace(logged, name="event_page", document=page.document)

    def _may_come(self, logged: LoggedDocument, missing: Sequence[Unwritten]) -> bool:
        """Return whether what is missing may still be written; if not, it is named."""
        paths = {None if each.place is None else each.place.path for each in missing}
        if self._asked is None or self._asked[0] != logged.seq:
            self._asked = logged.seq, self._clock()
        waited_s = self._clock() - self._asked[1]
        # A file that was waited for in vain is not waited for again.
        if waited_s < self._patience_s and not paths <= self._given_up:
            return True
        self._given_up |= paths
        self._asked = None
        for each in missing:
            place = each.place
            where = "no document says where" if place is None else f"frame {place.first} of {place.path.name}"
            self._miss(f"'{each.key}' of event {each.number} was not written in time ({where})")
        return False

    def _miss(self, words: str) -> None:
        self._misses += 1
        self._missing = self._missing or words
        _log.warning("%s", words)
