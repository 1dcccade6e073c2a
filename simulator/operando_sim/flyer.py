"""The flyers: what is prepared, a line or a whole image, becomes one event, with bluesky's protocols."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from ophyd.status import Status
from ophyd.utils import LimitError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from operando_sim.world import Exposure, World

__all__ = ["FrameFlyer", "LineFlyer"]

_KEYS = {"x_um", "y_um", "dwell_ms", "labels"}


@dataclass(frozen=True, slots=True)
class _Scan:
    x_um: tuple[float, ...]
    rows_um: tuple[float, ...]
    dwell_ms: float
    labels: dict[str, float]

    @property
    def form(self) -> tuple[int, int, frozenset[str]]:
        """What must be the same for all scans of a run."""
        return len(self.rows_um), len(self.x_um), frozenset(self.labels)


@dataclass(frozen=True, slots=True)
class _Flown:
    scan: _Scan
    rows: tuple[Exposure, ...]
    end_s: float


class _WorldFlyer(ABC):
    """Measures what it was prepared for and hands it over as one event.

    A plain object rather than an ophyd Device: it has no readings of its own, and a run's
    descriptor then holds exactly the keys of a scan and no hints, as at the ALS.

    Prepare, kick off, complete, collect, for every scan. A scan stays prepared, so a pause that
    rewinds to any of these steps repeats it. Labels may change their value from scan to scan, but
    within a run neither their names nor the number of pixels.

    In a world without pace a scan is over when `complete` returns. In a paced one it goes on in a
    thread and can be stopped or paused after each row.

    Parameters
    ----------
    world
        What is measured.
    name
        Also the data key of the counts.
    i0_channel
        If not empty, the monitor's counts are recorded too, under `<name>_<i0_channel>`.
    """

    parent = None
    noun: ClassVar[str]

    def __init__(self, world: World, *, name: str, i0_channel: str = "") -> None:
        self.name = name
        self._world = world
        self._i0_key = f"{name}_{i0_channel}" if i0_channel else ""
        self._scan: _Scan | None = None
        self._is_flying = False
        self._flown: _Flown | None = None
        self._is_collected = False
        self._described: set[tuple[int, int, frozenset[str]]] = set()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @abstractmethod
    def _rows_um(self, y_um: object) -> NDArray[np.float64]:
        """Return the rows that `prepare` was given, shape (ny,)."""

    @abstractmethod
    def _shape(self, scan: _Scan) -> tuple[list[int], list[int]]:
        """Return the shapes of `SampleY` and of the counts."""

    def prepare(self, value: Mapping[str, Any]) -> Status:
        """Accept the next scan and forget the one before.

        Parameters
        ----------
        value
            `x_um`, pixel centres in the order of measurement, length nx; `y_um`, of the line or of all
            rows; `dwell_ms` per pixel; `labels`, numbers by name that are recorded too, may be empty.

        Raises
        ------
        LimitError
            If it leaves the stage's travel.
        ValueError
            If it is no scan.
        """
        self.stop(success=False)
        self._scan = self._checked(value)
        return _done()

    def kickoff(self) -> Status:
        """Start what was prepared."""
        if self._scan is None:
            raise RuntimeError(f"{self.name} has no {self.noun} to fly; call prepare first")
        self._is_flying = True
        self._flown = None
        return _done()

    def complete(self) -> Status:
        """Finish it; the status is done when it is."""
        if self._scan is None or not self._is_flying:
            raise RuntimeError(f"{self.name} is not flying; call kickoff first")
        self._is_flying = False
        self._stopped.clear()
        if self._world.pace == 0.0:
            self._fly(self._scan)
            return _done()
        status = Status()
        self._thread = threading.Thread(target=self._fly_and_tell, args=(self._scan, status), daemon=True)
        self._thread.start()
        return status

    def describe_collect(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Describe the event of what was prepared, in the stream "primary"."""
        if self._scan is None:
            raise RuntimeError(f"{self.name} cannot say how long its lines are; call prepare first")
        # Runs may be open side by side, each with a form of its own.
        self._described.add(self._scan.form)
        y_shape, shape = self._shape(self._scan)
        keys = {
            "SampleX": _key("SampleX", [len(self._scan.x_um)], "um"),
            "SampleY": _key("SampleY", y_shape, "um"),
            self.name: _key(self.name, shape, "counts"),
        }
        if self._i0_key:
            keys[self._i0_key] = _key(self._i0_key, shape, "counts")
        for label in self._scan.labels:
            keys[label] = {"source": f"sim:label:{label}", "dtype": "number", "shape": []}
        return {"primary": keys}

    def collect(self) -> Iterator[dict[str, Any]]:
        """Yield what was flown as one event, once; its time is the world's at the end."""
        if self._flown is None or self._is_collected:
            return
        flown = self._flown
        self._check_described(flown.scan)
        y_shape, shape = self._shape(flown.scan)

        def counted(rows: Sequence[NDArray[np.float64]]) -> Any:  # noqa: ANN401 - nested lists, as documents have them
            return np.reshape(np.stack(rows), shape).tolist()

        data: dict[str, Any] = {
            "SampleX": flown.rows[-1].x_um.tolist(),
            "SampleY": np.reshape([row.y_um for row in flown.rows], y_shape).tolist(),
            self.name: counted([row.counts for row in flown.rows]),
        }
        if self._i0_key:
            data[self._i0_key] = counted([row.i0 for row in flown.rows])
        data.update(flown.scan.labels)
        self._is_collected = True
        yield {"time": flown.end_s, "data": data, "timestamps": dict.fromkeys(data, flown.end_s)}

    def read_configuration(self) -> dict[str, Any]:
        """Return nothing: an event says all about itself."""
        return {}

    def describe_configuration(self) -> dict[str, Any]:
        """Describe nothing."""
        return {}

    def stop(self, *, success: bool = False) -> None:
        """Forget what was prepared and what was flown; safe at any time, and nothing moves afterwards."""
        del success  # half a scan is none
        self._interrupt()
        self._scan = None
        self._is_flying = False
        self._flown = None

    def stage(self) -> list[object]:
        """Get ready for a plan, whose runs describe their own forms."""
        self._described.clear()
        return [self]

    def unstage(self) -> list[object]:
        """Forget the forms that the runs of a plan described."""
        self._described.clear()
        return [self]

    def pause(self) -> None:
        """Break off what is under way; keep what was flown: the engine may rewind and ask for it again."""
        self._interrupt()
        self._is_collected = False

    def resume(self) -> None:
        """Go on: the engine begins again with what was broken off."""
        self._stopped.clear()

    def _interrupt(self) -> None:
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _fly(self, scan: _Scan) -> None:
        rows: list[Exposure] = []
        for y_um in scan.rows_um:
            if self._stopped.is_set():
                return
            rows.append(self._world.expose_line(scan.x_um, y_um, scan.dwell_ms))
        self._flown = _Flown(scan, tuple(rows), self._world.time_s)
        self._is_collected = False

    def _fly_and_tell(self, scan: _Scan, status: Status) -> None:
        try:
            self._fly(scan)
        finally:
            # Done also if it was broken off: the engine, which did that, asks for it again or for nothing.
            status.set_finished()

    def _checked(self, value: Mapping[str, Any]) -> _Scan:
        missing, unknown = _KEYS - set(value), set(value) - _KEYS
        if missing or unknown:
            raise ValueError(
                f"a {self.noun} for {self.name} has the keys {sorted(value)}; "
                f"expected exactly {sorted(_KEYS)}"
            )
        x = np.asarray(value["x_um"], dtype=np.float64)
        y, dwell = self._rows_um(value["y_um"]), float(value["dwell_ms"])
        if x.ndim != 1 or x.size == 0:
            raise ValueError(f"x_um has shape {x.shape}; expected one row of at least one pixel")
        if not (np.isfinite(dwell) and dwell > 0.0):
            raise ValueError(f"dwell_ms is {dwell}; expected more than 0")
        low, high = self._world.stage_limits_um
        places = np.concatenate([x, y])
        if not (low <= places.min() and places.max() <= high):
            raise LimitError(
                f"a {self.noun} from x = {x[0]:g} to {x[-1]:g} µm and y = {y[0]:g} to {y[-1]:g} µm leaves "
                f"the stage's travel, {low:g} to {high:g} µm; move the region"
            )
        labels = {str(key): _number(key, number) for key, number in value["labels"].items()}
        own = {"SampleX", "SampleY", self.name, self._i0_key} & set(labels)
        if own:
            raise ValueError(f"labels {sorted(own)} are names of the {self.noun}'s own data; rename them")
        return _Scan(tuple(x.tolist()), tuple(y.tolist()), dwell, labels)

    def _check_described(self, scan: _Scan) -> None:
        if self._described and scan.form not in self._described:
            (ny, nx, labels), known = scan.form, sorted(self._described, key=str)
            words = "; ".join(
                f"{was_ny} × {was_nx} pixels and {sorted(were)}" for was_ny, was_nx, were in known
            )
            raise ValueError(
                f"the {self.noun} has {ny} × {nx} pixels and the labels {sorted(labels)}, but its run "
                f"was described with {words}; keep them the same within a run"
            )


class LineFlyer(_WorldFlyer):
    """Measures one line on the fly."""

    noun = "line"

    def _rows_um(self, y_um: object) -> NDArray[np.float64]:
        return np.array([float(np.asarray(y_um, dtype=np.float64))])

    def _shape(self, scan: _Scan) -> tuple[list[int], list[int]]:
        return [], [len(scan.x_um)]


class FrameFlyer(_WorldFlyer):
    """Measures a whole image by a raster of its own, row after row, and delivers it at once."""

    noun = "frame"

    def _rows_um(self, y_um: object) -> NDArray[np.float64]:
        rows = np.asarray(y_um, dtype=np.float64)
        if rows.ndim != 1 or rows.size == 0:
            raise ValueError(f"y_um has shape {rows.shape}; expected the centres of at least one row")
        return rows

    def _shape(self, scan: _Scan) -> tuple[list[int], list[int]]:
        ny, nx = len(scan.rows_um), len(scan.x_um)
        return [ny], [ny, nx]


def _key(name: str, shape: list[int], units: str) -> dict[str, Any]:
    dtype = "array" if shape else "number"
    return {"source": f"sim:{name}", "dtype": dtype, "shape": shape, "units": units}


def _number(label: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ValueError(f"label {label!r} is {value!r}; expected a number")
    # A plain number, not numpy's, so that documents can be written as JSON.
    return value if isinstance(value, int) else float(value)


def _done() -> Status:
    status = Status()
    status.set_finished()
    return status
