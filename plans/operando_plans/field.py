"""The field of view of a scan."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Field"]

_MAX_POINTS = 16384


@dataclass(frozen=True, slots=True)
class Field:
    """A rectangle of pixels.

    Attributes
    ----------
    centre_um
        x and y of the middle of the field.
    size_um
        Distance between the first and the last pixel centre in x and y; above zero.
    points
        Number of columns and rows; two or more each.

    Raises
    ------
    ValueError
        A size is not positive or there are too few or too many points.
    """

    centre_um: tuple[float, float]
    size_um: tuple[float, float]
    points: tuple[int, int]

    def __post_init__(self) -> None:
        if min(self.size_um) <= 0:
            msg = f"the field is {self.size_um} µm large; both sizes must be above 0"
            raise ValueError(msg)
        if min(self.points) < 2 or max(self.points) > _MAX_POINTS:
            msg = f"the field has {self.points} points; give 2 to {_MAX_POINTS} each way"
            raise ValueError(msg)

    @property
    def x_um(self) -> list[float]:
        """Pixel centres along a row, ascending."""
        return _axis(self.centre_um[0], self.size_um[0], self.points[0])

    @property
    def y_um(self) -> list[float]:
        """Row centres, ascending."""
        return _axis(self.centre_um[1], self.size_um[1], self.points[1])


def _axis(centre: float, size: float, points: int) -> list[float]:
    return [centre - size / 2 + size * index / (points - 1) for index in range(points)]
