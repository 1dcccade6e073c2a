"""The same series over the simulated devices and over EPICS records: both find the truth, within their σ."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from bluesky import RunEngine

from microscope import microscope
from operando.app.truth import agreement_of, judge
from operando.app.work import Options, work_of
from operando.io.runlog import LogReader
from operando.io.sources import RecordedLog
from operando.live.monitor import Monitor
from operando.live.recorder import Recorder
from operando.types import Snapshot
from operando_plans import STXM, Field, Region, ScanOptions, Until, operando_series
from operando_sim import World, material_named, static_settings
from operando_sim.references import write_references
from served_instrument import epics_microscope, served

SEED = 11
FIELD = Field((0.0, 0.0), (4.0, 4.0), (32, 32))
MATERIAL = material_named("lixv2o5")
WAYS = ("simulated devices", "line over records", "frame over records")


@dataclass(frozen=True)
class Acquired:
    world: World
    snapshots: list[Snapshot]


def world_of_the_test() -> World:
    settings = static_settings()
    return World(replace(settings, sample=replace(settings.sample, field_um=4.0)), SEED)


@pytest.fixture(scope="module")
def acquired(tmp_path_factory: pytest.TempPathFactory) -> Generator[dict[str, Acquired]]:
    pytest.importorskip("caproto", reason="caproto is not installed: the extra `epics` brings it")
    world = world_of_the_test()
    settings = ["--pace", "0", "--static", "--seed", str(SEED), "--field-um", "4"]
    with served(*settings, "--started", str(world.time_s)) as instrument:
        stxm = epics_microscope(instrument.prefix)
        stxm.wait_for_connection(timeout=10.0)
        folder = tmp_path_factory.mktemp("served")
        yield {
            way: Acquired(world, fitted(folder / way, one, flyer))
            for way, one, flyer in zip(
                WAYS, (microscope(world), stxm, stxm), ("line", "line", "frame"), strict=True
            )
        }


def fitted(folder: Path, stxm: STXM, flyer: str) -> list[Snapshot]:
    """Acquire two cycles into a log, and return what a monitor makes of it."""
    folder.mkdir()
    write_references(folder, MATERIAL)
    region = Region("field", FIELD, MATERIAL.energies_ev, 1.0)
    engine = RunEngine({}, context_managers=[])
    with Recorder(folder / "series.runlog") as recorder:
        engine.subscribe(recorder)
        engine(operando_series(stxm, region, Until(cycles=2), options=ScanOptions(flyer=flyer)))
    gain = static_settings().detector.variance_to_mean
    work = work_of(Options(references=folder / "library.toml", gain=gain))
    snapshots: list[Snapshot] = []
    monitor = Monitor(RecordedLog(LogReader(folder / "series.runlog"), "log"), work, snapshots.append)
    while monitor.pull():
        pass
    monitor.finish()
    return snapshots


@pytest.mark.parametrize("way", WAYS)
def test_x_agrees_with_the_truth_within_its_own_sigma(acquired: dict[str, Acquired], way: str) -> None:
    found = acquired[way]
    assert len(found.snapshots) == 2
    for snapshot in found.snapshots:
        assert snapshot.map is not None
        assert snapshot.map.valid.mean() > 0.2
        assert np.median(snapshot.map.lithium_error[snapshot.map.valid]) < 0.06
    verdict = judge([agreement_of(snapshot, found.world) for snapshot in found.snapshots])
    assert verdict.share_within >= 0.99
    assert verdict.agrees, verdict


def test_the_ways_differ_by_no_more_than_their_noise(acquired: dict[str, Acquired]) -> None:
    direct, served_ones = (acquired[way].snapshots[-1].map for way in WAYS[:2])
    assert direct is not None
    assert served_ones is not None
    both = direct.valid & served_ones.valid
    pull = (direct.lithium - served_ones.lithium)[both] / np.hypot(
        direct.lithium_error, served_ones.lithium_error
    )[both]
    assert both.mean() > 0.2
    # σ is generous where fractions are on their bound (decision 14), so the lower side is wide.
    assert 0.2 < np.sqrt(np.mean(pull**2)) < 1.3
