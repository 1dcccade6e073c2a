"""Faults on request of the served instrument: what hangs ends with a sentence, and the shutter is closed."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import Any

import pytest
from bluesky import RunEngine
from bluesky.utils import FailedStatus
from ophyd import EpicsSignal, EpicsSignalRO
from ophyd.utils import ExceptionBundle

from operando_plans import STXM, BeamGuard, Field, Region, ScanOptions, Until, operando_series
from served_instrument import Served, epics_microscope, served

pytest.importorskip("caproto", reason="caproto is not installed: the extra `epics` brings it")

REGION = Region("field", Field((0.0, 0.0), (2.0, 2.0), (8, 6)), (515.5, 518.0), 1.0)
MARGIN_S = 0.5


@pytest.fixture(scope="module")
def instrument() -> Generator[Served]:
    with served("--pace", "0", "--static") as there:
        yield there


@pytest.fixture(scope="module")
def stxm(instrument: Served) -> STXM:
    stxm = epics_microscope(instrument.prefix, margin_s=MARGIN_S)
    stxm.wait_for_connection(timeout=10.0)
    return stxm


def fault(instrument: Served, name: str) -> EpicsSignal:
    signal = EpicsSignal(f"{instrument.prefix}Fault:{name}", name=name, put_complete=True)
    signal.wait_for_connection(timeout=10.0)
    return signal


def run(
    stxm: STXM, documents: list[tuple[str, dict]], do_at: dict[int, Any] | None = None, **options: Any
) -> None:
    """Run a series into `documents`, and do something when so many lines have come."""
    engine = RunEngine({}, context_managers=[])
    todo = dict(do_at or {})

    def take(name: str, document: dict) -> None:
        documents.append((name, document))
        lines = sum(kind == "event_page" for kind, _ in documents)
        if name == "event_page" and lines in todo:
            todo.pop(lines)()

    engine.subscribe(take)
    engine(operando_series(stxm, REGION, Until(cycles=1), options=ScanOptions(**options)))


def status_of_another(stxm: STXM) -> str:
    """Run a series undisturbed, and return how it ended."""
    documents: list[tuple[str, dict]] = []
    run(stxm, documents)
    return documents[-1][1]["exit_status"]


def is_shut(instrument: Served) -> bool:
    where = EpicsSignalRO(f"{instrument.prefix}Shutter:Readback", name="where", string=True)
    where.wait_for_connection(timeout=10.0)
    return where.get() == "closed"


def test_a_stuck_motor_ends_the_plan_with_its_record_named(instrument: Served, stxm: STXM) -> None:
    stuck = fault(instrument, "Energy")
    documents: list[tuple[str, dict]] = []
    with pytest.raises(FailedStatus) as failure:
        run(stxm, documents, {6: lambda: stuck.put("stuck", use_complete=False)})
    assert f"{instrument.prefix}Energy.DMOV" in str(failure.value.__cause__ or failure.value)
    assert is_shut(instrument)
    assert documents[-1][0] == "stop"
    assert documents[-1][1]["exit_status"] == "fail"
    stuck.set("free").wait(10.0)
    assert status_of_another(stxm) == "success"


def test_a_stuck_stage_ends_the_line_with_its_record_named(instrument: Served, stxm: STXM) -> None:
    stuck = fault(instrument, "SampleY")
    documents: list[tuple[str, dict]] = []
    with pytest.raises(FailedStatus) as failure:
        run(stxm, documents, {3: lambda: stuck.put("stuck", use_complete=False)})
    assert f"{instrument.prefix}Line:Go" in str(failure.value.__cause__ or failure.value)
    assert is_shut(instrument)
    stuck.set("free").wait(10.0)
    assert status_of_another(stxm) == "success"


def test_a_line_without_beam_is_taken_again_when_it_is_back(instrument: Served, stxm: STXM) -> None:
    beam = fault(instrument, "Beam")
    back = threading.Timer(0.5, lambda: beam.put("there", use_complete=False))

    def lose() -> None:
        beam.set("lost").wait(10.0)
        back.start()

    documents: list[tuple[str, dict]] = []
    run(stxm, documents, {4: lose}, beam=BeamGuard(floor_ma=100.0, poll_s=0.05))
    back.join()
    pages = [document for name, document in documents if name == "event_page"]
    assert [page["data"]["row"][0] for page in pages] == [*range(6), *range(6)]
    assert min(page["data"]["STXMLineFlyer"][0][0] for page in pages) > 1000.0


def test_a_beam_that_goes_and_comes_back_within_one_line_is_noticed(instrument: Served, stxm: STXM) -> None:
    beam, flyer = fault(instrument, "Beam"), stxm.parts.line_flyer
    complete, flown = flyer.complete, 0

    def complete_without_beam() -> Any:
        nonlocal flown
        flown += 1
        if flown == 4:
            # The ring says it in a thread of its own, to the guard before it says it here.
            said = threading.Event()

            def hear(*, value: float, **_more: object) -> None:
                if value < 100.0:
                    said.set()

            token = stxm.parts.ring_current.subscribe(hear)
            beam.set("lost").wait(10.0)
            assert said.wait(10.0)
            stxm.parts.ring_current.unsubscribe(token)
            beam.set("there").wait(10.0)
        return complete()

    documents: list[tuple[str, dict]] = []
    flyer.complete = complete_without_beam
    try:
        run(stxm, documents, beam=BeamGuard(floor_ma=100.0, poll_s=0.05))
    finally:
        del flyer.complete
    assert flown == 13
    pages = [document for name, document in documents if name == "event_page"]
    assert [page["data"]["row"][0] for page in pages] == [*range(6), *range(6)]


@pytest.mark.slow
def test_a_server_that_goes_away_ends_the_plan_and_the_next_one_runs(instrument: Served, stxm: STXM) -> None:
    away = fault(instrument, "Away")
    documents: list[tuple[str, dict]] = []
    # What fails first is what was under way: a line, a reading, or the stop of what can no longer be told to.
    with pytest.raises((FailedStatus, TimeoutError, ExceptionBundle)) as failure:
        run(stxm, documents, {5: lambda: away.put(0.3, use_complete=False)})
    assert instrument.prefix in str(failure.value.__cause__ or failure.value)
    assert documents[-1][1]["exit_status"] == "fail"
    stxm.wait_for_connection(timeout=20.0)
    assert is_shut(instrument)
    assert status_of_another(stxm) == "success"


def test_what_cannot_be_reached_is_refused_before_anything_moves(instrument: Served) -> None:
    stxm = epics_microscope(f"{instrument.prefix}Elsewhere:")
    with pytest.raises(TimeoutError, match="Elsewhere:Energy"):
        operando_series(stxm, REGION, Until(cycles=1))
