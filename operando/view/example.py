"""A made-up run at every stage, from a small seeded model: for pictures, benchmarks and tests of the window.

Two phases of an iron phosphate react in a few particles. The fit in here is an ordinary weighted one,
clipped at zero: enough for a picture, not the real one, which the view does not know.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from operando.regions import Marks, Region, covered
from operando.types import (
    Curve,
    Delivery,
    Finding,
    FloatArray,
    Frame,
    LithiationMap,
    PhaseSpectra,
    Progress,
    Reason,
    RegionResult,
    ScanGrid,
    ScanPlan,
    Severity,
    Snapshot,
)

__all__ = ["ENERGIES_EV", "FINDINGS", "Stage", "Story", "records_until", "snapshot_at", "with_marks"]

ENERGIES_EV = np.array([704.4, 707.24, 708.25, 709.67, 712.9])
FINDINGS = (
    Finding(
        "energy-offset", Severity.WARNING, "The energy scale seems off by +0.12 eV.", "Check the calibration."
    ),
    Finding("references-model", Severity.INFO, "The references are computed, not measured."),
    Finding(
        "i0-jump", Severity.ALARM, "I0 jumped by 8 % at 708.25 eV, rows 31 to 40.", "Look at the shutter."
    ),
)
_LINE_S = 0.8
_STARTED_S = 1_790_000_000.0
_CYCLES = 12
_I0 = 9000.0
_PITCH_UM = 0.04
_RING_MA = 499.0


@dataclass(frozen=True, slots=True)
class Stage:
    """How far the run is: complete cycles, then frames and rows of the one now running."""

    cycles: int = 0
    frames: int = 0
    rows: int = 0
    is_closed: bool = False
    exit_status: str = "success"


@dataclass(frozen=True, slots=True)
class Story:
    """What happens in the run, and where.

    Attributes
    ----------
    shape
        Rows and columns.
    sample
        Name of the sample.
    findings
        What is found.
    pause_s
        How long the scan stands still in the middle of its third cycle.
    lost_cycle
        Cycle in which the beam is lost for some rows; None for none.
    phase_share
        Of the first phase, everywhere; None where it reacts.
    """

    shape: tuple[int, int] = (96, 96)
    sample: str = "LFP platelet 7, cell B"
    findings: tuple[Finding, ...] = FINDINGS
    pause_s: float = 0.0
    lost_cycle: int | None = None
    phase_share: float | None = None


def _reference(energy_ev: FloatArray, centre_ev: float, height: float) -> FloatArray:
    pre, step = 0.08, 0.12 / (1 + np.exp(-(energy_ev - 708.0) / 0.4))
    peak = height * np.exp(-(((energy_ev - centre_ev) / 0.75) ** 2))
    second = 0.35 * height * np.exp(-(((energy_ev - centre_ev - 2.6) / 1.2) ** 2))
    return pre + step + peak + second


@cache
def _phases() -> PhaseSpectra:
    dense_ev = np.linspace(ENERGIES_EV.min() - 1.0, ENERGIES_EV.max() + 1.5, 300)
    peaks = ((708.25, 0.95), (709.67, 1.05))
    return PhaseSpectra(
        names=("LiFePO₄", "FePO₄"),
        lithium=np.array([1.0, 0.0]),
        at_energies=np.stack([_reference(ENERGIES_EV, *peak) for peak in peaks], axis=1),
        energy_ev=dense_ev,
        curves=np.stack([_reference(dense_ev, *peak) for peak in peaks], axis=1),
        unit="optical_density",
        is_model=False,
    )


@cache
def _particles(shape: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """Return the thickness, and how far from the middle of its particle a pixel is, shape (ny, nx)."""
    rng = np.random.default_rng(3)
    ny, nx = shape
    y, x = np.mgrid[0:ny, 0:nx] / np.array([ny, nx])[:, None, None]
    thickness, front = np.zeros(shape), np.zeros(shape)
    for cx, cy, rx, ry, turn, height in (
        (0.34, 0.60, 0.24, 0.15, 0.5, 1.15),
        (0.70, 0.36, 0.17, 0.21, -0.3, 0.95),
        (0.76, 0.80, 0.11, 0.08, 0.9, 0.7),
        (0.22, 0.22, 0.10, 0.08, 0.0, 0.8),
    ):
        u = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
        v = -(x - cx) * np.sin(turn) + (y - cy) * np.cos(turn)
        radius = np.sqrt((u / rx) ** 2 + (v / ry) ** 2)
        radius += 0.06 * np.sin(5 * np.arctan2(v, u)) + 0.03 * np.sin(9 * np.arctan2(v, u))
        inside = radius < 1
        thickness = np.where(inside, height * np.clip(1 - radius**2, 0, 1) ** 0.55, thickness)
        front = np.where(inside, radius, front)
    texture = rng.normal(size=shape)
    for _ in range(6):
        texture = sum(np.roll(texture, step, axis) for axis in (0, 1) for step in (-1, 0, 1)) / 6
    return thickness, front + 0.25 * texture / texture.std() * 0.5


def _time_s(line: NDArray[np.int64], story: Story) -> FloatArray:
    """Return when lines were taken, counted over the whole run."""
    per_cycle = ENERGIES_EV.size * story.shape[0]
    paused = line >= 2 * per_cycle + per_cycle // 2
    return _STARTED_S + _LINE_S * (line + 1) + story.pause_s * paused


def _row_times(stage: Stage, story: Story) -> FloatArray:
    """Return when each row now known was taken, shape (energy, ny), NaN where unseen."""
    energies, ny = ENERGIES_EV.size, story.shape[0]
    place = np.arange(energies * ny).reshape(energies, ny)
    cycle = np.where(place < stage.frames * ny + stage.rows, stage.cycles, stage.cycles - 1)
    return np.where(cycle >= 0, _time_s(cycle * energies * ny + place, story), np.nan)


def _counts(row_time_s: FloatArray, story: Story, seed: int) -> FloatArray:
    """Return counts of the rows known, shape (energy, ny, nx)."""
    thickness, front = _particles(story.shape)
    energies, ny = row_time_s.shape
    reacted = np.nan_to_num((row_time_s - _STARTED_S) / (_LINE_S * ny * energies * _CYCLES))
    x_true = 1 / (1 + np.exp((front[None] - 1.02 + 1.1 * reacted[:, :, None]) / 0.14))
    if story.phase_share is not None:
        x_true = np.full_like(x_true, story.phase_share)
    amounts = thickness[None] * np.stack([x_true, 1 - x_true])
    at_energies = _phases().at_energies
    clean = sum(amounts[phase] * at_energies[:, phase, None, None] for phase in range(2)) + 0.05
    return np.random.default_rng(seed).poisson(_I0 * np.exp(-clean)).astype(float)


@cache
def snapshot_at(stage: Stage, story: Story = Story(), seed: int = 3) -> Snapshot:
    """Return what there is to see of the run at a stage."""
    energies, (ny, nx) = ENERGIES_EV.size, story.shape
    plan = ScanPlan(
        run="5f3c9a1e-77aa-4c0b-9d2e-000000000007",
        plan_name="stxm_energy_stack",
        sample=story.sample,
        grid=ScanGrid(
            x_um=_PITCH_UM * np.arange(25.0, 25.0 + nx), y_um=_PITCH_UM * np.arange(-50.0, ny - 50.0)
        ),
        energies_ev=ENERGIES_EV,
        dwell_ms=np.full(energies, 4.0),
        cycles=_CYCLES,
        started_s=_STARTED_S,
    )
    row_time_s = _row_times(stage, story)
    counts = _counts(row_time_s, story, seed + stage.cycles)
    unseen = np.isnan(row_time_s)[:, :, None] & np.ones(story.shape, bool)
    od = np.where(unseen, np.nan, np.log(_I0 / np.maximum(counts, 1.0)))
    od_error = np.where(unseen, np.nan, np.sqrt(1 / np.maximum(counts, 1.0) + 1e-5))
    is_lost = np.zeros((energies, ny), bool)
    if story.lost_cycle is not None and stage.cycles == story.lost_cycle + 1:
        is_lost[3, ny // 3 : ny // 2] = True
    return Snapshot(
        plan=plan,
        progress=_progress(stage, story),
        map=_fit(stage, od, od_error, row_time_s),
        frame=_frame(stage, counts, od, row_time_s),
        od=od,
        od_error=od_error,
        row_time_s=row_time_s,
        i0=np.where(np.isnan(row_time_s).all(axis=1), np.nan, _I0),
        i0_mode="blank",
        blank=_particles(story.shape)[0] == 0,
        phases=_phases(),
        curve=_curve(stage.cycles, story, _ones(story.shape)),
        findings=story.findings,
        delivery=Delivery("run.operando", stage.cycles * energies * ny, 0, 0.08, 0, 3, 0, stage.is_closed),
        ring_current_ma=np.where(is_lost, 3.0, np.where(np.isnan(row_time_s), np.nan, _RING_MA)),
    )


def records_until(cycles: int, story: Story = Story()) -> tuple[Snapshot, ...]:
    """Return the cycles of record of the run."""
    return tuple(snapshot_at(Stage(cycles=number + 1), story) for number in range(cycles))


def with_marks(snapshot: Snapshot, marks: Marks, story: Story = Story()) -> Snapshot:
    """Return the snapshot as it is once regions and masks have been fitted."""
    grid = snapshot.plan.grid
    unmasked = _ones(story.shape)
    for mask in marks.masks:
        unmasked = unmasked & ~covered(mask, grid.x_um, grid.y_um)
    cycles = snapshot.curve.cycle.size
    results = tuple(
        _region(snapshot, region, unmasked & covered(region, grid.x_um, grid.y_um), cycles, story)
        for region in marks.regions
    )
    unmasked_curve = _curve(cycles, story, unmasked) if marks.masks else None
    return replace(snapshot, marks=marks, regions=results, unmasked_curve=unmasked_curve)


def _ones(shape: tuple[int, int]) -> NDArray[np.bool_]:
    return np.ones(shape, bool)


def _progress(stage: Stage, story: Story) -> Progress:
    energies, ny = ENERGIES_EV.size, story.shape[0]
    per_cycle = energies * ny
    lines = stage.cycles * per_cycle + stage.frames * ny + stage.rows
    last = max(lines - 1, 0)
    return Progress(
        cycle=last // per_cycle,
        energy=last // ny % energies,
        row=last % ny,
        lines_seen=lines,
        lines_planned=_CYCLES * per_cycle,
        last_line_s=float(_time_s(np.array(last), story)) if lines else _STARTED_S,
        cycle_remaining_s=(per_cycle - lines % per_cycle) * _LINE_S if lines else float("nan"),
        run_remaining_s=_LINE_S * (_CYCLES * per_cycle - lines) if lines else float("nan"),
        is_closed=stage.is_closed,
        exit_status=stage.exit_status if stage.is_closed else "running",
    )


def _frame(stage: Stage, counts: FloatArray, od: FloatArray, row_time_s: FloatArray) -> Frame | None:
    done = stage.cycles * ENERGIES_EV.size + stage.frames
    if done == 0 and stage.rows == 0:
        return None
    energy = stage.frames if stage.rows else (stage.frames - 1) % ENERGIES_EV.size
    seen = np.zeros(counts.shape[1], bool)
    seen[: stage.rows or None] = True
    return Frame(
        cycle=stage.cycles if stage.rows or stage.frames else stage.cycles - 1,
        energy=energy,
        energy_ev=float(ENERGIES_EV[energy]),
        counts=np.where(seen[:, None], counts[energy], np.nan),
        od=np.where(seen[:, None], od[energy], np.nan),
        row_time_s=np.where(seen, row_time_s[energy], np.nan),
    )


def _solved(od: FloatArray, od_error: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return amounts and background with their covariance, shapes (3, …) and (…, 3, 3)."""
    design = np.concatenate([_phases().at_energies, np.ones((len(od), 1))], axis=1)
    weight = 1 / od_error**2
    normal = np.einsum("ei,e...,ej->...ij", design, weight, design)
    covariance = np.linalg.inv(normal)
    best = np.einsum("...ij,ej,e...->i...", covariance, design, weight * od)
    return np.concatenate([np.clip(best[:2], 0.0, None), best[2:]]), covariance


def _x_error(x: FloatArray, total: FloatArray, covariance: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = covariance[..., 0, 0] * (1 - x) ** 2 + covariance[..., 1, 1] * x**2
        return np.sqrt(variance) / total


def _fit(stage: Stage, od: FloatArray, od_error: FloatArray, row_time_s: FloatArray) -> LithiationMap | None:
    seen = np.isfinite(od).all(axis=0)
    if not seen.any():
        return None
    best, covariance = _solved(np.where(seen, od, 0.0), np.where(seen, od_error, 1.0))
    total = best[:2].sum(axis=0)
    design = np.concatenate([_phases().at_energies, np.ones((len(od), 1))], axis=1)
    rest = np.where(seen, od, 0.0) - np.einsum("ei,iyx->eyx", design, best)
    reason = np.where(total < 0.12, Reason.THIN, Reason.DETERMINED)
    reason = np.where(total > 1.16, Reason.OPAQUE, reason)
    reason = np.where(seen, reason, Reason.UNSEEN).astype(np.uint8)
    valid = reason == Reason.DETERMINED
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.where(valid, best[0] / total, np.nan)
        r_factor = np.where(valid, (rest**2).sum(axis=0) / (od**2).sum(axis=0), np.nan)
    sigma = np.where(valid, _x_error(x, total, covariance), np.nan)
    newest_s = np.nanmax(row_time_s, axis=1)
    return LithiationMap(
        cycle=stage.cycles if stage.frames or stage.rows else stage.cycles - 1,
        time_s=float(np.nanmean(row_time_s)),
        lithium=x,
        lithium_error=sigma,
        fraction=np.stack([x, 1 - x]),
        fraction_error=np.stack([sigma, sigma]),
        thickness=np.where(seen, total, np.nan),
        thickness_error=np.where(seen, np.sqrt(covariance[..., 0, 0] + covariance[..., 1, 1]), np.nan),
        background=np.where(seen, best[2], np.nan),
        background_slope=np.where(seen, 0.0, np.nan),
        chi2=np.where(valid, (rest**2 / od_error**2).sum(axis=0) / (len(od) - 3), np.nan),
        r_factor=r_factor,
        energies_used=np.where(seen, len(od), 0).astype(np.uint16),
        frame_age_s=float(newest_s.max()) - newest_s,
        reason=reason,
        is_provisional=bool(stage.frames or stage.rows),
        shift_px=np.full((len(od), 2), np.nan),
        shift_um=np.full((len(od), 2), np.nan),
        shift_quality=np.full(len(od), np.nan),
    )


@cache
def _map_of(cycle: int, story: Story) -> LithiationMap:
    stage = Stage(cycles=cycle + 1)
    row_time_s = _row_times(stage, story)
    counts = np.maximum(_counts(row_time_s, story, 3 + stage.cycles), 1.0)
    fitted = _fit(stage, np.log(_I0 / counts), np.sqrt(1 / counts + 1e-5), row_time_s)
    if fitted is None:
        msg = "a complete cycle has a map"
        raise ValueError(msg)
    return fitted


def _curve(cycles: int, story: Story, inside: NDArray[np.bool_]) -> Curve:
    points: list[tuple[int, float, float, float, int]] = []
    for cycle in range(cycles):
        fitted = _map_of(cycle, story)
        taken = fitted.valid & inside
        if taken.any():
            weight = fitted.thickness[taken] / fitted.thickness[taken].sum()
            x = float((weight * fitted.lithium[taken]).sum())
            error = float(np.sqrt((weight**2 * fitted.lithium_error[taken] ** 2).sum() + 4e-5))
            points.append((cycle, fitted.time_s, x, error, int(taken.sum())))
    columns = np.array(points).reshape(-1, 5)
    return Curve(
        cycle=columns[:, 0].astype(np.int64),
        time_s=columns[:, 1],
        lithium=columns[:, 2],
        lithium_error=columns[:, 3],
        pixels=columns[:, 4].astype(np.int64),
    )


def _region(
    snapshot: Snapshot, region: Region, inside: NDArray[np.bool_], cycles: int, story: Story
) -> RegionResult:
    curve = _curve(cycles, story, inside)
    taken = inside & (snapshot.map.valid if snapshot.map is not None else False)
    pixels, nan = int(taken.sum()), float("nan")
    if pixels == 0:
        none, nothing = np.full(ENERGIES_EV.size, nan), np.full(2, nan)
        return RegionResult(
            region, 0, none, none, nothing, nothing, nan, 0.0, 0.0, nan, nan, nan, nan, curve
        )  # fmt: skip
    od = snapshot.od[:, taken].mean(axis=1)
    od_error = np.sqrt((snapshot.od_error[:, taken] ** 2).sum(axis=1) / pixels**2 + 4e-6)
    best, covariance = _solved(od, od_error)
    total = best[:2].sum()
    fraction = best[:2] / total
    error = float(_x_error(fraction[0], total, covariance))
    fitted = _phases().at_energies @ best[:2] + best[2]
    return RegionResult(
        region=region,
        pixels=pixels,
        od=od,
        od_error=od_error,
        fraction=fraction,
        fraction_error=np.full(2, error),
        thickness=float(total),
        background=float(best[2]),
        background_slope=0.0,
        lithium=float(fraction[0]),
        lithium_error=error,
        chi2=float((((od - fitted) / od_error) ** 2).sum() / (ENERGIES_EV.size - 3)),
        r_factor=float(((od - fitted) ** 2).sum() / (od**2).sum()),
        curve=curve,
    )
