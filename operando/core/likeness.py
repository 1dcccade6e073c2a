"""What two images of a sample that moves are compared by, and which shift between them is believed."""

from __future__ import annotations

import numpy as np

from operando.core.absorption import Detector, below_ceiling
from operando.core.image import Image
from operando.core.register import Shift
from operando.types import FloatArray

__all__ = ["absorbed_in", "is_believed"]

_LEAST_CORRELATION = 0.3
"""Of two images, however large they are."""
_SIGMAS = 5.0
"""And so many times what blurred noise has, of which one pixel in eight is independent; of a jump, in a third
of them."""
_INDEPENDENT = 1 / 8
_FAR_OVERLAP = 1 / 3
_LARGEST_ERROR_PX = 0.3
_JUMP_PX = 3.0
_JUMP_GAINS = 0.02
"""A shift further from where it was expected than the first has to raise the correlation so far."""


def absorbed_in(image: Image, detector: Detector) -> FloatArray:
    """Return the logarithm of incident readings, or else of dwell, over readings; shape (ny, nx).

    NaN where a reading says nothing.
    """
    counts = below_ceiling(image.counts, detector) - detector.dark_counts
    dwell_ms = image.row_dwell_ms[:, None]
    incident = image.i0 if image.i0 is not None else np.where(dwell_ms > 0, dwell_ms, 1.0)
    usable = (counts > 0) & (incident > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(usable, np.log(incident) - np.log(counts), np.nan)


def is_believed(found: Shift, guess_px: tuple[float, float], pixels: int) -> bool:
    """Return whether a shift is that of the sample and not of the noise.

    Parameters
    ----------
    found
        The shift, in pixels.
    guess_px
        Where it was expected, (y, x); further off than a few pixels it is a jump, which has to be surer.
    pixels
        How many of the image say something.
    """
    is_jump = max(abs(found.y_px - guess_px[0]), abs(found.x_px - guess_px[1])) > _JUMP_PX
    independent = max(pixels * _INDEPENDENT * (_FAR_OVERLAP if is_jump else 1.0), 1.0)
    is_like = abs(found.correlation) >= max(_LEAST_CORRELATION, _SIGMAS / independent**0.5)
    has_gained = not is_jump or found.gained >= _JUMP_GAINS
    return has_gained and is_like and found.error_px <= _LARGEST_ERROR_PX
