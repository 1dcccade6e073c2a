"""The served instrument, record by record, over ophyd's EPICS classes."""

from __future__ import annotations

import socket
from collections.abc import Generator

import numpy as np
import pytest
from ophyd import EpicsMotor, EpicsSignal, EpicsSignalRO
from ophyd.utils import LimitError

from operando_plans import STXM
from operando_sim import World, ZonePlateSettings, static_settings
from served_instrument import Served, epics_microscope, served

main = pytest.importorskip(
    "operando_sim.ioc.__main__", reason="caproto is not installed: the extra `epics` brings it"
).main

LINE = {"x_um": list(np.linspace(-2.0, 2.0, 24)), "y_um": 0.5, "dwell_ms": 2.0, "labels": {"row": 3}}


@pytest.fixture(scope="module")
def instrument() -> Generator[Served]:
    with served("--pace", "0", "--static", "--seed", "5") as there:
        yield there


@pytest.fixture(scope="module")
def stxm(instrument: Served) -> STXM:
    stxm = epics_microscope(instrument.prefix)
    stxm.wait_for_connection(timeout=10.0)
    return stxm


def fly(flyer, scan: dict) -> dict:
    flyer.prepare(scan).wait(10.0)
    flyer.describe_collect()
    flyer.kickoff().wait(10.0)
    flyer.complete().wait(10.0)
    (event,) = flyer.collect()
    return event


def test_ophyds_own_motor_moves_there_and_also_to_where_it_is(instrument: Served) -> None:
    motor = EpicsMotor(f"{instrument.prefix}Energy", name="motor")
    motor.wait_for_connection(timeout=10.0)
    assert motor.limits == World(static_settings(), 0).energy_limits_ev
    for target in (520.0, 520.0, 515.5):
        motor.set(target).wait(10.0)
        assert motor.position == target
    assert motor.egu == "eV"
    assert motor.motor_done_move.get() == 1


def test_a_record_refuses_what_is_outside_its_limits(stxm: STXM) -> None:
    with pytest.raises(LimitError, match="500"):
        stxm.parts.sample_x.set(500.0)
    before = stxm.parts.energy.position
    with pytest.raises(LimitError):
        stxm.parts.energy.set(100.0)
    assert stxm.parts.energy.position == before


def test_the_zone_plate_follows_the_energy(stxm: STXM) -> None:
    energy = stxm.parts.energy
    energy.set(518.0).wait(10.0)
    assert energy.zone_plate.position == pytest.approx(ZonePlateSettings().focus_um(518.0))


def test_a_line_is_what_the_simulated_world_gives(instrument: Served, stxm: STXM) -> None:
    shutter = stxm.parts.shutter
    assert shutter.read()["shutter"]["value"] == "closed"
    dark = fly(stxm.parts.line_flyer, LINE)
    shutter.set("open").wait(10.0)
    try:
        event = fly(stxm.parts.line_flyer, LINE)
    finally:
        shutter.set("closed").wait(10.0)
    data = event["data"]
    assert data["SampleX"] == LINE["x_um"]
    assert (data["SampleY"], data["row"]) == (0.5, 3)
    assert max(dark["data"]["STXMLineFlyer"]) < 50.0
    assert min(data["STXMLineFlyer"]) > 1000.0
    assert len(data["STXMLineFlyer_i0"]) == 24
    # The time is the device's, and that of the end of the line: 24 pixels of 2 ms and 80 ms before.
    assert event["time"] == set(event["timestamps"].values()).pop()
    assert event["time"] - dark["time"] == pytest.approx(0.128 + 0.05, abs=1e-3)


def test_a_frame_is_its_lines(stxm: STXM) -> None:
    rows = [-0.5, 0.0, 0.5]
    event = fly(stxm.parts.frame_flyer, {**LINE, "y_um": rows, "labels": {}})
    assert event["data"]["SampleY"] == rows
    assert np.shape(event["data"]["STXMFrameFlyer"]) == (3, 24)


def test_a_scan_that_leaves_the_travel_is_refused_with_its_reason(stxm: STXM) -> None:
    flyer = stxm.parts.line_flyer
    flyer.prepare({**LINE, "y_um": 400.0}).wait(10.0)
    flyer.kickoff().wait(10.0)
    flyer.complete().wait(10.0)
    with pytest.raises(RuntimeError, match=r"Line:State is 'refused': X or Y leaves the stage's travel"):
        list(flyer.collect())


def test_the_counter_counts_when_it_is_triggered(stxm: STXM) -> None:
    (counter,) = stxm.parts.counters
    stxm.parts.shutter.set("open").wait(10.0)
    counter.trigger().wait(10.0)
    stxm.parts.shutter.set("closed").wait(10.0)
    assert counter.read()["counter"]["value"] > 1000.0


def test_read_as_one_device_it_has_positions_counts_current_and_cell(stxm: STXM) -> None:
    reading, described = stxm.read(), stxm.describe()
    assert set(reading) == set(described)
    assert {"energy", "SampleX", "counter", "ring_current", "potentiostat_voltage", "shutter"} <= set(reading)
    assert 400.0 < reading["ring_current"]["value"] < 501.0
    assert 3.0 < reading["potentiostat_voltage"]["value"] < 3.6
    assert "energy" in stxm.hints["fields"]


def test_a_reading_cannot_be_put(instrument: Served) -> None:
    counts = EpicsSignal(f"{instrument.prefix}Line:Counts", name="counts")
    counts.wait_for_connection(timeout=10.0)
    assert not counts.write_access


def test_an_unknown_record_is_named(instrument: Served) -> None:
    missing = EpicsSignalRO(f"{instrument.prefix}Nowhere", name="missing")
    with pytest.raises(TimeoutError, match="Nowhere"):
        missing.wait_for_connection(timeout=0.5)


def test_it_serves_this_machine_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EPICS_CAS_INTF_ADDR_LIST", "0.0.0.0")  # noqa: S104 - what it is to refuse
    assert main(["--port", "0"]) == 1
    assert "EPICS_CAS_INTF_ADDR_LIST is 0.0.0.0" in capsys.readouterr().err


def test_a_port_in_use_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        assert main(["--port", str(other.getsockname()[1])]) == 1
    assert "is in use" in capsys.readouterr().err


def test_a_pace_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "0", "--pace", "-1"]) == 1
    assert "the pace is -1.0" in capsys.readouterr().err
