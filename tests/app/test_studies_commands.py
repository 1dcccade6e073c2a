"""The commands adopt and stress, and the table of the particles, on the results of a small run."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from operando.app.past import remember
from operando.app.report import particles_beside
from operando.app.stress import solve_stress
from operando.cli import Exit, app
from operando.crystal import Crystal
from operando.errors import ConfigurationError
from operando.io.library import load_library
from operando.io.library_writer import write_library
from operando.io.results import read_results
from operando.io.results_tables import record_of
from operando.io.results_writer import ResultsWriter
from operando.view import HistoryBook
from operando.view.stresses import StressQuestion
from scans import library
from two_particles import CYCLES, LINES, run

RECORDS = run(LINES)[1]
CRYSTAL = """[crystal]
stiffness_gpa = [138.9, 198.0, 173.0, 72.8, 52.5, 45.8, 47.6]
misfit = [0.0517, 0.0359]
"""


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = tmp_path / "run.h5"
    first = RECORDS[0]
    writer = ResultsWriter(path, first.plan, first.phases, {"version": "1"})
    for snapshot in RECORDS.values():
        assert snapshot.map is not None
        writer.write(snapshot.map, snapshot.i0, RECORDS[CYCLES - 1].curve, record_of(snapshot))
    return path


def said(*arguments: object) -> tuple[int, str]:
    found = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return found.exit_code, found.output


def test_a_library_that_was_written_is_read_back_bit_for_bit(tmp_path: Path) -> None:
    there = library()
    read = load_library(write_library(tmp_path / "new", there))
    for one, other in zip(read.phases, there.phases, strict=True):
        assert (one.name, one.lithium, one.sigma, one.is_model) == (
            other.name,
            other.lithium,
            other.sigma,
            other.is_model,
        )
        assert one.value.tobytes() == other.value.tobytes()
        assert one.energy_ev.tobytes() == other.energy_ev.tobytes()
    with pytest.raises(OSError, match="exists"):
        write_library(tmp_path / "new", there)


def test_a_cluster_is_adopted_and_covers_the_energies_of_the_run(results: Path, tmp_path: Path) -> None:
    old = write_library(tmp_path / "old", library())
    wish = ("--name", "new phase", "--lithium", "0.4")
    code, output = said("adopt", results, old, tmp_path / "new", *wish, "--cluster", 2)
    assert code == Exit.DONE, output
    read = load_library(tmp_path / "new" / "library.toml")
    assert [phase.name for phase in read.phases] == ["phase 0", "phase 1", "phase 2", "new phase"]
    there, new = read_results(results), read.phases[-1]
    at_run = np.interp(there.energies_ev, new.energy_ev, new.value)
    seen = there.tables["clusters"].of_cycle(CYCLES - 1)["od"][1]
    np.testing.assert_allclose(at_run / at_run.mean(), seen / seen.mean(), rtol=1e-5)
    # Its ends are a last digit further out, so that an offset added and taken off again does no harm.
    assert new.energy_ev[0] < there.energies_ev.min()
    assert new.energy_ev[-1] > there.energies_ev.max()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "name one spectrum"),
        (("--place", 1, "--cluster", 1), "name one spectrum"),
        (("--place", 1), "none was found"),
        (("--cluster", 9), "it has 1, 2"),
        (("--cluster", 1, "--cycle", 77), "it has none"),
    ],
)
def test_what_is_not_there_is_not_adopted(results: Path, tmp_path: Path, options: tuple, words: str) -> None:
    old = write_library(tmp_path / "old", library())
    code, output = said("adopt", results, old, tmp_path / "new", "--name", "n", "--lithium", 0, *options)
    assert code == Exit.CONFIGURATION
    assert words in " ".join(output.split())
    assert not (tmp_path / "new").exists()


def test_without_scikit_fem_a_window_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "operando.core.strain", None)
    snapshot = RECORDS[0]
    assert snapshot.map is not None
    assert snapshot.particles is not None
    crystal = Crystal((138.9, 198.0, 173.0, 72.8, 52.5, 45.8, 47.6), (0.0517, 0.0359))
    question = StressQuestion(snapshot.map.lithium, snapshot.particles.labels, snapshot.plan.grid, crystal)
    with pytest.raises(ConfigurationError, match=r"pip install 'operando\[strain\]'"):
        solve_stress(question)


def test_stress_is_that_of_the_particles_and_says_that_it_is_a_model(results: Path, tmp_path: Path) -> None:
    pytest.importorskip("skfem", reason="scikit-fem is an extra: operando[strain]")
    profile = tmp_path / "profile.toml"
    profile.write_text(CRYSTAL)
    code, output = said("stress", results, "--profile", profile)
    assert code == Exit.DONE, output
    assert "model-dependent" in output
    with h5py.File(tmp_path / "run-stress.h5") as file:
        data = file["entry/stress"]
        assert "model-dependent" in data.attrs["model"]
        stress = data["von_mises_gpa"][()]
        labels = data["particle"][()]
    assert np.isfinite(stress[labels > 0]).all()
    assert np.isnan(stress[labels == 0]).all()
    last = RECORDS[CYCLES - 1]
    assert last.map is not None
    crystal = Crystal((138.9, 198.0, 173.0, 72.8, 52.5, 45.8, 47.6), (0.0517, 0.0359))
    in_window = solve_stress(StressQuestion(last.map.lithium, labels, last.plan.grid, crystal))
    assert np.array_equal(in_window, stress, equal_nan=True)
    assert (tmp_path / "run-stress.png").read_bytes().startswith(b"\x89PNG")
    assert said("stress", results, "--profile", profile)[0] == Exit.CONFIGURATION
    other = tmp_path / "other.h5"
    assert (
        said("stress", results, "--profile", profile, "--output", other, "--cycle", 9)[0]
        == Exit.CONFIGURATION
    )
    profile.write_text("")
    assert said("stress", results, "--profile", profile, "--output", other)[0] == Exit.CONFIGURATION


def test_stress_writes_over_no_picture_and_not_over_itself(results: Path, tmp_path: Path) -> None:
    pytest.importorskip("skfem", reason="scikit-fem is an extra: operando[strain]")
    profile = tmp_path / "profile.toml"
    profile.write_text(CRYSTAL)
    picture = tmp_path / "mine.png"
    picture.write_bytes(b"mine")
    for output in (tmp_path / "mine.h5", tmp_path / "new.png"):
        code, _ = said("stress", results, "--profile", profile, "--output", output)
        assert code == Exit.CONFIGURATION
        assert not output.exists()
    assert picture.read_bytes() == b"mine"


def test_a_quantity_that_is_cut_off_is_damage_and_no_end_of_the_monitor(
    results: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with h5py.File(results, "r+") as file:
        file["entry/fit/chi2"].resize(1, axis=0)
    assert said("picture", results, tmp_path / "x.png")[0] == Exit.DAMAGED
    assert remember(HistoryBook(), results) == 0
    assert "begins anew" in caplog.text


def test_clocks_that_were_never_set_cost_no_picture_and_no_table(results: Path, tmp_path: Path) -> None:
    with h5py.File(results, "r+") as file:
        file["entry/lithiation/time_s"][-1] = 1e300
        file["entry/scan/started_s"][()] = np.nan
    assert said("picture", results, tmp_path / "x.png")[0] == Exit.DONE
    assert said("curves", results, tmp_path / "x.csv")[0] == Exit.DONE
    assert "time unknown" in (tmp_path / "x.csv").read_text(encoding="utf-8")


def test_the_table_of_the_particles_has_a_row_a_particle_and_cycle(results: Path) -> None:
    path = particles_beside(results)
    assert path == results.with_name("run-particles.csv")
    with path.open(encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert head[:3] == ["cycle", "number", "time_s (s)"]
    assert [row[:2] for row in rows] == [
        [str(cycle), str(number)] for cycle in range(CYCLES) for number in (1, 2)
    ]
    place = head.index("lithium")
    assert float(rows[-1][place]) == RECORDS[CYCLES - 1].particles.particles[-1].lithium


def test_the_report_has_findings_particles_and_clusters(results: Path) -> None:
    assert said("report", results)[0] == Exit.DONE
    page = results.with_name("run-report.html").read_text(encoding="utf-8")
    for words in (
        "<h2>Findings</h2>",
        "Particles of cycle 4",
        "Clusters of pixels",
        "<h2>Dose</h2>",
        "1 to 4",
    ):
        assert words in page
