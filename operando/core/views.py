"""A sample as it is seen from one side of a tilt series."""

from __future__ import annotations

from dataclasses import dataclass

from operando.types import FloatArray

__all__ = ["View"]


@dataclass(frozen=True, slots=True)
class View:
    """The sample from one side.

    Attributes
    ----------
    angle_deg
        Of the stage.
    od, variance
        Optical density and its variance, shape (energy, ny, nx).
    shared_variance
        The part of it that all sides of an energy have in common, that of I0; same shape.
    """

    angle_deg: float
    od: FloatArray
    variance: FloatArray
    shared_variance: FloatArray
