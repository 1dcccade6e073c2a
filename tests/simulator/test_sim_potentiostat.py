"""The potentiostat: its charge is the lithium of the particles and the leak, on the world's clock."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
import numpy as np
import pytest
from bluesky import RunEngine
from bluesky.protocols import Readable, Subscribable
from hypothesis import given, settings
from hypothesis import strategies as st

from operando_sim import MATERIALS, CellSettings, SampleSettings, World, demo_settings, make_stxm
from operando_sim.cell import Cell, open_circuit_v

DEMO = demo_settings()
SETTINGS = replace(DEMO, sample=SampleSettings(field_um=3.0, length_um=(0.4, 1.4)))
WORLD = World(SETTINGS, seed=3)
UAH_PER_X = SETTINGS.cell.host_nmol * 96.485 / 3600.0


@settings(max_examples=30, deadline=None)
@given(st.floats(0.0, 3600.0))
def test_the_lithium_content_follows_from_the_charge_less_the_leak(after_s: float) -> None:
    time_s = WORLD.time_s + after_s
    reading = Cell(WORLD).read(time_s)
    leak_uah = SETTINGS.cell.leak_ua * after_s / 3600.0
    lithium = WORLD.mean_lithium(WORLD.time_s) + (reading.charge_uah - leak_uah) / UAH_PER_X
    assert lithium == pytest.approx(WORLD.mean_lithium(time_s), abs=1e-5)


def test_the_mean_lithium_is_that_of_the_truth_by_amount() -> None:
    world = World(replace(SETTINGS, optics=replace(SETTINGS.optics, spot_um=0.0)), seed=3)
    axis = [0.02 * step for step in range(-80, 81)]
    time_s = world.time_s + 900.0
    truth = world.truth(axis, axis, time_s)
    has = truth.thickness_um > 0.001
    mean = (truth.lithium[has] * truth.thickness_um[has]).sum() / truth.thickness_um[has].sum()
    assert world.mean_lithium(time_s) == pytest.approx(mean, abs=2e-3)


@given(st.sampled_from([material.name for material in MATERIALS]), st.floats(0, 1), st.floats(0, 1))
def test_the_voltage_falls_as_lithium_goes_in(material: str, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert open_circuit_v(material, low) >= open_circuit_v(material, high)


def test_the_current_lowers_the_voltage_and_is_the_slope_of_the_charge() -> None:
    cell = Cell(WORLD)
    early, now, late = (cell.read(WORLD.time_s + 900.0 + offset_s) for offset_s in (0.0, 5.0, 10.0))
    slope_ua = (late.charge_uah - early.charge_uah) / 10.0 * 3600.0
    assert early.current_ua == pytest.approx(slope_ua, rel=1e-6)
    rest = World(replace(SETTINGS, cell=CellSettings(resistance_ohm=0.0)), seed=3)
    assert now.voltage_v < Cell(rest).read(WORLD.time_s + 905.0).voltage_v


def test_it_describes_what_it_reads_and_speaks_the_protocols() -> None:
    potentiostat = make_stxm(WORLD).potentiostat
    assert isinstance(potentiostat, Readable)
    assert isinstance(potentiostat, Subscribable)
    described, read = potentiostat.describe(), potentiostat.read()
    assert set(described) == set(read)
    assert {key: entry["units"] for key, entry in described.items()} == {
        "potentiostat_voltage": "V",
        "potentiostat_current": "uA",
        "potentiostat_charge": "uAh",
    }
    assert potentiostat.hints == {"fields": ["potentiostat_voltage", "potentiostat_charge"]}
    assert potentiostat.read_configuration()["potentiostat_host_nmol"]["value"] == 300.0
    assert potentiostat.describe_configuration()["potentiostat_host_nmol"]["units"] == "nmol"


@pytest.mark.parametrize("what", ["whole", "charge"])
def test_monitored_it_gives_its_own_stream_as_world_time_passes(what: str) -> None:
    world = World(SETTINGS, seed=3)
    stxm = make_stxm(world)
    monitored = stxm.potentiostat if what == "whole" else stxm.potentiostat.charge
    documents: list[tuple[str, dict]] = []

    @bpp.run_decorator()
    def plan():
        yield from bps.monitor(monitored, name="potentiostat")
        for position_um in (20.0, -20.0) * 5:  # 20 µm/s: a second or two each
            yield from bps.mv(stxm.sample_x, position_um)
        yield from bps.unmonitor(monitored)
        yield from bps.mv(stxm.sample_x, 0.0)

    before_s = world.time_s
    RunEngine({}, context_managers=[])(plan(), lambda name, document: documents.append((name, document)))
    (descriptor,) = [document for name, document in documents if name == "descriptor"]
    assert descriptor["name"] == "potentiostat"
    events = [document for name, document in documents if name == "event"]
    times = [event["timestamps"]["potentiostat_charge"] for event in events]
    # Nineteen seconds, a reading at most every five, and one at once.
    assert len(events) == 4
    assert times[0] == before_s
    assert all(later - earlier >= 5.0 for earlier, later in pairwise(times))
    assert set(events[0]["data"]) == set(descriptor["data_keys"])


def test_a_part_of_the_field_is_ahead_of_the_cell_and_behind_it_and_the_whole_field_never_is() -> None:
    """So x of a field that does not hold all particles is not that of the charge, and no formula is wrong."""
    world = World(DEMO, seed=7)

    def ratio(half_um: float, after_s: float) -> float:
        axis, time_s = np.linspace(-half_um, half_um, 60), world.time_s + after_s
        truth = world.truth(axis, axis, time_s)
        has = truth.thickness_um > 0.001
        return float(np.average(truth.lithium[has], weights=truth.thickness_um[has])) / world.mean_lithium(
            time_s
        )

    assert [ratio(3.2, after_s) for after_s in (300.0, 600.0, 900.0)] == pytest.approx([1.0] * 3, abs=0.03)
    assert ratio(2.0, 300.0) < 0.7
    assert ratio(2.0, 900.0) > 1.02
