"""SDF stacks (`.hdr` with its `.xim` images) as Bluesky documents, one run per region.

Written at ALS, MAX IV, UVSOR and MAXYMUS. An image is whitespace text, one row a line, and its
file appears when it is complete.
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from event_model import compose_run

from operando.errors import DamagedFileError, SourceUnreachable
from operando.io.sdf_header import parse
from operando.io.sdf_scan import regions_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from operando.io.sdf_scan import Region
    from operando.types import FloatArray

__all__ = ["read_sdf"]

_log = logging.getLogger(__name__)

_MOST_HEADER_BYTES = 2**24
_MOST_LETTERS = 40
"""Of a number and the blanks beside it; a float written out in full has 25."""


def read_sdf(path: str | Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the documents of the scan whose header is at `path`; images are read as they are asked for.

    Each region is a run of plan `sdf_stack` with whole frames: its start document has the block
    `stxm` of the ALS contract (extents in µm from the first to the last pixel centre), its events
    one float64 array (ny, nx) in counts per channel, `energy` in eV as in the header's stack axis
    and, if it was recorded at all, `ring_current` in mA (NaN for an image without it). `seq_num`
    is the number of the image from 1. Its time is that of its end, which the header does not say:
    the beginning of the next one, or as long as images take (see `sdf_scan`). An image that is
    missing or unreadable is left out, and the run then ends as "abort" with the images named. All
    uids follow from the file's name and header, so that replaying twice gives the same documents.

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
        yield from _documents(region)


def _documents(region: Region) -> Iterator[tuple[str, dict[str, Any]]]:
    shape = [len(region.y_um), len(region.x_um)]
    data_field = next(iter(region.channels))
    has_current = any(np.isfinite(image.ring_current_ma) for image in region.images)

    def uid(what: str) -> str:
        return str(uuid.uuid5(region.uid, what))

    metadata = {
        "plan_name": "sdf_stack",
        "sample": region.label,
        "detectors": list(region.channels),
        "motors": ["energy"],
        "stxm": {
            "contract_version": 1,
            "shape": [len(region.energies_ev), *shape],
            "energies": list(region.energies_ev),
            "dwell_ms": region.dwell_ms,
            "x_extent": [region.x_um[0], region.x_um[-1]],
            "y_extent": [region.y_um[0], region.y_um[-1]],
            "x_motor": region.axis_names[0],
            "y_motor": region.axis_names[1],
            "energy_motor": "energy",
            "data_field": data_field,
        },
        "sdf": {
            "file": region.header.name,
            "type": region.scan_type,
            "region": region.number,
            "regions": region.count,
            "time_zone": "not recorded; taken as UTC",
        },
    }
    run = compose_run(uid=str(region.uid), time=region.started_s, metadata=metadata)
    yield "start", dict(run.start_doc)

    source = f"SDF:{region.header.name}"
    data_keys: dict[str, Any] = {
        key: {"source": source, "dtype": "array", "shape": shape, "dtype_numpy": "<f8", "units": unit}
        for key, unit in region.channels.items()
    }
    data_keys["energy"] = {"source": source, "dtype": "number", "shape": [], "units": "eV"}
    if has_current:
        data_keys["ring_current"] = {"source": source, "dtype": "number", "shape": [], "units": "mA"}
    descriptor = run.compose_descriptor(
        name="primary", data_keys=data_keys, time=region.started_s, uid=uid("primary")
    )
    yield "descriptor", dict(descriptor.descriptor_doc)

    left_out: list[str] = []
    for number, (energy_ev, image) in enumerate(zip(region.energies_ev, region.images, strict=True)):
        data: dict[str, Any] = {}
        for key, file in region.files(number).items():
            try:
                data[key] = _read_xim(file, *shape)
            except (OSError, ValueError) as error:
                _log.warning("image %d of %s is left out: %s", number, region.header, error)
                left_out.append(str(error))
        if len(data) < len(region.channels):
            continue
        data["energy"] = energy_ev
        if has_current:
            data["ring_current"] = image.ring_current_ma
        event = descriptor.compose_event(
            data=data,
            timestamps=dict.fromkeys(data, image.ended_s),
            seq_num=number + 1,
            uid=uid(f"image {number}"),
            time=image.ended_s,
        )
        yield "event", dict(event)

    stop = run.compose_stop(
        exit_status="abort" if left_out else "success",
        reason="; ".join(left_out),
        uid=uid("stop"),
        time=region.images[-1].ended_s,
    )
    yield "stop", dict(stop)


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
