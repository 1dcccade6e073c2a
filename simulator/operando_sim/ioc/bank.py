"""The records of one server by name, and the few ways to make one."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from operando_sim.ioc.record import READ_ONLY, Double, Integer, Menu, Puts, Record, Text, Word

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Bank"]

_TEXT_LENGTH = 256

_AnyRecord = TypeVar("_AnyRecord", bound=Record)


class Bank:
    """Make records and keep them by their full names.

    Parameters
    ----------
    prefix
        Before every name.
    now_s
        The world's time, seconds since the epoch.

    Attributes
    ----------
    records
        All made so far, by full name.
    """

    def __init__(self, prefix: str, now_s: Callable[[], float]) -> None:
        self._prefix = prefix
        self._now_s = now_s
        self.records: dict[str, Record] = {}

    def number(
        self,
        name: str,
        value: float,
        puts: Puts = READ_ONLY,
        *,
        units: str = "",
        limits: tuple[float, float] = (0.0, 0.0),
        precision: int = 4,
    ) -> Double:
        """Make a number; equal limits mean none."""
        low, high = limits
        record = Double(
            value=value,
            units=units,
            precision=precision,
            lower_ctrl_limit=low,
            upper_ctrl_limit=high,
            timestamp=self._now_s(),
        )
        return self._kept(name, record, puts)

    def waveform(self, name: str, most: int, puts: Puts = READ_ONLY, *, units: str = "") -> Double:
        """Make a waveform of up to `most` numbers, one at first."""
        record = Double(value=[0.0], units=units, max_length=most, timestamp=self._now_s())
        return self._kept(name, record, puts)

    def integer(self, name: str, value: int, puts: Puts = READ_ONLY) -> Integer:
        """Make a whole number."""
        return self._kept(name, Integer(value=value, timestamp=self._now_s()), puts)

    def menu(self, name: str, words: Sequence[str], puts: Puts = READ_ONLY) -> Menu:
        """Make a choice of words, the first one at first."""
        record = Menu(value=words[0], enum_strings=words, timestamp=self._now_s())
        return self._kept(name, record, puts)

    def text(self, name: str) -> Text:
        """Make words for people."""
        record = Text(value="", max_length=_TEXT_LENGTH, timestamp=self._now_s())
        return self._kept(name, record, READ_ONLY)

    def word(self, name: str, value: str) -> Word:
        """Make a name that does not change."""
        return self._kept(name, Word(value=value, timestamp=self._now_s()), READ_ONLY)

    def also(self, name: str, record: Record) -> None:
        """Give a record another name."""
        self.records[self._prefix + name] = record

    def _kept(self, name: str, record: _AnyRecord, puts: Puts) -> _AnyRecord:
        full_name = self._prefix + name
        if full_name in self.records:
            raise ValueError(f"there is already a record {full_name}; give the other one its own name")
        record.puts, record.now_s = puts, self._now_s
        self.records[full_name] = record
        return record
