"""A spectrum on paper: what was measured with its error bars, the fit and its parts, the residual."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from operando.app.paper.sheet import new_sheet, sign
from operando.io.lettering import as_label, as_written
from operando.view.orders import SpectrumOrder
from operando.view.spectrum import Spectrum
from operando.view.theme import LIGHT
from operando.view.words import general, measurement, share

__all__ = ["spectrum_sheet"]

_WIDTH_IN, _HEIGHT_IN = 4.6, 4.75
_LEFT_IN, _RIGHT_IN, _BOTTOM_IN = 0.62, 0.12, 0.82
_DASHES = ((0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 1.5, 1.5, 1.5)), (0, (5, 1.5, 1, 1.5, 1, 1.5)))


def spectrum_sheet(order: SpectrumOrder) -> Figure:
    """Return a spectrum with its fit, x ± σ and what the fit leaves over."""
    spectrum = order.spectrum
    figure = new_sheet(_WIDTH_IN, _HEIGHT_IN)
    left, width = _LEFT_IN / _WIDTH_IN, 1 - (_LEFT_IN + _RIGHT_IN) / _WIDTH_IN
    lower, upper = 0.68 / _HEIGHT_IN, 2.1 / _HEIGHT_IN
    bottom = _BOTTOM_IN / _HEIGHT_IN
    rest = figure.add_axes((left, bottom, width, lower))
    axes = figure.add_axes((left, bottom + lower + 0.02, width, upper), sharex=rest)
    error = np.nan_to_num(spectrum.od_error)
    axes.errorbar(
        spectrum.energy_ev, spectrum.od, error, ls="none", marker="o", color=LIGHT.text, markersize=3.5,
        elinewidth=0.9, zorder=4, label="measured",
    )  # fmt: skip
    if spectrum.components:
        axes.plot(spectrum.dense_ev, spectrum.fit, color=LIGHT.text, lw=1.2, zorder=3, label="fit")
    for number, part in enumerate(spectrum.components):
        words = f"{part.name} {share(part.share)}"
        colour, dash = LIGHT.phases[number % len(LIGHT.phases)], _DASHES[number % len(_DASHES)]
        axes.plot(spectrum.dense_ev, part.od, color=colour, ls=dash, lw=1.2, label=as_label(words))
    if np.any(spectrum.ground):
        axes.plot(spectrum.dense_ev, spectrum.ground, color=LIGHT.muted, ls=":", lw=1.0, label="background")
    axes.set_ylabel("optical density", fontsize=8)
    axes.tick_params(labelsize=7, labelbottom=False)
    axes.margins(x=0.03)
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=3, fontsize=6.5, frameon=False, columnspacing=1.0
    )
    _draw_rest(rest, spectrum)
    for each in (axes, rest):
        each.spines[["top", "right"]].set_visible(False)
    sign(figure, f"{spectrum.title}, {spectrum.place}", order.snapshot)
    figure.text(
        0.02, 1 - 0.3 / _HEIGHT_IN, as_written(_result(spectrum)), va="top", fontsize=8.5, color=LIGHT.text,
        parse_math=False,
    )  # fmt: skip
    return figure


def _draw_rest(axes: Axes, spectrum: Spectrum) -> None:
    axes.axhspan(-2, 2, color=LIGHT.border, lw=0, zorder=0)
    axes.axhline(0, color=LIGHT.muted, lw=0.7)
    known = np.isfinite(spectrum.residual_sigma)
    rest = spectrum.residual_sigma[known]
    axes.errorbar(
        spectrum.energy_ev[known], rest, 1.0, ls="none", marker="o", color=LIGHT.text, markersize=3,
        elinewidth=0.9,
    )  # fmt: skip
    reach = max(4.0, 1.15 * float(np.max(np.abs(rest), initial=0.0)) + 1.0)
    axes.set_ylim(-reach, reach)
    axes.set_xlabel("photon energy (eV)", fontsize=8)
    axes.set_ylabel("residual / σ", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.ticklabel_format(useOffset=False, style="plain", axis="x")


def _result(spectrum: Spectrum) -> str:
    if spectrum.why_not:
        return f"no x: {spectrum.why_not}"
    x = measurement(spectrum.lithium, spectrum.lithium_error)
    return f"x = {x}   χ²/dof {general(spectrum.chi2)}   R-factor {general(spectrum.r_factor)}"
