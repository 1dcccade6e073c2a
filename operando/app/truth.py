"""Whether a fitted series agrees with what the simulator knows to be true."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from operando.types import FloatArray, Snapshot

if TYPE_CHECKING:
    from operando_sim import World

__all__ = ["Agreement", "agreement_of", "judge"]

_SIGMAS = 3.0
_MIN_SHARE = 0.99


@dataclass(frozen=True, slots=True)
class Agreement:
    """How one map compares with the truth.

    Attributes
    ----------
    pixels
        Valid pixels compared.
    squared_error
        Sum over them of (x - truth)², the truth being that of the time the map speaks for.
    share_within
        Share of them that lie within 3 σ of the range the truth ran through while they were measured.
    """

    pixels: int
    squared_error: float
    share_within: float

    @property
    def agrees(self) -> bool:
        """Whether at least 99 % of the valid pixels lie within 3 σ."""
        return self.pixels > 0 and self.share_within >= _MIN_SHARE


def agreement_of(snapshot: Snapshot, world: World) -> Agreement:
    """Compare the map of a snapshot with the world that it was measured in.

    The energies of a map are taken one after the other while the sample reacts, so there is no single
    truth: each pixel is held against the range from the least to the most lithium that it had at the
    times of its energies.

    Parameters
    ----------
    snapshot
        One with a map.
    world
        The simulated world.
    """
    newest = snapshot.map
    if newest is None:
        return Agreement(0, 0.0, 0.0)
    grid = snapshot.plan.grid

    def truth_at(time_s: FloatArray | float) -> FloatArray:
        return world.truth(grid.x_um, grid.y_um, time_s).lithium

    times = snapshot.row_time_s
    during = np.stack([truth_at(rows[:, None]) for rows in times if not np.isnan(rows).any()])
    with warnings.catch_warnings():
        # Where there is no material there is no truth, and nothing to compare.
        warnings.simplefilter("ignore", RuntimeWarning)
        least, most = np.nanmin(during, axis=0), np.nanmax(during, axis=0)
    now = truth_at(newest.time_s)
    valid = newest.valid
    lithium = newest.lithium[valid]
    error = lithium - now[valid]
    # NaN where the fit claims material and there is none: such a pixel is within no σ.
    beyond = np.maximum(lithium - most[valid], least[valid] - lithium)
    within = beyond <= _SIGMAS * newest.lithium_error[valid]
    pixels = int(valid.sum())
    return Agreement(pixels, float(np.nansum(error**2)), float(within.mean()) if pixels else 0.0)


def judge(agreements: list[Agreement]) -> tuple[float, float, bool]:
    """Return RMSE of x and the share within 3 σ over all maps, and whether every map agrees."""
    pixels = sum(agreement.pixels for agreement in agreements)
    if not pixels:
        return float("nan"), 0.0, False
    squared = sum(agreement.squared_error for agreement in agreements)
    within = sum(agreement.pixels * agreement.share_within for agreement in agreements)
    return (
        float(np.sqrt(squared / pixels)),
        within / pixels,
        all(agreement.agrees for agreement in agreements),
    )
