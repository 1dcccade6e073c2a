"""Writes raw stacks as SDF: a `.hdr` and an `.xim` for each image and channel, one header a cycle."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from operando.errors import ConfigurationError, OperandoError
from operando.io.rawstack import RawStack
from operando.types import FloatArray

__all__ = ["write_sdf"]

_MAX_IMAGES = 1000
"""The number of an image in the name of its file has three digits."""
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def write_sdf(path: str | Path, stacks: Iterable[RawStack]) -> int:
    """Write stacks as `path` (`NAME.hdr`), `NAME-2.hdr`, `NAME-3.hdr`, …, and return how many there were.

    The images are written before the header that names them. The format knows one time an image, that of its
    beginning, to the second; a row that never came is written as NaN.

    Raises
    ------
    ConfigurationError
        A file of that name exists: recorded data are not written over.
    OperandoError
        There was no stack, one has more images than the names of the files can count, or a file cannot be
        written.
    """
    path = Path(path)
    number = 0
    try:
        for number, stack in enumerate(stacks, 1):
            header = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
            _write(header, stack)
    except OSError as error:
        if isinstance(error, OperandoError):
            raise  # of the source
        msg = f"{path} cannot be written: {error}; check the folder and the room on its disk"
        raise OperandoError(msg) from error
    if not number:
        msg = f"there was no image to write into {path}; is the source a scan?"
        raise OperandoError(msg)
    return number


def _write(header: Path, stack: RawStack) -> None:
    if header.exists():
        msg = f"{header} exists already; choose another name"
        raise ConfigurationError(msg)
    images = stack.plan.energies_ev.size
    if images > _MAX_IMAGES:
        msg = (
            f"the run has {images} energies, and SDF counts images to {_MAX_IMAGES - 1}; write NXstxm instead"
        )
        raise OperandoError(msg)
    channels = {"a": stack.counts} | ({} if stack.i0 is None else {"b": stack.i0})
    for letter, counts in channels.items():
        for image in range(images):
            digits = f"{image:03d}" if images > 1 else ""
            _write_xim(header.with_name(f"{header.stem}_{letter}{digits}.xim"), counts[image])
    header.write_text(_header(header, stack, has_i0=stack.i0 is not None), encoding="utf-8")


def _write_xim(path: Path, counts: FloatArray) -> None:
    # As many digits as bring back the same number.
    rows = ("\t".join(f"{value:.17g}" for value in row) for row in counts.tolist())
    path.write_text("".join(f"{row}\n" for row in rows), encoding="ascii")


def _header(header: Path, stack: RawStack, *, has_i0: bool) -> str:
    plan = stack.plan
    begun_s = _begun_s(stack)
    dwell = f"Dwell = {plan.dwell_ms[0]:.17g};" if np.isfinite(plan.dwell_ms[0]) else ""
    names = ("Counter", "I0") if has_i0 else ("Counter",)
    channels = ", ".join(f'{{ Name = "{name}"; Unit = "counts";}}' for name in names)
    # 0.00 means that nobody asked the ring.
    images = "\n".join(
        f"Image{image:03d}_0 = {{StorageRingCurrent = 0.00; Energy = {energy_ev:.17g}; "
        f'Time = "{_when(time_s)}";}};'
        for image, (energy_ev, time_s) in enumerate(zip(plan.energies_ev.tolist(), begun_s, strict=True))
    )
    kind = "Image Stack" if plan.energies_ev.size > 1 else "Image"
    return f"""
ScanDefinition = {{ Label = "{header.name}"; Type = "NEXAFS Image Scan"; Flags = "{kind}"; {dwell}
Regions = (1, {{
PAxis = {_axis("Sample X", plan.grid.x_um)};
QAxis = {_axis("Sample Y", plan.grid.y_um)};
}});
StackAxis = {_axis("Energy", plan.energies_ev, "eV")};
Channels = ({len(names)}, {channels});
}};
Time = "{_when(min(begun_s))}";
{images}
"""


def _axis(name: str, values: FloatArray, unit: str = "um") -> str:
    return f'{{ Name = "{name}"; Unit = "{unit}"; {_ends(values)} Points = {_points(values)}; }}'


def _ends(values: FloatArray) -> str:
    direction = -1 if values[-1] < values[0] else 1
    return f"Min = {values.min():.17g}; Max = {values.max():.17g}; Dir = {direction};"


def _points(values: FloatArray) -> str:
    return f"({values.size}, {', '.join(f'{value:.17g}' for value in values.tolist())})"


def _begun_s(stack: RawStack) -> list[float]:
    """Return when each image was begun: with its first row that is known, or with the image before."""
    begun_s: list[float] = []
    for times_s in stack.row_time_s:
        known_s = times_s[~np.isnan(times_s)]
        before_s = begun_s[-1] if begun_s else stack.plan.started_s
        begun_s.append(float(known_s.min()) if known_s.size else before_s)
    return begun_s


def _when(time_s: float) -> str:
    when = datetime.fromtimestamp(time_s, UTC)
    return f"{when.year} {_MONTHS[when.month - 1]} {when:%d %H:%M:%S}"
