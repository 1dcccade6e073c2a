"""SDF stacks (`.hdr` with its `.xim` images) as Bluesky documents, one run per region.

Written at ALS, MAX IV, UVSOR and MAXYMUS. An image is whitespace text, one row a line, and its
file appears when it is complete.
"""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from operando.errors import DamagedFileError, SourceUnreachable
from operando.io.recording import RecordedImage, Recording, documents_of
from operando.io.sdf_header import parse
from operando.io.sdf_scan import regions_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from operando.io.sdf_scan import Region
    from operando.types import FloatArray

__all__ = ["read_sdf"]

_MOST_HEADER_BYTES = 2**24
_MOST_LETTERS = 40
"""Of a number and the blanks beside it; a float written out in full has 25."""


def read_sdf(path: str | Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the documents of the scan whose header is at `path`; images are read as they are asked for.

    Each region is a run of plan `sdf_stack` with whole frames (see `recording`): float64 arrays in counts
    per channel, `energy` as in the header's stack axis and, if it was recorded at all, `ring_current` (NaN
    for an image without it). The time of an image is that of its end, which the header does not say: the
    beginning of the next one, or as long as images take (see `sdf_scan`). All uids follow from the file's
    name and header.

    Raises
    ------
    SourceUnreachable
        If there is no such file.
    DamagedFileError
        If the header does not say what was scanned.
    RunRejected
        If it says something else than images at photon energies.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_HEADER_BYTES + 1)
    except OSError as error:
        message = f"there is no readable SDF header at {path}: {error.strerror}; check the name"
        raise SourceUnreachable(message) from error
    if len(content) > _MOST_HEADER_BYTES:
        message = f"{path} has more than {_MOST_HEADER_BYTES} bytes: it is not an SDF header"
        raise DamagedFileError(message)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")  # older programs wrote µ as one byte
    try:
        regions = regions_of(path, parse(text), hashlib.sha256(content).hexdigest())
    except DamagedFileError as error:
        message = f"{path} is not a complete SDF header: {error}"
        raise DamagedFileError(message) from error
    for region in regions:
        yield from documents_of(_recording(region))


def _recording(region: Region) -> Recording:
    return Recording(
        uid=region.uid,
        plan_name="sdf_stack",
        sample=region.label,
        source=f"SDF:{region.header.name}",
        started_s=region.started_s,
        energies_ev=region.energies_ev,
        dwell_ms=(region.dwell_ms,) * len(region.energies_ev),
        x_um=region.x_um,
        y_um=region.y_um,
        axis_names=region.axis_names,
        channels=region.channels,
        images=[
            RecordedImage(image.ended_s, image.ring_current_ma, partial(_read, region, number))
            for number, image in enumerate(region.images)
        ],
        origin={
            "sdf": {
                "file": region.header.name,
                "type": region.scan_type,
                "region": region.number,
                "regions": region.count,
                "time_zone": "not recorded; taken as UTC",
            }
        },
    )


def _read(region: Region, number: int) -> dict[str, FloatArray]:
    """Return the counts of all channels of one image; the errors name every file that is bad."""
    shape = len(region.y_um), len(region.x_um)
    data: dict[str, FloatArray] = {}
    bad: list[str] = []
    for key, file in region.files(number).items():
        try:
            data[key] = _read_xim(file, *shape)
        except (OSError, ValueError) as error:
            bad.append(str(error))
    if bad:
        raise ValueError("; ".join(bad))
    return data


def _read_xim(path: Path, ny: int, nx: int) -> FloatArray:
    """Return the counts of one image, shape (ny, nx); the errors are sentences that name the file."""
    if not path.is_file():
        message = f"{path.name} is missing"
        raise FileNotFoundError(message)
    if path.stat().st_size > _MOST_LETTERS * ny * (nx + 1):
        message = f"{path.name} has {path.stat().st_size} bytes, expected {ny} rows of {nx} values"
        raise ValueError(message)
    rows = [line.split() for line in path.read_text("latin-1").splitlines()]
    rows = [row for row in rows if row]
    lengths = {len(row) for row in rows}
    if len(rows) != ny or lengths != {nx}:
        found = f"{len(rows)} rows of {' or '.join(map(str, sorted(lengths))) or 0}"
        message = f"{path.name} has {found} values, expected {ny} rows of {nx}"
        raise ValueError(message)
    try:
        return np.array(rows, dtype=np.float64)
    except ValueError as error:
        message = f"{path.name} holds something else than numbers ({error})"
        raise ValueError(message) from error
