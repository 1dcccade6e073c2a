"""Whether the incident beam stood still: within an image, by its blank pixels, and from cycle to cycle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operando.types import Finding, FloatArray, MaskArray, Severity

__all__ = ["BeamJump", "between_cycles", "jump_findings", "row_changes", "within_image"]

_WORTH_SAYING = 0.02
"""An I0 that is off by this share at one energy moves x by 0.03 (measured on a real stack)."""
_SURE = 5.0
_LEAST_PIXELS = 4
"""Rows with fewer blank pixels say nothing."""
_LEAST_ROWS = 8
_SMOOTH = 0.2
"""Of all images together, the beam may change this much from one cycle to the next: rings are topped up."""


@dataclass(frozen=True, slots=True)
class BeamJump:
    """A part of the images that had another beam than the rest.

    Attributes
    ----------
    change, error
        Of the incident beam, as a share of it, where it is largest, and its standard deviation.
    rows
        Rows concerned, first and last; None where whole images are.
    energies
        Indices of the energies concerned.
    """

    change: float
    error: float
    rows: tuple[int, int] | None
    energies: tuple[int, ...]


def row_changes(counts: FloatArray, blank: MaskArray) -> FloatArray:
    """Return by how much the blank pixels of each row are brighter than those of all rows, as a share.

    Parameters
    ----------
    counts
        Of one image, dark level taken off, shape (ny, nx); NaN where unknown.
    blank
        Pixels without sample, shape (ny, nx).

    Returns
    -------
    ndarray
        Shape (ny,); NaN where a row has too few of them, or the image too few such rows.
    """
    usable = blank & np.isfinite(counts)
    pixels = usable.sum(axis=1)
    rows = pixels >= _LEAST_PIXELS
    change = np.full(len(counts), np.nan)
    if rows.sum() < _LEAST_ROWS:
        return change
    mean = np.where(usable, counts, 0.0).sum(axis=1)[rows] / pixels[rows]
    level = float(np.median(mean))
    if level > 0:
        change[rows] = mean / level - 1
    return change


def within_image(
    counts: FloatArray,
    blank: MaskArray,
    gain: float,
    *,
    energy: int = 0,
    usual: FloatArray | None = None,
) -> BeamJump | None:
    """Return rows whose beam is not that of the image, or None.

    Parameters
    ----------
    counts, blank
        As for `row_changes`.
    gain
        Variance-to-mean ratio of the counts.
    energy
        Index of its energy, for the answer.
    usual
        By how much each row differs in other images too, as a share, shape (ny,): thin material that nobody
        sees does that, and it is not the beam. 0 if left out.
    """
    change_of_all = row_changes(counts, blank)
    rows = np.flatnonzero(np.isfinite(change_of_all))
    if not rows.size:
        return None
    change = change_of_all[rows]
    usable = blank[rows] & np.isfinite(counts[rows])
    pixels = usable.sum(axis=1)
    level = float(np.median(np.where(usable, counts[rows], 0.0).sum(axis=1) / pixels))
    # Blank pixels are not all equally bright; what rows differ by anyway is no jump.
    noise = np.sqrt(gain / level / pixels)
    scatter = 1.4826 * float(np.median(np.abs(change) / noise))
    error = noise * max(scatter, 1.0)
    least = _WORTH_SAYING + (0.0 if usual is None else np.nan_to_num(usual[rows]))
    odd = np.abs(change) > np.maximum(least, _SURE * error)
    if not odd.any():
        return None
    worst = int(np.argmax(np.where(odd, np.abs(change), 0.0)))
    concerned = rows[odd]
    return BeamJump(
        float(change[worst]), float(error[worst]), (int(concerned[0]), int(concerned[-1])), (energy,)
    )


def between_cycles(i0: FloatArray, before: FloatArray, relative_error: FloatArray) -> BeamJump | None:
    """Return the energies whose beam changed otherwise than that of the others, or all if all did; or None.

    Parameters
    ----------
    i0, before
        Incident readings of this cycle and of the one before, shape (energy,); NaN where unknown.
    relative_error
        Standard deviation of their ratio, as a share of it, shape (energy,).
    """
    known = np.flatnonzero((i0 > 0) & (before > 0) & np.isfinite(relative_error))
    if known.size < 3:
        return None
    ratio = i0[known] / before[known]
    common = float(np.median(ratio))
    odd = np.abs(ratio / common - 1) > np.maximum(_WORTH_SAYING, _SURE * relative_error[known])
    if odd.any():
        change = np.where(odd, ratio / common - 1, 0.0)
        worst = int(np.argmax(np.abs(change)))
        concerned = tuple(known[odd].tolist())
        return BeamJump(float(change[worst]), float(relative_error[known][worst]), None, concerned)
    if abs(common - 1) > _SMOOTH:
        error = float(np.median(relative_error[known]))
        return BeamJump(common - 1, error, None, tuple(known.tolist()))
    return None


def jump_findings(jump: BeamJump | None, energies_ev: FloatArray) -> list[Finding]:
    """Return what is to be said about a jump of the beam; nothing where there is none."""
    if jump is None:
        return []
    where = ", ".join(f"{energies_ev[energy]:.2f}" for energy in jump.energies)
    size = f"{jump.change:+.1%} ± {jump.error:.1%}"
    if jump.rows is not None:
        first, last = jump.rows
        return [
            Finding(
                "i0-jump",
                Severity.ALARM,
                f"the beam changed by {size} within the image at {where} eV, in rows {first} to {last}, by "
                "its blank pixels",
                "x is wrong in these rows until they are measured again; an incident-beam channel (--i0 "
                "channel) would have followed the beam",
            )
        ]
    return [
        Finding(
            "i0-jump",
            Severity.WARNING,
            f"the incident beam at {where} eV changed by {size} since the cycle before"
            + (", unlike the other energies" if len(jump.energies) < energies_ev.size else ""),
            "I0 from blank pixels of the same image follows it; look whether undulator and monochromator "
            "reached that energy",
        )
    ]
