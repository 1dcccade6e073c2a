"""Two results are compared where they can be, and refused with a sentence where they cannot."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from operando.app.compare import Comparison, compare, draw
from operando.cli import app
from operando.errors import ConfigurationError
from operando.io.results_writer import ResultsWriter
from operando.regions import Outline, Region
from operando.types import Curve, LithiationMap, PhaseSpectra, Reason, ScanGrid, ScanPlan

NY, NX = 4, 5
GRID = ScanGrid(x_um=np.arange(NX) * 0.5, y_um=np.arange(NY) * 0.5)
PLAN = ScanPlan("run a", "series", "a sample", GRID, np.array([700.0, 710.0]), np.ones(2), None, 1.7e9)
PHASES = PhaseSpectra(
    ("a", "b"), np.array([0.0, 1.0]), np.eye(2), np.array([700.0, 710.0]), np.eye(2), "optical_density", False
)
CURVE = Curve(np.array([0]), np.array([1.7e9]), np.array([0.5]), np.array([0.1]), np.array([9]))
ALL = Region("all", Outline.RECTANGLE, ((-1.0, -1.0), (5.0, 5.0)))


def map_with(lithium: np.ndarray, cycle: int = 0, error: float = 0.1) -> LithiationMap:
    known = np.isfinite(lithium)
    one = np.where(known, 1.0, np.nan)
    return LithiationMap(
        cycle=cycle,
        time_s=1.7e9,
        lithium=lithium,
        lithium_error=error * one,
        fraction=np.stack([1 - lithium, lithium]),
        fraction_error=np.stack([error * one, error * one]),
        thickness=0.7 * one,
        thickness_error=0.1 * one,
        background=0 * one,
        background_slope=0 * one,
        chi2=one,
        r_factor=0 * one,
        energies_used=np.full((NY, NX), 2, np.uint16),
        frame_age_s=np.zeros(2),
        reason=np.where(known, Reason.DETERMINED, Reason.THIN).astype(np.uint8),
        is_provisional=False,
    )


def written(
    path: Path,
    *maps: LithiationMap,
    plan: ScanPlan = PLAN,
    formula: str = "LixFePO4",
    background: str = "none",
) -> Path:
    process: dict[str, str | float | int] = {"formula": formula, "background": background}
    writer = ResultsWriter(path, plan, PHASES, process)
    for lithiation in maps:
        writer.write(lithiation, np.ones(2), CURVE)
    return path


def field(value: float) -> np.ndarray:
    return np.full((NY, NX), value)


LITHIUM = st.lists(
    st.one_of(st.floats(0.0, 1.0), st.just(float("nan"))), min_size=NY * NX, max_size=NY * NX
).map(lambda values: np.array(values).reshape(NY, NX))


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LITHIUM, LITHIUM)
def test_the_other_way_round_the_difference_has_the_other_sign(
    tmp_path_factory: pytest.TempPathFactory, one: np.ndarray, other: np.ndarray
) -> None:
    folder = tmp_path_factory.mktemp("results")
    first, second = written(folder / "1.h5", map_with(one)), written(folder / "2.h5", map_with(other))
    there, back = compare(first, second, [ALL]), compare(second, first, [ALL])
    np.testing.assert_array_equal(there.difference.lithium, -back.difference.lithium)
    np.testing.assert_array_equal(there.difference.sigmas, back.difference.sigmas)
    both = np.isfinite(one) & np.isfinite(other)
    np.testing.assert_array_equal(np.isfinite(there.difference.lithium), both)
    whole, *_, region = there.rows
    assert whole.pixels == int(both.sum())
    # A region that has the whole field says of it what the whole field says.
    assert replace(region, region=None) == whole or not whole.pixels


def test_a_result_beside_itself_does_not_differ(tmp_path: Path) -> None:
    path = written(tmp_path / "1.h5", map_with(field(0.4)))
    rows = compare(path, path).rows
    assert rows[0] == Comparison(None, None, NY * NX, 0.0, 0.0, 0.0)
    assert [row.pixels for row in rows] == [NY * NX, 0, NY * NX, 0]


def test_the_figures_are_those_of_the_pixels(tmp_path: Path) -> None:
    lithium = field(0.5)
    lithium[:, 0] = 0.9
    first = written(tmp_path / "1.h5", map_with(lithium, error=0.3))
    second = written(tmp_path / "2.h5", map_with(field(0.5), error=0.4))
    left = Region("left", Outline.RECTANGLE, ((-0.2, -0.2), (0.2, 9.0)))
    row = compare(first, second, [left]).rows[-1]
    assert (row.region, row.pixels, row.spread) == ("left", NY, 0.0)
    assert row.median == pytest.approx(0.4)
    assert row.median_sigmas == pytest.approx(0.4 / 0.5)


def test_of_one_run_the_last_cycle_of_both_counts(tmp_path: Path) -> None:
    first = written(tmp_path / "1.h5", map_with(field(0.1)), map_with(field(0.2), cycle=1))
    second = written(tmp_path / "2.h5", map_with(field(0.1)))
    assert compare(first, second).rows[0].median == 0.0
    other = written(tmp_path / "3.h5", map_with(field(0.1)), plan=replace(PLAN, run="run b"))
    assert compare(first, other).rows[0].median == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"plan": replace(PLAN, grid=replace(GRID, x_um=GRID.x_um + 0.1))}, "0.1 µm apart"),
        ({"formula": "LixV2O5"}, "not the same quantity"),
    ],
)
def test_what_cannot_be_compared_is_said(tmp_path: Path, other: dict, words: str) -> None:
    first = written(tmp_path / "1.h5", map_with(field(0.1)))
    second = written(tmp_path / "2.h5", map_with(field(0.1)), **other)
    with pytest.raises(ConfigurationError, match=words):
        compare(first, second)


def test_without_a_common_cycle_there_is_nothing_to_compare(tmp_path: Path) -> None:
    first = written(tmp_path / "1.h5", map_with(field(0.1)))
    with pytest.raises(ConfigurationError, match="no cycle of run"):
        compare(first, written(tmp_path / "2.h5", map_with(field(0.1), cycle=1)))
    with pytest.raises(ConfigurationError, match="holds no finished cycle"):
        compare(first, written(tmp_path / "3.h5"))


def invoke(*words: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["compare", *map(str, words)])
    return result.exit_code, result.stdout, " ".join(result.stderr.split())


def test_it_is_drawn_as_picture_and_as_page_that_says_what_differs(tmp_path: Path) -> None:
    first = written(tmp_path / "1.h5", map_with(field(0.1)))
    second = written(tmp_path / "<2>.h5", map_with(field(0.2)), background="linear <b>")
    code, _, said = invoke(first, second, "--output", tmp_path / "maps.png")
    assert code == 0, said
    assert (tmp_path / "maps.png").read_bytes().startswith(b"\x89PNG")
    code, printed, _ = invoke(
        first, second, "--output", tmp_path / "maps.html", "--region", "a <i>=0,0,1,1", "--json"
    )
    assert code == 0
    assert json.loads(printed)[-1]["region"] == "a <i>"
    page = (tmp_path / "maps.html").read_text(encoding="utf-8")
    assert "linear &lt;b&gt;" in page
    assert "a &lt;i&gt;" in page
    assert "&lt;2&gt;.h5" in page
    assert "formula" not in page, "what is the same is not said"
    assert not [mark for mark in ("<b>", "<i>", "<2>", "http://", "https://", "<script") if mark in page]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--region", "a=0,0,1"), "is no region"),
        (("--region", "=0,0,1,1"), "name has 0 characters"),
        (("--output", "maps.pdf"), "ends in '.pdf'"),
        (("--output", "1.png"), "exists already"),
    ],
)
def test_what_cannot_be_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("1.png").write_text("x")
    path = written(tmp_path / "1.h5", map_with(field(0.1)))
    code, _, said = invoke(path, path, *options)
    assert code == 3
    assert words in said


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    path = written(tmp_path / "1.h5", map_with(field(0.1)))
    compared = compare(path, path)
    for name in ("1.html", "2.html"):
        draw(compared, ("a", "b"), tmp_path / name)
    assert (tmp_path / "1.html").read_bytes() == (tmp_path / "2.html").read_bytes()
