"""Print how long a line takes beside its dwell and its motion, and whose time that is.

python tests/bench/line_time.py

A series of 256 lines of 256 pixels runs on a RunEngine over the simulated devices, which take no time for
dwell and motion. Milliseconds of one line, the shortest of several series, since other programs can only make
one longer:

* `total`: all of it, with a recorder subscribed;
* `exposure`: the arithmetic of the simulated world, which a real instrument does not have;
* `ours`: what follows, `plans + devices + recorder`;
* `plans`: drawing the messages out of the plan;
* `devices`: the calls of the simulated devices, less the exposure;
* `recorder`: the callback that records;
* `bluesky`: what is left of the total: the RunEngine and event-model;
* `bare`: for comparison, the same messages as a plain list on a RunEngine over devices that do nothing.
"""

# A script: it prints, and finds its neighbours before it imports them.
# ruff: noqa: T201

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from bluesky import RunEngine
from bluesky.simulators import RunEngineSimulator
from bluesky.utils import Msg

sys.path.insert(0, str(Path(__file__).parents[1]))

from microscope import microscope
from operando.live.recorder import Recorder
from operando_plans import STXM, BeamGuard, Field, Parts, Region, ScanOptions, Until, operando_series
from operando_sim import World, static_settings

POINTS = (256, 64)
CYCLES = 2
ENERGIES_EV = [513.0, 517.9]
LINES = POINTS[1] * len(ENERGIES_EV) * CYCLES
REPEATS = 5


@dataclass(frozen=True, slots=True)
class Shares:
    """Milliseconds of one line; see the top of this file."""

    total: float
    exposure: float
    ours: float
    plans: float
    devices: float
    recorder: float
    bluesky: float
    bare: float


class NoFlyer:
    """Does nothing, with the protocols of a flyer."""

    parent = None
    name = "STXMLineFlyer"

    def __init__(self) -> None:
        self._labels: Mapping[str, float] = {}

    def prepare(self, value: Mapping[str, Any]) -> Done:
        self._labels = value["labels"]
        return Done()

    def kickoff(self) -> Done:
        return Done()

    def complete(self) -> Done:
        return Done()

    def describe_collect(self) -> dict[str, dict[str, Any]]:
        keys = {"SampleX": [1], self.name: [1]} | {key: list[int]() for key in ("SampleY", *self._labels)}
        return {
            "primary": {key: {"source": "", "dtype": "number", "shape": shape} for key, shape in keys.items()}
        }

    def collect(self) -> Iterator[dict[str, Any]]:
        data = {"SampleX": [0.0], self.name: [0.0], "SampleY": 0.0, **self._labels}
        yield {"time": 0.0, "data": data, "timestamps": dict.fromkeys(data, 0.0)}


class NoPart:
    """Is where it is sent to, and is read."""

    parent = None

    def __init__(self, name: str, position: Any) -> None:
        self.name, self.position, self.hints = name, position, {"fields": [name]}

    def set(self, value: Any) -> Done:
        self.position = value
        return Done()

    def read(self) -> dict[str, dict[str, Any]]:
        return {self.name: {"value": self.position, "timestamp": 0.0}}

    def describe(self) -> dict[str, dict[str, Any]]:
        return {self.name: {"source": "", "dtype": "number", "shape": []}}


class Done:
    """A status that is over."""

    done = success = True

    def add_callback(self, callback: Callable[[Any], None]) -> None:
        callback(self)

    def exception(self, timeout: float | None = None) -> None:
        """Nothing went wrong."""


class Stopwatch:
    """Adds up what calls take; a call within a call counts once."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._is_running = False

    def watch(self, owner: Any, *names: str) -> None:
        for name in names:
            setattr(owner, name, self.timed(getattr(owner, name)))

    def timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **more: Any) -> Any:
            if self._is_running:
                return call(*args, **more)
            self._is_running, began = True, time.perf_counter()
            try:
                return call(*args, **more)
            finally:
                self.seconds += time.perf_counter() - began
                self._is_running = False

        return timed


def plan_of(stxm: STXM, options: ScanOptions) -> Any:
    region = Region("bench", Field((0.0, 0.0), (4.0, 4.0), POINTS), ENERGIES_EV, 1.0)
    return operando_series(stxm, region, Until(cycles=CYCLES), options=options)


def idle_stxm() -> STXM:
    parts = Parts(
        energy=NoPart("energy", 513.0),
        line_flyer=NoFlyer(),
        sample_x=NoPart("SampleX", 0.0),
        sample_y=NoPart("SampleY", 0.0),
        shutter=NoPart("shutter", "closed"),
        ring_current=NoPart("ring_current", 500.0),
    )
    return STXM(parts)


def drawn(options: ScanOptions) -> float:
    """Return how long it takes to draw all messages, s."""
    plan = plan_of(idle_stxm(), options)
    began = time.perf_counter()
    for _message in plan:
        pass
    return time.perf_counter() - began


def by_bluesky(engine: RunEngine, options: ScanOptions) -> float:
    """Return how long the RunEngine takes for the same messages over devices that do nothing, s."""
    messages: list[Msg] = RunEngineSimulator().simulate_plan(plan_of(idle_stxm(), options))
    began = time.perf_counter()
    engine(iter(messages))
    return time.perf_counter() - began


def in_all(engine: RunEngine, options: ScanOptions) -> tuple[float, float, float, float]:
    """Return how long the whole takes, its devices, their exposures, and the recorder, s."""
    world = World(static_settings(), seed=1)
    stxm = microscope(world)
    devices, exposure, recording = Stopwatch(), Stopwatch(), Stopwatch()
    exposure.watch(world, "expose_line")
    parts = stxm.parts
    devices.watch(parts.line_flyer, "prepare", "kickoff", "complete", "collect", "describe_collect")
    for part in (parts.energy, parts.sample_x, parts.sample_y, parts.shutter, parts.ring_current):
        devices.watch(part, "read", "stop")
    for part in (parts.energy, parts.sample_x, parts.sample_y, parts.shutter):
        devices.watch(part, "set")
    with tempfile.TemporaryDirectory() as folder, Recorder(Path(folder) / "log") as recorder:
        plan = plan_of(stxm, options)
        began = time.perf_counter()
        engine(plan, recording.timed(recorder))
        total = time.perf_counter() - began
    return total, devices.seconds, exposure.seconds, recording.seconds


def shares_of(engine: RunEngine, options: ScanOptions, repeats: int = REPEATS) -> Shares:
    """Return the shares of the fastest series."""
    wholes, bares, plans = [], [], []
    for _repeat in range(repeats):
        wholes.append(in_all(engine, options))
        bares.append(by_bluesky(engine, options))
        plans.append(drawn(options))
    total, devices, exposure, recorder = min(wholes)
    ours = min(plans) + devices - exposure + recorder
    seconds = (
        total,
        exposure,
        ours,
        min(plans),
        devices - exposure,
        recorder,
        total - exposure - ours,
        min(bares),
    )
    return Shares(*(1e3 * each / LINES for each in seconds))


def main() -> None:
    """Print the table."""
    engine = RunEngine({}, context_managers=[])
    columns = [column.name for column in fields(Shares)]
    print(f"{'ms a line':<12}" + "".join(f"{column:>10}" for column in columns))
    for name, options in (("plain", ScanOptions()), ("beam guard", ScanOptions(beam=BeamGuard(10.0)))):
        shares = shares_of(engine, options)
        print(f"{name:<12}" + "".join(f"{getattr(shares, column):>10.2f}" for column in columns))


if __name__ == "__main__":
    main()
