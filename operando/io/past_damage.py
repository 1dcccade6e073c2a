"""Reading past damage: a bad document of a log is passed over, counted and said, and the rest is read."""

from __future__ import annotations

import logging

from operando.errors import DamagedFileError
from operando.io.runlog import LoggedDocument
from operando.io.sources import Source
from operando.types import Finding, Severity

__all__ = ["PastDamage"]

_log = logging.getLogger(__name__)

_AT_ONCE = 2000
"""Bad documents that one call of `read` passes over, so that whoever follows can be stopped."""
_NAMED = 8
"""Places that are named; further ones are only counted."""


class PastDamage:
    """Another source, read on behind what is bad in it.

    Parameters
    ----------
    source
        Raises `DamagedFileError` where the next document is bad or missing; numbered without a gap.
        Closed together with this one.

    Attributes
    ----------
    strict
        The other source.
    """

    def __init__(self, source: Source) -> None:
        self._source = self.strict = source
        self._asked = 0
        self._beyond = 0
        self._places: list[tuple[int, int]] = []
        self._count = 0
        self._reason = ""
        self.name = source.name

    def read(self, after: int, limit: int) -> list[LoggedDocument]:
        """Return up to `limit` documents after number `after`; empty if there are none now.

        Raises
        ------
        DamagedFileError
            The source is damaged and does not say how far it reaches.
        """
        place = self._beyond if after == self._asked else after
        for _ in range(_AT_ONCE):
            try:
                return self._source.read(place, limit)
            except DamagedFileError as error:
                if place >= self._source.head():
                    raise
                place += 1
                self._note(place, error)
            finally:
                self._asked, self._beyond = after, place
        return []

    def head(self) -> int:
        """Return the number of the last document of the source."""
        return self._source.head()

    def has_ended(self, after: int) -> bool:
        """Return whether nothing will come after number `after`, or what will is known to be bad."""
        return self._source.has_ended(self._beyond if after == self._asked else after)

    def findings(self) -> tuple[Finding, ...]:
        """Say how many documents were passed over, and where."""
        if not self._count:
            return self._source.findings()
        named = [
            f"{first}" if first == last else f"{first} to {last}" for first, last in self._places[:_NAMED]
        ]
        more = " and others" if len(self._places) > _NAMED else ""
        what = "1 damaged document" if self._count == 1 else f"{self._count} damaged documents"
        words = f"{what} of {self.name} passed over (number {', '.join(named)}{more}): {self._reason}"
        advice = "what stands around them is fitted; a copy of the log may be whole"
        return (Finding("damage", Severity.WARNING, words, advice), *self._source.findings())

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def _note(self, number: int, error: DamagedFileError) -> None:
        if any(first <= number <= last for first, last in self._places):
            return
        if not self._count:
            self._reason = str(error)
            _log.warning("a damaged document is passed over: %s", error)
        self._count += 1
        if self._places and self._places[-1][1] == number - 1:
            self._places[-1] = (self._places[-1][0], number)
        elif len(self._places) <= _NAMED:
            self._places.append((number, number))
