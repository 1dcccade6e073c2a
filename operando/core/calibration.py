"""By how much the energies are off, as the residuals of all the material say together.

Where the energy axis is off, no pixel fits as well as it could, and all fit best at one and the same other
axis. So the whole field is fitted at a row of offsets, and the best of them is taken; what parts of the field
say differently is its error.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.core.fit import Background, Fit, design_of, fit
from operando.core.references import Library, resample
from operando.errors import ConfigurationError
from operando.types import Finding, FloatArray, MaskArray, Severity

__all__ = ["EnergyOffset", "energy_offset", "offset_findings"]

_FURTHEST_EV = 1.0
_STEP_EV = 0.05
_STRIDE = 4
"""Every so many of the row are looked at first, and then all about the lowest: edges are no narrower."""
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
    blocks = 1 + int(block.max(initial=-1))
    offsets_ev = _covered(library, energies_ev)
    if blocks < _LEAST_BLOCKS or offsets_ev.size < 3:
        return None
    pooled = _with_empty_at_zero(pooled, noise, library, energies_ev)
    misfits = np.full((offsets_ev.size, blocks), np.nan)
    nothing_explained = (pooled**2 / noise).sum(axis=0)

    def look_at(places: Iterable[int]) -> None:
        for place in places:
            references = resample(library, energies_ev + offsets_ev[place])
            found = fit(pooled, noise, design_of(references, library.lithium, energies_ev, background))
            left = np.where(found.is_solved, _misfit(found, energies_ev.size, background), nothing_explained)
            misfits[place] = np.bincount(block, weights=left)

    look_at(range(0, offsets_ev.size, _STRIDE))
    lowest = np.unique(np.nanargmin(_without_each(misfits), axis=0)).tolist()
    near = {place for at in lowest for place in range(at - _STRIDE + 1, at + _STRIDE)}
    look_at(place for place in sorted(near) if 0 <= place < offsets_ev.size and place % _STRIDE)
    return _best(offsets_ev, misfits)


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
    number = (rows // _BLOCK) * (nx // _BLOCK + 1) + columns // _BLOCK
    return mean, noise, np.unique(number, return_inverse=True)[1]


def _covered(library: Library, energies_ev: FloatArray) -> FloatArray:
    """Return the row of offsets, those at which every reference covers every energy; shape (offset,)."""
    row_ev = np.arange(-_FURTHEST_EV, _FURTHEST_EV + _STEP_EV / 2, _STEP_EV)
    first_ev = max(phase.energy_ev[0] for phase in library.phases) + library.energy_offset_ev
    last_ev = min(phase.energy_ev[-1] for phase in library.phases) + library.energy_offset_ev
    is_covered = (row_ev + energies_ev.min() >= first_ev) & (row_ev + energies_ev.max() <= last_ev)
    return row_ev[is_covered]


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


def _misfit(found: Fit, energies: int, background: Background) -> FloatArray:
    """Return χ² of each square, and one for each column in use, which takes so much from it.

    Uncounted, mixtures would seem better than they are.
    """
    columns = np.bitwise_count(found.active).astype(np.float64) + background
    return found.chi2 * (energies - columns) + columns


def _without_each(misfits: FloatArray) -> FloatArray:
    """Return the sums of all blocks, and of all but one, shape (offset, 1 + block)."""
    whole = misfits.sum(axis=1, keepdims=True)
    return np.concatenate([whole, whole - misfits], axis=1)


def _best(offsets_ev: FloatArray, misfits: FloatArray) -> EnergyOffset:
    """Return the offset of least misfit, and how much it depends on single blocks.

    Parameters
    ----------
    offsets_ev
        Shape (offset,).
    misfits
        χ² of each block, shape (offset, block); NaN where it was not looked at.
    """
    blocks = misfits.shape[1]
    best, *without = (_lowest(offsets_ev, misfit) for misfit in _without_each(misfits).T)
    scatter = blocks * float(np.var(without))
    error_ev = float(np.sqrt((blocks - 1) / blocks * scatter + _STEP_EV**2 / 12))
    return EnergyOffset(best, error_ev, blocks)


def _lowest(offsets_ev: FloatArray, misfit: FloatArray) -> float:
    """Return where the parabola through the least value and its neighbours is lowest."""
    at = int(np.clip(np.nanargmin(misfit), 1, offsets_ev.size - 2))
    before, here, behind = misfit[at - 1 : at + 2].tolist()
    curvature = before - 2 * here + behind
    shift = 0.5 * (before - behind) / curvature if curvature > 0 else 0.0
    return float(offsets_ev[at] + np.clip(shift, -1.0, 1.0) * (offsets_ev[at + 1] - offsets_ev[at]))
