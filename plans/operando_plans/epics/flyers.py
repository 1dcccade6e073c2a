"""A line or a whole image scanned by hardware behind records, as one event, with bluesky's protocols."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from ophyd.status import DeviceStatus, Status

from operando_plans.epics.reach import check_reached, lost, wait_for_all
from operando_plans.epics.records import ReadRecord, SetRecord
from operando_plans.epics.scan import Scan, scan_of
from operando_plans.epics.scan_records import ScanRecords
from operando_plans.together import together

__all__ = ["EpicsFrameFlyer", "EpicsLineFlyer"]

_SET_S = 10.0


class _EpicsFlyer(ABC):
    """Prepare, kick off, complete, collect, for every scan.

    A plain object rather than an ophyd Device: it has no readings of its own, and a run's descriptor then
    holds exactly the keys of a scan and no hints, as at the ALS. Times are the counts record's.

    Parameters
    ----------
    prefix
        Before the names of its records.
    name
        Also the data key of the counts; I0, where there is such a record, is `<name>_i0`.
    records
        Their names.
    row_overhead_s
        How long each row takes beside its dwells: fly-back and settling.
    margin_s
        How long a scan may take beyond what is expected.
    """

    parent = None

    def __init__(
        self,
        prefix: str,
        *,
        name: str,
        records: ScanRecords | None = None,
        row_overhead_s: float = 0.5,
        margin_s: float = 10.0,
    ) -> None:
        self.name = name
        self.prefix = prefix
        self.margin_s = margin_s
        self._row_overhead_s = row_overhead_s
        names = records or ScanRecords()
        self._done = names.done

        def setting(suffix: str, *, does_complete: bool = True) -> SetRecord:
            return SetRecord(prefix + suffix, name=f"{name}{suffix}", put_complete=does_complete)

        def reading(suffix: str | None) -> ReadRecord | None:
            return None if suffix is None else ReadRecord(prefix + suffix, name=f"{name}{suffix}")

        def words(suffix: str | None) -> ReadRecord | None:
            return (
                None if suffix is None else ReadRecord(prefix + suffix, name=f"{name}{suffix}", string=True)
            )

        self._x, self._y, self._dwell = setting(names.x), setting(names.y), setting(names.dwell)
        self._go, self._stop = setting(names.go), setting(names.stop, does_complete=False)
        self._counts, self._i0 = ReadRecord(prefix + names.counts, name=name), reading(names.i0)
        self._x_readback, self._y_readback = reading(names.x_readback), reading(names.y_readback)
        self._state, self._message = words(names.state), words(names.message)
        self._scan: Scan | None = None
        self._flight: Any = None
        self._is_collected = True

    @abstractmethod
    def _shapes(self, scan: Scan) -> tuple[list[int], list[int]]:
        """Return the shapes of `SampleY` and of the counts."""

    @property
    def connected(self) -> bool:
        """Whether all records are in reach."""
        return not lost(self._records)

    def wait_for_connection(self, *, timeout: float | None = 2.0) -> None:
        """Wait until all records are in reach.

        Raises
        ------
        TimeoutError
            Some are not; names them.
        """
        wait_for_all(self._records, timeout)

    def prepare(self, value: Mapping[str, Any]) -> DeviceStatus:
        """Set the records for a scan, once an earlier one is over.

        Parameters
        ----------
        value
            `x_um`, `y_um`, `dwell_ms`, `labels`: see `Parts`.

        Raises
        ------
        ValueError
            It is no scan.
        TimeoutError
            A record cannot be reached.
        """
        self._scan = scan_of(value, {"SampleX", "SampleY", self.name, f"{self.name}_i0"})
        self._is_collected = True
        check_reached(self.name, self._records)
        earlier = {} if self._flight is None else {self._go.pvname: self._flight}
        settings: dict[str, Any] = {
            self._x.pvname: self._x.set(_put(self._scan.x_um)),
            self._y.pvname: self._y.set(_put(self._scan.y_um)),
            self._dwell.pvname: self._dwell.set(self._scan.dwell_ms),
        }
        return together(self, {**earlier, **settings}, f"{self.name} being prepared", _SET_S)

    def kickoff(self) -> Status:
        """Start what was prepared.

        Raises
        ------
        RuntimeError
            Nothing was.
        TimeoutError
            A record cannot be reached.
        """
        if self._scan is None:
            msg = f"{self.name} has nothing to scan; call prepare first"
            raise RuntimeError(msg)
        check_reached(self.name, [self._go])
        self._flight = self._go.set(1)
        self._is_collected = False
        started = Status()
        started.set_finished()
        return started

    def complete(self) -> DeviceStatus:
        """Wait for the end.

        Returns
        -------
        DeviceStatus
            Fails with TimeoutError, which names the record, if it is not over in its time.

        Raises
        ------
        RuntimeError
            Nothing was started.
        """
        if self._scan is None or self._flight is None:
            msg = f"{self.name} is not scanning; call kickoff first"
            raise RuntimeError(msg)
        scan = self._scan
        timeout_s = scan.duration_s + self._row_overhead_s * len(scan.y_um) + self.margin_s
        return together(self, {self._go.pvname: self._flight}, f"{self.name} scanning", timeout_s)

    def describe_collect(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Describe the event of what was prepared, in the stream "primary".

        Raises
        ------
        RuntimeError
            Nothing was.
        """
        if self._scan is None:
            msg = f"{self.name} cannot say how large its scans are; call prepare first"
            raise RuntimeError(msg)
        y_shape, shape = self._shapes(self._scan)
        keys = {
            "SampleX": _key(self._x.pvname, [len(self._scan.x_um)], "um"),
            "SampleY": _key(self._y.pvname, y_shape, "um"),
            self.name: _key(self._counts.pvname, shape, "counts"),
        }
        if self._i0 is not None:
            keys[f"{self.name}_i0"] = _key(self._i0.pvname, shape, "counts")
        for label in self._scan.labels:
            keys[label] = {"source": "plan", "dtype": "number", "shape": []}
        return {"primary": keys}

    def collect(self) -> Iterator[dict[str, Any]]:
        """Yield what was scanned as one event, once.

        Raises
        ------
        RuntimeError
            The scan did not end well, or its records do not hold what was asked for.
        """
        if self._scan is None or self._is_collected:
            return
        self._check_ended_well()
        scan = self._scan
        y_shape, shape = self._shapes(scan)
        data: dict[str, Any] = {
            "SampleX": list(scan.x_um),
            "SampleY": np.reshape(scan.y_um, y_shape).tolist(),
            self.name: self._values(self._counts, shape),
        }
        if self._x_readback is not None:
            data["SampleX"] = self._values(self._x_readback, [len(scan.x_um)])
        if self._y_readback is not None:
            data["SampleY"] = self._values(self._y_readback, y_shape)
        if self._i0 is not None:
            data[f"{self.name}_i0"] = self._values(self._i0, shape)
        data.update(scan.labels)
        time_s = float(self._counts.timestamp)
        self._is_collected = True
        yield {"time": time_s, "data": data, "timestamps": dict.fromkeys(data, time_s)}

    def read_configuration(self) -> dict[str, Any]:
        """Return nothing: an event says all about itself."""
        return {}

    def describe_configuration(self) -> dict[str, Any]:
        """Describe nothing."""
        return {}

    def stop(self, *, success: bool = False) -> None:
        """Break off a scan and forget what was prepared.

        Raises
        ------
        TimeoutError
            The record that stops it cannot be reached.
        """
        del success  # half a scan is none
        self._scan = None
        self._is_collected = True
        self._break_off()

    def pause(self) -> None:
        """Break off what is under way: the engine begins again with it."""
        self._break_off()

    def resume(self) -> None:
        """Go on: what was broken off is over when it is prepared again."""
        return

    @property
    def _records(self) -> list[Any]:
        return [part for part in vars(self).values() if isinstance(part, ReadRecord | SetRecord)]

    def _break_off(self) -> None:
        if self._flight is not None and not self._flight.done:
            check_reached(self.name, [self._stop])
            self._stop.put(1)

    def _check_ended_well(self) -> None:
        if self._state is None:
            return
        state = self._state.get()
        if state != self._done:
            why = "" if self._message is None else self._message.get()
            msg = f"{self.name} has no scan to give: {self._state.pvname} is '{state}'"
            raise RuntimeError(f"{msg}: {why}" if why else msg)

    def _values(self, signal: ReadRecord, shape: list[int]) -> Any:  # noqa: ANN401 - nested lists
        values = np.asarray(signal.get(), dtype=np.float64)
        if values.size != np.prod(shape, dtype=int):
            msg = f"{signal.pvname} holds {values.size} values, but {shape} were scanned; look at its length"
            raise RuntimeError(msg)
        return values.reshape(shape).tolist()


class EpicsLineFlyer(_EpicsFlyer):
    """Scans one line."""

    def _shapes(self, scan: Scan) -> tuple[list[int], list[int]]:
        return [], [len(scan.x_um)]


class EpicsFrameFlyer(_EpicsFlyer):
    """Scans a whole image by a raster of the hardware's own, and gives it at once."""

    def _shapes(self, scan: Scan) -> tuple[list[int], list[int]]:
        return [len(scan.y_um)], [len(scan.y_um), len(scan.x_um)]


def _put(values: tuple[float, ...]) -> float | list[float]:
    """Return values as every control layer takes them: a record of one number takes no list."""
    return values[0] if len(values) == 1 else list(values)


def _key(record: str, shape: list[int], units: str) -> dict[str, Any]:
    dtype = "array" if shape else "number"
    return {"source": f"PV:{record}", "dtype": dtype, "shape": shape, "units": units}
