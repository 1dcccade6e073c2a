"""What the charge of the cell says about its lithium content, and how the observed one compares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operando.cell import Comparison
from operando.errors import ConfigurationError
from operando.types import FloatArray

__all__ = ["Comparison", "Host", "compared", "expected_lithium", "incremental"]

FARADAY_C_PER_MOL = 96485.33212
_C_PER_MAH = 3.6
_LAG_STEPS = 201
_FINE_STEPS = 81
"""Within two of the others on either side of the best: how sure a lag is may be far less than such a step."""
_BESIDE_NOISE = 0.01
"""x of a field that reacts while its energies are measured is off by so much, whatever the counts say."""
_LEAST_POINTS = 4


@dataclass(frozen=True, slots=True)
class Host:
    """The active material of the electrode.

    Attributes
    ----------
    mass_mg
        Of the active material in the electrode.
    molar_mass_g_mol
        Of one formula unit of the host.
    lithium_at_start
        x when the charge is counted from zero.
    """

    mass_mg: float
    molar_mass_g_mol: float
    lithium_at_start: float

    def __post_init__(self) -> None:
        if not (self.mass_mg > 0 and self.molar_mass_g_mol > 0):
            msg = (
                f"the host has {self.mass_mg} mg and a molar mass of {self.molar_mass_g_mol} g/mol; "
                "both must be above 0"
            )
            raise ConfigurationError(msg)


def expected_lithium(charge_mah: FloatArray, host: Host) -> FloatArray:
    """Return x after a charge, if all of it went into all of the host.

    x = x₀ - Q M / (F m), since charging takes one lithium out for each electron.

    Parameters
    ----------
    charge_mah
        Charge that has flowed, positive while the cell is charged, mAh; any shape.
    host
        What it went into.
    """
    moles = 1e-3 * host.mass_mg / host.molar_mass_g_mol
    return host.lithium_at_start - charge_mah * _C_PER_MAH / FARADAY_C_PER_MOL / moles


def compared(
    time_s: FloatArray,
    lithium: FloatArray,
    error: FloatArray,
    expected: tuple[FloatArray, FloatArray],
    *,
    longest_lag_s: float,
) -> Comparison | None:
    """Return how the observed lithium content compares with the expected one, or None with too few points.

    For each lag the weighted line through the points is solved; the lag of least χ² is taken, and the errors
    reach over all lags and shares whose χ² is at most 1 higher (times χ² per degree of freedom where that is
    above 1): while a reaction begins, a larger share seen later looks like a smaller one seen at once.

    Parameters
    ----------
    time_s, lithium, error
        Observed, shape (n,).
    expected
        Times ascending and x, each of shape (m,).
    longest_lag_s
        Lags from minus this to this are searched.
    """
    when_s, x = expected
    usable = np.isfinite(lithium) & (error > 0) & (when_s.size > 1)
    if when_s.size > 1:
        usable &= (time_s >= when_s[0]) & (time_s <= when_s[-1])
    if usable.sum() < _LEAST_POINTS:
        return None
    at, seen, sigma = time_s[usable], lithium[usable], np.hypot(error[usable], _BESIDE_NOISE)

    def fit_of(lag_s: float) -> tuple[float, float, float, float]:
        return _line(np.interp(at - lag_s, when_s, x), seen, sigma)

    coarse_s = np.linspace(-longest_lag_s, longest_lag_s, _LAG_STEPS)
    tried = {lag_s: fit_of(lag_s) for lag_s in coarse_s.tolist()}
    nearest_s, near_s = min(tried, key=lambda lag_s: tried[lag_s][0]), 2 * float(coarse_s[1] - coarse_s[0])
    around_s = nearest_s + np.linspace(-near_s, near_s, _FINE_STEPS)
    inside_s = around_s[np.abs(around_s) <= longest_lag_s]
    tried |= {lag_s: fit_of(lag_s) for lag_s in inside_s.tolist()}
    lags_s = np.array(sorted(tried))
    fits = [tried[lag_s] for lag_s in lags_s.tolist()]
    chi2 = np.array([fit[0] for fit in fits])
    best = int(np.argmin(chi2))
    least, offset, share, _ = fits[best]
    freedom = max(int(usable.sum()) - 3, 1)
    excess = max(least / freedom, 1.0)
    limit = least + excess
    reach_s = [_reach(lags_s[side], chi2[side], limit) for side in (slice(best, None), slice(best, None, -1))]
    as_good = [
        reach
        for found, _, slope, error in fits
        if found <= limit
        for reach in (slope - error * (limit - found) ** 0.5, slope + error * (limit - found) ** 0.5)
    ]
    newest = int(np.argmax(at))
    return Comparison(
        share=share,
        share_error=(max(as_good) - min(as_good)) / 2 if as_good else float("nan"),
        lag_s=float(lags_s[best]),
        lag_error_s=sum(reach_s) / 2,
        offset=offset,
        difference=float(seen[newest] - np.interp(at[newest], when_s, x)),
        difference_error=float(error[usable][newest]),
        chi2=least / freedom,
    )


def _reach(lags_s: FloatArray, chi2: FloatArray, limit: float) -> float:
    """Return how far from the first lag χ² passes the limit for the last time, between the lags tried; s."""
    within = np.flatnonzero(chi2 <= limit)
    after = int(within[-1]) + 1 if within.size else lags_s.size
    if after == lags_s.size:
        return float(abs(lags_s[-1] - lags_s[0]))
    part = (limit - chi2[after - 1]) / (chi2[after] - chi2[after - 1])
    crossed_s = lags_s[after - 1] + part * (lags_s[after] - lags_s[after - 1])
    return float(abs(crossed_s - lags_s[0]))


def _line(model: FloatArray, seen: FloatArray, sigma: FloatArray) -> tuple[float, float, float, float]:
    """Return χ², offset, slope and its standard deviation of seen = offset + slope · model."""
    weight = sigma**-2.0
    middle = float(np.average(model, weights=weight))
    spread = float((weight * (model - middle) ** 2).sum())
    if spread < 1e-12 * float(weight.sum()):
        return float("inf"), float("nan"), float("nan"), float("nan")
    slope = float((weight * (model - middle) * seen).sum()) / spread
    offset = float(np.average(seen, weights=weight)) - slope * middle
    left = seen - offset - slope * model
    return float((weight * left**2).sum()), offset, slope, spread**-0.5


def incremental(
    voltage_v: FloatArray, quantity: FloatArray, *, width_v: float
) -> tuple[FloatArray, FloatArray]:
    """Return the middles of voltage bins and how much of a quantity passed in each, per volt: dQ/dV or dx/dV.

    What passes is added up bin by bin, so that nothing is lost or counted twice where the voltage stands, or
    goes back: the sum over the bins times their width is the change of the quantity.

    Parameters
    ----------
    voltage_v, quantity
        In the order of time, shape (n,).
    width_v
        Of the bins.
    """
    known = np.isfinite(voltage_v) & np.isfinite(quantity)
    voltage, value = voltage_v[known], quantity[known]
    if voltage.size < 2:
        return np.empty(0), np.empty(0)
    first = np.floor(voltage.min() / width_v)
    bins = int(np.floor(voltage.max() / width_v) - first) + 1
    middle = 0.5 * (voltage[1:] + voltage[:-1])
    place = np.clip((middle / width_v - first).astype(np.intp), 0, bins - 1)
    passed = np.bincount(place, weights=np.diff(value), minlength=bins)
    return (first + np.arange(bins) + 0.5) * width_v, passed / width_v
