"""Mean lithium content against time as inline SVG, in the colours of the page that it stands in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from operando.types import Curve, FloatArray, MaskArray

__all__ = ["curve_svg"]

_WIDTH, _HEIGHT = 720, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 14, 14, 44
_MOST_DOTS = 150
"""Of more cycles the line alone is drawn."""


def curve_svg(curve: Curve, started_s: float, lithium: FloatArray) -> str:
    """Return the curve with its band of ± σ as an SVG element; "" if no cycle has a mean.

    Parameters
    ----------
    curve
        Mean x by cycle; cycles without a mean leave a gap.
    started_s
        Since when time counts.
    lithium
        Lithium contents of the references, which the axis spans.
    """
    elapsed_s = curve.time_s - started_s
    is_known = np.isfinite(elapsed_s) & np.isfinite(curve.lithium) & np.isfinite(curve.lithium_error)
    if not is_known.any():
        return ""
    unit, seconds = ("h", 3600.0) if np.ptp(elapsed_s[is_known]) > 3 * 3600 else ("min", 60.0)
    time = elapsed_s / seconds
    low, high = curve.lithium - curve.lithium_error, curve.lithium + curve.lithium_error
    finite = lithium[np.isfinite(lithium)]
    across = _Axis(*_span(time[is_known]), _LEFT, _WIDTH - _RIGHT)
    upwards = _Axis(*_span(np.concatenate([low[is_known], high[is_known], finite])), _HEIGHT - _BOTTOM, _TOP)
    drawn = [_grid(across, upwards, unit)]
    for stretch in _stretches(is_known):
        x, mean = across.at(time[stretch]), upwards.at(curve.lithium[stretch])
        lower, upper = upwards.at(low[stretch]), upwards.at(high[stretch])
        band = _points(np.concatenate([x, x[::-1]]), np.concatenate([lower, upper[::-1]]))
        drawn += [
            f'<polygon class="band" points="{band}"/>',
            f'<polyline class="line" points="{_points(x, mean)}"/>',
        ]
        if time.size <= _MOST_DOTS:
            for dot_x, dot_y, least, most in zip(x, mean, lower, upper, strict=True):
                drawn += [
                    f'<path class="line" d="M{dot_x:.1f} {least:.1f}V{most:.1f}"/>',
                    f'<circle class="dot" cx="{dot_x:.1f}" cy="{dot_y:.1f}" r="3.2"/>',
                ]
    return (
        f'<svg class="curve" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        'aria-label="Mean lithium content with its standard deviation against time">'
        f"{''.join(drawn)}</svg>"
    )


class _Axis:
    """Takes values to places on the drawing."""

    def __init__(self, lowest: float, highest: float, first: float, last: float) -> None:
        self.lowest, self.highest = lowest, highest
        self.first, self.last = first, last

    def at(self, values: FloatArray) -> FloatArray:
        share = (values - self.lowest) / (self.highest - self.lowest)
        return self.first + share * (self.last - self.first)

    def ticks(self, about: int) -> FloatArray:
        rough = (self.highest - self.lowest) / about
        decade = 10.0 ** math.floor(math.log10(rough))
        step = next(size * decade for size in (1.0, 2.0, 5.0, 10.0) if size * decade >= rough * (1 - 1e-9))
        first, last = math.ceil(self.lowest / step - 1e-9), math.floor(self.highest / step + 1e-9)
        return step * np.arange(first, last + 1, dtype=np.float64)


def _span(values: FloatArray) -> tuple[float, float]:
    lowest, highest = float(values.min()), float(values.max())
    margin = 0.05 * (highest - lowest) or 0.5
    return lowest - margin, highest + margin


def _stretches(is_known: MaskArray) -> list[slice]:
    """Return where the known points stand side by side."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], is_known, [False]]).astype(np.int8)))
    return [slice(int(first), int(last)) for first, last in steps.reshape(-1, 2)]


def _points(x: FloatArray, y: FloatArray) -> str:
    return " ".join(f"{one:.1f},{other:.1f}" for one, other in zip(x, y, strict=True))


def _grid(across: _Axis, upwards: _Axis, unit: str) -> str:
    floor, middle = _HEIGHT - _BOTTOM, (_TOP + _HEIGHT - _BOTTOM) / 2
    drawn: list[str] = []
    levels, times = upwards.ticks(7), across.ticks(9)
    for value, y in zip(levels, upwards.at(levels), strict=True):
        drawn += [
            f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>',
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>',
        ]
    for value, x in zip(times, across.at(times), strict=True):
        drawn += [
            f'<path class="axis" d="M{x:.1f} {floor}v5"/>',
            f'<text x="{x:.1f}" y="{floor + 19}" text-anchor="middle">{value:g}</text>',
        ]
    return (
        f'{"".join(drawn)}<path class="axis" d="M{_LEFT} {floor}H{_WIDTH - _RIGHT}"/>'
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2:.0f}" y="{_HEIGHT - 6}" text-anchor="middle">'
        f"time since the start of the run ({unit})</text>"
        f'<text transform="translate(14 {middle:.0f}) rotate(-90)" text-anchor="middle">mean x ± σ</text>'
    )
