"""Snapshots of a reacting particle at every stage of a run, from a small seeded model."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from operando.types import (
    Curve,
    Delivery,
    Finding,
    Frame,
    LithiationMap,
    PhaseSpectra,
    Progress,
    Reason,
    ScanGrid,
    ScanPlan,
    Severity,
    Snapshot,
)

# Before any Qt is loaded: the tests need no screen and must not open windows on one.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

ENERGIES_EV = np.array([704.4, 707.24, 708.25, 709.67, 712.9])
LINE_S = 0.8
STARTED_S = 1_790_000_000.0
FINDINGS = (
    Finding(
        "energy-offset", Severity.WARNING, "The energy scale seems off by +0.12 eV.", "Check the calibration."
    ),
    Finding("references-model", Severity.INFO, "The references are computed, not measured."),
    Finding(
        "i0-jump", Severity.ALARM, "I0 jumped by 8 % at 708.25 eV, rows 31 to 40.", "Look at the shutter."
    ),
)


def _reference(energy_ev, centre_ev, height):
    pre, step = 0.08, 0.12 / (1 + np.exp(-(energy_ev - 708.0) / 0.4))
    peak = height * np.exp(-(((energy_ev - centre_ev) / 0.75) ** 2))
    second = 0.35 * height * np.exp(-(((energy_ev - centre_ev - 2.6) / 1.2) ** 2))
    return pre + step + peak + second


def phases_at(energies_ev):
    """Return two iron phases, lithiated and not, on the energies of a scan and densely."""
    dense_ev = np.linspace(energies_ev.min() - 1.0, energies_ev.max() + 1.5, 300)
    of = [(708.25, 0.95), (709.67, 1.05)]
    return PhaseSpectra(
        names=("LiFePO₄", "FePO₄"),
        lithium=np.array([1.0, 0.0]),
        at_energies=np.stack([_reference(energies_ev, *peak) for peak in of], axis=1),
        energy_ev=dense_ev,
        curves=np.stack([_reference(dense_ev, *peak) for peak in of], axis=1),
        unit="optical_density",
        is_model=False,
    )


def _particles(shape, rng):
    ny, nx = shape
    y, x = np.mgrid[0:ny, 0:nx] / np.array([ny, nx])[:, None, None]
    thickness = np.zeros(shape)
    front = np.zeros(shape)
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


@dataclass(frozen=True)
class Stage:
    """How far the run is: complete cycles, then frames and rows of the one now running."""

    cycles: int = 0
    frames: int = 0
    rows: int = 0
    is_closed: bool = False
    exit_status: str = "success"


EMPTY = Stage()
FIRST_FRAME = Stage(rows=40)
FILLING = Stage(cycles=3, frames=2, rows=58)
COMPLETE = Stage(cycles=4)
FINISHED = Stage(cycles=12, is_closed=True)


# Frozen, so that all tests can share one of each.
@cache
def build(stage=FILLING, *, shape=(96, 96), sample="LFP platelet 7, cell B", findings=FINDINGS, seed=3):
    """Return the snapshot of a run at a stage."""
    rng = np.random.default_rng(seed)
    ny, nx = shape
    energies = ENERGIES_EV.size
    grid = ScanGrid(x_um=1.0 + 0.04 * np.arange(nx), y_um=-2.0 + 0.04 * np.arange(ny))
    plan = ScanPlan(
        run="5f3c9a1e-77aa-4c0b-9d2e-000000000007",
        plan_name="stxm_energy_stack",
        sample=sample,
        grid=grid,
        energies_ev=ENERGIES_EV,
        dwell_ms=np.full(energies, 4.0),
        cycles=12,
        started_s=STARTED_S,
    )
    phases = phases_at(ENERGIES_EV)
    thickness, front = _particles(shape, rng)
    lines = (stage.cycles * energies + stage.frames) * ny + stage.rows
    now_s = STARTED_S + LINE_S * lines
    row_time_s = np.full((energies, ny), np.nan)
    for energy in range(energies):
        for row in range(ny):
            nth = energy * ny + row
            done = stage.frames * ny + stage.rows
            cycle = stage.cycles if nth < done else stage.cycles - 1
            if cycle >= 0:
                row_time_s[energy, row] = STARTED_S + LINE_S * (cycle * energies * ny + nth + 1)
    reacted = np.where(np.isnan(row_time_s), 0.0, (row_time_s - STARTED_S) / (LINE_S * ny * energies * 12))
    x_true = 1 / (1 + np.exp((front[None] - 1.02 + 1.1 * reacted[:, :, None]) / 0.14))
    amounts = thickness[None] * np.stack([x_true, 1 - x_true])
    clean = sum(amounts[phase] * phases.at_energies[:, phase, None, None] for phase in range(2)) + 0.05
    counts = rng.poisson(9000 * np.exp(-clean)).astype(float)
    unseen = np.isnan(row_time_s)[:, :, None] & np.ones(shape, bool)
    with np.errstate(divide="ignore"):
        od = np.where(unseen, np.nan, np.log(9000 / counts))
    od_error = np.where(unseen, np.nan, np.sqrt(1 / counts + 1e-5))
    state = {
        "plan": plan,
        "progress": _progress(stage, ny, energies, lines, now_s),
        "map": _fit(stage, od, od_error, phases, row_time_s),
        "frame": _frame(stage, counts, od, row_time_s),
        "od": od,
        "od_error": od_error,
        "row_time_s": row_time_s,
        "i0": np.where(np.isnan(row_time_s).all(axis=1), np.nan, 9000.0),
        "i0_mode": "blank",
        "blank": thickness == 0,
        "phases": phases,
        "curve": _curve(stage, ny, energies, thickness),
        "findings": findings,
        "delivery": Delivery("run.operando", lines, 0, 0.08, 0, 3, 0, stage.is_closed),
    }
    return Snapshot(**state)


def _progress(stage, ny, energies, lines, now_s):
    last = max(lines - 1, 0)
    remaining = LINE_S * (12 * energies * ny - lines)
    in_cycle = (energies * ny - lines % (energies * ny)) * LINE_S
    return Progress(
        cycle=last // (energies * ny),
        energy=last // ny % energies,
        row=last % ny,
        lines_seen=lines,
        lines_planned=12 * energies * ny,
        last_line_s=now_s,
        cycle_remaining_s=in_cycle if lines else float("nan"),
        run_remaining_s=remaining if lines else float("nan"),
        is_closed=stage.is_closed,
        exit_status=stage.exit_status if stage.is_closed else "running",
    )


def _frame(stage, counts, od, row_time_s):
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


def _fit(stage, od, od_error, phases, row_time_s):
    """Return an ordinary weighted fit, clipped at zero: enough for a picture, not the real one."""
    seen = np.isfinite(od).all(axis=0)
    if not seen.any():
        return None
    design = np.concatenate([phases.at_energies, np.ones((len(od), 1))], axis=1)
    weight = 1 / np.where(seen, od_error, 1.0) ** 2
    normal = np.einsum("ei,eyx,ej->yxij", design, weight, design)
    covariance = np.linalg.inv(normal)
    best = np.einsum("yxij,ej,eyx->iyx", covariance, design, weight * np.where(seen, od, 0.0))
    t = np.clip(best[:2], 0.0, None)
    total = t.sum(axis=0)
    rest = np.where(seen, od, 0.0) - np.einsum("ei,iyx->eyx", design, np.concatenate([t, best[2:]]))
    reason = np.where(total < 0.12, Reason.THIN, Reason.DETERMINED)
    reason = np.where(total > 1.16, Reason.OPAQUE, reason)
    reason = np.where(seen, reason, Reason.UNSEEN).astype(np.uint8)
    valid = reason == Reason.DETERMINED
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.where(valid, t[0] / total, np.nan)
        sigma = np.where(
            valid,
            np.sqrt(covariance[..., 0, 0] * (1 - x) ** 2 + covariance[..., 1, 1] * x**2) / total,
            np.nan,
        )
        r_factor = np.where(valid, (rest**2).sum(axis=0) / (od**2).sum(axis=0), np.nan)
    newest_s = np.nanmax(row_time_s, axis=1)
    now_s = float(newest_s.max())
    nan = np.where(valid, 0.0, np.nan)
    return LithiationMap(
        cycle=stage.cycles if stage.frames or stage.rows else stage.cycles - 1,
        time_s=now_s,
        lithium=x,
        lithium_error=sigma,
        fraction=np.stack([x, 1 - x]),
        fraction_error=np.stack([sigma, sigma]),
        thickness=np.where(seen, total, np.nan),
        thickness_error=np.where(seen, np.sqrt(covariance[..., 0, 0] + covariance[..., 1, 1]), np.nan),
        background=np.where(seen, best[2], np.nan),
        background_slope=np.where(seen, 0.0, np.nan),
        chi2=(rest**2 * weight).sum(axis=0) / (len(od) - 3) + nan,
        r_factor=r_factor,
        energies_used=np.where(seen, len(od), 0).astype(np.uint16),
        frame_age_s=now_s - newest_s,
        reason=reason,
        is_provisional=bool(stage.frames or stage.rows),
    )


def _curve(stage, ny, energies, thickness):
    cycle = np.arange(stage.cycles)
    rng = np.random.default_rng(5)
    x = 0.93 - 0.8 / (1 + np.exp(-(cycle - 5.5) / 1.6)) + rng.normal(0, 0.004, cycle.size)
    return Curve(
        cycle=cycle,
        time_s=STARTED_S + LINE_S * ny * energies * (cycle + 1.0),
        lithium=x,
        lithium_error=np.full(cycle.size, 0.013),
        pixels=np.full(cycle.size, int((thickness > 0.12).sum())),
    )


@pytest.fixture(scope="session")
def snapshot_at() -> Callable[..., Snapshot]:
    """Return the builder of snapshots."""
    return build


@pytest.fixture(scope="session")
def stages() -> dict[str, Stage]:
    """Return the stages of a run by name."""
    return {
        "empty": EMPTY,
        "first_frame": FIRST_FRAME,
        "filling": FILLING,
        "complete": COMPLETE,
        "finished": FINISHED,
    }
