"""The records of a scanner, by their names after a prefix."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ScanRecords"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRecords:
    """Names of a scanner's records, after its prefix; None where it has none.

    Attributes
    ----------
    x, y
        Waveforms of pixel centres of columns and rows, µm.
    dwell
        Per pixel, ms.
    go
        A put of 1 completes when the scan is over.
    stop
        A put of 1 breaks it off.
    counts, i0
        Waveforms, row by row.
    x_readback, y_readback
        Waveforms of where the pixels really were, µm.
    state, message
        How the last scan ended, and why if not well.
    done
        The state of a scan that ended well.
    """

    x: str = ":X"
    y: str = ":Y"
    dwell: str = ":Dwell"
    go: str = ":Go"
    stop: str = ":Stop"
    counts: str = ":Counts"
    i0: str | None = ":I0"
    x_readback: str | None = ":XReadback"
    y_readback: str | None = ":YReadback"
    state: str | None = ":State"
    message: str | None = ":Message"
    done: str = "done"
