"""The demonstration's verdict can fail: each tampering, with fit or world, is found out."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from bluesky import RunEngine
from hypothesis import given
from hypothesis import strategies as st

from microscope import microscope
from operando.app.simulate import Cell, energies_of, field_of, world_of
from operando.app.truth import Agreement, agreement_of, judge
from operando.app.work import Options, work_of
from operando.io.sources import DocumentSource
from operando.live.monitor import Monitor
from operando.types import Snapshot
from operando_plans import Region, Until, operando_series
from operando_sim import World, material_named
from operando_sim.references import write_references

CELL = Cell("lixv2o5", 3, 1_790_000_000.0, 24, 2, 1.0, energies_of("lixv2o5"), elapsed_s=600.0)
GOOD = Agreement(400, 0.4, 1.0, error_ratio=1.0, chi2=0.9, still=200, squared_pull=150.0)


@dataclass(frozen=True)
class Experiment:
    """References, truth, and the documents of an honest world and of one tampered with."""

    references: Path
    truth: World
    honest: list
    offset: list

    def fitted(self, documents: list, *, references: Path | None = None, gain: float = 0.8) -> list[Snapshot]:
        records: list[Snapshot] = []
        work = work_of(Options(references=references or self.references / "library.toml", gain=gain))
        monitor = Monitor(DocumentSource(iter(documents), "memory"), work, records.append)
        while monitor.pull():
            pass
        monitor.finish()
        assert len(records) == CELL.cycles
        return records

    def verdict(self, records: list[Snapshot]):
        return judge([agreement_of(record, self.truth) for record in records])


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    folder = tmp_path_factory.mktemp("references")
    write_references(folder, material_named(CELL.material))
    return Experiment(folder, world_of(CELL), _acquired(0.0), _acquired(0.2))


def _acquired(energy_offset_ev: float) -> list:
    """Acquire the series where the monochromator is off, in a world that is otherwise the same."""
    settings = world_of(CELL).settings
    off = replace(settings, beam=replace(settings.beam, energy_offset_ev=energy_offset_ev))
    documents: list = []
    engine = RunEngine({}, context_managers=[])
    engine.subscribe(lambda name, document: documents.append((name, document)))
    region = Region("cell", field_of(CELL), CELL.energies_ev, CELL.dwell_ms)
    engine(operando_series(microscope(World(off, CELL.seed)), region, Until(cycles=CELL.cycles)))
    return documents


def test_an_honest_series_agrees(experiment: Experiment) -> None:
    found = experiment.verdict(experiment.fitted(experiment.honest))
    assert found.agrees
    assert found.share_within >= 0.99
    assert 0.0 < found.rmse < 0.1
    # One image of each energy is what the first map has, and the counts are all that σ knows.
    assert found.error_ratio == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("factor", [100.0, 2.0, 0.3])
def test_a_wrong_gain_is_found_out(experiment: Experiment, factor: float) -> None:
    """Also a large one, under which every pixel is within its σ."""
    found = experiment.verdict(experiment.fitted(experiment.honest, gain=0.8 * factor))
    assert not found.agrees
    if factor > 1.0:
        assert found.share_within == 1.0
        assert found.error_ratio > 1.2
    else:
        assert found.chi2 > 1.6


def test_two_phases_that_are_swapped_are_found_out(experiment: Experiment, tmp_path: Path) -> None:
    for file in experiment.references.iterdir():
        shutil.copy(file, tmp_path)
    first, second = sorted(tmp_path.glob("*.txt"))[:2]
    spectrum = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(spectrum)
    found = experiment.verdict(experiment.fitted(experiment.honest, references=tmp_path / "library.toml"))
    assert not found.agrees
    assert found.share_within < 0.9
    assert found.pull_rms > 1.3


def test_an_energy_offset_of_the_world_is_found_out(experiment: Experiment) -> None:
    found = experiment.verdict(experiment.fitted(experiment.offset))
    assert not found.agrees
    assert found.share_within < 0.9
    assert found.chi2 > 1.6


def test_a_series_is_good_where_all_is() -> None:
    assert judge([GOOD, GOOD]).agrees
    assert judge([GOOD]).rmse == pytest.approx(math.sqrt(0.4 / 400))
    assert judge([GOOD]).pull_rms == pytest.approx(math.sqrt(150 / 200))


@pytest.mark.parametrize(
    "flaw",
    [
        {"share_within": 0.98},
        {"error_ratio": 1.3},
        {"error_ratio": math.nan},
        {"chi2": 0.5},
        {"chi2": 1.7},
        {"chi2": math.nan},
        {"squared_pull": 200 * 1.4**2},
        {"squared_pull": 200 * 0.2**2},
        {"squared_pull": math.nan},
        {"pixels": 0},
    ],
)
def test_one_flaw_is_enough(flaw: dict) -> None:
    assert not judge([replace(GOOD, **flaw)]).agrees


def test_a_line_that_never_came_is_a_flaw() -> None:
    assert not judge([GOOD], lines_missing=1).agrees


def test_where_hardly_a_pixel_stood_still_the_pull_is_not_judged() -> None:
    found = judge([replace(GOOD, still=3, squared_pull=99.0)])
    assert math.isnan(found.pull_rms)
    assert found.agrees


def test_nothing_agrees_with_nothing() -> None:
    assert not judge([]).agrees


@given(st.permutations([GOOD, replace(GOOD, chi2=0.8), replace(GOOD, pixels=100, share_within=0.995)]))
def test_the_order_of_the_maps_does_not_matter(agreements: list[Agreement]) -> None:
    one, other = judge(agreements), judge(agreements[::-1])
    assert one.agrees == other.agrees
    assert np.allclose(
        (one.rmse, one.share_within, one.chi2, one.pull_rms),
        (other.rmse, other.share_within, other.chi2, other.pull_rms),
    )
