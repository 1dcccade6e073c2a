"""What the beam does to the material: where light fell, lithium leaves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from operando_sim.sample import Sample

__all__ = ["Damage"]

_OWN_PHASES = 3
"""Those of the cell; what intrudes holds no lithium that could leave."""


class Damage:
    """The light that has fallen on every point of a sample, and what it has done there.

    Parameters
    ----------
    sample
        Whose raster the light is added up on.
    critical_counts_per_um2
        Incident counts per µm² that leave 1/e of the lithium; infinite for a beam that harms nothing.
    """

    def __init__(self, sample: Sample, critical_counts_per_um2: float) -> None:
        self._sample = sample
        self._critical = critical_counts_per_um2
        self._counts = np.zeros(sample.side**2)

    @property
    def is_possible(self) -> bool:
        """Whether there can be any."""
        return bool(np.isfinite(self._critical))

    def expose(
        self, x_um: NDArray[np.float64], y_um: NDArray[np.float64], counts: NDArray[np.float64]
    ) -> None:
        """Let light fall on points in the sample's own frame; all of shape (n,)."""
        place, is_inside = self._places(x_um, y_um)
        np.add.at(self._counts, place[is_inside], counts[is_inside])

    def done(
        self, x_um: NDArray[np.float64], y_um: NDArray[np.float64], fraction: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the fractions of the phases with the lithium gone that the light so far has driven out.

        Parameters
        ----------
        x_um, y_um
            Points in the sample's own frame, shape (n,).
        fraction
            Without light, shape (phase, n); what loses its lithium becomes the first phase.
        """
        place, is_inside = self._places(x_um, y_um)
        per_um2 = np.where(is_inside, self._counts[place], 0.0) / self._sample.pitch_um**2
        lost = fraction[1:_OWN_PHASES] * -np.expm1(-per_um2 / self._critical)
        return np.concatenate(
            [
                fraction[:1] + lost.sum(axis=0),
                fraction[1:_OWN_PHASES] - lost,
                fraction[_OWN_PHASES:],
            ]
        )

    def _places(
        self, x_um: NDArray[np.float64], y_um: NDArray[np.float64]
    ) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return the nearest point of the raster, and whether there is one."""
        sample = self._sample
        column, row = (np.rint((at - sample.low_um) / sample.pitch_um).astype(np.intp) for at in (x_um, y_um))
        is_inside = (column >= 0) & (column < sample.side) & (row >= 0) & (row < sample.side)
        return np.where(is_inside, row * sample.side + column, 0), is_inside
