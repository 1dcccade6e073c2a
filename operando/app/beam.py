"""What the beam did, from results files: the control region of a series against those that were exposed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from operando.control import BeamEffect
from operando.core.control import RegionTrack, beam_effect
from operando.errors import ConfigurationError
from operando.io.results import read_particles, read_summary

__all__ = ["beam"]


def beam(control: Path, exposed: Sequence[Path]) -> BeamEffect:
    """Return what changed more in the exposed regions than in the control.

    Parameters
    ----------
    control
        Results of the region without beam between its first visit and its last.
    exposed
        Results of the other regions, over the same time.

    Raises
    ------
    ConfigurationError
        They are of different series, count lithium by other phases, or the control was visited once only.
    SourceUnreachable, DamagedFileError
        A file cannot be read.
    """
    dark, *lit = (_track(path) for path in (control, *exposed))
    phases = [read_summary(path).phases.lithium.tolist() for path in (control, *exposed)]
    for path, track, own in zip(exposed, lit, phases[1:], strict=True):
        if dark.part.series and track.part.series and track.part.series != dark.part.series:
            msg = f"{path} is of another series than {control}; give the regions of one series"
            raise ConfigurationError(msg)
        if own != phases[0]:
            msg = (
                f"{path} was fitted with phases of x {own}, {control} with {phases[0]}; "
                "fit both with the same library"
            )
            raise ConfigurationError(msg)
    found = beam_effect(replace(dark, part=replace(dark.part, role="control", series="one")), lit)
    if found is None:
        msg = (
            f"{control} has {dark.visited_s.size} cycles; a control is visited before the others and once "
            "more after them"
        )
        raise ConfigurationError(msg)
    return found


def _track(path: Path) -> RegionTrack:
    """Return what a results file knows of its particles; a region without a name has that of the file."""
    summary, rows = read_summary(path), read_particles(path).columns
    part = summary.plan.part
    return RegionTrack(
        part if part.region else replace(part, region=path.stem),
        summary.curve.time_s,
        rows["number"],
        rows["time_s"],
        rows["lithium"],
        rows["thickness"] * rows["area_um2"],
    )
