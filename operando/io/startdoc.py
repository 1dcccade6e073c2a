"""What a start document says about the scan to come."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from operando.errors import FrameRejected, RunRejected
from operando.io.readings import is_time, text, whole
from operando.settings import LayoutSettings
from operando.types import FloatArray, ScanGrid, ScanPlan, SeriesPart

__all__ = [
    "Block",
    "block_of",
    "check_energies",
    "check_size",
    "extent_axis",
    "floats_of",
    "image_grid",
    "part_of",
    "sample_of",
    "started_of",
]

_MAX_SIDE = 16384
_MAX_ENERGIES = 4096
_MAX_VALUES = 2**26
"""Energies × rows × columns. A hundred arrays of this size are held at times; one is 0.5 GB."""
_MAX_UM = 1e9
_MAX_CYCLES_BETWEEN = 1000
_SINGLE_STACK = "stxm_energy_stack"
"""The plan of the ALS contract that visits its energies once."""


@dataclass(frozen=True, slots=True)
class Block:
    """The `stxm` block of the ALS run-layout contract v1, checked.

    Attributes
    ----------
    grid, energies_ev, dwell_ms, cycles, every
        As in `ScanPlan`.
    data_field
        Key of the counts in the events.
    i0_field
        Key of the incident-beam channel, or None.
    is_amplitude
        Whether its images are moduli of a wave.
    """

    grid: ScanGrid
    energies_ev: FloatArray
    dwell_ms: FloatArray
    cycles: int | None
    every: tuple[int, ...]
    data_field: str
    i0_field: str | None
    is_amplitude: bool = False

    def plan(self, run: str, start: Mapping[str, Any]) -> ScanPlan:
        """Return the plan of the run that this block belongs to."""
        return ScanPlan(
            run=run,
            plan_name=text(start.get("plan_name", "")),
            sample=sample_of(start),
            grid=self.grid,
            energies_ev=self.energies_ev,
            dwell_ms=self.dwell_ms,
            cycles=self.cycles,
            started_s=started_of(start),
            every=self.every,
            part=part_of(start),
        )


def block_of(start: Mapping[str, Any], settings: LayoutSettings) -> Block | None:
    """Return the checked `stxm` block of a start document, or None if it has none.

    Parameters
    ----------
    start
        The start document.
    settings
        `data_field` and `i0_field` override the block's own; `dwell_ms` stands in where it has none.

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
        version = reprlib.repr(block["contract_version"])
        msg = f"the 'stxm' block has contract version {version}; this program knows version 1"
        raise RunRejected(msg)
    energies = floats_of(block["energies"], "energies")
    shape = floats_of(block["shape"], "shape")
    if shape.shape != (3,) or energies.ndim != 1 or shape[0] != energies.size:
        msg = (
            f"the 'stxm' block has shape {reprlib.repr(shape.tolist())} and {energies.size} energies; "
            "expected [energies, rows, columns]"
        )
        raise RunRejected(msg)
    check_size(shape)
    check_energies(energies, "the 'stxm' block")
    i0_field = settings.i0_field or block.get("i0_field")
    return Block(
        grid=ScanGrid(
            x_um=extent_axis(block["x_extent"], int(shape[2]), "x_extent"),
            y_um=extent_axis(block["y_extent"], int(shape[1]), "y_extent"),
        ),
        energies_ev=energies,
        dwell_ms=_dwell(block.get("dwell_ms"), energies.size, settings.dwell_ms),
        cycles=_cycles(start),
        every=_every(start, energies.size),
        data_field=settings.data_field or str(block["data_field"]),
        i0_field=None if i0_field is None else str(i0_field),
        is_amplitude=block.get("quantity") == "amplitude",
    )


def image_grid(start: Mapping[str, Any], shape: tuple[int, ...], pitch_um: float | None) -> ScanGrid:
    """Return the pixels of a whole-frame run: from its extents, or from a pitch in the profile.

    Raises
    ------
    RunRejected
        There is neither, or the image is larger than can be held.
    """
    check_size(np.array([1, *shape], dtype=np.float64))
    ny, nx = shape
    if "x_extent" in start and "y_extent" in start:
        return ScanGrid(
            extent_axis(start["x_extent"], nx, "x_extent"), extent_axis(start["y_extent"], ny, "y_extent")
        )
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
    return text(sample)


def part_of(start: Mapping[str, Any]) -> SeriesPart:
    """Return which part of a series of several regions a run is."""
    series = start.get("operando")
    if not isinstance(series, Mapping):
        return SeriesPart()
    return SeriesPart(*(text(series.get(name, "")) for name in ("series", "region", "role")))


def started_of(start: Mapping[str, Any]) -> float:
    """Return when a run began, in seconds since 1970.

    Raises
    ------
    RunRejected
        Its start document does not say, or says what no calendar has.
    """
    time_s = start.get("time")
    if not is_time(time_s):
        msg = f"the start document has the time {reprlib.repr(time_s)}; expected seconds since 1970"
        raise RunRejected(msg)
    return float(time_s)


def check_size(shape: FloatArray) -> None:
    """Refuse a scan of this many energies, rows and columns if it is none, or too large to be held.

    Raises
    ------
    RunRejected
        It is.
    """
    good = np.isfinite(shape) & (shape >= 1) & (shape == np.floor(shape))
    if not (
        good.all()
        and shape[0] <= _MAX_ENERGIES
        and shape[1:].max() <= _MAX_SIDE
        and shape.prod() <= _MAX_VALUES
    ):
        msg = (
            f"the scan has the shape {shape.tolist()} (energies, rows, columns); expected whole numbers from "
            f"1 on, at most {_MAX_ENERGIES} energies, {_MAX_SIDE} rows or columns, and {_MAX_VALUES} values "
            "in all: scan a smaller field, or fewer energies"
        )
        raise RunRejected(msg)


def check_energies(energies_ev: FloatArray, where: str) -> None:
    """Refuse energies that no monochromator has.

    Raises
    ------
    RunRejected
        One is not a positive number.
    """
    if not (np.isfinite(energies_ev).all() and (energies_ev > 0).all()):
        found = reprlib.repr(energies_ev.tolist())
        msg = f"{where} has an energy that is not a positive number: {found}"
        raise RunRejected(msg)


def _cycles(start: Mapping[str, Any]) -> int | None:
    """Return how often the energies are visited; None where nobody knows."""
    # The contract does not say it. One too few would refuse all that comes after, so it is not guessed.
    otherwise = 1 if start.get("plan_name") == _SINGLE_STACK else None
    series = start.get("operando")
    value = series.get("cycles", otherwise) if isinstance(series, Mapping) else otherwise
    if value is None:
        return None
    try:
        cycles = whole(value, "operando.cycles")
    except FrameRejected as error:
        raise RunRejected(f"the start document cannot be used: {error}") from error
    if cycles < 1:
        msg = f"the start document says {cycles} cycles (operando.cycles); expected 1 or more, or none at all"
        raise RunRejected(msg)
    return cycles


def _every(start: Mapping[str, Any], energies: int) -> tuple[int, ...]:
    """Return in which cycles each energy is visited; empty where all are in every cycle."""
    series = start.get("operando")
    value = series.get("every") if isinstance(series, Mapping) else None
    if value is None:
        return ()
    steps = floats_of(value, "operando.every")
    if (
        steps.shape != (energies,)
        or not ((steps >= 1) & (steps <= _MAX_CYCLES_BETWEEN) & (steps % 1 == 0)).all()
    ):
        msg = (
            f"the start document has operando.every {reprlib.repr(value)}; expected for each of "
            f"{energies} energies a whole number from 1 to {_MAX_CYCLES_BETWEEN}, or none at all"
        )
        raise RunRejected(msg)
    return tuple(int(step) for step in steps) if (steps > 1).any() else ()


def extent_axis(extent: object, points: int, name: str) -> FloatArray:
    """Return pixel centres in µm, shape (points,), from the first and the last one.

    Raises
    ------
    RunRejected
        They are no positions.
    """
    ends = floats_of(extent, name)
    if ends.shape != (2,) or not (np.abs(ends) <= _MAX_UM).all() or (points > 1 and ends[0] == ends[1]):
        found = reprlib.repr(extent)
        msg = f"the start document has {name} {found}; expected the first and last position in µm"
        raise RunRejected(msg)
    return np.linspace(ends[0], ends[1], points)


def _dwell(dwell_ms: object, energies: int, otherwise_ms: float | None) -> FloatArray:
    """Return the dwell of each energy: a single one holds for all; what is no duration is not known."""
    dwells = floats_of(np.nan if dwell_ms is None else dwell_ms, "dwell_ms")
    if dwells.ndim > 0 and dwells.shape != (energies,):
        msg = f"the 'stxm' block has {dwells.size} dwells for {energies} energies; expected one, or one each"
        raise RunRejected(msg)
    unknown = np.nan if otherwise_ms is None else otherwise_ms
    return np.where(np.isfinite(dwells) & (dwells > 0), dwells, np.full(energies, unknown))


def floats_of(value: object, name: str) -> FloatArray:
    """Return an entry of a start document as numbers, in the shape it came in.

    Raises
    ------
    RunRejected
        It is made of something else.
    """
    msg = f"the start document has {name} {reprlib.repr(value)}; expected numbers"
    if not isinstance(value, int | float | Sequence | np.ndarray) or isinstance(value, str | bytes):
        raise RunRejected(msg)
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise RunRejected(msg) from error
