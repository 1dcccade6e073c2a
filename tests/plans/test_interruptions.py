"""Two hundred interruptions at random messages: what is left is a closed shutter, rest, and every line."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky.simulators import RunEngineSimulator
from bluesky.suspenders import SuspendFloor
from bluesky.utils import Msg, RunEngineInterrupted, TransitionError
from ophyd import Signal

from fake_parts import FailedOnPurposeError, Lab, fake_stxm
from operando.io.layouts import DocumentReader
from operando.io.sources import DocumentSource
from operando.live.monitor import Monitor, Work
from operando.settings import LayoutSettings
from operando.types import Line, LithiationMap
from operando_plans import STXM, BeamGuard, Field, Region, ScanOptions, Until, energy_stack, operando_series
from scans import ENERGIES_EV, library, plan_of, recipe, stack_of

FIELD = Field((0.0, 0.0), (2.0, 2.0), (4, 2))
PLAN = plan_of(shape=(2, 4), energies_ev=ENERGIES_EV)
TWO_CYCLES = stack_of(PLAN, np.random.default_rng(0), cycles=2)
ONE_CYCLE = TWO_CYCLES[:1, :3]
WAIT_S = 20.0

KINDS = ("pause", "abort", "abort at once", "suspend", "fail")
SEEDS = range(40)


def series(stxm: STXM, counts: np.ndarray) -> Any:
    region = Region("cell", FIELD, ENERGIES_EV[: counts.shape[1]].tolist(), 1.0)
    options = ScanOptions(beam=BeamGuard(10.0), is_returning=True)
    return operando_series(stxm, region, Until(cycles=len(counts)), options=options)


def messages_of(counts: np.ndarray) -> int:
    return len(RunEngineSimulator().simulate_plan(series(fake_stxm(counts)[0], counts)))


def lines_in(documents: list[tuple[str, dict]]) -> dict[tuple[int, int, int], tuple[float, bytes]]:
    """Return the last delivery of each line."""
    reader = DocumentReader()
    items = [item for name, document in documents for item in reader.read(name, document)]
    return {
        (item.cycle, item.energy, item.row): (item.time_s, item.counts.tobytes())
        for item in items
        if isinstance(item, Line)
    }


def maps_in(documents: list[tuple[str, dict]]) -> list[bytes]:
    """Return all that the monitor makes of a series, as bytes."""
    records: list[Any] = []
    monitor = Monitor(
        DocumentSource(iter(documents), "memory"), Work(library(), recipe(), LayoutSettings()), records.append
    )
    while monitor.pull():
        pass
    monitor.finish()
    last = {snapshot.map.cycle: snapshot.map for snapshot in records}
    return [
        np.asarray(getattr(found, entry.name)).tobytes()
        for found in last.values()
        for entry in fields(LithiationMap)
    ]


MESSAGES = messages_of(ONE_CYCLE)


@pytest.fixture(scope="module")
def engine() -> RunEngine:
    return RunEngine({}, context_managers=[])


def undisturbed(engine: RunEngine, counts: np.ndarray) -> tuple[list[tuple[str, dict]], int]:
    """Return the documents of a series, and how many calls of devices it took."""
    documents: list[tuple[str, dict]] = []
    stxm, lab = fake_stxm(counts)
    engine(series(stxm, counts), lambda name, document: documents.append((name, document)))
    return documents, lab.calls


@pytest.fixture(scope="module")
def whole(engine: RunEngine) -> tuple[list[tuple[str, dict]], int]:
    return undisturbed(engine, ONE_CYCLE)


def disturbed(
    engine: RunEngine, counts: np.ndarray, kind: str, at: int
) -> tuple[STXM, Lab, list[tuple[str, dict]]]:
    """Run the series and disturb it once: at message `at`, or at that call of a device if it is to fail."""
    stxm, lab = fake_stxm(counts)
    documents: list[tuple[str, dict]] = []
    seen: list[Msg] = []
    threads: list[threading.Thread] = []
    signal = Signal(name="current", value=100.0)
    is_suspended = threading.Event()

    def suspended() -> Iterator[Msg]:
        is_suspended.set()
        yield Msg("null")

    def pause() -> None:
        # The plan may be over before the request comes through.
        with contextlib.suppress(TransitionError):
            engine.request_pause()

    def abort() -> None:
        with contextlib.suppress(TransitionError):
            engine.abort("at once")

    def lose_and_find_the_beam() -> None:
        signal.put(0.0)
        assert is_suspended.wait(WAIT_S)
        signal.put(100.0)

    disturbances = {
        "pause": pause,
        "abort": pause,
        "abort at once": abort,
        "suspend": lose_and_find_the_beam,
        "fail": lambda: None,
    }

    def disturb(message: Msg) -> None:
        seen.append(message)
        if len(seen) == at:
            # As a user's Ctrl-C does: from another thread, in the midst of whatever is under way.
            threads.append(threading.Thread(target=disturbances[kind]))
            threads[-1].start()

    if kind == "fail":
        lab.fails_at = at
    suspender = SuspendFloor(signal, 10.0, pre_plan=suspended)
    if kind == "suspend":
        engine.install_suspender(suspender)
    engine.msg_hook = disturb
    try:
        engine(series(stxm, counts), lambda name, document: documents.append((name, document)))
    except RunEngineInterrupted:
        if engine.state == "paused":
            assert stxm.parts.shutter.position == "closed" or "shutter" in lab.moving
            engine.resume() if kind == "pause" else engine.abort("by the test")
    except FailedOnPurposeError:
        assert kind == "fail"
    finally:
        engine.msg_hook = None
        is_suspended.set()
        for thread in threads:
            thread.join(WAIT_S)
        engine.remove_suspender(suspender) if kind == "suspend" else None
    return stxm, lab, documents


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_after_any_interruption_all_is_closed_at_rest_and_ready(
    engine: RunEngine, whole: tuple[list[tuple[str, dict]], int], kind: str, seed: int
) -> None:
    expected, calls = whole
    rng = np.random.default_rng([KINDS.index(kind), seed])
    at = int(rng.integers(1, calls if kind == "fail" else MESSAGES))
    stxm, lab, documents = disturbed(engine, ONE_CYCLE, kind, at)
    assert engine.state == "idle"
    assert stxm.parts.shutter.position == "closed"
    assert not lab.moving
    starts = [document["uid"] for name, document in documents if name == "start"]
    stops = [document["run_start"] for name, document in documents if name == "stop"]
    assert starts == stops
    if kind in ("pause", "suspend"):
        assert lines_in(documents) == lines_in(expected)
        assert documents[-1][1]["exit_status"] == "success"
        assert stxm.parts.energy.position == 700.0
    lab.fails_at = None
    again: list[tuple[str, dict]] = []
    next_one = energy_stack(stxm, Region("next", FIELD, [700.0], 1.0))
    engine(next_one, lambda name, document: again.append((name, document)))
    assert len(lines_in(again)) == 2
    assert again[-1][1]["exit_status"] == "success"


@pytest.mark.parametrize("kind", ["pause", "suspend"])
def test_a_resumed_series_gives_the_same_map(engine: RunEngine, kind: str) -> None:
    documents, _ = undisturbed(engine, TWO_CYCLES)
    expected = maps_in(documents)
    assert expected
    for seed in range(4):
        at = int(np.random.default_rng(seed).integers(1, messages_of(TWO_CYCLES)))
        assert maps_in(disturbed(engine, TWO_CYCLES, kind, at)[2]) == expected
