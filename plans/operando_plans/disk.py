"""How much room the documents of a series take in a run log."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgpack

from operando_plans.region import Region
from operando_plans.scanner import Scanner

__all__ = ["LOG_BYTES", "Counted", "documents_of"]

LOG_BYTES = 131072
"""Of a log without documents."""
_ROW_BYTES = 65
"""Of a row beside the document itself: run, name, time and checksum."""
_PAGE_BYTES = 32768
"""Of a run log as the recorder makes it."""
_RUN_BYTES = 4096
"""Start, descriptors and stop of one run, as measured on small ones; the rest is lines."""
_READING_BYTES = 420
"""One reading of three values of a potentiostat."""
_ADVICE_BYTES = 900
"""One decision about advice, with its words."""
_TIME_S = 1.8e9


@dataclass(frozen=True, slots=True)
class Counted:
    """Documents, and the room they take.

    Attributes
    ----------
    documents
        How many.
    disk_bytes
        In a run log.
    """

    documents: int
    disk_bytes: int

    def __add__(self, other: Counted) -> Counted:
        return Counted(self.documents + other.documents, self.disk_bytes + other.disk_bytes)


def documents_of(scanner: Scanner, region: Region, exposures: int, readings: int, decisions: int) -> Counted:
    """Return the documents of one run.

    A line, or a frame, is written down as it will be and encoded as the log encodes it (msgpack), so that
    labels and channels count as much as they take.

    Parameters
    ----------
    scanner
        What scans.
    region
        Whose run it is.
    exposures, readings, decisions
        How many lines or frames there are, how many readings of the potentiostat, how many decisions.
    """
    packed: bytes = msgpack.packb(_page(scanner, region)) or b""
    return Counted(
        documents=3 + exposures + (1 + readings if readings else 0) + (1 + decisions if decisions else 0),
        disk_bytes=round(
            _RUN_BYTES
            + exposures * _stored(len(packed))
            + readings * _stored(_READING_BYTES)
            + decisions * _stored(_ADVICE_BYTES)
        ),
    )


def _stored(document_bytes: int) -> float:
    """Return how much of a SQLite file a document takes (https://www.sqlite.org/fileformat2.html, 1.6).

    A row lies on one page with others if it fits; of a longer one, a part lies there and the rest on pages of
    its own. What is left on a page stays empty.
    """
    payload, usable = document_bytes + _ROW_BYTES, _PAGE_BYTES
    largest, least = usable - 35, (usable - 12) * 32 // 255 - 23
    overflow = 0
    if payload > largest:
        kept = least + (payload - least) % (usable - 4)
        kept = kept if kept <= largest else least
        overflow, payload = -(-(payload - kept) // (usable - 4)), kept
    # A cell has its length, its number and a pointer beside the payload, the page a header.
    return _PAGE_BYTES * (overflow + 1 / ((usable - 8) // (payload + 13)))


def _page(scanner: Scanner, region: Region) -> Mapping[str, Any]:
    """Return an event page of a line, or of a frame, as long as a true one."""
    columns, rows = region.field.points
    row = [0.5] * columns
    counts = row if scanner.is_by_line else [row] * rows
    data: dict[str, Any] = {
        "SampleX": row,
        "SampleY": 0.5 if scanner.is_by_line else [0.5] * rows,
        scanner.flyer.name: counts,
    }
    if scanner.parts.i0_field is not None:
        data[scanner.parts.i0_field] = counts
    data |= dict.fromkeys(("cycle", "energy_index", "series_cycle"), 1)
    data |= dict.fromkeys(("energy_ev", "dwell_ms", "shift_x_um", "shift_y_um"), 0.5)
    data |= {"row": 1} if scanner.is_by_line else {}
    data |= {} if scanner.parts.ring_current is None else {"ring_current_ma": 0.5}
    uid = str(uuid.uuid4())
    return {
        "time": [_TIME_S],
        "uid": [uid],
        "seq_num": [1000],
        "descriptor": uid,
        "filled": {},
        "data": {key: [value] for key, value in data.items()},
        "timestamps": {key: [_TIME_S] for key in data},
    }
