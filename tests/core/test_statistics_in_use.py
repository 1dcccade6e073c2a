"""The statistics where they are used: the curve of a field, findings, a library's sigma, a profile's gain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from operando.app.work import Options, work_of
from operando.core.absorption import Detector
from operando.core.incident import IncidentRule
from operando.core.pipeline import PipelineState, record, start, step
from operando.core.references import Library, resample
from operando.core.stack import Recipe
from operando.errors import ConfigurationError
from operando.types import Snapshot
from scans import library, lines_of, plan_of

SHAPE = (24, 48)
GAIN = 0.4


def recorded(detector: Detector, refs: Library, seed: int = 1) -> tuple[PipelineState, Snapshot]:
    """Return the record of one cycle: a blank half, and one of the pure first phase in all thicknesses."""
    plan = plan_of(SHAPE, cycles=1)
    thickness = np.where(np.arange(SHAPE[1]) < 24, 0.0, np.linspace(0.3, 1.5, SHAPE[1]))
    od = resample(refs, plan.energies_ev)[:, 0, None, None] * np.broadcast_to(thickness, SHAPE)
    counts = GAIN * np.random.default_rng(seed).poisson(2000.0 * np.exp(-od) / GAIN).astype(np.float64)
    state = start(plan, refs, Recipe(detector=detector, incident=IncidentRule()))
    for line in lines_of(plan, counts[None]):
        state = step(state, line)
    return record(state, 0)


def test_the_curve_of_a_pure_field_is_where_it_says() -> None:
    _, snapshot = recorded(Detector(GAIN), library(2))
    assert snapshot.map is not None
    x, error = snapshot.curve.lithium[0], snapshot.curve.lithium_error[0]
    # The truth is 0, which the mean of the pixels misses by more than it could ever say.
    assert np.nanmean(snapshot.map.lithium) > 5 * error
    assert 0 <= x < 3 * error
    assert snapshot.curve.pixels[0] == snapshot.map.valid.sum()


@pytest.mark.parametrize(("gain", "codes"), [(1.0, ["gain"]), (GAIN, []), (float("nan"), [])])
def test_a_gain_is_contradicted_once_and_only_if_it_was_set(gain: float, codes: list[str]) -> None:
    state, snapshot = recorded(Detector(gain), library())
    assert [finding.code for finding in snapshot.findings if finding.code == "gain"] == codes
    _, again = record(state, 0)
    assert [finding.code for finding in again.findings if finding.code == "gain"] == codes


def test_sigma_of_the_library_is_in_the_error_and_leaves_x() -> None:
    exact = library()
    noisy = replace(exact, phases=tuple(replace(phase, sigma=0.03) for phase in exact.phases))
    (_, without), (_, with_sigma) = recorded(Detector(GAIN), exact), recorded(Detector(GAIN), noisy)
    assert without.map is not None
    assert with_sigma.map is not None
    both = without.map.valid & with_sigma.map.valid
    np.testing.assert_array_equal(with_sigma.map.lithium[both], without.map.lithium[both])
    assert (with_sigma.map.lithium_error[both] > without.map.lithium_error[both]).all()
    # One error for all pixels: the mean of hundreds is hardly surer than one.
    assert with_sigma.curve.lithium_error[0] > 5 * without.curve.lithium_error[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, value in (("poor", 0.2), ("rich", 0.5)):
        (tmp_path / f"{name}.txt").write_text(f"700 {value}\n720 {1 - value}\n")
    (tmp_path / "library.toml").write_text(
        'element = "Fe"\nedge = "L"\nformula = "LixFePO4"\n'
        '[[phase]]\nname = "poor"\nlithium = 0.0\nfile = "poor.txt"\nsigma = 0.01\n'
        '[[phase]]\nname = "rich"\nlithium = 1.0\nfile = "rich.txt"\n'
    )
    (tmp_path / "profile.toml").write_text('library = "library.toml"\n[detector]\ngain = "auto"\n')
    return tmp_path


def test_sigma_and_gain_are_read(folder: Path) -> None:
    work = work_of(Options(profile=folder / "profile.toml"))
    assert work.library.sigma.tolist() == [0.01, 0.0]
    assert np.isnan(work.recipe.detector.gain)
    assert work_of(Options(profile=folder / "profile.toml", gain=0.3)).recipe.detector.gain == 0.3


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("library.toml", "sigma = 0.01", "sigma = -0.01"),
        ("library.toml", "sigma = 0.01", "sigma = nan"),
        ("profile.toml", '"auto"', '"automatic"'),
        ("profile.toml", '"auto"', "0"),
        ("profile.toml", '"auto"', "nan"),
    ],
)
def test_a_sigma_or_gain_that_makes_no_sense_is_refused(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ConfigurationError, match="sigma" if "sigma" in old else "gain"):
        work_of(Options(profile=folder / "profile.toml"))


@pytest.mark.parametrize("gain", [0.0, -1.0, float("nan")])
def test_a_gain_given_by_hand_is_a_number_above_zero(folder: Path, gain: float) -> None:
    with pytest.raises(ConfigurationError, match="above 0"):
        work_of(Options(profile=folder / "profile.toml", gain=gain))
