"""The host's crystal, as far as stress depends on it. Frozen and pure, as `operando.particles` is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.errors import ConfigurationError

__all__ = ["Crystal"]


@dataclass(frozen=True, slots=True)
class Crystal:
    """What the host's crystal is like in the plane of the plate.

    Attributes
    ----------
    stiffness_gpa
        (c11, c22, c33, c12, c13, c23, c66) with 1 and 2 the axes in the plane and 3 the one across it.
    misfit
        Strain per unit of x along axes 1 and 2.
    axis_deg
        From the direction of increasing x_um to axis 1, towards increasing y_um.
    """

    stiffness_gpa: tuple[float, float, float, float, float, float, float]
    misfit: tuple[float, float]
    axis_deg: float = 0.0

    def plane_stress_gpa(self) -> NDArray[np.float64]:
        """Return the stiffness of a thin plate in the frame of the image, shape (3, 3): xx, yy, 2 xy.

        Across the plate there is no stress, so c_ij is lowered by c_i3 c_j3 / c33.

        Raises
        ------
        ConfigurationError
            A plate of it would not resist every strain.
        """
        c11, c22, c33, c12, c13, c23, c66 = self.stiffness_gpa
        own = np.zeros((3, 3))
        if c33 > 0:
            own[0, 0], own[1, 1] = c11 - c13**2 / c33, c22 - c23**2 / c33
            own[0, 1] = own[1, 0] = c12 - c13 * c23 / c33
        own[2, 2] = c66
        if not (np.linalg.eigvalsh(own) > 0).all():
            msg = (
                f"elastic constants {self.stiffness_gpa} GPa are not those of a stable crystal; give c11, "
                "c22, c33, c12, c13, c23, c66 with axes 1 and 2 in the plane"
            )
            raise ConfigurationError(msg)
        turn = _strain_turn(self.axis_deg)
        return turn.T @ own @ turn

    def misfit_strain(self) -> NDArray[np.float64]:
        """Return the strain per unit of x in the frame of the image, shape (3,): xx, yy, 2 xy."""
        turn = _strain_turn(self.axis_deg)
        return np.asarray(np.linalg.solve(turn, np.array([*self.misfit, 0.0])), dtype=np.float64)


def _strain_turn(axis_deg: float) -> NDArray[np.float64]:
    """Return what takes strains (xx, yy, 2 xy) from the image to the crystal, shape (3, 3)."""
    c, s = np.cos(np.deg2rad(axis_deg)), np.sin(np.deg2rad(axis_deg))
    return np.array([[c * c, s * s, c * s], [s * s, c * c, -c * s], [-2 * c * s, 2 * c * s, c * c - s * s]])
