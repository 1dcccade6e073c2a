"""What an SDF header says was scanned: regions, energies, channels, and when each image was taken.

Image records are named `Image012_0` (image from 0, region) or, in older files, `Image12` (from 1,
and none for the first image, whose time and ring current stand at the top level).

Times in a header are local and say no zone. They are taken as UTC: so a replay gives the same
numbers on every machine, and differences within a scan are right.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from operando.errors import DamagedFileError, RunRejected
from operando.io.sdf_header import Block, Value, entries

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Image", "Region", "regions_of"]

_NAMESPACE = uuid.UUID("6f2e2f0e-5d0c-5c55-9a0f-6b1f3d8a7b41")
_UM_PER_UNIT = {"um": 1.0, "µm": 1.0, "nm": 1e-3, "mm": 1e3, "": 1.0}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TIME = re.compile(r"\s*(\d{4}) +([A-Za-z]{3})[a-z]* +(\d{1,2}) +(\d{1,2}):(\d{2}):(\d{2})\s*")


@dataclass(frozen=True, slots=True)
class Image:
    """What the header says of one image.

    Attributes
    ----------
    begun_s
        When it was begun, as recorded; 0 and on where nothing is recorded.
    ended_s
        When it was finished: when the next one was begun, where that follows at the pace of the
        scan; else as long after its beginning as images take.
    ring_current_ma
        NaN where it is not recorded.
    """

    begun_s: float
    ended_s: float
    ring_current_ma: float


@dataclass(frozen=True, slots=True)
class Region:
    """One region of a scan: all that its documents are made of.

    Attributes
    ----------
    header
        Where the header is.
    uid
        Follows from the file's name and content and the region's number.
    number, count
        Which region of how many; counted from zero.
    label, scan_type
        As the header says.
    dwell_ms
        NaN where it does not say.
    started_s
        Time of the header; 0 where it has none, or one before 1970.
    energies_ev
        One per image, in the order of acquisition.
    x_um, y_um
        Pixel centres along a row and from row to row.
    axis_names
        What the header calls x and y.
    channels
        Unit of each channel by its name, made safe, in the order of the file letters.
    images
        One per energy, in the order of acquisition.
    """

    header: Path
    uid: uuid.UUID
    number: int
    count: int
    label: str
    scan_type: str
    dwell_ms: float
    started_s: float
    energies_ev: tuple[float, ...]
    x_um: tuple[float, ...]
    y_um: tuple[float, ...]
    axis_names: tuple[str, str]
    channels: dict[str, str]
    images: tuple[Image, ...]

    def files(self, image: int) -> dict[str, Path]:
        """Return the file of each channel for one image.

        `<base>_<channel letter><image, 3 digits><region>.xim`; a single image has no image
        digits, a single region no region digit.
        """
        digits = f"{image:03d}" if len(self.energies_ev) > 1 else ""
        region = str(self.number) if self.count > 1 else ""
        base = self.header.with_suffix("")
        return {
            key: base.with_name(f"{base.name}_{chr(ord('a') + channel)}{digits}{region}.xim")
            for channel, key in enumerate(self.channels)
        }


def regions_of(path: Path, header: Block, digest: str) -> list[Region]:
    """Return the regions that a header describes.

    Parameters
    ----------
    path
        Where the header is; images lie beside it.
    header
        Its assignments.
    digest
        What makes its content unique.

    Raises
    ------
    DamagedFileError
        If it does not say what was scanned.
    RunRejected
        If it says something else than images at photon energies.
    """
    scan = header.get("ScanDefinition")
    if not isinstance(scan, dict):
        message = "it has no ScanDefinition"
        raise DamagedFileError(message)
    kind = f"{scan.get('Type', '')} / {scan.get('Flags', '')}"
    stack = scan.get("StackAxis")
    axis = str(stack.get("Name", "")) if isinstance(stack, dict) else ""
    if "image" not in kind.lower() or (axis and "energy" not in axis.lower()):
        message = (
            f"{path} is a scan of type {kind!r} along {axis or 'no axis'!r}; "
            "expected images at photon energies: choose an image or an image stack"
        )
        raise RunRejected(message)
    energies_ev = _energies_ev(header, stack if isinstance(stack, dict) else {})
    regions = [_block(region, "Regions") for region in entries(scan.get("Regions"), "Regions")]
    if not regions:
        message = "it has no region"
        raise DamagedFileError(message)
    channels = _channels(entries(scan.get("Channels"), "Channels"))
    started_s = _seconds(header.get("Time"))
    found: list[Region] = []
    for number, region in enumerate(regions):
        p_axis, q_axis = _block(region.get("PAxis"), "PAxis"), _block(region.get("QAxis"), "QAxis")
        x_um, y_um = _points_um(p_axis, "PAxis"), _points_um(q_axis, "QAxis")
        dwell_ms = _number(scan.get("Dwell"))
        frame_s = dwell_ms * 1e-3 * len(x_um) * len(y_um) if dwell_ms > 0 else 0.0
        found.append(
            Region(
                header=path,
                uid=uuid.uuid5(_NAMESPACE, f"{path.name} {digest} region {number}"),
                number=number,
                count=len(regions),
                label=str(scan.get("Label", path.stem)).removesuffix(".hdr"),
                scan_type=str(scan.get("Type", "")),
                dwell_ms=dwell_ms,
                started_s=started_s if np.isfinite(started_s) else 0.0,
                energies_ev=energies_ev,
                x_um=x_um,
                y_um=y_um,
                axis_names=(str(p_axis.get("Name", "x")), str(q_axis.get("Name", "y"))),
                channels=channels,
                images=_images(header, number, len(energies_ev), frame_s),
            )
        )
    return found


def _energies_ev(header: Block, stack: Block) -> tuple[float, ...]:
    """Return the energies of the stack axis; a single image may have its energy elsewhere."""
    if "Points" in stack:
        points = _numbers(stack.get("Points"), "StackAxis Points")
        if points:
            return points
    for place in ("Image000_0", "Image0", "Image1"):
        record = header.get(place)
        if isinstance(record, dict) and np.isfinite(_number(record.get("Energy"))):
            return (_number(record["Energy"]),)
    monochromator = header.get("Monochromator")
    if isinstance(monochromator, dict) and np.isfinite(_number(monochromator.get("LastPosition"))):
        return (_number(monochromator["LastPosition"]),)
    message = "it names no photon energy"
    raise DamagedFileError(message)


def _images(header: Block, region: int, count: int, frame_s: float) -> tuple[Image, ...]:
    """Return what is recorded of each image.

    Where the header has no time for an image, it is the time of the one before and as long
    as its pixels took.
    """
    records: dict[int, Block] = {0: header}
    first = 0 if "Image0" in header else 1
    for name, record in header.items():
        match = re.fullmatch(r"Image(\d+)(?:_(\d+))?", name)
        if match is None or not isinstance(record, dict):
            continue
        if match[2] is None:
            records[int(match[1]) - first] = record
        elif int(match[2]) == region:
            records[int(match[1])] = record
    begun_s: list[float] = []
    for index in range(count):
        time_s = _seconds(records.get(index, {}).get("Time"))
        if not np.isfinite(time_s):
            time_s = begun_s[-1] + frame_s if begun_s else 0.0
        begun_s.append(time_s)
    ended_s = _ends(begun_s, _beginnings(header) | set(begun_s), frame_s)
    # A current of 0.00 means that nobody asked the ring.
    currents_ma = [_number(records.get(index, {}).get("StorageRingCurrent")) for index in range(count)]
    return tuple(
        Image(begun, ended, current if current > 0 else float("nan"))
        for begun, ended, current in zip(begun_s, ended_s, currents_ma, strict=True)
    )


def _beginnings(header: Block) -> set[float]:
    """Return the times of all images of all regions: the next image of a region is not the next image."""
    times = {
        _seconds(record.get("Time"))
        for name, record in header.items()
        if name.startswith("Image") and isinstance(record, dict)
    }
    return {time_s for time_s in times if np.isfinite(time_s)}


def _ends(begun_s: list[float], beginnings_s: set[float], frame_s: float) -> list[float]:
    """Return when each image was finished.

    An image takes at least the dwell of its pixels, `frame_s`, and ten times that and a minute at
    most (of real ones 1.6 to 3.5 times); and none takes twice as long as the middle one, such a gap
    is a pause. What is out of these bounds is taken to have lasted as long as the middle one.
    """
    longest_s = 10 * frame_s + 60.0 if frame_s > 0 else np.inf
    moments = np.array(sorted(beginnings_s))
    following = np.searchsorted(moments, begun_s, side="right")
    known = following < moments.size
    took_s = np.full(len(begun_s), np.nan)
    took_s[known] = moments[following[known]] - np.array(begun_s)[known]
    # Times are recorded to the second.
    took_s[(took_s < frame_s - 1.0) | (took_s > longest_s)] = np.nan
    usual_s = float(np.median(took_s[np.isfinite(took_s)])) if np.isfinite(took_s).any() else frame_s
    took_s[~(took_s <= 2.0 * usual_s)] = usual_s
    return list(begun_s + took_s)


def _channels(listed: list[Value]) -> dict[str, str]:
    """Return the unit of each channel under a name that is safe as a key, in the order of the letters."""
    found: dict[str, str] = {}
    for number, item in enumerate(listed):
        channel = _block(item, "Channels")
        name = (
            re.sub(r"\W+", "_", str(channel.get("Name", "")), flags=re.ASCII).strip("_") or f"channel{number}"
        )
        if name in found or name in ("energy", "ring_current"):
            name = f"{name}_{number}"
        found[name] = str(channel.get("Unit", "counts"))
    if not found:
        message = "it names no channel"
        raise DamagedFileError(message)
    return found


def _block(value: Value | None, name: str) -> Block:
    if not isinstance(value, dict):
        message = f"its {name} is not a block"
        raise DamagedFileError(message)
    return value


def _points_um(axis: Block, name: str) -> tuple[float, ...]:
    unit = str(axis.get("Unit", ""))
    if unit not in _UM_PER_UNIT:
        message = f"its {name} is in {unit!r}, expected µm, nm or mm"
        raise DamagedFileError(message)
    points = _numbers(axis.get("Points"), f"{name} Points")
    if not points:
        message = f"its {name} has no points"
        raise DamagedFileError(message)
    return tuple(point * _UM_PER_UNIT[unit] for point in points)


def _numbers(value: Value | None, name: str) -> tuple[float, ...]:
    points = tuple(_number(point) for point in entries(value, name))
    if not np.isfinite(points).all():
        message = f"its list {name} holds something else than numbers"
        raise DamagedFileError(message)
    return points


def _number(value: Value | None) -> float:
    """Return `value` as a number; NaN if it is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")


def _seconds(value: Value | None) -> float:
    """Return a time such as "2007 December 14 18:52:26" in seconds since the epoch; NaN if it is none.

    Not by `strptime`, whose month names change with the locale.
    """
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[2].lower() not in _MONTHS:
        return float("nan")
    year, day, hour, minute, second = (int(match[group]) for group in (1, 3, 4, 5, 6))
    try:
        when = datetime(year, _MONTHS.index(match[2].lower()) + 1, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return float("nan")
    # A clock that was never set says 1904.
    return when.timestamp() if when.timestamp() >= 0 else float("nan")
