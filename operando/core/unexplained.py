"""An unknown phase: a place that leaves the space of the references, and stays where it is.

Of what moves, energies measured one after the other tell different things: it leaves the space of the
references as well, but by no more than it moved. So a place counts only as far as it stands out beyond what
its own motion may do, in the same direction, cycle after cycle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from operando.core.fit import Design
from operando.core.suspicion import LEAST_PIXELS, Suspicion, complement, pooled_over_neighbours, suspicion_of
from operando.oddities import Unexplained
from operando.types import Finding, FloatArray, MaskArray, Severity

__all__ = ["PERSISTENCE", "Unexplained", "Watch", "unknown_phase_findings", "watched"]

PERSISTENCE = 2
"""In so many cycles, one after the other, a place must stand out."""

_CHANCE = 1e-6
"""A pooled pixel stands out if noise alone would do so this rarely."""
_SKEW = 1.0
"""Of what moved between two cycles, this much may show as a residual."""
_MOST_ENERGIES = 16
"""Of more, neighbours are taken together: runs of few energies are what all this is for."""
_MOST_PLACES = 64
"""Of more, those of most pixels are told: each has a picture of its own."""
_ALIKE = 0.8
"""Cosine between what stood out a cycle ago and now."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What the cycles before left.

    Attributes
    ----------
    amounts
        Of the phases in the last one, shape (phase, ny, nx); None before the first.
    pooled
        `Suspicion.pooled` of the last one.
    cycles
        In how many cycles, one after the other, each pixel stood out, shape (ny, nx).
    """

    amounts: NDArray[np.float32] | None = None
    pooled: NDArray[np.float32] | None = None
    cycles: NDArray[np.int32] | None = None


def watched(
    known: Watch,
    od: FloatArray,
    variance: FloatArray,
    design: Design,
    amounts: FloatArray,
    material: MaskArray,
) -> tuple[Watch, tuple[Unexplained, ...]]:
    """Return what is known after a cycle, and the places that nothing explains, the most significant first.

    Of very many places the largest are returned.

    Parameters
    ----------
    known
        From the cycles before; `Watch()` at first.
    od, variance, design, amounts, material
        As for `suspicion_of`.
    """
    few_od, few_variance, few_design = _in_groups(od, variance, design)
    now = suspicion_of(few_od, few_variance, few_design, amounts, material)
    if now is None:
        return Watch(), ()
    # Nothing is pooled where nothing is known, and so nothing stands out there.
    pooled = np.where(now.known, now.pooled, 0.0).astype(np.float32)
    if known.pooled is None or known.amounts is None or known.cycles is None:
        return Watch(amounts.astype(np.float32), pooled, np.zeros(material.shape, dtype=np.int32)), ()
    motion = _motion(now, few_design, amounts - known.amounts)
    before = known.pooled.astype(np.float64)
    stands_out = (
        _stands_out(pooled.astype(np.float64), motion)
        & _stands_out(before, motion)
        & _is_alike(now.pooled, before)
    )
    # The first comparison speaks for two cycles.
    cycles = np.where(stands_out, np.maximum(known.cycles, 1) + 1, 0).astype(np.int32)
    beyond = complement(design.matrix)
    found = [
        _place(_within_rim(pixels, now), od, variance, beyond, now)
        for pixels in _places(cycles >= PERSISTENCE)
    ]
    return Watch(amounts.astype(np.float32), pooled, cycles), tuple(
        sorted(found, key=lambda place: -place.significance)
    )


def unknown_phase_findings(places: tuple[Unexplained, ...], energies_ev: FloatArray) -> list[Finding]:
    """Return what is to be said about such places; nothing where there are none."""
    if not places:
        return []
    worst = places[0]
    pixels = sum(int(place.pixels.sum()) for place in places)
    at = int(np.abs(worst.residual).argmax())
    return [
        Finding(
            "unknown-phase",
            Severity.ALARM,
            f"{pixels} pixels ({sum(place.share for place in places):.1%} of the material) in {len(places)} "
            f"place(s) have spectra that no mixture of the references gives: by {worst.significance:.0f} "
            f"standard deviations, most at {energies_ev[at]:.2f} eV ({worst.residual[at]:+.3f} in optical "
            "density)",
            "x means nothing there; look at the spectrum of the place, add the reference that is missing, or "
            "adopt the spectrum as a provisional one",
        )
    ]


def _in_groups(od: FloatArray, variance: FloatArray, design: Design) -> tuple[FloatArray, FloatArray, Design]:
    """Return means of neighbouring energies where there are many, and the model of these means.

    Every pixel has a covariance of all directions that no mixture gives: of a hundred energies no memory
    would hold them.
    """
    energies = len(od)
    if energies <= _MOST_ENERGIES:
        return od, variance, design
    first = np.unique(np.linspace(0, energies, _MOST_ENERGIES, endpoint=False).astype(np.intp))
    size = np.diff(np.append(first, energies)).astype(np.float64)
    matrix = np.add.reduceat(design.matrix, first) / size[:, None]
    mean = np.add.reduceat(od, first) / size[:, None, None]
    spread = np.add.reduceat(variance, first) / size[:, None, None] ** 2
    return mean, spread, Design(np.ascontiguousarray(matrix), design.scale, design.lithium)


def _motion(now: Suspicion, design: Design, change: FloatArray) -> FloatArray:
    """Return how far motion may pull each pooled pixel, shape (direction, ny, nx).

    An energy is off by at most what its optical density changed meanwhile; the signs of the energies may
    add up.
    """
    spectra = design.matrix[:, : design.phases] * design.scale[: design.phases]
    usable = now.known & np.isfinite(change).all(axis=0)
    moved = np.zeros_like(change)
    moved[:, usable] = change[:, usable]
    # A mean over neighbours, since the noise of two fits is no motion.
    count = np.maximum(pooled_over_neighbours(usable[None].astype(np.float64), usable)[0], 1.0)
    moved = pooled_over_neighbours(moved, usable) / count
    shift = np.einsum("ei,eyx->iyx", np.abs(now.beyond), np.abs(np.einsum("es,syx->eyx", spectra, moved)))
    pull = np.divide(shift, now.spread, out=np.zeros_like(shift), where=now.spread > 0)
    return _SKEW * pooled_over_neighbours(pull, now.known)


def _stands_out(pooled: FloatArray, motion: FloatArray) -> MaskArray:
    beyond_motion = np.maximum(np.abs(pooled) - motion, 0.0)
    strength = (beyond_motion**2).sum(axis=0)
    return np.asarray(strength > special.chdtri(len(pooled), _CHANCE), dtype=np.bool_)


def _is_alike(one: FloatArray, other: FloatArray) -> MaskArray:
    product = (one * other).sum(axis=0)
    return product > _ALIKE * np.sqrt((one**2).sum(axis=0) * (other**2).sum(axis=0))


def _places(mask: MaskArray) -> Iterator[MaskArray]:
    """Yield the pixels of each place that hangs together, by sides or corners, and is no single flaw."""
    labels = np.zeros(mask.shape, dtype=np.int32)
    ndimage.label(mask, structure=np.ones((3, 3)), output=labels)
    sizes = np.bincount(labels.ravel())[1:]
    largest = np.argsort(-sizes, kind="stable")[:_MOST_PLACES]
    for label in np.sort(largest[sizes[largest] >= LEAST_PIXELS]).tolist():
        yield np.asarray(labels == label + 1, dtype=np.bool_)


def _within_rim(pixels: MaskArray, seen: Suspicion) -> MaskArray:
    """Return the pixels of a place whose square lies in it by half: a square looks beyond the rim."""
    strength = np.sqrt((seen.pooled**2).sum(axis=0))
    return pixels & (strength > 0.5 * np.percentile(strength[pixels], 90))


def _place(
    pixels: MaskArray, od: FloatArray, variance: FloatArray, beyond: FloatArray, seen: Suspicion
) -> Unexplained:
    count = int(pixels.sum())
    mean = od[:, pixels].mean(axis=1)
    mean_pull = seen.pulls[:, pixels].sum(axis=1) / np.sqrt(count)
    return Unexplained(
        pixels=pixels,
        share=count / int(seen.known.sum()),
        od=mean,
        od_error=np.sqrt(variance[:, pixels].sum(axis=1)) / count,
        residual=beyond @ (beyond.T @ mean),
        significance=float(np.sqrt((mean_pull**2).sum())),
    )
