"""What the world gives: a measured line, and the truth behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Exposure", "Truth"]


@dataclass(frozen=True, slots=True)
class Exposure:
    """What one line, or one point, gave.

    Attributes
    ----------
    counts
        Detector readings, shape (nx,).
    i0
        Readings of the incident-beam monitor, shape (nx,).
    time_s
        Middle of each pixel's dwell, shape (nx,).
    x_um
        Stage positions as read back, shape (nx,).
    y_um
        Of the row, as read back.
    """

    counts: NDArray[np.float64]
    i0: NDArray[np.float64]
    time_s: NDArray[np.float64]
    x_um: NDArray[np.float64]
    y_um: float


@dataclass(frozen=True, slots=True)
class Truth:
    """What a perfect microscope of the same sharpness would say.

    Attributes
    ----------
    lithium
        Lithium content x, shape (ny, nx); NaN where there is no material.
    fraction
        Share of each phase in the material, shape (phase, ny, nx); NaN where there is no material.
    thickness_um
        Amount of material, shape (ny, nx).
    """

    lithium: NDArray[np.float64]
    fraction: NDArray[np.float64]
    thickness_um: NDArray[np.float64]
