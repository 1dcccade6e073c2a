"""The microscope as one device: it reads what it describes, and a part that fails holds no other up."""

from __future__ import annotations

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
import pytest
from bluesky import RunEngine
from event_model import DocumentNames, schema_validators
from hypothesis import given
from hypothesis import strategies as st
from ophyd.status import Status
from ophyd.utils import ExceptionBundle

from operando_plans import STXM, Parts
from parts_of_a_microscope import Part, a_microscope, a_world

DEADLINE_S = 20.0
OPTIONAL = ["focus", "polarization", "sample_x", "sample_y", "shutter", "ring_current", "potentiostat"]
FULL = a_microscope(a_world())


@given(st.sets(st.sampled_from(OPTIONAL)))
def test_whatever_parts_it_has_it_reads_what_it_describes(missing: set[str]) -> None:
    parts = {entry: getattr(FULL.parts, entry) for entry in FULL.parts.__dataclass_fields__}
    stxm = STXM(Parts(**{**parts, **dict.fromkeys(missing)}))
    assert list(stxm.describe()) == list(stxm.read())
    assert list(stxm.describe_configuration()) == list(stxm.read_configuration())
    assert set(stxm.hints["fields"]) <= set(stxm.read())
    assert not any("Flyer" in key for key in stxm.read())


def test_its_hints_are_those_of_its_parts_and_its_configuration_has_the_focus_law() -> None:
    fields = FULL.hints["fields"]
    assert fields[0] == "energy"
    assert {"SampleX", "SampleY", "counter", "ring_current", "potentiostat_charge"} <= set(fields)
    assert "ZonePlateZ" not in fields
    assert {"energy_a0_um", "counter_dwell_ms", "potentiostat_host_nmol"} <= set(FULL.read_configuration())


def test_counted_in_a_run_engine_its_documents_are_valid() -> None:
    documents = []
    stxm = a_microscope(a_world())

    @bpp.stage_decorator([stxm])
    @bpp.run_decorator()
    def plan():
        for energy_ev in (510.0, 520.0):
            yield from bps.mv(stxm.parts.energy, energy_ev)
            yield from bps.trigger_and_read([stxm])

    RunEngine({}, context_managers=[])(plan(), lambda *document: documents.append(document))
    for name, document in documents:
        schema_validators[DocumentNames[name]].validate(document)
    events = [document["data"] for name, document in documents if name == "event"]
    assert [event["energy"] for event in events] == [510.0, 520.0]
    assert all(event["counter"] > 0 for event in events)


def test_equal_names_and_a_microscope_that_cannot_scan_are_refused() -> None:
    with pytest.raises(ValueError, match="two parts of the microscope are called energy"):
        Parts(energy=Part("energy"), line_flyer=Part("flyer"), sample_x=Part("energy"))
    with pytest.raises(ValueError, match="neither a line flyer nor a frame flyer"):
        Parts(energy=Part("energy"))


def microscope_of(*parts: Part) -> STXM:
    energy, flyer, *counters = parts
    return STXM(Parts(energy=energy, line_flyer=flyer, counters=tuple(counters)))


@given(st.sets(st.integers(0, 3)))
def test_a_part_that_cannot_be_stopped_or_unstaged_keeps_no_other_from_it(failing: set[int]) -> None:
    for what in ("stop", "unstage"):
        parts = [Part(f"part{index}", what if index in failing else "") for index in range(4)]
        stxm = microscope_of(*parts)
        if failing:
            with pytest.raises(ExceptionBundle, match=f"{len(failing)} of the parts of stxm") as caught:
                getattr(stxm, what)()
            assert set(caught.value.exceptions) == {f"part{index}" for index in failing}
        else:
            getattr(stxm, what)()
        assert all(part.done == [what] for part in parts)


@given(st.integers(0, 3))
def test_what_was_staged_before_a_part_failed_is_unstaged(failing: int) -> None:
    parts = [Part(f"part{index}", "stage" if index == failing else "") for index in range(4)]
    with pytest.raises(RuntimeError, match=f"part{failing} does not answer"):
        microscope_of(*parts).stage()
    assert all(part.done[-1:] == ["unstage"] for part in parts[: failing + 1])


def test_staged_and_unstaged_it_can_be_staged_again() -> None:
    stxm = a_microscope(a_world())
    for _ in range(2):
        stxm.stage()
        stxm.unstage()


def test_a_part_out_of_reach_is_named() -> None:
    stxm = microscope_of(Part("mono", fails="connect"), Part("flyer"))
    with pytest.raises(TimeoutError, match=r"mono of stxm cannot be reached: mono.VAL .* server running\?"):
        stxm.wait_for_connection(timeout=0.1)
    FULL.wait_for_connection(timeout=1.0)
    assert FULL.connected


def test_its_trigger_is_done_when_all_counters_are_and_fails_with_the_first() -> None:
    class Counter(Part):
        def trigger(self) -> Status:
            self.status = Status()
            return self.status

    counters = [Counter("one"), Counter("other")]
    stxm = microscope_of(Part("energy"), Part("flyer"), *counters)
    status = stxm.trigger()
    counters[0].status.set_finished()
    assert not status.done
    counters[1].status.set_finished()
    status.wait(DEADLINE_S)
    status = stxm.trigger()
    counters[1].status.set_exception(RuntimeError("the counter is off"))
    with pytest.raises(RuntimeError, match="counter is off"):
        status.wait(DEADLINE_S)
    microscope_of(Part("energy"), Part("flyer")).trigger().wait(DEADLINE_S)
