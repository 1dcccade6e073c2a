"""Whether a fitted series agrees with what the simulator knows to be true, and σ with the counts."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from operando.types import FloatArray, LithiationMap, Snapshot

if TYPE_CHECKING:
    from operando_sim import World

__all__ = ["Agreement", "Verdict", "agreement_of", "judge"]

_SIGMAS = 3.0
_MIN_SHARE = 0.99
_MAX_ERROR_RATIO = 1.2
"""σ(x) may be this much above what one image of each energy gives; older images make it smaller."""

_PULL_LIMITS = (0.4, 1.3)
"""σ is generous where fractions are on their bound, as in most pixels that stand still: decision 14."""

_CHI2_LIMITS = (0.6, 1.6)
"""The median of χ² per degree of freedom is 0.69 with two of them, and 1 with many."""

_STILL_SIGMAS = 0.1
_MIN_STILL = 30


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
    error_ratio
        Median of σ(x) over the σ(x) that the counts of one image of each energy give, whatever the fit
        says of itself.
    chi2
        Median χ² per degree of freedom.
    still
        Valid pixels whose truth moved by less than 0.1 σ while they were measured.
    squared_pull
        Sum over those of ((x - truth) / σ)².
    """

    pixels: int
    squared_error: float
    share_within: float
    error_ratio: float = math.nan
    chi2: float = math.nan
    still: int = 0
    squared_pull: float = 0.0

    @property
    def agrees(self) -> bool:
        """Whether 99 % of the valid pixels lie within 3 σ, σ is no shelter and χ² is near 1."""
        low, high = _CHI2_LIMITS
        return (
            self.pixels > 0
            and self.share_within >= _MIN_SHARE
            and self.error_ratio <= _MAX_ERROR_RATIO
            and low <= self.chi2 <= high
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a whole series compares with the truth.

    Attributes
    ----------
    rmse
        Of x, over the valid pixels of all maps; NaN without any.
    share_within
        Share of them within 3 σ.
    error_ratio
        The largest of the maps, median σ(x) over that of the counts; expected at most 1.2.
    chi2
        Median χ² per degree of freedom of the map furthest from 1; expected 0.6 to 1.6.
    pull_rms
        Root mean square of (x - truth) / σ where the truth stood still; expected 0.4 to 1.3. NaN, and not
        judged, where fewer than 30 pixels did.
    lines_missing
        Planned lines that never came; expected 0.
    agrees
        Whether each map agrees, the pull is as expected and no line is missing.
    """

    rmse: float
    share_within: float
    error_ratio: float
    chi2: float
    pull_rms: float
    lines_missing: int
    agrees: bool


def agreement_of(snapshot: Snapshot, world: World) -> Agreement:
    """Compare the map of a snapshot with the world that it was measured in.

    The energies of a map are taken one after the other while the sample reacts, so there is no single
    truth: each pixel is held against the range from the least to the most lithium that it had at the
    times of its energies.

    Parameters
    ----------
    snapshot
        One with a map, fitted without a background.
    world
        The simulated world.
    """
    newest = snapshot.map
    if newest is None or not newest.valid.any():
        return Agreement(0, 0.0, 0.0)
    grid, valid = snapshot.plan.grid, newest.valid

    def truth_at(time_s: FloatArray | float) -> FloatArray:
        return world.truth(grid.x_um, grid.y_um, time_s).lithium[valid]

    times = snapshot.row_time_s
    during = np.stack([truth_at(rows[:, None]) for rows in times if not np.isnan(rows).any()])
    with warnings.catch_warnings():
        # Where there is no material there is no truth, and nothing to compare.
        warnings.simplefilter("ignore", RuntimeWarning)
        least, most = np.nanmin(during, axis=0), np.nanmax(during, axis=0)
    lithium, sigma = newest.lithium[valid], newest.lithium_error[valid]
    error = lithium - truth_at(newest.time_s)
    # NaN where the fit claims material and there is none: such a pixel is within no σ.
    within = np.maximum(lithium - most, least - lithium) <= _SIGMAS * sigma
    is_still = most - least < _STILL_SIGMAS * sigma
    gain = world.settings.detector.variance_to_mean
    return Agreement(
        pixels=int(valid.sum()),
        squared_error=float(np.nansum(error**2)),
        share_within=float(within.mean()),
        error_ratio=float(np.median(sigma / _error_of_counts(snapshot, newest, gain))),
        chi2=float(np.median(newest.chi2[valid])),
        still=int(is_still.sum()),
        squared_pull=float(np.sum((error / sigma)[is_still] ** 2)),
    )


def judge(agreements: list[Agreement], lines_missing: int = 0) -> Verdict:
    """Return what the maps of a series say together.

    Parameters
    ----------
    agreements
        One a map.
    lines_missing
        Planned lines that never came.
    """
    pixels = sum(agreement.pixels for agreement in agreements)
    if not pixels:
        return Verdict(math.nan, 0.0, math.nan, math.nan, math.nan, lines_missing, agrees=False)
    still = sum(agreement.still for agreement in agreements)
    squared_pull = sum(agreement.squared_pull for agreement in agreements)
    is_judged = still >= _MIN_STILL
    pull = math.sqrt(squared_pull / still) if is_judged else math.nan
    low, high = _PULL_LIMITS
    return Verdict(
        rmse=math.sqrt(sum(agreement.squared_error for agreement in agreements) / pixels),
        share_within=sum(agreement.pixels * agreement.share_within for agreement in agreements) / pixels,
        error_ratio=float(np.max([agreement.error_ratio for agreement in agreements])),
        chi2=max((agreement.chi2 for agreement in agreements), key=_distance_from_1),
        pull_rms=pull,
        lines_missing=lines_missing,
        agrees=all(agreement.agrees for agreement in agreements)
        and (not is_judged or low <= pull <= high)
        and lines_missing == 0,
    )


def _distance_from_1(chi2: float) -> float:
    return abs(math.log(chi2)) if chi2 > 0.0 else math.inf


def _error_of_counts(snapshot: Snapshot, newest: LithiationMap, gain: float) -> FloatArray:
    """Return σ(x) of the valid pixels as the counts give it, shape (pixel,).

    Counts c = I0 exp(-OD) have the variance F c, so OD has F / c; the covariance of the amounts t is
    then (Aᵀ diag(c / F) A)⁻¹ with the references A, and σ(x)² = gᵀ C g with ∂x/∂t_s = (x_s - x) / Σ t.

    Parameters
    ----------
    snapshot, newest
        What was measured, and its map.
    gain
        F of the simulated detector, which the fit may have been told otherwise.
    """
    valid, references = newest.valid, snapshot.phases.at_energies
    counts = snapshot.i0[:, None] * np.exp(-snapshot.od[:, valid])
    precision = np.einsum("es,ep,et->pst", references, counts / gain, references)
    slope = (snapshot.phases.lithium - newest.lithium[valid][:, None]) / newest.thickness[valid][:, None]
    return np.sqrt(np.einsum("ps,pst,pt->p", slope, np.linalg.inv(precision), slope))
