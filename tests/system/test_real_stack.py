"""The real stack at the Fe L edge: few energies against all 123, as the documentation prints it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from operando.cli import app
from operando.io.results import read_results
from scans import SHARED_DATA

HEADER = SHARED_DATA / "fe_l_stxm_stack" / "71214078.hdr"
PROFILE = Path(__file__).parents[2] / "profiles" / "als_fe_l" / "profile.toml"

pytestmark = pytest.mark.skipif(not HEADER.is_file(), reason="the real stack is not on this machine")


def replay(output: Path, *options: str) -> None:
    result = CliRunner().invoke(
        app,
        ["replay", str(HEADER), "--profile", str(PROFILE), "--output", str(output), "--headless", *options],
    )
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("stack")
    paths = {name: folder / f"{name}.h5" for name in ("all", "four", "blank")}
    replay(paths["all"])
    replay(paths["four"], "--energies", "707.24,707.65,709.26,712.90")
    replay(paths["blank"], "--energies", "707.24,707.65,709.26,712.90", "--i0", "blank")
    return paths


@pytest.mark.parametrize("name", ["four", "blank"])
def test_four_energies_reproduce_the_fit_of_all(results: dict[str, Path], name: str) -> None:
    result = CliRunner().invoke(app, ["compare", str(results[name]), str(results["all"]), "--json"])
    assert result.exit_code == 0, result.output
    group = next(row for row in json.loads(result.output) if row["thickness"] == [0.5, 1.0])
    # The measured figure of domain.md for these four energies is 0.08; the demand is 0.09.
    assert group["pixels"] > 300
    assert group["spread"] <= 0.09


def test_the_stack_is_read_whole_and_its_axes_are_those_of_the_header(results: dict[str, Path]) -> None:
    found = read_results(results["all"])
    assert found.energies_ev.size == 123
    assert found.energies_ev[[0, -1]].tolist() == pytest.approx([700.0, 730.353])
    assert found.x_um[0] == pytest.approx(-4736.602)
    assert found.y_um[0] == pytest.approx(-638.153)
    assert np.diff(found.x_um) == pytest.approx(np.full(124, 0.08), abs=1e-6)
    assert found.lithium.shape == (1, 125, 125)


def test_pictures_and_curve_are_written_beside_the_results(results: dict[str, Path]) -> None:
    for kind in ("map.png", "report.png", "curve.csv"):
        assert (results["all"].parent / f"all-{kind}").stat().st_size > 100
