r"""What each image contributes to σ(x), and which one to look at longer.

The fit is linear in the optical densities while its active set stays: x̂ - x = Kᵀε with K = W A M⁻¹ c, as
in `core.prediction`, so that σ²(x) = Σ_e K_e² V_e. Looking m times as long at energy e divides V_e by m.
Here V is what was measured, pixel by pixel, not what was expected before the scan.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operando.core.fit import Background, design_of
from operando.types import FloatArray, LithiationMap, PhaseSpectra

__all__ = ["Longer", "longer_look", "shares_of_variance"]

_MOST_PIXELS = 4096
_RIDGE = 1e-9
_MOST_AT_ONCE = 4.0
"""What is measured next tells better how much more is needed than a long extrapolation does."""


@dataclass(frozen=True, slots=True)
class Longer:
    """Which energy to look at longer.

    Attributes
    ----------
    energy
        Its index.
    factor
        How many times as long.
    share
        Its share of σ²(x) as it is now.
    is_enough
        Whether the wish is met then.
    """

    energy: int
    factor: float
    share: float
    is_enough: bool


def shares_of_variance(
    newest: LithiationMap,
    od_error: FloatArray,
    phases: PhaseSpectra,
    energies_ev: FloatArray,
    background: Background,
) -> FloatArray:
    """Return the share of each image in σ²(x), shape (energy,), the median over valid pixels; sums to 1.

    Parameters
    ----------
    newest
        The map.
    od_error
        Standard deviation of the optical densities, shape (energy, ny, nx).
    phases
        The references.
    energies_ev
        Shape (energy,).
    background
        Of the fit.

    Returns
    -------
    ndarray
        NaN where no pixel is valid at all energies.
    """
    valid = newest.valid & np.isfinite(od_error).all(axis=0) & (od_error > 0).all(axis=0)
    places = np.flatnonzero(valid)
    if not places.size:
        return np.full(energies_ev.size, np.nan)
    chosen = places[:: -(-places.size // _MOST_PIXELS)]
    design = design_of(phases.at_energies, phases.lithium, energies_ev, background)
    variance = od_error.reshape(energies_ev.size, -1)[:, chosen].T ** 2
    fraction = newest.fraction.reshape(phases.lithium.size, -1)[:, chosen].T
    lithium = newest.lithium.reshape(-1)[chosen]
    active = np.ones((chosen.size, design.matrix.shape[1]))
    active[:, : design.phases] = fraction > 0
    target = np.zeros_like(active)
    # Of the amount Σt only the scale is left out, which is common to all images of a pixel.
    target[:, : design.phases] = (phases.lithium - lithium[:, None]) / design.scale[: design.phases]
    columns = design.matrix[None] * active[:, None, :]
    normal = np.einsum("pem,pe,pen->pmn", columns, 1.0 / variance, columns)
    diagonal = np.einsum("pmm->pm", normal)
    size = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    unit = normal / (size[:, :, None] * size[:, None, :])
    unit += np.where(diagonal > 0, _RIDGE, 1.0)[..., None] * np.eye(active.shape[1])
    answer = np.linalg.solve(unit, (active * target / size)[..., None])[..., 0] / size
    lever = np.einsum("pem,pm->pe", columns, answer) / variance
    parts = lever**2 * variance
    whole = parts.sum(axis=1)
    # A pixel of one pure phase has no lever at all: its σ is what the other phases would add.
    told = whole > 0
    if not told.any():
        return np.full(energies_ev.size, np.nan)
    share = np.median(parts[told] / whole[told, None], axis=0)
    return share / share.sum()


def longer_look(share: FloatArray, dwell_ms: FloatArray, sigma: float, wished: float) -> Longer | None:
    """Return which energy gains the most for each further ms, and how long it takes to meet a wish.

    σ² = Σ s_e / m_e of what it is now; the slope by the dwell is -s_e / dwell_e.

    Parameters
    ----------
    share
        Share of each image in σ²(x), shape (energy,).
    dwell_ms
        Of each image, shape (energy,).
    sigma, wished
        σ(x) now, and what it should be.

    Returns
    -------
    Longer or None
        None where the wish is met, or nothing is known.
    """
    if not sigma > wished or not (np.isfinite(share).all() and (dwell_ms > 0).all()):
        return None
    energy = int(np.argmax(share / dwell_ms))
    own = float(share[energy])
    left = (wished / sigma) ** 2 - (1.0 - own)
    factor = own / left if left > 0 else np.inf
    return Longer(energy, float(min(factor, _MOST_AT_ONCE)), own, bool(factor <= _MOST_AT_ONCE))
