"""The runs of one series beside each other: what the control region learns of the others."""

from __future__ import annotations

from dataclasses import replace

from operando.core.control import track_of
from operando.core.pipeline import PipelineState

__all__ = ["accompanied", "is_control_of"]


def is_control_of(state: PipelineState, other: PipelineState) -> bool:
    """Return whether a run is the control that another one is held against."""
    part, exposed = state.plan.part, other.plan.part
    return part.is_control and exposed.is_exposed and part.series == exposed.series


def accompanied(control: PipelineState, exposed: PipelineState) -> PipelineState:
    """Return the state of a control knowing what another run of its series did so far.

    What it said of its last visit may be another thing now, so that the last cycle is due again.
    """
    track = track_of(exposed.plan.part, exposed.points, exposed.studies.particles)
    last = {max(control.points)} if len(control.points) > 1 else set[int]()
    tracks = {**control.exposed, exposed.plan.run: track}
    return replace(control, exposed=tracks, changed=control.changed | last)
