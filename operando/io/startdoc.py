"""What a start document says about the scan to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from operando.errors import RunRejected
from operando.settings import LayoutSettings
from operando.types import FloatArray, ScanGrid, ScanPlan

__all__ = ["Block", "block_of", "image_grid", "sample_of"]

_MAX_SIDE = 16384
_MAX_ENERGIES = 4096
_MAX_PIXELS = 2**31


@dataclass(frozen=True, slots=True)
class Block:
    """The `stxm` block of the ALS run-layout contract v1, checked.

    Attributes
    ----------
    grid, energies_ev, dwell_ms, cycles
        As in `ScanPlan`.
    data_field
        Key of the counts in the events.
    i0_field
        Key of the incident-beam channel, or None.
    """

    grid: ScanGrid
    energies_ev: FloatArray
    dwell_ms: FloatArray
    cycles: int | None
    data_field: str
    i0_field: str | None

    def plan(self, run: str, start: Mapping[str, Any]) -> ScanPlan:
        """Return the plan of the run that this block belongs to."""
        return ScanPlan(
            run=run,
            plan_name=str(start.get("plan_name", "")),
            sample=sample_of(start),
            grid=self.grid,
            energies_ev=self.energies_ev,
            dwell_ms=self.dwell_ms,
            cycles=self.cycles,
            started_s=float(start["time"]),
        )


def block_of(start: Mapping[str, Any], settings: LayoutSettings) -> Block | None:
    """Return the checked `stxm` block of a start document, or None if it has none.

    Parameters
    ----------
    start
        The start document.
    settings
        `data_field` and `i0_field` override the block's own.

    Raises
    ------
    RunRejected
        The block contradicts itself or lacks something.
    """
    if "stxm" not in start:
        return None
    block = start["stxm"]
    if not isinstance(block, Mapping):
        msg = f"the 'stxm' entry of the start document is a {type(block).__name__}; expected a block of keys"
        raise RunRejected(msg)
    missing = [key for key in ("shape", "energies", "x_extent", "y_extent", "data_field") if key not in block]
    if missing:
        msg = f"the 'stxm' block of the start document lacks {', '.join(missing)}"
        raise RunRejected(msg)
    if block.get("contract_version", 1) != 1:
        msg = (
            f"the 'stxm' block has contract version {block['contract_version']}; this program knows version 1"
        )
        raise RunRejected(msg)
    energies = _floats(block["energies"], "energies")
    shape = _floats(block["shape"], "shape")
    if shape.size != 3 or energies.ndim != 1 or shape[0] != energies.size:
        msg = (
            f"the 'stxm' block has shape {list(shape)} and {energies.size} energies; "
            "expected [energies, rows, columns]"
        )
        raise RunRejected(msg)
    _check_size(shape)
    if not (np.isfinite(energies).all() and (energies > 0).all()):
        msg = f"the 'stxm' block has an energy that is not a positive number: {list(energies)}"
        raise RunRejected(msg)
    series = start.get("operando")
    cycles = series.get("cycles", 1) if isinstance(series, Mapping) else 1
    i0_field = settings.i0_field or block.get("i0_field")
    return Block(
        grid=ScanGrid(
            x_um=_axis(block["x_extent"], int(shape[2]), "x_extent"),
            y_um=_axis(block["y_extent"], int(shape[1]), "y_extent"),
        ),
        energies_ev=energies,
        dwell_ms=_dwell(block.get("dwell_ms"), energies.size),
        cycles=None if cycles is None else int(cycles),
        data_field=settings.data_field or str(block["data_field"]),
        i0_field=None if i0_field is None else str(i0_field),
    )


def image_grid(start: Mapping[str, Any], shape: tuple[int, ...], pitch_um: float | None) -> ScanGrid:
    """Return the pixels of a whole-frame run: from its extents, or from a pitch in the profile.

    Raises
    ------
    RunRejected
        There is neither, or the image is larger than any microscope makes.
    """
    _check_size(np.array([1, *shape], dtype=np.float64))
    ny, nx = shape
    if "x_extent" in start and "y_extent" in start:
        return ScanGrid(_axis(start["x_extent"], nx, "x_extent"), _axis(start["y_extent"], ny, "y_extent"))
    if pitch_um is None:
        msg = (
            "the run does not say how large its pixels are; add x_extent and y_extent (µm) to its "
            "start document, or [layout] pitch_um to the profile"
        )
        raise RunRejected(msg)
    return ScanGrid(pitch_um * np.arange(nx, dtype=np.float64), pitch_um * np.arange(ny, dtype=np.float64))


def sample_of(start: Mapping[str, Any]) -> str:
    """Return the name of the sample, which may be a text or a block with a name; or ''."""
    sample = start.get("sample", start.get("sample_name", ""))
    if isinstance(sample, Mapping):
        sample = sample.get("name", "")
    return str(sample)


def _check_size(shape: FloatArray) -> None:
    good = (shape >= 1) & (shape == np.floor(shape))
    if not (
        good.all()
        and shape[0] <= _MAX_ENERGIES
        and shape[1:].max() <= _MAX_SIDE
        and shape.prod() <= _MAX_PIXELS
    ):
        msg = (
            f"the scan has the shape {list(shape)}; expected whole numbers, and at most {_MAX_PIXELS} pixels"
        )
        raise RunRejected(msg)


def _axis(extent: object, points: int, name: str) -> FloatArray:
    """Return pixel centres in µm from the first and the last one."""
    ends = _floats(extent, name)
    if ends.shape != (2,) or not np.isfinite(ends).all() or (points > 1 and ends[0] == ends[1]):
        msg = f"the 'stxm' block has {name} {extent!r}; expected the first and last position in µm"
        raise RunRejected(msg)
    return np.linspace(ends[0], ends[1], points)


def _dwell(dwell_ms: object, energies: int) -> FloatArray:
    """Return the dwell of each energy; a single one holds for all, none is NaN."""
    if dwell_ms is None:
        return np.full(energies, np.nan)
    dwells = _floats(dwell_ms, "dwell_ms")
    if dwells.ndim > 0 and dwells.size != energies:
        msg = f"the 'stxm' block has {dwells.size} dwells for {energies} energies; expected one, or one each"
        raise RunRejected(msg)
    return np.array(np.broadcast_to(dwells, (energies,)))


def _floats(value: object, name: str) -> FloatArray:
    if not isinstance(value, int | float | Sequence | np.ndarray) or isinstance(value, str):
        msg = f"the 'stxm' block has {name} {value!r}; expected numbers"
        raise RunRejected(msg)
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        msg = f"the 'stxm' block has {name} {value!r}; expected numbers"
        raise RunRejected(msg) from error
