import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from operando.io.pictures import map_picture, report_picture
from operando.types import (
    Curve,
    LithiationMap,
    PhaseSpectra,
    Progress,
    Reason,
    ScanGrid,
    ScanPlan,
    Snapshot,
)

GREY = 180 / 255  # undetermined
PALE = 236 / 255  # not measured

PHASES = PhaseSpectra(
    names=("FePO₄", "LiFePO₄ $x$"),
    lithium=np.array([0.0, 1.0]),
    at_energies=np.array([[0.1, 0.9], [0.8, 0.3]]),
    energy_ev=np.linspace(700, 716, 50),
    curves=np.random.default_rng(0).random((50, 2)),
    unit="optical_density",
    is_model=True,
)


def lithiation_on(ny: int, nx: int, reason: np.ndarray | None = None) -> LithiationMap:
    rng = np.random.default_rng(ny)
    reason = np.zeros((ny, nx), np.uint8) if reason is None else reason
    values = np.where(reason == Reason.DETERMINED, rng.random((ny, nx)), np.nan)
    return LithiationMap(
        cycle=3,
        time_s=1.7e9,
        lithium=values,
        lithium_error=values / 10,
        fraction=np.stack([values, 1 - values]),
        fraction_error=np.stack([values, values]),
        thickness=values * 2,
        thickness_error=values / 5,
        background=0 * values,
        background_slope=0 * values,
        chi2=values,
        r_factor=values,
        energies_used=np.full((ny, nx), 2, np.uint16),
        frame_age_s=np.zeros(2),
        reason=reason.astype(np.uint8),
        is_provisional=False,
        shift_px=np.zeros((2, 2)),
        shift_um=np.zeros((2, 2)),
        shift_quality=np.ones(2),
    )


def grid_of(ny: int, nx: int, pitch_um: float = 0.25) -> ScanGrid:
    # Whole and quarter numbers: mirrored axes have bit-equal edges.
    return ScanGrid(x_um=-40 + pitch_um * np.arange(nx), y_um=7 + pitch_um * np.arange(ny))


def snapshot_of(lithiation: LithiationMap | None, grid: ScanGrid, cycles: int) -> Snapshot:
    ny, nx = grid.shape
    cycle = np.arange(cycles, dtype=np.int64)
    plan = ScanPlan(
        "a run", "stxm_series", "particle $7_", grid, np.array([704.5, 709.5]), np.ones(2), None, 1.7e9
    )
    return Snapshot(
        plan=plan,
        progress=Progress(3, 1, 5, 60, None, 0.0, 0.0, 0.0, True, "success"),
        map=lithiation,
        frame=None,
        od=np.zeros((2, ny, nx)),
        od_error=np.zeros((2, ny, nx)),
        row_time_s=np.zeros((2, ny)),
        i0=np.ones(2),
        i0_mode="blank",
        blank=np.zeros((ny, nx), bool),
        phases=PHASES,
        curve=Curve(cycle, 1.7e9 + 300.0 * cycle, 0.1 * cycle, 0.01 + 0 * cycle, 100 + cycle),
    )


def share_of(path: Path, grey: float) -> float:
    """How much of a picture has exactly one grey."""
    return float(np.mean(np.all(np.abs(imread(path)[..., :3] - grey) < 1e-3, axis=-1)))


@pytest.mark.parametrize("flip", [(1, -1), (-1, 1)])
def test_a_field_scanned_the_other_way_gives_the_same_picture(tmp_path: Path, flip: tuple[int, int]) -> None:
    ny, nx = 12, 20
    reason = np.zeros((ny, nx), np.uint8)
    reason[2:5, 3:9] = Reason.THIN
    lithiation, grid = lithiation_on(ny, nx, reason), grid_of(ny, nx)
    turned = dataclasses.replace(
        lithiation, lithium=lithiation.lithium[:: flip[0], :: flip[1]], reason=reason[:: flip[0], :: flip[1]]
    )
    back = ScanGrid(x_um=grid.x_um[:: flip[1]], y_um=grid.y_um[:: flip[0]])
    map_picture(tmp_path / "there.png", lithiation, grid, PHASES, title="particle")
    map_picture(tmp_path / "back.png", turned, back, PHASES, title="particle")
    np.testing.assert_array_equal(imread(tmp_path / "there.png"), imread(tmp_path / "back.png"))


def test_the_largest_y_is_at_the_top_and_the_largest_x_at_the_right(tmp_path: Path) -> None:
    ny, nx = 10, 10
    lithiation = lithiation_on(ny, nx)
    lithium = np.zeros((ny, nx))
    lithium[8:, 8:] = 1.0  # the far end of both axes, bright yellow in viridis
    map_picture(
        tmp_path / "map.png",
        dataclasses.replace(lithiation, lithium=lithium),
        grid_of(ny, nx),
        PHASES,
        title="",
    )
    picture = imread(tmp_path / "map.png")[..., :3]
    rows, columns = np.nonzero(np.all(np.abs(picture - (0.993, 0.906, 0.144)) < 0.01, axis=-1))
    field = columns < 0.83 * picture.shape[1]  # without the colour bar
    assert rows[field].max() < 0.35 * picture.shape[0]
    assert columns[field].min() > 0.5 * picture.shape[1]


def test_what_has_no_value_is_grey_and_says_so(tmp_path: Path) -> None:
    ny, nx = 16, 16
    reason = np.zeros((ny, nx), np.uint8)
    map_picture(tmp_path / "full.png", lithiation_on(ny, nx, reason), grid_of(ny, nx), PHASES, title="")
    assert share_of(tmp_path / "full.png", GREY) < 1e-3
    assert share_of(tmp_path / "full.png", PALE) < 1e-3
    reason[:8] = Reason.OPAQUE
    reason[8:12] = Reason.UNSEEN
    map_picture(tmp_path / "holes.png", lithiation_on(ny, nx, reason), grid_of(ny, nx), PHASES, title="")
    grey, pale = share_of(tmp_path / "holes.png", GREY), share_of(tmp_path / "holes.png", PALE)
    assert grey > 0.15
    # Half of the field and a quarter of it; the scale bar and the legend take or give a little.
    assert grey / pale == pytest.approx(2.0, rel=0.15)


@pytest.mark.parametrize(
    ("shape", "pitch_um"), [((1, 1), 12.0), ((1, 60), 0.005), ((300, 4), 0.005), ((4, 300), 12.0)]
)
def test_every_shape_of_field_is_drawn(tmp_path: Path, shape: tuple[int, int], pitch_um: float) -> None:
    path = tmp_path / "map.png"
    map_picture(
        path, lithiation_on(*shape), grid_of(*shape, pitch_um), PHASES, title="$ or _^ {", run="$run_"
    )
    height, width = imread(path).shape[:2]
    assert width == 1280
    assert 400 < height < 2400


@pytest.mark.parametrize(("has_map", "cycles"), [(False, 0), (True, 1), (True, 50)])
def test_a_page_is_drawn_with_whatever_there_is(tmp_path: Path, has_map: bool, cycles: int) -> None:
    lithiation = lithiation_on(12, 20) if has_map else None
    figures = [("a label that is rather long for one line", "a value " * 20), ("$x_", "$^"), ("", "")]
    report_picture(tmp_path / "report.png", snapshot_of(lithiation, grid_of(12, 20), cycles), figures)
    assert imread(tmp_path / "report.png").shape[:2] == (1290, 1950)


def test_nothing_touches_pyplot() -> None:
    program = "import sys, operando.io.pictures; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
