"""A microscope of fakes: moves take a moment, counts are known beforehand, and any call can fail."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from operando_plans import STXM, Parts

_arrivals: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()


def _deliver() -> None:
    """End the motions of all microscopes, one after the other, soon after they began."""
    while True:
        _arrivals.get()()


threading.Thread(target=_deliver, name="fake-motions", daemon=True).start()


class FakeStatus:
    """A bluesky status of four methods."""

    def __init__(self) -> None:
        self.done = False
        self.success = False
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Any], None]] = []
        self._lock = threading.Lock()

    def finish(self, error: BaseException | None = None) -> None:
        with self._lock:
            if self.done:
                return
            self.done, self.success, self._error = True, error is None, error
            callbacks = list(self._callbacks)
        for callback in callbacks:
            callback(self)

    def add_callback(self, callback: Callable[[Any], None]) -> None:
        with self._lock:
            if not self.done:
                self._callbacks.append(callback)
                return
        callback(self)

    def exception(self, timeout: float | None = None) -> BaseException | None:  # noqa: ARG002 - bluesky asks so
        return self._error


class FailedOnPurposeError(RuntimeError):
    """A device failed because it was told to."""


class Lab:
    """What all fakes of one microscope share.

    Attributes
    ----------
    calls
        How many calls of devices there were.
    fails_at
        Number of the call that fails, once; None for none.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.fails_at: int | None = None
        self.moving: set[str] = set()

    def called(self, what: str) -> None:
        self.calls += 1
        if self.calls == self.fails_at:
            raise FailedOnPurposeError(f"{what} failed on purpose")

    def move(self, name: str, arrive: Callable[[], None]) -> FakeStatus:
        """Return the status of a motion that arrives a moment later."""
        status = FakeStatus()
        self.moving.add(name)

        def end() -> None:
            if not status.done:
                arrive()
                self.moving.discard(name)
                status.finish()

        _arrivals.put(end)
        return status


class FakePart:
    """Movable and readable."""

    parent = None

    def __init__(self, lab: Lab, name: str, position: Any, limits: tuple[float, float] = (0.0, 0.0)) -> None:
        self.name, self.position, self.limits = name, position, limits
        self.hints = {"fields": [name]}
        self._lab = lab
        self._status: FakeStatus | None = None
        self.visited: list[Any] = []

    def set(self, value: Any) -> FakeStatus:
        self._lab.called(f"set of {self.name}")
        self.stop(success=True)
        self._status = self._lab.move(self.name, lambda: self._arrive(value))
        return self._status

    def _arrive(self, value: Any) -> None:
        self.position = value
        self.visited.append(value)

    def stop(self, *, success: bool = False) -> None:
        if self._status is not None:
            self._status.finish(None if success else RuntimeError(f"{self.name} was stopped"))
            self._lab.moving.discard(self.name)

    def read(self) -> dict:
        self._lab.called(f"read of {self.name}")
        return {self.name: {"value": self.position, "timestamp": 0.0}}

    def describe(self) -> dict:
        return {self.name: {"source": "fake", "dtype": "number", "shape": []}}

    def read_configuration(self) -> dict:
        return {}

    def describe_configuration(self) -> dict:
        return {}


class FakeFlyer:
    """Flies lines of known counts, each at a known time; in the dark it counts nothing.

    Parameters
    ----------
    lab
        The others.
    counts
        Of shape (cycle, energy, ny, nx); a shorter line has the first of them.
    is_lit
        Whether light reaches the detector.
    """

    parent = None
    name = "counter"

    def __init__(self, lab: Lab, counts: np.ndarray, is_lit: Callable[[], bool]) -> None:
        self._lab, self._counts, self._is_lit = lab, counts, is_lit
        self._line: dict[str, Any] = {}
        self._status: FakeStatus | None = None
        self._flown: list[dict[str, Any]] = []
        self._is_collected = False
        self.flown = 0

    def prepare(self, value: Mapping[str, Any]) -> FakeStatus:
        self._lab.called("prepare")
        self.stop()
        self._line = dict(value)
        return self._lab.move("stage", lambda: None)

    def kickoff(self) -> FakeStatus:
        self._lab.called("kickoff")
        status = FakeStatus()
        status.finish()
        return status

    def complete(self) -> FakeStatus:
        self._lab.called("complete")
        is_lit = self._is_lit()

        def arrive() -> None:
            labels = self._line["labels"]
            place = tuple(labels[key] for key in ("cycle", "energy_index", "row") if key in labels)
            place = place or (0, 0, 0)
            counts = self._counts[place][: len(self._line["x_um"])] * float(is_lit and self._is_lit())
            time_s = 1001.0 + float(np.ravel_multi_index((*place, 0, 0)[:3], self._counts.shape[:3]))
            data = {
                "SampleX": list(self._line["x_um"]),
                "SampleY": self._line["y_um"],
                self.name: counts.tolist(),
                **labels,
            }
            self._flown = [{"time": time_s, "data": data, "timestamps": dict.fromkeys(data, time_s)}]
            self._is_collected = False
            self.flown += 1

        self._status = self._lab.move("flight", arrive)
        return self._status

    def describe_collect(self) -> dict:
        shape = [len(self._line["x_um"])]
        keys: dict[str, dict] = {
            "SampleX": {"source": "fake", "dtype": "array", "shape": shape},
            "SampleY": {"source": "fake", "dtype": "number", "shape": []},
            self.name: {"source": "fake", "dtype": "array", "shape": shape},
        }
        keys |= {label: {"source": "fake", "dtype": "number", "shape": []} for label in self._line["labels"]}
        return {"primary": keys}

    def collect(self) -> Iterator[dict[str, Any]]:
        self._lab.called("collect")
        if not self._is_collected:
            self._is_collected = True
            yield from self._flown

    def stop(self, *, success: bool = False) -> None:
        if self._status is not None:
            self._status.finish(None if success else RuntimeError("the flight was stopped"))
            self._lab.moving -= {"flight", "stage"}
        self._flown = []

    def pause(self) -> None:
        if self._status is not None:
            self._status.finish()
            self._lab.moving -= {"flight", "stage"}
        self._is_collected = False

    def resume(self) -> None:
        """Nothing to do."""


def fake_stxm(counts: np.ndarray) -> tuple[STXM, Lab]:
    """Return a microscope that counts what it is told to, and what its parts share."""
    lab = Lab()
    shutter = FakePart(lab, "shutter", "closed")
    shutter.limits = None  # type: ignore[assignment]
    parts = Parts(
        energy=FakePart(lab, "energy", 700.0, (690.0, 730.0)),
        line_flyer=FakeFlyer(lab, counts, lambda: shutter.position == "open"),
        sample_x=FakePart(lab, "SampleX", 0.0, (-10.0, 10.0)),
        sample_y=FakePart(lab, "SampleY", 0.0, (-10.0, 10.0)),
        shutter=shutter,
        ring_current=FakePart(lab, "ring_current", 500.0),
    )
    return STXM(parts), lab
