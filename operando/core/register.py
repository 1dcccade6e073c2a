"""How far one image lies from another, in fractions of a pixel, and an image brought back by that much.

Coarsely by the masked, normalised cross-correlation (Padfield, doi 10.1109/TIP.2011.2181402): not by the
phase alone, which locks on whatever stands still in both images, such as dirt on the detector or the
pattern of the scan. Finely by Gauss-Newton on the squared difference of one image from the other, moved,
scaled and lifted (Lucas and Kanade with a gain and an offset), so that contrast that fades between
energies or as the sample reacts does not move the answer, and inverted contrast has a negative gain. Pixels
that fit less well than most, where the sample reacted or the energies see different phases, count less.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np
from scipy import ndimage

from operando.types import FloatArray, MaskArray

__all__ = ["NO_SHIFT", "WEIGHED", "Shift", "find_shift", "moved"]

_LEAST_OVERLAP = 0.3
"""Of the smaller image: what overlaps less says little, and correlates by chance."""
_SIDE = 192
"""Larger images are binned: of 512 × 512 pixels of 2,000 counts, a third as many each way tell the shift to
0.01 pixels, in a fifth of the time."""
_SHORT_SIDE = 48
"""Not even a narrow image is binned to less."""
_STEPS = 30
_NEAR_PX = 0.05
"""Steps smaller than this are near enough to tell which pixels fit less well than most."""
_STILL_PX = 5e-4
_WORST_CONDITION = 1e12
_UNUSUAL = 2.0
"""Standard deviations of most pixels, from which on one says less: a front that moved is no shift."""
_LEAST_PIXELS = 64
_SMOOTH_PX = 0.8
"""Both images are blurred by this before they are compared: noise from pixel to pixel says nothing."""
WEIGHED = 6
"""At 30 nm/min four pixels each way, as Catmull and Rom have them, give an x that is 5 to 10 % worse."""
_AROUND = range(1 - WEIGHED // 2, 1 + WEIGHED // 2)
_EDGE_PX = 2
"""Pixels next to where an image ends are left out of the fine fit: splines ring there."""


@dataclass(frozen=True, slots=True)
class Shift:
    """How far an image lies from a reference.

    Attributes
    ----------
    y_px, x_px
        What is at (y, x) in the reference is at (y + y_px, x + x_px) in the image.
    error_px
        Standard deviation of either, from what the fit leaves over; infinite where nothing was found.
    correlation
        Of the two where they overlap, moved; -1 to 1; negative where the contrast is inverted.
    gained
        The size of the correlation less that where it was looked for: what the shift is good for.
    """

    y_px: float
    x_px: float
    error_px: float
    correlation: float
    gained: float


NO_SHIFT = Shift(0.0, 0.0, float("inf"), 0.0, 0.0)
"""Where nothing can be said."""


def find_shift(
    reference: FloatArray, image: FloatArray, *, limit_px: float, guess_px: tuple[float, float] = (0.0, 0.0)
) -> Shift:
    """Return how far `image` lies from `reference`.

    Parameters
    ----------
    reference, image
        Shape (ny, nx), such as optical densities; NaN where unknown, which is left out, never filled.
    limit_px
        Shifts farther from the guess than this, in y or x, are not looked at.
    guess_px
        Where to look, (y, x).

    Returns
    -------
    Shift
        `NO_SHIFT` where the images are flat, or too little of them overlaps.
    """
    sides = (*reference.shape, *image.shape)
    by = max(1, min(-(-max(sides) // _SIDE), min(sides) // _SHORT_SIDE))
    reference, image = _binned(reference, by), _binned(image, by)
    known, also = np.isfinite(reference), np.isfinite(image)
    if min(known.sum(), also.sum()) < _LEAST_PIXELS:
        return NO_SHIFT
    guess_px = (guess_px[0] / by, guess_px[1] / by)
    smooth, known = _smoothed(reference, known)
    other, also = _smoothed(image, also)
    coarse = _coarse(smooth, known, other, also, limit_px / by, guess_px)
    if coarse is None:
        return NO_SHIFT
    found = _fine(smooth, known, other, also, coarse, guess_px)
    return replace(found, y_px=by * found.y_px, x_px=by * found.x_px, error_px=by * found.error_px)


def moved(
    values: FloatArray, shift_px: tuple[float, float], variance: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return an image as it would be without its shift, and its variance; NaN where it was not measured.

    A pixel is a weighted sum of the pixels around it (`WEIGHED` each way, Lagrange's polynomial through them,
    which keeps edges that fewer would blur), so it is known only where all of these are, and its variance
    is the sum of theirs with the squares of the weights. Its neighbours share some of its noise.

    Parameters
    ----------
    values, variance
        Shape (ny, nx), NaN where unknown.
    shift_px
        How far the image lies from where it belongs, (y, x).
    """
    result, noise = values, variance
    for axis, shift in enumerate(shift_px):
        whole = int(np.floor(shift))
        weights = _lagrange(shift - whole)
        result = _combined(result, axis, whole, weights)
        noise = _combined(noise, axis, whole, weights**2)
    return result, noise


def _lagrange(part: float) -> FloatArray:
    """Return the weights of the pixels at -2 to 3 for a place between 0 and 1."""
    weights = [prod((part - other) / (at - other) for other in _AROUND if other != at) for at in _AROUND]
    return np.array(weights, dtype=np.float64)


def _combined(values: FloatArray, axis: int, whole: int, weights: FloatArray) -> FloatArray:
    """Return sums of neighbours along an axis; a neighbour without weight need not be known."""
    result = np.zeros_like(values)
    for offset, weight in zip(_AROUND, weights, strict=True):
        if weight != 0.0:
            result = result + weight * _rolled(values, axis, whole + offset)
    return result


def _rolled(values: FloatArray, axis: int, by: int) -> FloatArray:
    """Return the values `by` pixels further along an axis, NaN beyond the image."""
    return _window(values, axis, by, values.shape[axis])


def _window(values: FloatArray, axis: int, first: int, length: int) -> FloatArray:
    """Return so many values along an axis, from number `first` on, NaN beyond the image."""
    size = values.shape[axis]
    shape = [length if dim == axis else extent for dim, extent in enumerate(values.shape)]
    result = np.full(shape, np.nan, dtype=values.dtype)
    start, stop = max(first, 0), min(first + length, size)
    if start >= stop:
        return result
    into, out_of = [slice(None)] * values.ndim, [slice(None)] * values.ndim
    into[axis] = slice(start - first, stop - first)
    out_of[axis] = slice(start, stop)
    result[tuple(into)] = values[tuple(out_of)]
    return result


def _binned(values: FloatArray, by: int) -> FloatArray:
    """Return means of `by` × `by` pixels, NaN where one of them is unknown."""
    if by == 1:
        return values
    ny, nx = (size // by for size in values.shape)
    return values[: ny * by, : nx * by].reshape(ny, by, nx, by).mean(axis=(1, 3))


def _smoothed(values: FloatArray, known: MaskArray) -> tuple[FloatArray, MaskArray]:
    """Return an image blurred over what is known, less its mean, 0 where unknown; and where it is known."""
    weight = ndimage.gaussian_filter(known.astype(np.float64), _SMOOTH_PX, mode="constant")
    total = ndimage.gaussian_filter(np.where(known, values, 0.0), _SMOOTH_PX, mode="constant")
    blurred = np.where(known, total / np.maximum(weight, 1e-9), 0.0)
    mean = float(blurred[known].mean())
    return np.where(known, blurred - mean, 0.0), known


def _coarse(
    reference: FloatArray,
    known: MaskArray,
    image: FloatArray,
    also: MaskArray,
    limit_px: float,
    guess_px: tuple[float, float],
) -> tuple[int, int] | None:
    """Return the whole-pixel shift within the limit at which the images correlate best, either way."""
    ny, nx = (a + b - 1 for a, b in zip(reference.shape, image.shape, strict=True))
    shape = (_fast(ny), _fast(nx))
    spectra = {
        name: np.fft.rfft2(values, shape)
        for name, values in {
            "f": image, "ff": image * image, "m": also.astype(np.float64),
            "g": reference, "gg": reference * reference, "n": known.astype(np.float64),
        }.items()
    }  # fmt: skip

    def correlate(one: str, other: str) -> FloatArray:
        return np.fft.irfft2(spectra[one] * np.conj(spectra[other]), shape)

    overlap = np.maximum(np.round(correlate("m", "n")), 0.0)
    enough = overlap >= _LEAST_OVERLAP * min(known.sum(), also.sum())
    count = np.maximum(overlap, 1.0)
    sum_f, sum_g = correlate("f", "n"), correlate("m", "g")
    covariance = correlate("f", "g") - sum_f * sum_g / count
    power = (correlate("ff", "n") - sum_f**2 / count) * (correlate("m", "gg") - sum_g**2 / count)
    floor = 1e-10 * float(power.max(initial=0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        coefficient = np.where(
            enough & (power > floor) & (power > 0), np.abs(covariance) / np.sqrt(power), -1.0
        )
    y, x = np.fft.fftfreq(shape[0], 1 / shape[0]), np.fft.fftfreq(shape[1], 1 / shape[1])
    is_near = (np.abs(y - guess_px[0]) <= limit_px)[:, None] & (np.abs(x - guess_px[1]) <= limit_px)
    coefficient[~is_near] = -1.0
    best = np.unravel_index(int(np.argmax(coefficient)), shape)
    return (round(float(y[best[0]])), round(float(x[best[1]]))) if coefficient[best] > 0 else None


def _fast(size: int) -> int:
    """Return the least number from `size` on that has no prime factor above 5: fast to transform."""
    while True:
        rest = size
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return size
        size += 1


def _fine(
    reference: FloatArray,
    known: MaskArray,
    image: FloatArray,
    also: MaskArray,
    coarse: tuple[int, int],
    guess_px: tuple[float, float],
) -> Shift:
    """Refine a shift to a fraction of a pixel, and say how good it is."""
    inner = _eroded(known)
    spline = ndimage.spline_filter(image, order=3, mode="mirror")
    usable = _eroded(also)
    place = np.array(coarse, dtype=np.float64)
    error_px = float("inf")
    likeness: FloatArray | None = None
    for _ in range(_STEPS):
        where = inner & _moved_mask(usable, place)
        if where.sum() < _LEAST_PIXELS:
            return NO_SHIFT
        target = reference[where]
        value, slope_y, slope_x = (values[where] for values in _with_slopes(spline, place))
        # image(p + d) = gain · reference(p) + offset, linearised in d.
        model = np.stack([target, np.ones_like(target), -slope_y, -slope_x])
        weight = _trust(value - _dot(likeness, model[:2])) if likeness is not None else np.ones_like(value)
        weighted = model * weight
        power, basis = np.linalg.eigh(_dot(weighted, model.T))
        if power[0] * _WORST_CONDITION <= power[-1]:
            return NO_SHIFT
        solution = np.asarray(basis @ (basis.T @ _dot(weighted, value) / power), np.float64)
        step = np.clip(solution[2:], -0.5, 0.5)
        place = place + step
        left = value - _dot(solution, model)
        # Blurred pixels are not independent: one in so many is.
        freedom = max(left.size / (4 * np.pi * _SMOOTH_PX**2) - 4, 1.0)
        spread = float((left**2).sum()) / freedom
        error_px = float(np.sqrt((basis[2:] ** 2 / power).sum() / 2 * spread))
        farthest_px = float(np.abs(step).max())
        if likeness is not None and farthest_px < _STILL_PX:
            break
        if likeness is not None or farthest_px < _NEAR_PX:
            likeness = solution[:2]
    if float(np.abs(place - coarse).max()) > 2.0:
        place = np.array(coarse, dtype=np.float64)
    found = _correlation(reference, inner, spline, usable, place)
    still = _correlation(reference, inner, spline, usable, np.array(guess_px))
    return Shift(float(place[0]), float(place[1]), error_px, found, abs(found) - abs(still))


def _dot(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return one @ other by numpy itself: in products so narrow threads of BLAS only wait for each other."""
    formula = "k,k...->..." if one.ndim == 1 else "ik,k...->i..."
    return np.asarray(np.einsum(formula, one, other), np.float64)


def _trust(left: FloatArray) -> FloatArray:
    """Return weights of pixels by what the fit leaves over (Cauchy's): where the sample reacted, little."""
    size = np.abs(left)
    middle = size.size // 2
    usual = _UNUSUAL * 1.4826 * float(np.partition(size, middle)[middle])
    return 1.0 / (1.0 + (left / usual) ** 2) if usual > 0 else np.ones_like(left)


def _translated(spline: FloatArray, place: FloatArray) -> FloatArray:
    """Return an image of B-splines at (y + place_y, x + place_x), NaN beyond."""
    (whole_y, value_y, _), (whole_x, value_x, _) = (_basis(float(at)) for at in place)
    rows = _summed(_around(spline, 0, whole_y), 0, value_y)
    return _summed(_around(rows, 1, whole_x), 1, value_x)


def _with_slopes(spline: FloatArray, place: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return what `_translated` returns, and its slopes there along y and x."""
    (whole_y, value_y, slope_y), (whole_x, value_x, slope_x) = (_basis(float(at)) for at in place)
    columns = _around(spline, 0, whole_y)
    rows = _around(_summed(columns, 0, value_y), 1, whole_x)
    sloping = _around(_summed(columns, 0, slope_y), 1, whole_x)
    return _summed(rows, 1, value_x), _summed(sloping, 1, value_x), _summed(rows, 1, slope_x)


def _basis(at: float) -> tuple[int, FloatArray, FloatArray]:
    """Return the whole part of a place, and the B-splines at -1 to 2 from it there, and their slopes."""
    whole = int(np.floor(at))
    u = at - whole
    value = np.array([(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3]) / 6
    slope = np.array([-((1 - u) ** 2), 3 * u**2 - 4 * u, -3 * u**2 + 2 * u + 1, u**2]) / 2
    return whole, value, slope


def _around(spline: FloatArray, axis: int, whole: int) -> FloatArray:
    """Return what `_summed` needs of an image for a place `whole` pixels further on along an axis."""
    return _window(spline, axis, whole - 1, spline.shape[axis] + 3)


def _summed(around: FloatArray, axis: int, weights: FloatArray) -> FloatArray:
    """Return sums of four neighbours along an axis."""
    at = [slice(None)] * around.ndim
    parts: list[FloatArray] = []
    for first, weight in enumerate(weights):
        at[axis] = slice(first, first + around.shape[axis] - 3)
        parts.append(weight * around[tuple(at)])
    return parts[0] + parts[1] + parts[2] + parts[3]


def _moved_mask(usable: MaskArray, place: FloatArray) -> MaskArray:
    """Return which places (y + place_y, x + place_x) lie among usable pixels, and not at their very edge."""
    rows = usable
    for axis, at in enumerate(place):
        shifted = _rolled(rows.astype(np.float64), axis, round(float(at)))
        rows = np.asarray(shifted == 1.0, dtype=bool)
    return rows


def _eroded(known: MaskArray) -> MaskArray:
    return np.asarray(ndimage.binary_erosion(known, iterations=_EDGE_PX, border_value=0), dtype=bool)


def _correlation(
    reference: FloatArray, inner: MaskArray, spline: FloatArray, usable: MaskArray, place: FloatArray
) -> float:
    where = inner & _moved_mask(usable, place)
    if where.sum() < _LEAST_PIXELS:
        return 0.0
    value, target = _translated(spline, place)[where], reference[where]
    value, target = value - value.mean(), target - target.mean()
    power = float((value**2).sum()) * float((target**2).sum())
    return float((value * target).sum()) / power**0.5 if power > 0 else 0.0
