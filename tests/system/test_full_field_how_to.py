"""The commands that the how-to of other scales shows do what it says, in its order."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from howto import blocks_of
from operando.cli import Exit, app
from operando.io.results import read_results
from operando.types import Light

BLOCKS = blocks_of("full-field-ptychography-tilt.md")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def do(block: str) -> str:
    said = ""
    for line in block.splitlines():
        program, *arguments = shlex.split(line)
        assert program == "operando"
        # Few pixels, and no repeat, for the sake of time.
        arguments += {"grains": ["--pixels", "25"], "tilt": ["--repeats", "0"]}.get(arguments[0], [])
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == Exit.DONE, result.output
        said += " ".join(result.output.split())
    return said


def test_a_full_field_stack_is_fitted_with_its_reference_frames(tmp_path: Path) -> None:
    do(BLOCKS["stack"])
    results = read_results(tmp_path / "grains-lithiation.h5")
    assert results.plan.light is Light.REFERENCES
    assert results.plan.energies_ev.size == 5
    assert np.isfinite(results.lithium[-1]).sum() > 50


def test_a_tilt_series_becomes_a_volume(tmp_path: Path) -> None:
    said = do(BLOCKS["tilt"])
    assert "RMSE of x 0.0" in said
    assert (tmp_path / "grains-volume.h5").is_file()
    assert (tmp_path / "grains-volume.png").is_file()
