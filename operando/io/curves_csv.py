"""All curves of a run as one table of text: field, regions and particles, one row a point."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping

import numpy as np

from operando.io.cells import in_a_cell, in_a_note
from operando.io.utc import utc_words
from operando.particles import ParticleCurve
from operando.types import Curve, Snapshot

__all__ = ["COLUMNS", "curves_csv"]

COLUMNS = (
    "curve",
    "name",
    "cycle (from 1)",
    "time (s since 1970-01-01 UTC)",
    "time (s since the start of the run)",
    "mean lithium content x",
    "standard deviation of x",
    "pixels",
)
_MEANING = (
    "x is the mean lithium content of all the material of the curve's pixels, its standard deviation in the "
    "same unit: lithium atoms per formula unit. Empty: not determined, or not counted."
)


def curves_csv(snapshot: Snapshot, settings: Mapping[str, str | float | int]) -> str:
    """Return the curves of a snapshot as comma-separated text under a header of lines that begin with `#`.

    Parameters
    ----------
    snapshot
        Its field, with and without masks, regions and particles.
    settings
        What the fit was done with; may be empty where it is not known.
    """
    text = io.StringIO()
    for line in _header(snapshot, settings):
        text.write(f"# {line}\n")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    started_s = snapshot.plan.started_s
    for kind, name, curve in _curves(snapshot):
        pixels = curve.pixels.tolist() if isinstance(curve, Curve) else [""] * curve.cycle.size
        for row in zip(
            curve.cycle.tolist(), curve.time_s.tolist(), curve.lithium.tolist(),
            curve.lithium_error.tolist(), pixels, strict=True,
        ):  # fmt: skip
            cycle, time_s, x, error, number = row
            elapsed_s = f"{time_s - started_s:.3f}"
            table.writerow(
                [kind, in_a_cell(name), cycle + 1, time_s, elapsed_s, _known(x), _known(error), number]
            )
    return text.getvalue()


def _header(snapshot: Snapshot, settings: Mapping[str, str | float | int]) -> Iterator[str]:
    plan = snapshot.plan
    yield f"run: {in_a_note(plan.run)}"
    yield f"sample: {in_a_note(plan.sample) or 'not said'}"
    yield f"plan: {in_a_note(plan.plan_name)}, started {utc_words(plan.started_s)}"
    energies = zip(plan.energies_ev.tolist(), plan.dwell_ms.tolist(), strict=True)
    yield "energies: " + ", ".join(
        f"{energy:.2f} eV" + (f" ({dwell:g} ms)" if np.isfinite(dwell) else "") for energy, dwell in energies
    )
    phases = zip(snapshot.phases.names, snapshot.phases.lithium.tolist(), strict=True)
    yield "references: " + ", ".join(
        f"{in_a_cell(in_a_note(name))} (x = {lithium:g})" for name, lithium in phases
    )
    for result in snapshot.regions:
        corners = " ".join(f"({x:.4f}, {y:.4f})" for x, y in result.region.corners_um)
        name, kind = in_a_note(result.region.name), result.region.outline.value
        yield f"region {name}: {kind}, corners (x, y) in µm: {corners}"
    for key, value in settings.items():
        yield f"setting {in_a_note(key)}: {in_a_note(str(value))}"
    yield _MEANING


def _curves(snapshot: Snapshot) -> Iterator[tuple[str, str, Curve | ParticleCurve]]:
    yield "field", "field", snapshot.curve
    if snapshot.unmasked_curve is not None:
        yield "field", "field less masks", snapshot.unmasked_curve
    for result in snapshot.regions:
        yield "region", result.region.name, result.curve
    for particle in () if snapshot.particles is None else snapshot.particles.particles:
        yield "particle", f"particle {particle.number}", particle.curve


def _known(value: float) -> float | str:
    return value if np.isfinite(value) else ""
