"""Images without the sample, and without light: what they make of the readings of a pixel.

A pixel of a full-field microscope has a beam of its own, and a dark level of its own. Both are means of some
images; the beam may have been looked at before and after the sample, and is then taken as going evenly from
one to the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operando.types import FloatArray

__all__ = ["Group", "Lit", "RawReadings", "lit_readings", "mean_of", "with_more"]


@dataclass(frozen=True, slots=True)
class Group:
    """Images of one kind that were taken one after the other.

    Attributes
    ----------
    mean
        Raw readings, shape (ny, nx); NaN where one of them says nothing.
    images
        How many.
    time_s
        Their mean time.
    dwell_ms, ring_current_ma
        Exposure of each of them, and current of the storage ring then; NaN where unknown.
    """

    mean: FloatArray
    images: int
    time_s: float
    dwell_ms: float = float("nan")
    ring_current_ma: float = float("nan")


@dataclass(frozen=True, slots=True)
class RawReadings:
    """A frame of the sample, or a row of it, as the detector gave it.

    Attributes
    ----------
    readings
        Shape (ny, nx) or (nx,); NaN where they say nothing.
    rows
        Which of the frame's rows: a number, or all of them.
    time_s, dwell_ms, ring_current_ma
        As in `Group`.
    """

    readings: FloatArray
    rows: int | slice
    time_s: float
    dwell_ms: float = float("nan")
    ring_current_ma: float = float("nan")


@dataclass(frozen=True, slots=True)
class Lit:
    """Readings less dark, and the beam that they are to be compared with.

    Attributes
    ----------
    counts, spread
        In the shape of the readings; the variance of the counts is the detector's gain times `spread`.
    i0, i0_spread
        The same of the beam at the exposure of the counts; None where no reference frame is known.
    """

    counts: FloatArray
    spread: FloatArray
    i0: FloatArray | None
    i0_spread: FloatArray | None


def mean_of(images: FloatArray, time_s: float, dwell_ms: float, ring_current_ma: float) -> Group:
    """Return images of one event, shape (n, ny, nx), as a group."""
    return Group(images.mean(axis=0), len(images), time_s, dwell_ms, ring_current_ma)


def with_more(group: Group, more: Group) -> Group:
    """Return a group with those that followed."""
    images = group.images + more.images
    share = more.images / images
    return Group(
        group.mean + share * (more.mean - group.mean),
        images,
        group.time_s + share * (more.time_s - group.time_s),
        more.dwell_ms,
        group.ring_current_ma + share * (more.ring_current_ma - group.ring_current_ma),
    )


def lit_readings(frame: RawReadings, around: tuple[Group | None, Group | None], dark: Group | float) -> Lit:
    """Return the readings of a frame, or of a row of it, as its light and its dark make them.

    Of n flat images of mean m, with d the mean of n' dark ones and r the exposure of the frame over theirs,
    I0 = r (m - d), and the variances are F (I + d / n') and F r² (m / n + d / n').

    Parameters
    ----------
    frame
        Raw readings.
    around
        The flat groups before and after that time; either may be None.
    dark
        Dark images, or a level for all pixels that has no noise.
    """
    raw, rows = frame.readings, frame.rows
    level, dark_noise = (
        (dark.mean[rows], dark.mean[rows] / dark.images)
        if isinstance(dark, Group)
        else (np.float64(dark), np.float64(0.0))
    )
    weighed = [
        (group, weight * _exposure_ratio(group, frame)) for group, weight in _weights(frame.time_s, around)
    ]
    if not weighed:
        return Lit(raw - level, raw + dark_noise, None, None)
    i0, i0_spread, scale = np.zeros_like(raw), np.zeros_like(raw), 0.0
    for group, weight in weighed:
        i0 = i0 + weight * (group.mean[rows] - level)
        i0_spread = i0_spread + weight**2 * group.mean[rows] / group.images
        scale += weight
    return Lit(raw - level, raw + dark_noise, i0, i0_spread + scale**2 * dark_noise)


def _weights(time_s: float, around: tuple[Group | None, Group | None]) -> list[tuple[Group, float]]:
    """Return the groups with the weights of a straight line between their times."""
    before, after = around
    if before is None or after is None:
        return [(group, 1.0) for group in around if group is not None]
    share = (time_s - before.time_s) / (after.time_s - before.time_s)
    return [(before, 1.0 - share), (after, share)]


def _exposure_ratio(group: Group, frame: RawReadings) -> float:
    """Return the exposure of a frame over that of a group; what is not known of either is taken as alike."""
    ratio = 1.0
    pairs = ((frame.dwell_ms, group.dwell_ms), (frame.ring_current_ma, group.ring_current_ma))
    for own, theirs in pairs:
        if own > 0 and theirs > 0:
            ratio *= own / theirs
    return ratio
