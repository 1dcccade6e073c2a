"""Whole frames of a run that did not say its energies: they are learned as they come.

One event is one image, with its energy under another key. The first energy that comes back
closes the first cycle; from then on the run has the energies it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from operando.core.energies import SAME_ENERGY_EV
from operando.errors import FrameRejected, RunRejected
from operando.io.readings import (
    dwell_of,
    incident_of,
    numbers_of,
    ring_current_of,
    text,
    time_of,
    without_leading,
)
from operando.io.startdoc import check_size, image_grid, sample_of, started_of
from operando.settings import LayoutSettings
from operando.types import FloatArray, Line, ScanPlan

__all__ = ["AMPLITUDE", "Frames", "energy_beside", "grown", "image_beside", "lines_of"]

AMPLITUDE = "amplitude"
"""The units of the data key of an image that is the modulus of a wave."""

_MAX_PLACES = 8192
"""Frames that are known when they come again after a pause; more than are kept to be fitted."""
_SAME_SET_POINT_EV = 0.01
"""Set points come back as they were, but for the rounding of a monochromator's angle."""
_FAR_FROM_SET_POINT_EV = 0.1
"""A read-back farther off than it scatters (0.03 eV), and less than the steps of a fine scan."""
_SET_POINTS = ("_setpoint", "_user_setpoint", "-setpoint", "-user_setpoint")
"""How ophyd and ophyd-async name the set point beside a read-back."""


@dataclass(slots=True)
class Frames:
    """The frames of one run on their way to cycles and energies.

    Parameters
    ----------
    run
        Its uid.
    start
        Its start document.
    settings
        Keys that are named there are not looked for.

    Attributes
    ----------
    is_amplitude
        Whether its images are moduli of a wave, as the units of their data key say.
    """

    _run: str
    _start: Mapping[str, Any]
    _settings: LayoutSettings
    _plan: ScanPlan | None = None
    _data_field: str = ""
    _energy_key: str = ""
    _cycle: int = 0
    _visited: set[int] = field(default_factory=set[int])
    _places: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    is_amplitude: bool = False

    def read(
        self, number: int, event: Mapping[str, Any], keys: Mapping[str, Any]
    ) -> Iterator[ScanPlan | Line]:
        """Yield the lines of a frame, and before them the plan of the run where it changed.

        Parameters
        ----------
        number
            The event's number, from 1.
        event, keys
            The event, and the data keys of its descriptor.

        Raises
        ------
        FrameRejected
            The event holds no image that fits into the run.
        RunRejected
            No key of the events is an image or an energy, or the scan is too large.
        """
        data: Mapping[str, Any] = event["data"]
        settings = self._settings
        if self._plan is None:
            self._energy_key = settings.energy_key or _energy_key(self._start, keys, data)
            self._data_field = settings.data_field or _image_key(data, keys, settings.i0_field)
            _check_named(data, self._energy_key, self._data_field)
            self.is_amplitude = _unit(keys, self._data_field) == AMPLITUDE
        counts = self._image(data)
        energy_ev, same_ev = _energy_of(data, keys, self._energy_key, settings.energy_key is None)
        i0 = incident_of(data, settings.i0_field, counts.shape)
        time_s = time_of(event, self._data_field)
        plan = self._plan or self._first_plan(counts.shape, energy_ev)
        if number in self._places:
            # Sent again after a pause: it stays where it was.
            energy = self._places[number][1]
        else:
            energy = int(np.argmin(np.abs(plan.energies_ev - energy_ev)))
            if abs(plan.energies_ev[energy] - energy_ev) > same_ev:
                energy = plan.energies_ev.size
                plan = grown(plan, energy_ev, self._dwell_ms)
        place = self._place(number, energy)
        if plan.is_open and place[0] > 0:
            # An energy came back, so the first cycle had them all.
            plan = replace(plan, is_open=False)
        if plan is not self._plan:
            self._plan = plan
            yield plan
        for line in lines_of(plan, place, counts, i0, time_s):
            yield replace(line, dwell_ms=dwell_of(data), ring_current_ma=ring_current_of(data))

    def _image(self, data: Mapping[str, Any]) -> FloatArray:
        counts = numbers_of(data, self._data_field)
        if self._plan is not None:
            image = self._plan.grid.shape
            counts = without_leading(counts, image)
            if counts.shape != image:
                msg = f"'{self._data_field}' has the shape {counts.shape}; the images of the run have {image}"
                raise FrameRejected(msg)
        while counts.ndim > 2 and counts.shape[0] == 1:
            counts = counts[0]
        if counts.ndim != 2:
            # Said of the first event alone: a run of scalars beside the scans is no trouble.
            msg = f"'{self._data_field}' has {counts.ndim} dimensions; an image has 2"
            raise RunRejected(msg)
        return counts

    def _place(self, number: int, energy: int) -> tuple[int, int]:
        """Return cycle and energy of a frame; a cycle ends when one of its energies comes again."""
        if number not in self._places:
            if energy in self._visited:
                self._cycle += 1
                self._visited.clear()
            self._visited.add(energy)
            self._places[number] = (self._cycle, energy)
            if len(self._places) > _MAX_PLACES:
                del self._places[next(iter(self._places))]
        return self._places[number]

    def _first_plan(self, shape: tuple[int, ...], energy_ev: float) -> ScanPlan:
        return ScanPlan(
            run=self._run,
            plan_name=text(self._start.get("plan_name", "")),
            sample=sample_of(self._start),
            grid=image_grid(self._start, shape, self._settings.pitch_um),
            energies_ev=np.array([energy_ev]),
            dwell_ms=np.array([self._dwell_ms]),
            cycles=None,
            started_s=started_of(self._start),
            is_open=True,
        )

    @property
    def _dwell_ms(self) -> float:
        return float("nan") if self._settings.dwell_ms is None else self._settings.dwell_ms


def lines_of(
    plan: ScanPlan, place: tuple[int, int], counts: FloatArray, i0: FloatArray | None, time_s: float
) -> Iterator[Line]:
    """Yield the rows of an image, all at its one time.

    Parameters
    ----------
    plan
        Of the run.
    place
        Cycle and energy of the image.
    counts, i0
        Shape (ny, nx).
    time_s
        When the image was finished.
    """
    cycle, energy = place
    for row in range(counts.shape[0]):
        yield Line(plan.run, cycle, energy, row, counts[row], None if i0 is None else i0[row], time_s)


def energy_beside(
    start: Mapping[str, Any], data: Mapping[str, Any], keys: Mapping[str, Any], settings: LayoutSettings
) -> float:
    """Return the photon energy that stands in an event, in eV.

    Raises
    ------
    FrameRejected
        It is no energy.
    RunRejected
        No key of the event is one.
    """
    key = settings.energy_key or _energy_key(start, keys, data)
    return _energy_of(data, keys, key, settings.energy_key is None)[0]


def image_beside(data: Mapping[str, Any], keys: Mapping[str, Any], settings: LayoutSettings) -> str:
    """Return the key of the image in an event.

    Raises
    ------
    FrameRejected, RunRejected
        There is none, or which it is cannot be told.
    """
    named = settings.data_field
    return named if named is not None and named in data else _image_key(data, keys, settings.i0_field)


def _energy_of(
    data: Mapping[str, Any], keys: Mapping[str, Any], key: str, is_found: bool
) -> tuple[float, float]:
    """Return the photon energy of a frame, and how far another of the same energy may be from it, in eV.

    A set point beside the read-back is preferred, unless the profile names the key: it comes back
    exactly as it was, so that one energy is known from the next however the read-back scatters.
    The fit loses nothing by it, 0.03 eV are less than what a monochromator is calibrated to. Where
    the two are far apart the set point is another's, or stale, and the read-back counts.
    """
    energy_ev = _in_ev(data, keys, key)
    if not (np.isfinite(energy_ev) and energy_ev > 0):
        msg = f"an event has the energy {energy_ev}; it was skipped"
        raise FrameRejected(msg)
    beside = [key.removesuffix("_readback") + ending for ending in _SET_POINTS] if is_found else []
    for candidate in beside:
        if isinstance(data.get(candidate), int | float | np.integer | np.floating):
            set_point_ev = _in_ev(data, {candidate: keys.get(key, {}), **keys}, candidate)
            if abs(set_point_ev - energy_ev) <= _FAR_FROM_SET_POINT_EV:
                return set_point_ev, _SAME_SET_POINT_EV
    return energy_ev, SAME_ENERGY_EV


def _in_ev(data: Mapping[str, Any], keys: Mapping[str, Any], key: str) -> float:
    value = numbers_of(data, key)
    if value.size != 1:
        msg = f"the energy '{key}' has {value.size} values; expected one"
        raise FrameRejected(msg)
    return value.item() * (1000.0 if _unit(keys, key) == "kev" else 1.0)


def grown(plan: ScanPlan, energy_ev: float, dwell_ms: float) -> ScanPlan:
    """Return a plan with one more energy.

    Raises
    ------
    FrameRejected
        Its first cycle is over, and did not have it.
    RunRejected
        It would be larger than can be held.
    """
    if not plan.is_open:
        msg = (
            f"an event has the energy {energy_ev:.3f} eV, which the first cycle did not have "
            f"({plan.energies_ev.size} energies from {plan.energies_ev.min():.3f} to "
            f"{plan.energies_ev.max():.3f} eV); start a new run for other energies"
        )
        raise FrameRejected(msg)
    check_size(np.array([plan.energies_ev.size + 1, *plan.grid.shape], dtype=np.float64))
    return replace(
        plan,
        energies_ev=np.append(plan.energies_ev, energy_ev),
        dwell_ms=np.append(plan.dwell_ms, dwell_ms),
    )


def _unit(keys: Mapping[str, Any], key: str) -> str:
    return str(keys.get(key, {}).get("units", "")).lower()


def _energy_key(start: Mapping[str, Any], keys: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Return the key of the photon energy: by unit, then by hints, then by name."""
    by_unit = [key for key in data if _unit(keys, key) in {"ev", "kev"}]
    hinted = [key for fields, _ in start.get("hints", {}).get("dimensions", []) for key in fields]
    by_name = [key for key in data if "energy" in key.lower()]
    found = [key for key in hinted if key in by_unit or key in by_name] + by_name + by_unit
    # A set point alone is better than nothing.
    for key in sorted(found, key=lambda key: key.endswith(_SET_POINTS)):
        if key in data:
            return key
    msg = (
        f"no key of the events is an energy ({', '.join(sorted(data))}); "
        "name it in the profile as [layout] energy_key"
    )
    raise RunRejected(msg)


def _check_named(data: Mapping[str, Any], *names: str) -> None:
    """Refuse a run whose first event lacks a key: it is another kind of run than the profile is of."""
    absent = [name for name in names if name not in data]
    if absent:
        msg = (
            f"the events have no {' and no '.join(absent)}, which the profile names under [layout]; "
            f"they have {', '.join(sorted(data)) or 'nothing'}"
        )
        raise RunRejected(msg)


def _image_key(data: Mapping[str, Any], keys: Mapping[str, Any], i0_field: str | None) -> str:
    if pointed := [key for key, about in keys.items() if isinstance(about, Mapping) and "external" in about]:
        absent = [key for key in pointed if np.ndim(data.get(key, 0)) < 2]
        if len(absent) == len(pointed):
            msg = (
                f"the image '{text(absent[0])}' lies outside the documents and was not read; name its "
                "folder in the profile as [layout] asset_roots"
            )
            raise FrameRejected(msg)
    images = [key for key, value in data.items() if key != i0_field and np.ndim(value) >= 2]
    if len(images) == 1:
        return images[0]
    found = f"{len(images)} images ({', '.join(images)})" if images else "no image"
    msg = f"the events hold {found}; name the counter in the profile as [layout] data_field"
    raise RunRejected(msg)
