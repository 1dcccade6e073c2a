"""How much material has which lithium content, once the noise of the pixels is taken off.

Noise widens a histogram: of pure material next to an end phase it puts a part in between. The distribution
that makes the measured values most likely (expectation and maximisation: Dempster, Laird and Rubin, J. R.
Stat. Soc. B 39 (1977) 1; Richardson and Lucy's deconvolution) has no such part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operando.types import FloatArray

__all__ = ["Distribution", "distribution_of"]

_STEPS = 41
_ROUNDS = 30
"""More follow the noise: the rms error of the active fraction was 0.054 after 30 and 0.059 after 100."""
_ENOUGH = 4000
"""Of larger particles every second, third… pixel is looked at."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution of lithium contents.

    Attributes
    ----------
    lithium
        Contents, ascending and evenly spaced, shape (n,).
    share
        Of the material, shape (n,); sums to 1.
    belongs
        Chance of each pixel to have each content, shape (pixel, n).
    weight
        Share of each pixel in the material, shape (pixel,).
    """

    lithium: FloatArray
    share: FloatArray
    belongs: FloatArray
    weight: FloatArray

    def between(self, low: float, high: float) -> float:
        """Return the share of the material between two contents."""
        return min(float(self.share[(self.lithium > low) & (self.lithium < high)].sum()), 1.0)

    def between_error(self, low: float, high: float) -> float:
        """Return how much of that the chances of single pixels leave open, as a standard deviation."""
        inside = self.belongs[:, (self.lithium > low) & (self.lithium < high)].sum(axis=1)
        return float(np.sqrt((self.weight**2 * np.clip(inside * (1 - inside), 0.0, None)).sum()))


def distribution_of(
    lithium: FloatArray, error: FloatArray, amount: FloatArray, lithium_range: tuple[float, float]
) -> Distribution:
    """Return how much material has which lithium content.

    Parameters
    ----------
    lithium, error, amount
        x of each pixel, its standard deviation, and how much material it holds, shape (pixel,).
    lithium_range
        Lowest and highest lithium content of the phases.
    """
    stride = 1 + lithium.size // _ENOUGH
    x, sigma, weight = lithium[::stride], error[::stride], amount[::stride] / amount[::stride].sum()
    contents = np.linspace(*lithium_range, _STEPS)
    sigma = np.maximum(sigma, (contents[1] - contents[0]) / 2)
    distance = (x[:, None] - contents) / sigma[:, None]
    # In units of the likeliest content, so that a value far outside has one too.
    distance2 = distance**2 - (distance**2).min(axis=1, keepdims=True)
    likely = np.exp(-distance2 / 2)
    share = np.full(_STEPS, 1 / _STEPS)
    belongs = likely
    for _ in range(_ROUNDS):
        belongs = likely * share
        belongs /= belongs.sum(axis=1, keepdims=True)
        share = weight @ belongs
    return Distribution(contents, share, belongs, weight)
