"""One image: readings, when each row was taken, and marks that tell whether a row is still the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.types import FloatArray

__all__ = ["Image"]


@dataclass(frozen=True, slots=True)
class Image:
    """One image as it arrives; arrays owned and written by `operando.core.stack`.

    Attributes
    ----------
    counts
        Readings, shape (ny, nx); NaN where there are none.
    i0
        Readings of the incident-beam channel, the same shape, if they are kept.
    row_time_s
        When each row was taken, shape (ny,); NaN before it.
    row_dwell_ms
        Time per pixel of each row, shape (ny,); NaN where it is that of the plan.
    row_ring_ma
        Current of the storage ring at each row, shape (ny,); NaN where no document says.
    marks
        An object for each row, shape (ny,): the same one as long as the row holds the same.
    spread, i0_spread
        Times the gain, they are the variances of `counts` and `i0`, the same shape; None where they are
        the readings themselves, as they are in an image as a counter gave it.
    """

    counts: FloatArray
    i0: FloatArray | None
    row_time_s: FloatArray
    row_dwell_ms: FloatArray
    row_ring_ma: FloatArray
    marks: NDArray[np.object_]
    spread: FloatArray | None = None
    i0_spread: FloatArray | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every row has come."""
        return not np.isnan(self.row_time_s).any()

    def dwell_ms(self, planned_ms: float) -> FloatArray:
        """Return the dwell of each row, shape (ny,): a plan may change it under way."""
        return np.where(np.isnan(self.row_dwell_ms), planned_ms, self.row_dwell_ms)
