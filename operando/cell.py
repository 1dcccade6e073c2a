"""What the potentiostat says of the cell, and how the lithium that is seen compares with the charge.

Frozen and pure, as `operando.particles` is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CellReading", "CellRecord", "Comparison"]


@dataclass(frozen=True, slots=True)
class CellReading:
    """One reading of the potentiostat of a run.

    Attributes
    ----------
    run
        The uid of the run it came with.
    time_s
        When, on the devices' clock.
    voltage_v, current_ma, charge_mah
        NaN where it was not read; signs as the instrument gives them.
    """

    run: str
    time_s: float
    voltage_v: float
    current_ma: float
    charge_mah: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The observed lithium content as the expected one, scaled and late.

    x(t) = offset + share · x_expected(t - lag).

    Attributes
    ----------
    share, share_error
        How much of the expected change is seen: below 1 where some of the material does not take part. While
        a reaction begins, share and lag can hardly be told apart, and both errors are large.
    lag_s, lag_error_s
        How much later it is seen; at the end of the range that was searched nothing is known of the error.
    offset
        Of x.
    difference, difference_error
        Observed less expected x at the newest point, and its standard deviation.
    chi2
        Per degree of freedom.
    """

    share: float
    share_error: float
    lag_s: float
    lag_error_s: float
    offset: float
    difference: float
    difference_error: float
    chi2: float


@dataclass(frozen=True, slots=True)
class CellRecord:
    """What the cell did so far.

    Attributes
    ----------
    time_s
        Of the readings, ascending, shape (n,).
    voltage_v, current_ma
        As read, the current positive while lithium leaves the host, shape (n,); NaN where they were not.
    charge_mah
        As the instrument counts it, else the current added up since the first reading; positive while lithium
        leaves the host, shape (n,).
    expected_lithium
        x if all of it went into all of the host, shape (n,); NaN where the host is not known.
    comparison
        The observed mean x of the field against it; None while there are too few points.
    bin_v, charge_mah_per_v, lithium_per_v
        dQ/dV and dx/dV (of the mean x that is observed) in bins of the voltage, with their middles, shape
        (bin,); NaN where one of them is not known, empty where neither is.
    """

    time_s: NDArray[np.float64]
    voltage_v: NDArray[np.float64]
    current_ma: NDArray[np.float64]
    charge_mah: NDArray[np.float64]
    expected_lithium: NDArray[np.float64]
    comparison: Comparison | None
    bin_v: NDArray[np.float64]
    charge_mah_per_v: NDArray[np.float64]
    lithium_per_v: NDArray[np.float64]
