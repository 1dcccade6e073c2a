"""Bluesky documents to plans and lines: which key is what.

Three layouts are told apart by what the documents themselves hold, not by who wrote them:

* a `stxm` block in the start document and one event per line (ALS run-layout contract v1, and
  `operando_plans`, whose events also carry `cycle`, `energy_index` and `row`);
* a `stxm` block and one event per image;
* no block, one event per image with the energy beside it.

Where a descriptor and the data disagree, the data and the start document win.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from operando.errors import FrameRejected, RunRejected
from operando.io.startdoc import Block, block_of, image_grid, sample_of
from operando.settings import LayoutSettings
from operando.types import FloatArray, Line, RunClosed, ScanPlan

__all__ = ["DocumentReader", "Item", "Rejection"]

_STREAM = "primary"
_MAX_GAP = 100_000
_SAME_ENERGY_EV = 0.02
"""Read-backs of one set point scatter by 0.03 eV at most; neighbours in a scan are farther apart."""
_READ = frozenset({"start", "descriptor", "event", "event_page", "stop"})
_PASSED_OVER = frozenset({"resource", "datum", "datum_page", "stream_resource", "stream_datum"})


@dataclass(frozen=True, slots=True)
class Rejection:
    """A document that was refused: one line or frame, or a whole run."""

    run: str
    error: FrameRejected | RunRejected


Item: TypeAlias = ScanPlan | Line | RunClosed | Rejection


@dataclass(slots=True)
class _Sequence:
    """Which numbers of a stream have come."""

    highest: int = 0
    missing: set[int] = field(default_factory=set)
    repeated: int = 0

    def count(self, number: int) -> None:
        if number < 1 or number > self.highest + _MAX_GAP:
            msg = f"an event has seq_num {number} after {self.highest}; it is damaged"
            raise FrameRejected(msg)
        if number > self.highest:
            self.missing.update(range(self.highest + 1, number))
            self.highest = number
        elif number in self.missing:
            self.missing.remove(number)
        else:
            self.repeated += 1


@dataclass(slots=True)
class _Run:
    """What has been learned of one run."""

    uid: str
    start: Mapping[str, Any]
    block: Block | None
    plan: ScanPlan | None
    streams: dict[str, str] = field(default_factory=dict)
    keys: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    sequence: _Sequence = field(default_factory=_Sequence)
    places: dict[int, tuple[int, int]] = field(default_factory=dict)
    visits: dict[int, int] = field(default_factory=dict)
    is_refused: bool = False


class DocumentReader:
    """Turn documents of any number of interleaved runs into plans, lines and endings.

    Parameters
    ----------
    settings
        Keys that an instrument names differently; what is left out is found by itself.
    """

    def __init__(self, settings: LayoutSettings | None = None) -> None:
        self._settings = settings or LayoutSettings()
        self._runs: dict[str, _Run] = {}
        self._closed: set[str] = set()
        self._run_of_descriptor: dict[str, _Run] = {}
        self._lost = 0
        self._repeated = 0
        self.unknown = 0

    @property
    def lost(self) -> int:
        """Events missing from the numbering of their stream, over all runs."""
        return self._lost + sum(len(run.sequence.missing) for run in self._runs.values())

    @property
    def repeated(self) -> int:
        """Events that came again with a number that had come, over all runs."""
        return self._repeated + sum(run.sequence.repeated for run in self._runs.values())

    def read(self, name: str, document: Mapping[str, Any]) -> Iterator[Item]:
        """Yield what one document holds; never raises on its content.

        Parameters
        ----------
        name
            "start", "descriptor", "event", "event_page" or "stop"; documents about external data
            are passed over, names that bluesky does not have are counted as unknown.
        document
            As bluesky emits it.
        """
        if name in _PASSED_OVER:
            return
        uid = self._run_uid(name, document)
        if name not in _READ or uid is None:
            self.unknown += 1
            return
        try:
            yield from self._dispatch(name, uid, document)
        except FrameRejected as error:
            yield Rejection(uid, error)
        except RunRejected as error:
            yield self._refuse(uid, error)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            msg = f"a {name} document could not be read ({type(error).__name__}: {error}); it was skipped"
            yield Rejection(uid, FrameRejected(msg))

    def _run_uid(self, name: str, document: Mapping[str, Any]) -> str | None:
        key = {"start": "uid", "descriptor": "run_start", "stop": "run_start"}.get(name)
        if key is not None:
            uid = document.get(key)
            return uid if isinstance(uid, str) else None
        run = self._run_of_descriptor.get(str(document.get("descriptor")))
        return None if run is None else run.uid

    def _dispatch(self, name: str, uid: str, document: Mapping[str, Any]) -> Iterator[Item]:
        if name == "start":
            yield from self._start(uid, document)
            return
        run = self._runs.get(uid)
        if run is None:
            if uid not in self._closed:
                msg = f"a {name} of run {uid[:8]} came without its start document"
                raise FrameRejected(msg)
            return
        if name == "stop":
            yield from self._stop(run, document)
        elif name == "descriptor":
            run.streams[document["uid"]] = document["name"]
            run.keys[document["uid"]] = document["data_keys"]
            self._run_of_descriptor[document["uid"]] = run
        elif run.streams[document["descriptor"]] == _STREAM and not run.is_refused:
            for event in _events_of(name, document):
                yield from self._guarded_event(run, event)

    def _start(self, uid: str, document: Mapping[str, Any]) -> Iterator[Item]:
        if uid in self._runs or uid in self._closed:
            return
        self._runs[uid] = run = _Run(uid, document, None, None)
        run.block = block_of(document, self._settings)
        if run.block is not None:
            run.plan = run.block.plan(uid, document)
            yield run.plan

    def _stop(self, run: _Run, document: Mapping[str, Any]) -> Iterator[Item]:
        if run.plan is None and not run.is_refused:
            msg = (
                f"run {run.uid[:8]} ({run.start.get('plan_name', 'no plan name')}) has no layout this "
                "program knows: no 'stxm' block in its start document and no images in its events"
            )
            yield self._refuse(run.uid, RunRejected(msg))
        elif run.plan is not None and run.plan.is_open:
            yield replace(run.plan, is_open=False)
        yield RunClosed(run.uid, str(document.get("exit_status", "")), str(document.get("reason") or ""))
        self._lost += len(run.sequence.missing)
        self._repeated += run.sequence.repeated
        self._closed.add(run.uid)
        del self._runs[run.uid]
        for descriptor in run.streams:
            self._run_of_descriptor.pop(descriptor, None)

    def _refuse(self, uid: str, error: RunRejected) -> Rejection:
        if uid in self._runs:
            self._runs[uid].is_refused = True
        return Rejection(uid, error)

    def _guarded_event(self, run: _Run, event: Mapping[str, Any]) -> Iterator[Item]:
        """Yield one event of a page, so that a bad one does not take its neighbours along."""
        try:
            run.sequence.count(int(event["seq_num"]))
            yield from self._event(run, event)
        except FrameRejected as error:
            yield Rejection(run.uid, error)

    def _event(self, run: _Run, event: Mapping[str, Any]) -> Iterator[Item]:
        data: Mapping[str, Any] = event["data"]
        plan = run.plan
        if run.block is None or plan is None:
            yield from self._image_event(run, event, data)
            return
        readings = _numbers(data, run.block.data_field)
        monitor = data.get(run.block.i0_field) if run.block.i0_field else None
        i0 = None if monitor is None else _numbers(data, run.block.i0_field or "")
        time_s = _time_of(event, run.block.data_field)
        if readings.ndim == 2:
            cycle, energy = _place_of_image(int(event["seq_num"]), plan, data)
            yield from _lines_of(run.uid, plan, (cycle, energy), readings, i0, time_s)
        else:
            cycle, energy, row = _place_of_line(int(event["seq_num"]), plan, data)
            yield Line(run.uid, cycle, energy, row, readings, i0, time_s)

    def _image_event(self, run: _Run, event: Mapping[str, Any], data: Mapping[str, Any]) -> Iterator[Item]:
        """Yield a whole frame of a run that did not say its energies beforehand."""
        keys = run.keys[event["descriptor"]]
        energy_key = self._settings.energy_key or _energy_key(run.start, keys, data)
        data_field = self._settings.data_field or _image_key(data)
        energy_ev = float(_numbers(data, energy_key)) * (1000.0 if _unit(keys, energy_key) == "kev" else 1.0)
        if not (np.isfinite(energy_ev) and energy_ev > 0):
            msg = f"an event has the energy {energy_ev}; it was skipped"
            raise FrameRejected(msg)
        readings = _numbers(data, data_field)
        if readings.ndim != 2:
            msg = f"'{data_field}' has {readings.ndim} dimensions; an image has 2"
            raise FrameRejected(msg)
        plan = run.plan
        if plan is None:
            plan = ScanPlan(
                run=run.uid,
                plan_name=str(run.start.get("plan_name", "")),
                sample=sample_of(run.start),
                grid=image_grid(run.start, readings.shape, self._settings.pitch_um),
                energies_ev=np.array([energy_ev]),
                dwell_ms=np.array([np.nan]),
                cycles=None,
                started_s=float(run.start["time"]),
                is_open=True,
            )
        energy = int(np.argmin(np.abs(plan.energies_ev - energy_ev)))
        if abs(plan.energies_ev[energy] - energy_ev) > _SAME_ENERGY_EV:
            energy = plan.energies_ev.size
            plan = replace(
                plan,
                energies_ev=np.append(plan.energies_ev, energy_ev),
                dwell_ms=np.append(plan.dwell_ms, np.nan),
            )
        number = int(event["seq_num"])
        if number not in run.places:
            run.places[number] = (run.visits.get(energy, 0), energy)
            run.visits[energy] = run.visits.get(energy, 0) + 1
        if plan.is_open and run.places[number][0] > 0:
            # An energy came back, so the first cycle had them all.
            plan = replace(plan, is_open=False)
        if plan is not run.plan:
            run.plan = plan
            yield plan
        yield from _lines_of(run.uid, plan, run.places[number], readings, None, _time_of(event, data_field))


def _events_of(name: str, document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the events of an event or of a page of them."""
    if name == "event":
        yield document
        return
    for index, number in enumerate(document["seq_num"]):
        yield {
            "descriptor": document["descriptor"],
            "seq_num": number,
            "time": document["time"][index],
            "data": {key: column[index] for key, column in document["data"].items()},
            "timestamps": {key: column[index] for key, column in document.get("timestamps", {}).items()},
        }


def _time_of(event: Mapping[str, Any], key: str) -> float:
    """Return when a reading was taken: the device's own stamp, else when the event was made.

    The RunEngine stamps collected events when it collects them, which may be much later.
    """
    stamp = event.get("timestamps", {}).get(key, event["time"])
    return float(stamp if isinstance(stamp, int | float) else event["time"])


def _numbers(data: Mapping[str, Any], key: str) -> FloatArray:
    """Return a reading as numbers, less leading axes of length one."""
    if key not in data:
        msg = f"an event has no '{key}'; it has {', '.join(sorted(data)) or 'nothing'}"
        raise FrameRejected(msg)
    value = data[key]
    if isinstance(value, str):
        msg = f"'{key}' refers to data outside the document, which are not read here; record it in the event"
        raise FrameRejected(msg)
    try:
        numbers = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        msg = f"'{key}' is not made of numbers: {error}"
        raise FrameRejected(msg) from error
    while numbers.ndim > 2 and numbers.shape[0] == 1:
        numbers = numbers[0]
    return numbers


def _place_of_line(number: int, plan: ScanPlan, data: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return cycle, energy and row: as the event says, or counted from its number."""
    if "row" in data and "energy_index" in data:
        return int(data.get("cycle", 0)), int(data["energy_index"]), int(data["row"])
    energies, ny, _ = plan.stack_shape
    image, row = divmod(number - 1, ny)
    cycle, energy = divmod(image, energies)
    return cycle, energy, row


def _place_of_image(number: int, plan: ScanPlan, data: Mapping[str, Any]) -> tuple[int, int]:
    if "energy_index" in data:
        return int(data.get("cycle", 0)), int(data["energy_index"])
    return divmod(number - 1, plan.energies_ev.size)


def _lines_of(
    run: str,
    plan: ScanPlan,
    place: tuple[int, int],
    readings: FloatArray,
    i0: FloatArray | None,
    time_s: float,
) -> Iterator[Line]:
    if readings.shape != plan.grid.shape or (i0 is not None and i0.shape != readings.shape):
        msg = f"an image has shape {readings.shape}; the scan has {plan.grid.shape}"
        raise FrameRejected(msg)
    cycle, energy = place
    for row in range(readings.shape[0]):
        yield Line(run, cycle, energy, row, readings[row], None if i0 is None else i0[row], time_s)


def _unit(keys: Mapping[str, Any], key: str) -> str:
    return str(keys.get(key, {}).get("units", "")).lower()


def _energy_key(start: Mapping[str, Any], keys: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Return the key of the photon energy: by unit, then by hints, then by name."""
    by_unit = [key for key in data if _unit(keys, key) in {"ev", "kev"}]
    hinted = [key for fields, _ in start.get("hints", {}).get("dimensions", []) for key in fields]
    by_name = [key for key in data if "energy" in key.lower()]
    for candidates in (
        [key for key in hinted if key in by_unit or key in by_name],
        by_name,
        by_unit,
    ):
        for key in candidates:
            if key in data and not key.endswith("_setpoint"):
                return key
    msg = (
        f"no key of the events is an energy ({', '.join(sorted(data))}); "
        "name it in the profile as [layout] energy_key"
    )
    raise RunRejected(msg)


def _image_key(data: Mapping[str, Any]) -> str:
    images = [key for key, value in data.items() if np.ndim(value) >= 2]
    if len(images) == 1:
        return images[0]
    found = f"{len(images)} images ({', '.join(images)})" if images else "no image"
    msg = f"the events hold {found}; name the counter in the profile as [layout] data_field"
    raise RunRejected(msg)
