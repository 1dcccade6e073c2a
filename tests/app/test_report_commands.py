"""The commands report and animate: what they write, and what they refuse with which code."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from operando.cli import Exit, app
from operando.io.results_writer import ResultsWriter
from operando.types import PhaseSpectra
from scans import plan_of

PHASES = PhaseSpectra(
    names=("a", "b"),
    lithium=np.array([0.0, 1.0]),
    at_energies=np.ones((plan_of().energies_ev.size, 2)),
    energy_ev=np.linspace(700, 716, 5),
    curves=np.ones((5, 2)),
    unit="optical_density",
    is_model=False,
)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = tmp_path / "run.h5"
    ResultsWriter(path, plan_of(), PHASES, {"version": "1"})
    return path


def code_of(*arguments: str | Path) -> int:
    return CliRunner().invoke(app, [str(argument) for argument in arguments]).exit_code


def test_a_report_goes_beside_the_results_and_over_nothing(results: Path) -> None:
    assert code_of("report", results) == Exit.DONE
    page = results.with_name("run-report.html")
    before = page.read_bytes()
    assert before.startswith(b"<!DOCTYPE html>")
    assert code_of("report", results) == Exit.CONFIGURATION
    assert page.read_bytes() == before


def test_what_is_no_results_file_is_damaged_or_not_there(tmp_path: Path) -> None:
    other = tmp_path / "other.h5"
    other.write_text("no HDF5")
    assert code_of("report", other) == Exit.DAMAGED
    assert code_of("animate", other, tmp_path / "maps.gif") == Exit.DAMAGED
    assert code_of("report", tmp_path / "nothing.h5") == Exit.UNREACHABLE
    assert list(tmp_path.iterdir()) == [other]


def test_an_animation_is_a_gif_of_finished_cycles_and_over_nothing(results: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.gif"
    there.write_bytes(b"mine")
    for output in (tmp_path / "maps.mp4", tmp_path / "maps.gif", there):
        assert code_of("animate", results, output) == Exit.CONFIGURATION
    assert there.read_bytes() == b"mine"
    assert not (tmp_path / "maps.gif").exists()
