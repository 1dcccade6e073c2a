"""By how much the energies are off, as the residuals of all the material say together.

Where the energy axis is off, no pixel fits as well as it could, and all fit best at one and the same other
axis. So the whole field is fitted at a row of offsets, and the best of them is taken; what parts of the field
say differently is its error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.core.fit import Background, design_of, fit
from operando.core.references import Library, resample
from operando.errors import ConfigurationError
from operando.types import Finding, FloatArray, MaskArray, Severity

__all__ = ["EnergyOffset", "energy_offset", "offset_findings"]

_FURTHEST_EV = 1.0
_STEP_EV = 0.05
_POOL = 4
"""Pixels are added up in squares of this side: less noise, at little cost in contrast."""
_BLOCK = 3
"""So many of these squares a side are one block, about a particle: what is wrong there is wrong together."""
_LEAST_BLOCKS = 4
_EMPTY = 0.03
"""Squares with less material than this, in units of the references, tell how far I0 is off."""
_LEAST_EMPTY = 16
_WORTH_SAYING_EV = 0.1
"""Smaller ones move x by less than 0.05 with energies chosen to be robust, and instruments differ by more."""
_SURE = 4.0


@dataclass(frozen=True, slots=True)
class EnergyOffset:
    """An offset of the energy axis.

    Attributes
    ----------
    offset_ev, error_ev
        True energies less those stated, as the references have them, and its standard deviation, from how
        much parts of the field differ in it.
    blocks
        How many parts these were.
    """

    offset_ev: float
    error_ev: float
    blocks: int


def energy_offset(
    od: FloatArray,
    variance: FloatArray,
    library: Library,
    energies_ev: FloatArray,
    background: Background,
    usable: MaskArray,
) -> EnergyOffset | None:
    """Return the offset of the energy axis, or None where it cannot be told; nothing is corrected.

    The error is that of a jackknife over blocks of the field (Efron and Stein, Ann. Stat. 9 (1981) 586), so
    that fronts, strangers and wrong references make it larger, and that of the row of offsets.

    Parameters
    ----------
    od, variance
        Optical density and its variance, brought to one time, shape (energy, ny, nx); NaN where unknown.
    library
        The references.
    energies_ev
        As the instrument states them, shape (energy,); more of them than columns of the fit.
    background
        Of the fit.
    usable
        Pixels to be used, those without material included, which tell the I0; shape (ny, nx).
    """
    if energies_ev.size <= library.lithium.size + background:
        return None
    pooled, noise, block = _pooled(od, variance, usable)
    if np.unique(block).size < _LEAST_BLOCKS:
        return None
    pooled = _with_empty_at_zero(pooled, noise, library, energies_ev)
    offsets_ev: list[float] = []
    misfits: list[FloatArray] = []
    for offset_ev in np.arange(-_FURTHEST_EV, _FURTHEST_EV + _STEP_EV / 2, _STEP_EV).tolist():
        try:
            references = resample(library, energies_ev + offset_ev)
        except ConfigurationError:
            continue  # a reference ends there
        design = design_of(references, library.lithium, energies_ev, background)
        result = fit(pooled, noise, design)
        amounts = np.nan_to_num(np.concatenate([result.fraction * result.thickness, result.background]))
        left = pooled - (design.matrix * design.scale) @ amounts
        offsets_ev.append(offset_ev)
        # Each phase in use takes one from χ²: uncounted, mixtures would seem better than they are.
        judged = (left**2 / noise).sum(axis=0) + (amounts != 0).sum(axis=0)
        misfits.append(np.bincount(block, weights=judged).astype(np.float64))
    return _best(np.array(offsets_ev), np.array(misfits))


def offset_findings(found: EnergyOffset | None) -> list[Finding]:
    """Return what is to be said about an offset; nothing where it is small or not sure."""
    if found is None or abs(found.offset_ev) < max(_WORTH_SAYING_EV, _SURE * found.error_ev):
        return []
    return [
        Finding(
            "energy-offset",
            Severity.WARNING,
            f"the spectra look as if the true energies were {found.offset_ev:+.2f} ± {found.error_ev:.2f} eV "
            f"from those stated (from {found.blocks} parts of the field); nothing was corrected",
            f"calibrate the monochromator against the references, or set energy_offset_ev of the library "
            f"{-found.offset_ev:+.2f} eV from what it is",
        )
    ]


def _pooled(
    od: FloatArray, variance: FloatArray, usable: MaskArray
) -> tuple[FloatArray, FloatArray, NDArray[np.intp]]:
    """Return means over squares, their variances, shape (energy, square), and the block of each square."""
    ny, nx = (length // _POOL for length in usable.shape)

    def squares(image: FloatArray) -> FloatArray:
        cut = image[..., : ny * _POOL, : nx * _POOL]
        return cut.reshape(*image.shape[:-2], ny, _POOL, nx, _POOL).mean(axis=(-3, -1))

    known = usable & (np.isfinite(od) & (variance > 0)).all(axis=0)
    # A square with an unknown pixel is left out whole.
    whole = squares(known.astype(np.float64)) == 1.0
    # The logarithm of few counts is too high by half its variance.
    mean = squares(np.where(known, od - variance / 2, 0.0))[:, whole]
    noise = squares(np.where(known, variance, 0.0))[:, whole] / _POOL**2
    rows, columns = np.nonzero(whole)
    return mean, noise, (rows // _BLOCK) * (nx // _BLOCK + 1) + columns // _BLOCK


def _with_empty_at_zero(
    pooled: FloatArray, noise: FloatArray, library: Library, energies_ev: FloatArray
) -> FloatArray:
    """Return optical densities less their mean where there is no material: that is an error of I0."""
    try:
        references = resample(library, energies_ev)
    except ConfigurationError:
        return pooled
    amount = fit(
        pooled, noise, design_of(references, library.lithium, energies_ev, Background.NONE)
    ).thickness
    empty = amount < _EMPTY
    if empty.sum() < _LEAST_EMPTY:
        return pooled
    return pooled - pooled[:, empty].mean(axis=1, keepdims=True)


def _best(offsets_ev: FloatArray, misfits: FloatArray) -> EnergyOffset | None:
    """Return the offset of least misfit, and how much it depends on single blocks.

    Parameters
    ----------
    offsets_ev
        Shape (offset,).
    misfits
        χ² of each block, shape (offset, block).
    """
    misfits = misfits[:, misfits.any(axis=0)]
    blocks = misfits.shape[1]
    if offsets_ev.size < 3 or blocks < _LEAST_BLOCKS:
        return None
    whole = misfits.sum(axis=1)
    without = np.array([_lowest(offsets_ev, whole - misfits[:, block]) for block in range(blocks)])
    scatter = float(((without - without.mean()) ** 2).sum())
    error_ev = float(np.sqrt((blocks - 1) / blocks * scatter + _STEP_EV**2 / 12))
    return EnergyOffset(_lowest(offsets_ev, whole), error_ev, blocks)


def _lowest(offsets_ev: FloatArray, misfit: FloatArray) -> float:
    """Return where the parabola through the least value and its neighbours is lowest."""
    at = int(np.clip(misfit.argmin(), 1, offsets_ev.size - 2))
    before, here, behind = misfit[at - 1 : at + 2].tolist()
    curvature = before - 2 * here + behind
    shift = 0.5 * (before - behind) / curvature if curvature > 0 else 0.0
    return float(offsets_ev[at] + np.clip(shift, -1.0, 1.0) * (offsets_ev[at + 1] - offsets_ev[at]))
