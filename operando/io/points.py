"""Points of a grid scan on their way to lines: a row is a line when its last point has come.

A row that is still missing points when its run ends is a line too, NaN where nothing was measured.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from operando.errors import FrameRejected, RunRejected
from operando.io.grid_scan import Axis, Grid, grid_of, position_of
from operando.io.readings import incident_of, numbers_of, ring_current_of, text, time_of
from operando.io.startdoc import check_energies, check_size, sample_of, started_of
from operando.settings import LayoutSettings
from operando.types import FloatArray, Line, ScanGrid, ScanPlan

__all__ = ["Beside", "Points", "beside_of", "holds_points"]

_UM = {"mm": 1e3, "millimeter": 1e3, "nm": 1e-3, "nanometer": 1e-3, "m": 1e6}
"""Other units of length than µm, which is what a microscope's motors have."""
_SET_POINT = re.compile(r"[-_](user_)?setpoint$")


@dataclass(slots=True)
class _Row:
    """What has come of one row."""

    counts: FloatArray
    i0: FloatArray
    time_s: float = 0.0
    ring_current_ma: float = float("nan")


@dataclass(frozen=True, slots=True)
class _Roles:
    """Which axis of the grid is what: its number, or -1 for an energy that does not move."""

    energy: int
    y: int
    x: int


@dataclass(frozen=True, slots=True)
class Beside:
    """What was read before a scan, in the stream `baseline`.

    Attributes
    ----------
    data
        The readings that are numbers.
    keys
        Units of each by its name, as a descriptor has them.
    """

    data: dict[str, Any]
    keys: dict[str, Any]


def beside_of(data: Mapping[str, Any], keys: Mapping[str, Any]) -> Beside:
    """Return what is kept of an event of the stream `baseline`."""
    numbers = {
        str(key): float(value)
        for key, value in data.items()
        if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    }
    return Beside(numbers, {key: {"units": _unit(keys, key)} for key in numbers})


def holds_points(
    start: Mapping[str, Any], data: Mapping[str, Any], keys: Mapping[str, Any], settings: LayoutSettings
) -> bool:
    """Return whether a run is a grid scan of a counter that gives one number a point."""
    unread = [key for key in keys if "external" in _described(keys, key) and not _is_read(data.get(key))]
    if grid_of(start) is None or unread:
        return False
    if settings.data_field is not None and settings.data_field in data:
        return np.size(data[settings.data_field]) == 1
    return all(np.size(value) <= 1 for value in data.values() if not isinstance(value, str))


def _is_read(value: object) -> bool:
    """Return whether a reading is there, and not the name of where it lies."""
    return value is not None and not isinstance(value, str)


@dataclass(slots=True)
class Points:
    """The points of one run, and the rows that they are put together to.

    Parameters
    ----------
    run
        Its uid.
    start
        Its start document.
    settings
        Keys that are named there are not looked for.
    beside
        What was read before the scan; None where nothing was.
    """

    _run: str
    _start: Mapping[str, Any]
    _settings: LayoutSettings
    _beside: Beside | None = None
    _plan: ScanPlan | None = None
    _grid: Grid | None = None
    _roles: _Roles = field(default_factory=lambda: _Roles(-1, 0, 1))
    _data_field: str = ""
    _rows: dict[tuple[int, int], _Row] = field(default_factory=dict[tuple[int, int], _Row])

    def read(
        self, number: int, event: Mapping[str, Any], keys: Mapping[str, Any]
    ) -> Iterator[ScanPlan | Line]:
        """Yield the plan of the run at its first point, and a line at the last point of its row.

        Parameters
        ----------
        number
            The event's number, from 1.
        event, keys
            The event, and the data keys of its descriptor.

        Raises
        ------
        FrameRejected
            The event is no point of the scan.
        RunRejected
            Which motor or counter is what cannot be told, or the scan is too large.
        """
        data: Mapping[str, Any] = event["data"]
        plan, grid, roles = self._plan, self._grid, self._roles
        if plan is None or grid is None:
            plan, grid, roles = self._begin(number, data, keys)
            self._plan, self._grid, self._roles = plan, grid, roles
            yield plan
        counts = numbers_of(data, self._data_field)
        if counts.size != 1:
            msg = f"'{self._data_field}' has {counts.size} values; a point has one"
            raise FrameRejected(msg)
        i0 = incident_of(data, self._settings.i0_field, (1,))
        time_s = time_of(event, self._data_field)
        place = grid.place(number, data)
        energy = 0 if roles.energy < 0 else place[roles.energy]
        row, column = place[roles.y], place[roles.x]
        nx = plan.grid.x_um.size
        known = self._rows.setdefault((energy, row), _Row(np.full(nx, np.nan), np.full(nx, np.nan)))
        known.counts[column] = counts.item()
        known.i0[column] = np.nan if i0 is None else i0.item()
        known.time_s = max(known.time_s, time_s)
        known.ring_current_ma = ring_current_of(data)
        # A point that was measured as NaN has come as well; its row then waits for the end of the run.
        if np.isfinite(known.counts).all():
            yield self._line(energy, row)

    @property
    def is_at_one_energy(self) -> bool:
        """Whether the energy does not move during the run, once its first point has come."""
        return self._roles.energy < 0

    def rest(self) -> Iterator[Line]:
        """Yield the rows that lack points, as far as they came."""
        for (energy, row), known in self._rows.items():
            if not np.isfinite(known.counts).all():
                yield self._line(energy, row)

    def _line(self, energy: int, row: int) -> Line:
        known = self._rows[energy, row]
        i0 = known.i0.copy() if np.isfinite(known.i0).any() else None
        return Line(self._run, 0, energy, row, known.counts.copy(), i0, known.time_s, known.ring_current_ma)

    def _begin(
        self, number: int, data: Mapping[str, Any], keys: Mapping[str, Any]
    ) -> tuple[ScanPlan, Grid, _Roles]:
        grid = grid_of(self._start)
        if grid is None:
            msg = "the run is no grid scan; its points have no place in an image"
            raise RunRejected(msg)
        grid = _standing(grid, number, data)
        roles = _roles(grid, keys, self._settings.energy_key)
        counted = {key: value for key, value in data.items() if key != self._settings.i0_field}
        self._data_field = self._settings.data_field or _counter(self._start, grid, counted, keys)
        if roles.energy < 0:
            energies_ev = np.array([self._fixed_energy(data, keys)])
        else:
            axis = grid.axes[roles.energy]
            energies_ev = axis.positions * (1000.0 if _unit(keys, axis.motor) == "kev" else 1.0)
        check_energies(energies_ev, "the grid scan")
        x, y = grid.axes[roles.x], grid.axes[roles.y]
        check_size(np.array([energies_ev.size, y.positions.size, x.positions.size], dtype=np.float64))
        dwell_ms = np.nan if self._settings.dwell_ms is None else self._settings.dwell_ms
        plan = ScanPlan(
            run=self._run,
            plan_name=text(self._start.get("plan_name", "")),
            sample=sample_of(self._start),
            grid=ScanGrid(_in_um(x, keys), _in_um(y, keys)),
            energies_ev=energies_ev,
            dwell_ms=np.full(energies_ev.size, dwell_ms),
            cycles=1,
            started_s=started_of(self._start),
        )
        return plan, grid, roles

    def _fixed_energy(self, data: Mapping[str, Any], keys: Mapping[str, Any]) -> float:
        """Return the energy of a scan that has one, in eV: as it was read, or told at the start."""
        named = self._settings.energy_key
        beside = self._beside or Beside({}, {})
        for readings, described in ((data, keys), (beside.data, beside.keys)):
            key = _energy_key(readings, described, named)
            if key is not None:
                value = position_of(readings, key)
                return value * (1000.0 if _unit(described, key) == "kev" else 1.0)
        for key in (*([named] if named else ()), "energy_ev", "energy"):
            value = self._start.get(key)
            if isinstance(value, int | float) and not isinstance(value, bool):
                return float(value)
        msg = (
            "the grid scan does not say its energy: no motor, no reading, none in its baseline, no 'energy' "
            "in its start document; read the monochromator, or add energy (eV) to the metadata"
        )
        raise RunRejected(msg)


def _energy_key(readings: Mapping[str, Any], keys: Mapping[str, Any], named: str | None) -> str | None:
    """Return which reading is the photon energy: as the profile names it, else by its unit or its name.

    Raises
    ------
    RunRejected
        It may be several.
    """
    motors = dict.fromkeys(_SET_POINT.sub("", key) for key in readings)
    if named is not None:
        wanted = _SET_POINT.sub("", named)
        return wanted if wanted in motors else None
    by_unit = [key for key in motors if _unit(keys, key) in {"ev", "kev"}]
    found = by_unit or [key for key in motors if _is_energy(key, keys)]
    if len(found) > 1:
        msg = (
            f"which of {', '.join(text(key)[:60] for key in found[:20])} is the photon energy is not said; "
            "name it in the profile as [layout] energy_key"
        )
        raise RunRejected(msg)
    return found[0] if found else None


def _standing(grid: Grid, number: int, data: Mapping[str, Any]) -> Grid:
    """Return the grid where it stands: a relative one is moved to where its first point was measured."""
    if not any(axis.is_relative for axis in grid.axes):
        return grid
    if not grid.snaking and number != 1:
        msg = "the first point of a relative scan did not come, so where the scan stands is not known"
        raise RunRejected(msg)
    first = grid.place(number, data) if grid.snaking else (0,) * len(grid.axes)
    moved = [
        Axis(axis.motor, axis.positions + (position_of(data, axis.motor) - axis.positions[stop]), False)
        for axis, stop in zip(grid.axes, first, strict=True)
    ]
    return Grid(tuple(moved), grid.snaking)


def _roles(grid: Grid, keys: Mapping[str, Any], energy_key: str | None) -> _Roles:
    """Return which motor is what: the energy by its unit or name, x and y by their names or their speed."""
    names = [axis.motor for axis in grid.axes]
    energies = [
        number
        for number, name in enumerate(names)
        if (name == _SET_POINT.sub("", energy_key) if energy_key else _is_energy(name, keys))
    ]
    rest = [number for number in range(len(names)) if number not in energies]
    if len(energies) > 1 or len(rest) != 2:
        msg = (
            f"the grid scan moves {', '.join(names)}; expected two motors in the plane of the sample and at "
            "most one energy: name it in the profile as [layout] energy_key"
        )
        raise RunRejected(msg)
    slow, fast = rest
    if _letter(names[slow]) == "x" and _letter(names[fast]) == "y":
        slow, fast = fast, slow
    return _Roles(energies[0] if energies else -1, slow, fast)


def _is_energy(name: str, keys: Mapping[str, Any]) -> bool:
    return _unit(keys, name) in {"ev", "kev"} or any(word in name.lower() for word in ("energy", "mono"))


def _letter(name: str) -> str:
    """Return "x" or "y" if a name says which of them it is: `SampleX`, `sample_x`, `x`, `sx`; or ""."""
    last = name.lower()[-1:]
    return last if last in {"x", "y"} else ""


def _counter(start: Mapping[str, Any], grid: Grid, data: Mapping[str, Any], keys: Mapping[str, Any]) -> str:
    detectors = start.get("detectors")
    named = [str(name) for name in detectors] if isinstance(detectors, list | tuple) else []
    motors = {axis.motor for axis in grid.axes}
    own = [key for key in data if _SET_POINT.sub("", key) not in motors]
    for found in (
        [key for key in own if key in named],
        [key for key in own if _described(keys, key).get("object_name") in named],
        own,
    ):
        if len(found) == 1:
            return found[0]
    msg = (
        f"which of {', '.join(text(key)[:60] for key in sorted(own)[:20]) or 'no readings'} is the counter "
        "cannot be told; name it in the profile as [layout] data_field"
    )
    raise RunRejected(msg)


def _in_um(axis: Axis, keys: Mapping[str, Any]) -> FloatArray:
    return axis.positions * _UM.get(_unit(keys, axis.motor), 1.0)


def _unit(keys: Mapping[str, Any], key: str) -> str:
    return str(_described(keys, key).get("units") or "").lower()


def _described(keys: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    about = keys.get(key)
    return about if isinstance(about, Mapping) else {}
