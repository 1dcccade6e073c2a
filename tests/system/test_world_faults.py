"""Faults of the world, from the beam to the map: what they touch is masked, and nothing else changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from operando.app.simulate import Cell, energies_of, simulate
from operando.app.work import Options, work_of
from operando.io.runlog import LogReader
from operando.io.sources import RecordedLog
from operando.live.monitor import Monitor
from operando.types import LithiationMap, Snapshot
from operando_sim import material_named
from operando_sim.references import write_references

CELL = Cell("lixv2o5", 3, 1.8e9, 32, 2, 4.0, energies_of("lixv2o5"), is_reacting=False)
# The ceiling and the dark level of the simulated detector, as a beamline would state them.
PROFILE = "[detector]\nsaturation_counts = 1e6\ndark_counts = 8\n"


@dataclass(frozen=True)
class Seen:
    maps: dict[int, LithiationMap]
    monitor: Monitor

    @property
    def codes(self) -> set[str]:
        assert self.monitor.newest is not None
        return {finding.code for finding in self.monitor.newest.findings}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """References and a profile."""
    folder = tmp_path_factory.mktemp("beamline")
    write_references(folder, material_named("lixv2o5"))
    (folder / "profile.toml").write_text(PROFILE)
    return folder


def seen(folder: Path, *faults: str, i0: str | None = None) -> Seen:
    log = folder / f"{'-'.join(faults) or 'clean'}-{i0}.runlog"
    simulate(CELL, log, faults=faults)
    options = Options(profile=folder / "profile.toml", references=folder / "library.toml", i0=i0)
    records: list[Snapshot] = []
    monitor = Monitor(RecordedLog(LogReader(log), "log"), work_of(options), records.append)
    while monitor.pull():
        pass
    monitor.finish()
    return Seen({record.map.cycle: record.map for record in records if record.map is not None}, monitor)


@pytest.fixture(scope="module")
def clean(folder: Path) -> Seen:
    """The same cell with no fault."""
    return seen(folder)


def pulls(one: LithiationMap, other: LithiationMap) -> np.ndarray:
    """Differences of x in units of their σ, where both are valid."""
    both = one.valid & other.valid
    error = np.hypot(one.lithium_error[both], other.lithium_error[both])
    return np.abs(one.lithium[both] - other.lithium[both]) / error


@pytest.mark.parametrize(
    ("fault", "share"),
    [
        ("beam-loss", 0.3),
        ("refill", 0.3),
        ("i0-jump", 0.95),
        ("nan-counts", 0.95),
        ("negative-counts", 0.95),
        ("zero-counts", 0.95),
        ("saturated-counts", 0.95),
        ("dead-pixels", 0.85),
    ],
)
def test_what_a_fault_of_the_beam_or_the_detector_touches_is_masked_and_nothing_else_is_off(
    folder: Path, clean: Seen, fault: str, share: float
) -> None:
    faulty = seen(folder, fault)
    assert faulty.monitor.failure is None
    assert set(faulty.maps) == set(clean.maps) == {0, 1}
    for cycle, reference in clean.maps.items():
        found = faulty.maps[cycle]
        # Two measurements of some 400 pixels: none is off by five of its errors by chance.
        assert pulls(found, reference).max() < 5.0
        assert np.isnan(found.lithium[~found.valid]).all()
        assert found.valid.sum() > share * reference.valid.sum()


@pytest.mark.parametrize("faults", [("i0-nan",), ("i0-missing",), ("top-ups", "i0-nan")])
def test_light_that_jumps_is_divided_out_by_its_channel_and_rows_without_it_are_masked(
    folder: Path, clean: Seen, faults: tuple[str, ...]
) -> None:
    found = seen(folder, *faults, i0="channel")
    assert 0 in found.maps
    for cycle, lithiation in found.maps.items():
        assert pulls(lithiation, clean.maps[cycle]).max() < 5.0
        assert lithiation.valid.sum() > 0.3 * clean.maps[cycle].valid.sum()


def test_a_slipped_energy_is_said_by_the_fit(folder: Path, clean: Seen) -> None:
    found = seen(folder, "energy-offset")
    assert "fit-poor" in found.codes
    assert "fit-poor" not in clean.codes
