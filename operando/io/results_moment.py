"""One cycle of a results file as the snapshot that the screen showed of it, for pictures and the history."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from operando.cell import CellRecord, Comparison
from operando.core.incident import IncidentMode
from operando.errors import ConfigurationError
from operando.io.hdf5 import array_at, dataset_at, group_at, scalar_at
from operando.io.results import entry_of, summary_in
from operando.io.results_layout import BESIDE_THE_MAP, QUANTITIES
from operando.io.results_regions import read_regions
from operando.io.results_tables import Table, read_table
from operando.particles import Character, ParticleCurve, ParticleField, ParticleResult
from operando.types import Light, LithiationMap, Progress, Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    import h5py
    from numpy.typing import NDArray

    from operando.io.results import Summary
    from operando.types import FloatArray, ScanPlan

__all__ = ["read_moment", "read_rows", "read_settings"]


def read_moment(path: str | Path, cycle: int | None = None) -> Snapshot:
    """Return a cycle of the results file at `path` as a snapshot.

    The regions are as they were when they were last written, whichever the cycle. Optical densities are
    NaN in a file from before they were kept.

    Parameters
    ----------
    path
        A results file.
    cycle
        Which, from 0; None for the last.

    Raises
    ------
    ConfigurationError
        The file has no such cycle.
    SourceUnreachable, DamagedFileError
        There is no such file, or it is no results file.
    """
    with entry_of(Path(path)) as entry:
        summary = summary_in(entry)
        cycles = array_at(entry, "lithiation/cycle")
        wanted = cycles[-1:] if cycle is None else cycles[cycles == cycle]
        if not wanted.size:
            which = "a finished cycle" if cycle is None else f"cycle {cycle + 1}"
            there = ", ".join(str(number + 1) for number in cycles[:20].tolist()) or "none"
            msg = f"{path} does not hold {which}; it has: {there}"
            raise ConfigurationError(msg)
        return _snapshot(entry, summary, int(np.flatnonzero(cycles == wanted[0])[0]))


def read_settings(path: str | Path) -> dict[str, str | float | int]:
    """Return the settings that the results at `path` were made with.

    Raises
    ------
    SourceUnreachable, DamagedFileError
        As `read_moment`.
    """
    with entry_of(Path(path)) as entry:
        settings = group_at(entry, "process/settings")
        return {str(key): scalar_at(settings, str(key)) for key in settings}


def read_rows(path: str | Path) -> list[tuple[int, tuple[FloatArray, FloatArray, FloatArray | None]]]:
    """Return of every cycle of the file at `path` when its rows were taken, its I0 and ring current.

    Returns
    -------
    list of (cycle, (time_s, i0, ring_current_ma))
        Shapes (energy, ny), (energy,) and (energy, ny); times are NaN in a file from before they were kept,
        the ring current is None where no document said it.

    Raises
    ------
    SourceUnreachable, DamagedFileError
        As `read_moment`.
    """
    with entry_of(Path(path)) as entry:
        cycles, i0 = array_at(entry, "lithiation/cycle"), array_at(entry, "fit/i0")
        if "fit/row_time_s" not in entry:
            return []
        time_s = array_at(entry, "fit/row_time_s")
        ring_ma = array_at(entry, "fit/ring_current_ma").astype(np.float64)
        return [
            (int(cycle), (time_s[row], i0[row], ring_ma[row] if np.isfinite(ring_ma[row]).any() else None))
            for row, cycle in enumerate(cycles)
        ]


def _snapshot(entry: h5py.Group, summary: Summary, row: int) -> Snapshot:
    plan = summary.plan
    shape = plan.stack_shape

    def one(place: str, of_shape: tuple[int, ...]) -> NDArray[Any]:
        """Return a quantity of the cycle; as unknown where the file is older than it."""
        if place not in entry:
            return np.full(of_shape, np.nan)
        found = np.asarray(dataset_at(entry, place)[row])
        return found.astype(np.float64) if found.dtype.kind == "f" else found

    energies, ny, nx = shape
    sizes: dict[str, int] = {
        "energy": energies,
        "y": ny,
        "x": nx,
        "pair": 2,
        "phase": len(summary.phases.names),
    }
    values: dict[str, Any] = {
        quantity.name: one(quantity.place, tuple(sizes[dim] for dim in quantity.dims))
        for quantity in QUANTITIES
        if quantity.name not in BESIDE_THE_MAP and quantity.name != "valid"
    }
    values |= {"cycle": int(values["cycle"]), "time_s": float(values["time_s"])}
    values["is_provisional"] = bool(values["is_provisional"])
    fitted = LithiationMap(**values)
    row_time_s = one("fit/row_time_s", shape[:2])
    ring_ma = one("fit/ring_current_ma", shape[:2])
    known = row_time_s[np.isfinite(row_time_s)]
    lines = plan.lines_planned
    marked = read_regions(entry)
    return Snapshot(
        plan=plan,
        progress=Progress(
            cycle=fitted.cycle,
            energy=shape[0] - 1,
            row=shape[1] - 1,
            lines_seen=sum(plan.lines_in(cycle) for cycle in range(fitted.cycle + 1)),
            lines_planned=lines,
            last_line_s=float(known.max()) if known.size else fitted.time_s,
            cycle_remaining_s=float("nan"),
            run_remaining_s=float("nan"),
            is_closed=True,
            exit_status="recorded",
        ),
        map=fitted,
        frame=None,
        od=one("fit/od", shape),
        od_error=one("fit/od_errors", shape),
        row_time_s=row_time_s,
        i0=one("fit/i0", shape[:1]),
        i0_mode=_i0_mode(entry, plan),
        blank=np.zeros(shape[1:], np.bool_),
        phases=summary.phases,
        curve=summary.curve,
        regions=marked.regions,
        unmasked_curve=marked.unmasked_curve,
        ring_current_ma=ring_ma if np.isfinite(ring_ma).any() else None,
        particles=_particles(entry, fitted.cycle, one("particles/labels", shape[1:])),
        cell=_cell(entry, fitted.cycle),
    )


def _i0_mode(entry: h5py.Group, plan: ScanPlan) -> str:
    """Return where I0 was taken from: what the settings ask for gives way to reference frames of the run."""
    if plan.light is Light.REFERENCES:
        return IncidentMode.REFERENCES.value
    place = "process/settings/i0_mode"
    return str(scalar_at(entry, place)) if place in entry else ""


def _particles(entry: h5py.Group, cycle: int, labels: NDArray[Any]) -> ParticleField | None:
    """Return the particles that were ever found, with what the table has of them; None of none."""
    table = read_table(entry, "particles")
    numbers = np.unique(table.columns["number"])
    if not numbers.size:
        return None
    here = np.nan_to_num(labels).astype(np.int32)
    return ParticleField(cycle, here, tuple(_particle(table, int(number), cycle) for number in numbers))


def _particle(table: Table, number: int, cycle: int) -> ParticleResult:
    own = table.columns["number"] == number
    rows = {name: values[own] for name, values in table.columns.items()}
    upto = np.flatnonzero(rows["cycle"] <= cycle)
    last: Mapping[str, Any] = {name: values[upto[-1] if upto.size else 0] for name, values in rows.items()}
    return ParticleResult(
        number=number,
        pixels=int(last["pixels"]),
        centre_um=(float(last["y_um"]), float(last["x_um"])),
        area_um2=float(last["area_um2"]),
        lithium=float(last["lithium"]),
        lithium_error=float(last["lithium_errors"]),
        thickness=float(last["thickness"]),
        histogram=np.empty(0),
        active=float(last["active"]),
        active_error=float(last["active_errors"]),
        rate_per_h=float(last["rate_per_h"]),
        rate_error_per_h=float(last["rate_errors_per_h"]),
        front_um_per_h=float(last["front_um_per_h"]),
        front_error_um_per_h=float(last["front_errors_um_per_h"]),
        character=Character(str(last["character"])),
        front=None,
        is_cut=bool(last["is_cut"]),
        curve=ParticleCurve(
            cycle=rows["cycle"],
            time_s=rows["time_s"],
            lithium=rows["lithium"],
            lithium_error=rows["lithium_errors"],
            active=rows["active"],
            active_error=rows["active_errors"],
            front_um=rows["front_um"],
            front_error_um=rows["front_errors_um"],
        ),
    )


def _cell(entry: h5py.Group, cycle: int) -> CellRecord | None:
    columns = read_table(entry, "cell").columns
    if not columns["time_s"].size:
        return None
    charge = read_table(entry, "charge").of_cycle(cycle)
    is_compared = bool(charge["cycle"].size)
    comparison = (
        Comparison(**{name: float(values[0]) for name, values in charge.items() if name != "cycle"})
        if is_compared
        else None
    )
    none = np.empty(0)
    return CellRecord(
        time_s=columns["time_s"],
        voltage_v=columns["voltage_v"],
        current_ma=columns["current_ma"],
        charge_mah=columns["charge_mah"],
        expected_lithium=columns["expected_lithium"],
        comparison=comparison,
        bin_v=none,
        charge_mah_per_v=none,
        lithium_per_v=none,
    )
