"""The line flyer: one prepared line becomes one event, with bluesky's Preparable and Flyable protocols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from ophyd.status import Status
from ophyd.utils import LimitError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from operando_sim.world import Exposure, World

__all__ = ["LineFlyer"]

_LINE_KEYS = {"x_um", "y_um", "dwell_ms", "labels"}


@dataclass(frozen=True, slots=True)
class _Line:
    x_um: tuple[float, ...]
    y_um: float
    dwell_ms: float
    labels: dict[str, float]


@dataclass(frozen=True, slots=True)
class _Flown:
    line: _Line
    exposure: Exposure
    end_s: float


class LineFlyer:
    """Measures a line on the fly and hands it over as one event.

    A plain object rather than an ophyd Device: it has no readings of its own, and a run's
    descriptor then holds exactly the keys of a line and no hints, as at the ALS.

    Prepare, kick off, complete, collect, for every line. A line stays prepared, so a pause that
    rewinds to any of these steps repeats the line. Labels may change their value from line to
    line, but within a run neither their names nor the number of pixels.

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

    def __init__(self, world: World, *, name: str, i0_channel: str = "") -> None:
        self.name = name
        self._world = world
        self._i0_key = f"{name}_{i0_channel}" if i0_channel else ""
        self._line: _Line | None = None
        self._is_flying = False
        self._flown: _Flown | None = None
        self._is_collected = False
        self._described: tuple[int, frozenset[str]] | None = None

    def prepare(self, value: Mapping[str, Any]) -> Status:
        """Accept the next line and forget the one before.

        Parameters
        ----------
        value
            `x_um`, pixel centres in the order of measurement, length nx; `y_um`; `dwell_ms` per
            pixel; `labels`, numbers by name that are recorded with the line, may be empty.

        Raises
        ------
        LimitError
            If the line leaves the stage's travel.
        ValueError
            If the line is not one.
        """
        self.stop(success=False)
        self._line = self._checked(value)
        return _done()

    def kickoff(self) -> Status:
        """Start the prepared line."""
        if self._line is None:
            raise RuntimeError(f"{self.name} has no line to fly; call prepare first")
        self._is_flying = True
        self._flown = None
        return _done()

    def complete(self) -> Status:
        """Finish the line; over when this returns."""
        if self._line is None or not self._is_flying:
            raise RuntimeError(f"{self.name} is not flying; call kickoff first")
        self._is_flying = False
        exposure = self._world.expose_line(self._line.x_um, self._line.y_um, self._line.dwell_ms)
        self._flown = _Flown(self._line, exposure, self._world.time_s)
        self._is_collected = False
        return _done()

    def describe_collect(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Describe the event of the prepared line, in the stream "primary"."""
        if self._line is None:
            raise RuntimeError(f"{self.name} cannot say how long its lines are; call prepare first")
        nx = len(self._line.x_um)
        self._described = (nx, frozenset(self._line.labels))
        keys: dict[str, dict[str, Any]] = {
            "SampleX": {"source": "sim:SampleX", "dtype": "array", "shape": [nx], "units": "um"},
            "SampleY": {"source": "sim:SampleY", "dtype": "number", "shape": [], "units": "um"},
            self.name: {"source": f"sim:{self.name}", "dtype": "array", "shape": [nx], "units": "counts"},
        }
        if self._i0_key:
            keys[self._i0_key] = {
                "source": f"sim:{self._i0_key}",
                "dtype": "array",
                "shape": [nx],
                "units": "counts",
            }
        for label in self._line.labels:
            keys[label] = {"source": f"sim:label:{label}", "dtype": "number", "shape": []}
        return {"primary": keys}

    def collect(self) -> Iterator[dict[str, Any]]:
        """Yield the flown line as one event, once; its time is the world's at the end of the line."""
        if self._flown is None or self._is_collected:
            return
        flown = self._flown
        self._check_described(flown.line)
        data: dict[str, Any] = {
            "SampleX": flown.exposure.x_um.tolist(),
            "SampleY": flown.exposure.y_um,
            self.name: flown.exposure.counts.tolist(),
        }
        if self._i0_key:
            data[self._i0_key] = flown.exposure.i0.tolist()
        data.update(flown.line.labels)
        self._is_collected = True
        yield {"time": flown.end_s, "data": data, "timestamps": dict.fromkeys(data, flown.end_s)}

    def read_configuration(self) -> dict[str, Any]:
        """Return nothing: a line says all about itself."""
        return {}

    def describe_configuration(self) -> dict[str, Any]:
        """Describe nothing."""
        return {}

    def stop(self, *, success: bool = False) -> None:
        """Forget the prepared line and what was flown; safe at any time."""
        del success  # nothing is under way: every step is over when it returns
        self._line = None
        self._is_flying = False
        self._flown = None

    def pause(self) -> None:
        """Keep the last line for a second collect: the engine may rewind and ask for it again."""
        self._is_collected = False

    def resume(self) -> None:
        """Go on; nothing to do."""

    def _checked(self, value: Mapping[str, Any]) -> _Line:
        missing, unknown = _LINE_KEYS - set(value), set(value) - _LINE_KEYS
        if missing or unknown:
            raise ValueError(
                f"a line for {self.name} has the keys {sorted(value)}; expected exactly {sorted(_LINE_KEYS)}"
            )
        x = np.asarray(value["x_um"], dtype=np.float64)
        y, dwell = float(value["y_um"]), float(value["dwell_ms"])
        if x.ndim != 1 or x.size == 0:
            raise ValueError(f"x_um has shape {x.shape}; expected one row of at least one pixel")
        if not (np.isfinite(dwell) and dwell > 0.0):
            raise ValueError(f"dwell_ms is {dwell}; expected more than 0")
        low, high = self._world.stage_limits_um
        if not (low <= x.min() and x.max() <= high and low <= y <= high):
            raise LimitError(
                f"a line from x = {x[0]:g} to {x[-1]:g} µm at y = {y:g} µm leaves the stage's travel, "
                f"{low:g} to {high:g} µm; move the region"
            )
        labels = {str(key): _number(key, number) for key, number in value["labels"].items()}
        own = {"SampleX", "SampleY", self.name, self._i0_key} & set(labels)
        if own:
            raise ValueError(f"labels {sorted(own)} are names of the line's own data; rename them")
        return _Line(tuple(x.tolist()), y, dwell, labels)

    def _check_described(self, line: _Line) -> None:
        now = (len(line.x_um), frozenset(line.labels))
        if self._described is not None and now != self._described:
            nx, labels = self._described
            raise ValueError(
                f"the line has {now[0]} pixels and the labels {sorted(now[1])}, but its run was described "
                f"with {nx} pixels and {sorted(labels)}; keep them the same within a run"
            )


def _number(label: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ValueError(f"label {label!r} is {value!r}; expected a number")
    # A plain number, not numpy's, so that documents can be written as JSON.
    return value if isinstance(value, int) else float(value)


def _done() -> Status:
    status = Status()
    status.set_finished()
    return status
