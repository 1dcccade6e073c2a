"""What has been learned of one run, and of all runs: enough to go on in another process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from operando.io.cls_run import ClsImage
from operando.io.frames import Frames
from operando.io.image_series import SeriesBook
from operando.io.points import Beside, Points
from operando.io.readings import text
from operando.io.run_light import RunLight
from operando.io.sequence import MAX_GAP, Sequence
from operando.io.startdoc import Block
from operando.types import ScanPlan

__all__ = ["SCAN_STREAM", "OpenRun", "ReaderState", "missing_at_the_end", "never_read"]

SCAN_STREAM = "primary"


@dataclass(slots=True)
class OpenRun:
    """What has been learned of one run."""

    uid: str
    start: Mapping[str, Any]
    light: RunLight
    block: Block | None = None
    plan: ScanPlan | None = None
    streams: dict[str, str] = field(default_factory=dict)
    keys: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    sequence: Sequence = field(default_factory=Sequence)
    frames: Frames | None = None
    points: Points | None = None
    is_refused: bool = False
    image: ClsImage | None = None
    stack: str = ""
    cycle: int = 0
    energy: int = 0
    beside: Beside | None = None

    @property
    def gaps(self) -> int:
        """Events that were passed over in the numbering; none where the run is no scan."""
        # A refused run's events are not counted any more, so its numbering says nothing.
        return self.sequence.missing if self.is_scan else 0

    @property
    def is_scan(self) -> bool:
        """Whether its events are read and fitted."""
        return self.plan is not None and not self.is_refused


@dataclass(slots=True)
class ReaderState:
    """What a reader has learned: enough to go on in another process.

    Attributes
    ----------
    runs
        Those that have begun and not ended, the one that was silent longest first.
    closed
        Runs that are over and their descriptors; whether they were given up rather than stopped.
    lost, repeated
        Of closed runs.
    unknown
        Documents of no known name or run.
    book
        Series that are made of runs of one image each.
    """

    runs: dict[str, OpenRun] = field(default_factory=dict[str, OpenRun])
    closed: dict[str, bool] = field(default_factory=dict[str, bool])
    lost: int = 0
    repeated: int = 0
    unknown: int = 0
    book: SeriesBook = field(default_factory=SeriesBook)


def never_read(run: OpenRun) -> str:
    """Return a sentence on a run of whose stream nothing is in the documents, not even events; or ""."""
    for uid, keys in run.keys.items():
        is_all_outside = all(isinstance(about, Mapping) and "external" in about for about in keys.values())
        if run.streams[uid] == SCAN_STREAM and keys and is_all_outside and not run.sequence.highest:
            return (
                f"the data of run {run.uid[:8]} lie outside the documents, which have no events ("
                f"{', '.join(text(key)[:60] for key in sorted(keys)[:5])}); name their folder in the "
                "profile as [layout] asset_roots"
            )
    return ""


def missing_at_the_end(run: OpenRun, stop: Mapping[str, Any]) -> int:
    """Return how many events of a scan its stop document counts beyond the last one that came."""
    if not run.is_scan:
        return 0
    counted = stop.get("num_events")
    events = counted.get(SCAN_STREAM) if isinstance(counted, Mapping) else None
    if isinstance(events, bool) or not isinstance(events, int):
        return 0
    return min(max(events - run.sequence.highest, 0), MAX_GAP)
