"""What the potentiostat said of a run, and what its charge makes expect."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from operando.cell import CellReading, CellRecord
from operando.core.electrochemistry import compared, expected_lithium, incremental
from operando.core.study_rules import CellBook, CellRule
from operando.types import Curve, Finding, FloatArray, Severity

__all__ = ["cell_findings", "cell_record", "heard", "together"]

_S_PER_H = 3600.0
_MOST_RECENT = 256
_WIDTH_V = 0.02
"""Of the bins of dQ/dV."""
_WORTH_SAYING = 0.05
_SURE = 4.0
_LEAST_SHARE = 0.8
"""Of the expected change: less means that some of the material does not take part."""


def heard(book: CellBook, reading: CellReading) -> CellBook:
    """Return the book with one more reading."""
    if not np.isfinite(reading.time_s):
        return book
    book = replace(book, recent=(*book.recent, reading))
    return book if len(book.recent) < _MOST_RECENT else together(book)


def together(book: CellBook) -> CellBook:
    """Return the book with all readings in its columns, wherever they belong; of each second the latest."""
    if not book.recent:
        return book
    time_s = np.append(book.time_s, [reading.time_s for reading in book.recent])
    order = np.argsort(time_s, kind="stable")
    second = np.floor(time_s[order])
    is_last = np.append(np.diff(second) > 0, True)
    # Of a file, more than one a second may be known; it is left alone where the stream says nothing.
    is_heard = np.isin(second, np.floor([reading.time_s for reading in book.recent]))
    kept = order[is_last | ~is_heard]

    def column(known: FloatArray, name: str) -> FloatArray:
        return np.append(known, [getattr(reading, name) for reading in book.recent])[kept]

    return CellBook(
        time_s[kept],
        column(book.voltage_v, "voltage_v"),
        column(book.current_ma, "current_ma"),
        column(book.charge_mah, "charge_mah"),
    )


def cell_record(book: CellBook, until_s: float, curve: Curve, rule: CellRule | None) -> CellRecord | None:
    """Return what was read up to a time, and how the observed lithium compares; None without a reading.

    Parameters
    ----------
    book
        The readings.
    until_s
        That a map speaks for: all readings until then have come when its cycle is complete.
    curve
        Mean lithium content that was observed.
    rule
        Sign and host; without a host nothing is expected.
    """
    book = together(book)
    count = int(np.searchsorted(book.time_s, until_s, side="right"))
    if count == 0:
        return None
    time_s, voltage_v = book.time_s[:count], book.voltage_v[:count]
    sign = 1.0 if rule is None else rule.sign
    charge_mah = sign * _charge(book, count)
    seen = curve.time_s <= until_s
    at_s, lithium, error = curve.time_s[seen], curve.lithium[seen], curve.lithium_error[seen]
    expected, comparison = np.full(count, np.nan), None
    if rule is not None and rule.host is not None:
        expected = expected_lithium(charge_mah, rule.host)
        known = np.isfinite(expected)
        held = _held(time_s[known], expected[known], until_s)
        comparison = compared(at_s, lithium, error, held, longest_lag_s=rule.longest_lag_s)
    # Between the points of the curve x is taken as a line; beyond them nothing is known.
    observed = np.full(count, np.nan)
    if at_s.size > 1:
        observed = np.interp(time_s, at_s, lithium, left=np.nan, right=np.nan)
    bin_v, charge_per_v, lithium_per_v = _side_by_side(
        incremental(voltage_v, charge_mah, width_v=_WIDTH_V),
        incremental(voltage_v, observed, width_v=_WIDTH_V),
    )
    return CellRecord(
        time_s=time_s,
        voltage_v=voltage_v,
        current_ma=sign * book.current_ma[:count],
        charge_mah=charge_mah,
        expected_lithium=expected,
        comparison=comparison,
        bin_v=bin_v,
        charge_mah_per_v=charge_per_v,
        lithium_per_v=lithium_per_v,
    )


def cell_findings(record: CellRecord | None) -> list[Finding]:
    """Return what is to be said where the lithium seen is not that of the charge; nothing where it is."""
    if record is None or record.comparison is None:
        return []
    found = record.comparison
    # Of a reaction that has hardly begun particles that set out late are a large share.
    missing = (1.0 - found.share) * float(
        np.nanmax(record.expected_lithium) - np.nanmin(record.expected_lithium)
    )
    words: list[str] = []
    if abs(found.difference) > max(_WORTH_SAYING, _SURE * found.difference_error):
        words.append(
            f"the mean x of the field is {found.difference:+.3f} ± {found.difference_error:.3f} from that of "
            "the charge"
        )
    if found.share + _SURE * found.share_error < _LEAST_SHARE and missing > _WORTH_SAYING:
        words.append(
            f"{found.share:.0%} ± {found.share_error:.0%} of the change that the charge makes expect is "
            f"seen, {found.lag_s / 60:+.1f} ± {found.lag_error_s / 60:.1f} min later"
        )
    if not words:
        return []
    return [
        Finding(
            "charge-differs",
            Severity.WARNING,
            "; ".join(words),
            "the field may not be like the rest of the electrode, particles may not take part, the beam may "
            "stop the reaction where it looks; check mass and lithium_at_start of [cell] as well",
        )
    ]


def _held(time_s: FloatArray, value: FloatArray, until_s: float) -> tuple[FloatArray, FloatArray]:
    """Return readings with the last one held until a time, if that is no longer than they are apart."""
    if time_s.size < 2 or not 0 < until_s - time_s[-1] <= np.diff(time_s).max():
        return time_s, value
    return np.append(time_s, until_s), np.append(value, value[-1])


def _side_by_side(
    one: tuple[FloatArray, FloatArray], other: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the middles of all bins that either has, and what each has in them, NaN where it has none.

    Neither need be known wherever the other is: an instrument may read no charge, or none at times.
    """
    numbers = [np.round(bin_v / _WIDTH_V - 0.5).astype(np.intp) for bin_v, _ in (one, other)]
    every = np.concatenate(numbers)
    if not every.size:
        return np.empty(0), np.empty(0), np.empty(0)
    first = int(every.min())
    bins = int(every.max()) - first + 1
    values = np.full((2, bins), np.nan)
    for row, number, (_, value) in zip(values, numbers, (one, other), strict=True):
        row[number - first] = value
    return (first + 0.5 + np.arange(bins, dtype=np.float64)) * _WIDTH_V, values[0], values[1]


def _charge(book: CellBook, count: int) -> FloatArray:
    """Return the charge as it was read, else added up from the current, shape (count,)."""
    charge_mah, current_ma = book.charge_mah[:count], book.current_ma[:count]
    if np.isfinite(charge_mah).any() or not np.isfinite(current_ma).any():
        return charge_mah
    known = np.nan_to_num(current_ma)
    middle = np.concatenate([known[:1], (known[1:] + known[:-1]) / 2])
    return np.cumsum(middle * np.diff(book.time_s[:count], prepend=book.time_s[:1]) / _S_PER_H)
