"""The curves on paper: mean x ± σ against time, pauses and losses as bands, and voltage and charge below."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from operando.app.paper.sheet import new_sheet, sign
from operando.io.lettering import as_label
from operando.view.orders import TimeOrder
from operando.view.theme import LIGHT
from operando.view.timeline import Timeline, Trace

__all__ = ["time_sheet"]

_WIDTH_IN = 6.0
_LEFT_IN, _RIGHT_IN, _BOTTOM_IN, _TOP_IN = 0.62, 0.62, 0.82, 0.62
_CURVES_IN, _CELL_IN, _GAP_IN = 2.3, 1.0, 0.1
_SIGNS = ("o", "s", "v", "D", "^", "p")
_FEW = 80
"""Points up to which each has a symbol."""


def time_sheet(order: TimeOrder) -> Figure:
    """Return the curves of field, regions and particles, with the cell on the same axis of time."""
    timeline = order.timeline
    cell_in = _CELL_IN + _GAP_IN if timeline.traces else 0.0
    height_in = _BOTTOM_IN + cell_in + _CURVES_IN + _TOP_IN
    figure = new_sheet(_WIDTH_IN, height_in)
    left, width = _LEFT_IN / _WIDTH_IN, 1 - (_LEFT_IN + _RIGHT_IN) / _WIDTH_IN
    axes = figure.add_axes((left, (_BOTTOM_IN + cell_in) / height_in, width, _CURVES_IN / height_in))
    _draw_curves(axes, timeline)
    if order.levels is not None:
        margin = 0.07 * (order.levels.high - order.levels.low)
        axes.set_ylim(order.levels.low - margin, order.levels.high + margin)
    lowest = axes
    if timeline.traces:
        place = (left, _BOTTOM_IN / height_in, width, _CELL_IN / height_in)
        lowest = figure.add_axes(place, sharex=axes)
        _draw_traces(lowest, timeline.traces)
        axes.tick_params(labelbottom=False)
    for each in {axes, lowest}:
        _draw_spans(each, timeline, is_named=each is axes)
    axes.set_xlim(-0.03 * timeline.now, 1.03 * timeline.now)
    lowest.set_xlabel(f"time since the start of the run ({timeline.unit})", fontsize=8)
    sign(figure, "Mean lithium content x ± σ", order.snapshot)
    return figure


def _draw_curves(axes: Axes, timeline: Timeline) -> None:
    for number, strand in enumerate(timeline.strands):
        colour = LIGHT.accent if number == 0 else LIGHT.regions[(number - 1) % len(LIGHT.regions)]
        few = strand.time.size <= _FEW
        axes.fill_between(strand.time, strand.low, strand.high, color=colour, alpha=0.18, lw=0)
        axes.plot(
            strand.time,
            strand.lithium,
            color=colour,
            lw=1.2,
            marker=_SIGNS[number % len(_SIGNS)] if few else "",
            markersize=3.5,
            label=as_label(strand.name),
        )
    axes.set_ylabel("mean x ± σ", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=4, fontsize=6.5, frameon=False,
        columnspacing=1.0, borderaxespad=0.2,
    )  # fmt: skip


def _draw_traces(axes: Axes, traces: tuple[Trace, ...]) -> None:
    sides = (axes, axes.twinx()) if len(traces) > 1 else (axes,)
    colours = (LIGHT.text, LIGHT.phases[0])
    for side, trace, colour, dash in zip(sides, traces, colours, ("-", "--"), strict=False):
        side.plot(trace.time, trace.value, color=colour, lw=1.1, ls=dash)
        side.set_ylabel(f"{trace.name} ({trace.unit})", fontsize=8, color=colour)
        side.tick_params(axis="y", labelsize=7, colors=colour)
        side.spines["top"].set_visible(False)
    axes.tick_params(axis="x", labelsize=7)


def _draw_spans(axes: Axes, timeline: Timeline, *, is_named: bool) -> None:
    for span in timeline.spans:
        colour = LIGHT.alarm if span.is_loss else LIGHT.muted
        axes.axvspan(span.start, max(span.end, span.start), color=colour, alpha=0.2, lw=0.6, zorder=0)
        if is_named:
            axes.text(
                span.start, 0.98, f" {span.words}", transform=axes.get_xaxis_transform(), va="top",
                fontsize=6, color=colour, rotation=90, parse_math=False,
            )  # fmt: skip
