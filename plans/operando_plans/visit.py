"""One region in one cycle: brought under the beam in the dark, scanned at its energies."""

from __future__ import annotations

from dataclasses import dataclass, replace

import bluesky.plan_stubs as bps

from operando_plans.beam import ring_current
from operando_plans.field import Field
from operando_plans.parts import Parts
from operando_plans.plan import Plan
from operando_plans.region import Region
from operando_plans.scanner import Scanner, image

__all__ = ["Standing", "place", "visit"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a region is, and what advice has changed about it.

    Attributes
    ----------
    region
        As the user gave it, but for its dwells.
    run
        Uid of its run.
    visits
        How often it was visited; the `cycle` of its next images.
    shift_um
        How far its field has been moved after the sample, x and y.
    focus_um
        How far the focus has been moved from where it was when the series began.
    has_left
        Whether it is not visited any more.
    """

    region: Region
    run: str = ""
    visits: int = 0
    shift_um: tuple[float, float] = (0.0, 0.0)
    focus_um: float = 0.0
    has_left: bool = False

    @property
    def field(self) -> Field:
        """Where the sample of this region is now."""
        x, y = self.region.field.centre_um
        return replace(self.region.field, centre_um=(x + self.shift_um[0], y + self.shift_um[1]))


def place(parts: Parts, standing: Standing) -> Plan:
    """Bring a region under the beam: the coarse stage if it has a place there, the fine one to its corner."""
    yield from bps.checkpoint()
    if standing.region.coarse_um is not None:
        x_um, y_um = standing.region.coarse_um
        yield from bps.mv(parts.coarse_x, x_um, parts.coarse_y, y_um)
    field = standing.field
    if parts.sample_x is not None and parts.sample_y is not None:
        # In the dark: the way from one field to the next leads across the sample.
        yield from bps.mv(parts.sample_x, field.x_um[0], parts.sample_y, field.y_um[0])


def visit(scanner: Scanner, standing: Standing, series_cycle: int) -> Plan:
    """Scan a region at all energies of its next cycle.

    Each line says beside its counts which `cycle`, `energy_index` and `row` it is, the `energy_ev` read back
    before its image, its `dwell_ms`, how far its field was shifted, the `series_cycle`, and the
    `ring_current_ma` where there is one; so a line repeated after a pause or a beam loss finds its place
    without counting.

    Parameters
    ----------
    scanner
        What scans.
    standing
        The region, how often it was visited, and where its sample is.
    series_cycle
        The cycle of the whole series; that of a control region is another one.
    """
    parts, region = scanner.parts, standing.region
    for index in region.visited_in(standing.visits):
        energy_ev = region.energies_ev[index]
        yield from bps.checkpoint()
        yield from bps.mv(parts.energy, energy_ev)
        read_back = yield from bps.rd(parts.energy, default_value=energy_ev)
        labels = {
            "cycle": standing.visits,
            "energy_index": index,
            "energy_ev": float(read_back),
            "dwell_ms": region.dwells_ms[index],
            "series_cycle": series_cycle,
            "shift_x_um": standing.shift_um[0],
            "shift_y_um": standing.shift_um[1],
        }
        if parts.ring_current is not None:
            labels["ring_current_ma"] = yield from ring_current(parts, float("nan"))
        yield from image(scanner, standing.field, region.dwells_ms[index], labels)
