"""The shape of a fit: how many phases and background columns, and where a pixel's numbers stand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

__all__ = ["Shape"]


@dataclass(frozen=True)
class Shape:
    """How many of what there are, and where a pixel's numbers stand.

    Attributes
    ----------
    phases, background
        Columns that must not be negative, and columns free of sign, in this order.
    has_total
        1 if the sum over the phases is given, else 0.
    """

    phases: int
    background: int
    has_total: int

    @property
    def code(self) -> int:
        """The shape as one integer, which compiled code can have as a constant."""
        return (self.phases * 4 + self.background) * 2 + self.has_total

    @classmethod
    def of(cls, code: int) -> Shape:
        """Return the shape that has this code."""
        return cls(code // 8, code // 2 % 4, code % 2)

    @property
    def columns(self) -> int:
        """Phases and background."""
        return self.phases + self.background

    @property
    def order(self) -> int:
        """Rows of the swept matrix: columns, the multiplier if any, and the right side."""
        return self.columns + self.has_total + 1

    @property
    def energies_needed(self) -> int:
        """With fewer usable energies than this a pixel is not fitted."""
        return self.columns - self.has_total

    @cached_property
    def groups(self) -> dict[str, range]:
        """Which numbers a pixel has while it is fitted, by name."""
        triangle = self.columns * (self.columns + 1) // 2
        sizes = {
            # Sums over the energies, cleared for each pixel:
            "gram": triangle,  # AᵀWA
            "right": self.columns,  # AᵀWy
            "norm": 1,  # yᵀWy, then its root
            "energies": 1,  # how many are usable
            "slope": self.columns,  # AᵀW (y - At)
            "sums": 3,  # Σ w r², Σ r², Σ y²
            # The rest:
            "total": self.has_total,  # Σ t, given
            "scale": self.columns,  # 1 / length of each column
            "normal": self.order * (self.order + 1) // 2,  # the matrix that is swept
            "inside": self.columns,  # 1 for a column in the set, 0 for another
            "is_open": 1,  # 1 while the set is not found
            "nearest": 1,  # distance of the set from a change
            "pivot": 1,  # smallest of all columns; 0 for a pixel that is not fitted
            "amount": self.columns,
            "inverse": triangle,  # of AᵀWA over the set
            "covariance": triangle,  # over all columns
            "answer": 10 + 2 * self.phases + self.background,
        }
        groups: dict[str, range] = {}
        start = 0
        for name, size in sizes.items():
            groups[name] = range(start, start + size)
            start += size
        return groups

    @property
    def rows(self) -> int:
        """How many numbers a pixel has."""
        return self.groups["answer"].stop
