"""What is found of a machine, and what to make of it: judgements only; `examine` looks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "Check",
    "Clock",
    "Disk",
    "Link",
    "State",
    "judge_cache",
    "judge_clock",
    "judge_disk",
    "judge_link",
    "judge_newest",
    "judge_python",
    "judge_screen",
    "judge_versions",
]

_LEAST_PYTHON = (3, 11)
_LEAST_QT, _FIRST_BAD_QT = (6, 8, 3), (6, 12)
_BAD_QT = frozenset({(6, 9, 1), (6, 9, 2)})
_MOST_STEP_S = 0.05
"""A clock that is only steered stays within 0.0005 of its pace; what is more in a second is a step."""
_MOST_AHEAD_S = 1.0
_LEAST_MB_PER_S = 20.0
"""A frame of 1024² float64 takes 8 MB; with less, the recorder cannot keep two a second."""
_LEAST_LINES_PER_S = 50.0
"""A line of 96 pixels at 0.2 ms takes 20 ms."""
_FEW_HOURS, _FEWEST_HOURS = 24.0, 1.0
_SLOW_MS = 200.0
_HOUR_S = 3600.0
_MB = 1e6


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor.

    Attributes
    ----------
    name
        What was looked at.
    state
        How it is.
    found
        What was found.
    advice
        What to do; may be empty.
    """

    name: str
    state: State
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Clock:
    """What the clocks said.

    Attributes
    ----------
    step_s
        How much more the wall clock went on than the monotonic one.
    zone
        The time zone, as the system names it, with its offset.
    is_synchronised
        Whether the kernel holds the clock to be kept by another one; None where it does not say.
    """

    step_s: float
    zone: str
    is_synchronised: bool | None


@dataclass(frozen=True, slots=True)
class Disk:
    """What a disk did and has.

    Attributes
    ----------
    folder
        Where.
    mb_per_s
        Written and flushed, in MB of 10⁶ bytes.
    lines_per_s
        Documents of one line written to a run log, each committed by itself.
    free_bytes
        What is left for this user.
    bytes_per_s
        What a recording takes.
    basis
        Where that is known from.
    """

    folder: str
    mb_per_s: float
    lines_per_s: float
    free_bytes: int
    bytes_per_s: float
    basis: str


@dataclass(frozen=True, slots=True)
class Link:
    """What a source answered.

    Attributes
    ----------
    name
        As the user wrote it.
    documents
        How many it has.
    round_trip_ms
        The middle one of several questions; None for a file.
    """

    name: str
    documents: int
    round_trip_ms: float | None


def judge_python(version: tuple[int, int, int]) -> Check:
    """Judge the version of Python."""
    found = ".".join(map(str, version))
    if version[:2] >= _LEAST_PYTHON:
        return Check("python", State.OK, found)
    return Check("python", State.FAILED, found, "3.11 or newer is needed: make the environment with that one")


def judge_versions(versions: Mapping[str, str | None]) -> Check:
    """Judge the versions of what is installed, by the names of packages; None is missing."""
    missing = [name for name, version in versions.items() if version is None]
    found = ", ".join(f"{name} {version}" for name, version in versions.items() if version is not None)
    if missing:
        advice = "install operando again, from where it came, with its dependencies"
        return Check("packages", State.FAILED, f"{', '.join(missing)} missing; {found}", advice)
    qt = _numbers(versions.get("PySide6-Essentials") or "")
    if qt and not (_LEAST_QT <= qt < _FIRST_BAD_QT and qt not in _BAD_QT):
        advice = "this Qt aborts or does not run with pyqtgraph: pip install 'PySide6-Essentials>=6.10,<6.12'"
        return Check("packages", State.FAILED, found, advice)
    return Check("packages", State.OK, found)


def judge_screen(trouble: str | None) -> Check:
    """Judge why no window can be opened, if none can."""
    if trouble is None:
        return Check("screen", State.OK, "a window can be opened")
    found, _, advice = trouble.partition(". ")
    return Check("screen", State.WARNING, found, advice or "everything else works without: use --headless")


def judge_clock(clock: Clock) -> Check:
    """Judge the clock by itself."""
    kept = {True: "kept by another clock", False: "kept by nobody", None: "not known by whom it is kept"}
    found = f"time zone {clock.zone}, {kept[clock.is_synchronised]}"
    if abs(clock.step_s) > _MOST_STEP_S:
        advice = "something sets it: let NTP (chrony, systemd-timesyncd) steer it instead"
        return Check("clock", State.WARNING, f"it was put by {clock.step_s:+.2f} s just now; {found}", advice)
    if clock.is_synchronised is False:
        advice = "documents carry its time: switch NTP on (timedatectl set-ntp true), or start chrony"
        return Check("clock", State.WARNING, found, advice)
    return Check("clock", State.OK, found)


def judge_newest(now_s: float, recorded_s: float) -> Check:
    """Judge the clock by the time at which the newest document of a log was recorded, both since 1970."""
    age_s = now_s - recorded_s
    if age_s < -_MOST_AHEAD_S:
        advice = "this clock is behind that of the recorder, or was put back: ages and lags will be wrong"
        return Check(
            "clock and log", State.WARNING, f"the newest document is from {-age_s:.1f} s ahead", advice
        )
    return Check("clock and log", State.OK, f"the newest document was recorded {_span(age_s)} ago")


def judge_disk(disk: Disk) -> Check:
    """Judge whether a disk can hold a recording, and for how long."""
    hours = disk.free_bytes / disk.bytes_per_s / _HOUR_S if disk.bytes_per_s > 0 else float("inf")
    found = (
        f"{disk.folder}: {disk.mb_per_s:.0f} MB/s, {disk.lines_per_s:.0f} lines/s, "
        f"{disk.free_bytes / _MB:.0f} MB free, {hours:.0f} h at {disk.basis}"
    )
    if hours < _FEWEST_HOURS:
        return Check("disk", State.FAILED, found, "make room, or record to another disk")
    if disk.mb_per_s < _LEAST_MB_PER_S or disk.lines_per_s < _LEAST_LINES_PER_S:
        advice = (
            f"below {_LEAST_MB_PER_S:.0f} MB/s or {_LEAST_LINES_PER_S:.0f} lines/s: record to a local disk"
        )
        return Check("disk", State.WARNING, found, advice)
    if hours < _FEW_HOURS:
        return Check(
            "disk", State.WARNING, found, "enough for less than a day: make room before the beamtime"
        )
    return Check("disk", State.OK, found)


def judge_cache(folder: str, *, is_writable: bool, files: int) -> Check:
    """Judge the folder where the compiled fit is kept."""
    if not is_writable:
        advice = "the fit is compiled anew at each start: set NUMBA_CACHE_DIR to a folder of your own"
        return Check("compiled fit", State.WARNING, f"{folder} cannot be written", advice)
    if not files:
        return Check(
            "compiled fit", State.OK, f"{folder} is empty", "the first fit takes some seconds longer"
        )
    return Check("compiled fit", State.OK, f"{files} files in {folder}")


def judge_link(link: Link) -> Check:
    """Judge the connection to a source."""
    if link.round_trip_ms is None:
        return Check("source", State.OK, f"{link.name} has {link.documents} documents")
    found = f"{link.name} answers within {link.round_trip_ms:.1f} ms and has {link.documents} documents"
    if link.round_trip_ms > _SLOW_MS:
        return Check("source", State.WARNING, found, "slow: is the machine or the network busy?")
    return Check("source", State.OK, found)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{max(seconds, 0.0):.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * _HOUR_S else f"{seconds / _HOUR_S:.0f} h"
