"""The dry run: what it foretells is what happens, and nothing moves for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bluesky import RunEngine
from hypothesis import given
from hypothesis import strategies as st

from fake_parts import fake_stxm
from microscope import microscope
from operando.core.dose import Absorber
from operando.core.dose import dose_mgy as core_dose_mgy
from operando.live.recorder import Recorder
from operando_plans import (
    STXM,
    Assumptions,
    Field,
    Pace,
    Region,
    Sample,
    ScanOptions,
    Until,
    UserLimits,
    dry_run,
    operando_series,
)
from operando_plans.dose import dose_mgy
from operando_sim import World, make_stxm, static_settings

FIELD = Field((0.0, 0.0), (2.0, 1.0), (40, 20))
REGION = Region("cell", FIELD, [513.0, 517.9, 519.0], [1.0, 2.0, 1.5], every=[4, 1, 1])
LFP = Sample(photons_per_s=1e6, thickness_um=0.2, density_g_cm3=3.6, od=1.0)


def simulated() -> tuple[STXM, World]:
    world = World(static_settings(), seed=1)
    return microscope(world), world


def pace_of(world: World) -> Pace:
    timing = world.settings.timing
    return Pace(timing.line_overhead_ms, timing.energy_move_s, 0.1, timing.shutter_s)


@pytest.mark.parametrize("flyer", ["line", "frame"])
@pytest.mark.parametrize("until", [Until(cycles=1), Until(cycles=5), Until(duration_s=30.0)])
def test_time_documents_and_disk_are_foretold(flyer: str, until: Until, tmp_path: Path) -> None:
    stxm, world = simulated()
    stxm = STXM(replace(stxm.parts, frame_flyer=make_stxm(world).frame_flyer))
    control = replace(REGION, name="control", is_control=True, field=Field((4.0, 0.0), (1.0, 1.0), (30, 10)))
    regions = [REGION, control]
    clock = replace(ScanOptions().clock, now_s=lambda: world.time_s)
    options = ScanOptions(flyer=flyer, clock=clock)  # type: ignore[arg-type]
    estimate = dry_run(stxm, regions, until, options=options, assumptions=Assumptions(pace_of(world)))
    began_s, log = world.time_s, tmp_path / "log"
    documents: list[str] = []
    engine = RunEngine({}, context_managers=[])
    with Recorder(log) as recorder:
        engine.subscribe(recorder)
        engine(
            operando_series(stxm, regions, until, options=options),
            lambda name, _document: documents.append(name),
        )
    assert world.time_s - began_s == pytest.approx(estimate.duration_s, rel=0.05)
    assert estimate.documents == len(documents)
    # SQLite's pages of 32 kB are filled unevenly, and the metadata are the user's.
    assert log.stat().st_size == pytest.approx(estimate.disk_bytes, rel=0.1)


def test_the_dose_is_that_of_the_literature() -> None:
    # 200 nm of LiFePO4 at OD 1: 0.13 MGy a frame at a bend magnet (1e6 photons/s, 1 ms), 5 to 6 MGy at an
    # undulator (5e8 to 1e9 photons/s, 0.1 ms), at the usual pixel of about 30 nm.
    field = Field((0.0, 0.0), (0.9, 0.9), (31, 31))
    frame = Region("frame", field, [710.0], 1.0)
    assert dose_mgy(LFP, frame, [1.0]) == pytest.approx(0.13, rel=0.2)
    assert dose_mgy(replace(LFP, photons_per_s=5e8), frame, [0.1]) == pytest.approx(5.5, rel=0.2)


@given(
    photons=st.floats(1e3, 1e10),
    od=st.lists(st.floats(0.01, 5.0), min_size=3, max_size=3),
    dwell_ms=st.lists(st.floats(0.01, 100.0), min_size=3, max_size=3),
)
def test_the_plans_foretell_the_dose_that_the_monitor_computes(
    photons: float, od: list[float], dwell_ms: list[float]
) -> None:
    # Plans and monitor know nothing of each other, so each has the formula: here it is one.
    columns, rows = FIELD.points
    pixel_um2 = FIELD.size_um[0] / (columns - 1) * FIELD.size_um[1] / (rows - 1)
    mass_kg = Absorber(1.0, LFP.density_g_cm3 * 1e-4 * LFP.thickness_um).mass_kg(np.ones((1, 1)), pixel_um2)
    measured = core_dose_mgy(
        np.ones((3, 1)),
        1e-3 * photons * np.array(dwell_ms),
        np.array(REGION.energies_ev),
        np.array(od).reshape(3, 1, 1),
        mass_kg,
    )
    foretold = dose_mgy(replace(LFP, photons_per_s=photons, od=od), REGION, dwell_ms)
    assert foretold == pytest.approx(float(measured[0, 0]), rel=1e-9)


@given(
    photons=st.floats(1e3, 1e10),
    od=st.floats(0.01, 5.0),
    dwell_ms=st.floats(0.01, 100.0),
    factor=st.floats(1.1, 10.0),
)
def test_the_dose_follows_light_mass_and_nothing_else(
    photons: float, od: float, dwell_ms: float, factor: float
) -> None:
    sample = Sample(photons, 0.2, 3.6, od)
    region = Region("r", FIELD, [710.0], dwell_ms)
    dose = dose_mgy(sample, region, [dwell_ms])
    assert dose_mgy(replace(sample, photons_per_s=factor * photons), region, [dwell_ms]) == pytest.approx(
        factor * dose
    )
    assert dose_mgy(replace(sample, density_g_cm3=factor * 3.6), region, [dwell_ms]) == pytest.approx(
        dose / factor
    )
    thick = replace(sample, thickness_um=factor * 0.2, od=factor * od)
    assert dose_mgy(thick, region, [dwell_ms]) < dose
    assert dose_mgy(sample, region, [dwell_ms, dwell_ms][:1]) > 0


def test_a_control_gets_two_visits_of_dose_and_says_so_in_words() -> None:
    stxm, _ = simulated()
    control = replace(
        REGION, name="control", every=(), is_control=True, field=Field((8.0, 0.0), (2.0, 1.0), (40, 20))
    )
    assumptions = Assumptions(sample=replace(LFP, od=[0.1, 0.8, 1.0]))
    estimate = dry_run(stxm, [replace(REGION, every=()), control], Until(cycles=10), assumptions=assumptions)
    assert estimate.dose_mgy["control"] == pytest.approx(estimate.dose_mgy["cell"] / 5)
    assert estimate.dose_with_flyback_mgy["cell"] > estimate.dose_mgy["cell"]
    assert "MGy a pixel" in str(estimate)
    assert "10 cycles take" in str(estimate)


@pytest.mark.parametrize(
    ("region", "until", "limits", "words"),
    [
        (
            replace(REGION, energies_ev=[513.0, 99.0, 519.0]),
            Until(cycles=1),
            UserLimits(),
            "energy cannot go to 99",
        ),
        (
            replace(REGION, field=Field((500.0, 0.0), (2.0, 1.0), (9, 9))),
            Until(cycles=1),
            UserLimits(),
            "SampleX",
        ),
        (REGION, Until(cycles=1000), UserLimits(max_dose_mgy=1.0), "fewer cycles"),
        (REGION, Until(cycles=1000), UserLimits(max_duration_s=60.0), "2 min are allowed|60 s are allowed"),
        (REGION, Until(cycles=1000), UserLimits(max_disk_bytes=1000), "0.0 MB are allowed"),
        (REGION, Until(stop=lambda _done: True), UserLimits(), "give cycles"),
    ],
)
def test_what_is_beyond_a_limit_is_refused_and_nothing_moves(
    region: Region, until: Until, limits: UserLimits, words: str
) -> None:
    stxm, world = simulated()
    before = world.time_s, world.energy_ev, world.is_shutter_open
    with pytest.raises(ValueError, match=words):
        dry_run(stxm, region, until, assumptions=Assumptions(sample=LFP, limits=limits))
    assert (world.time_s, world.energy_ev, world.is_shutter_open) == before


def test_a_dry_run_calls_nothing_that_moves() -> None:
    stxm, lab = fake_stxm(np.ones((1, 1, 2, 4)))
    dry_run(stxm, Region("cell", Field((0, 0), (2, 2), (4, 2)), [700.0], 1.0), Until(cycles=3))
    assert lab.calls == 0
