"""One moment of a run, whole: the only thing that a screen, a file and a remote page are given."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from operando.cell import CellRecord
from operando.control import BeamEffect
from operando.crystal import Crystal
from operando.oddities import Clusters, DoseMap, Unexplained
from operando.particles import ParticleField
from operando.regions import Marks
from operando.types.arrays import FloatArray, MaskArray
from operando.types.delivery import Delivery, Progress, Vitals
from operando.types.findings import Finding
from operando.types.lithiation import Curve, LithiationMap, PhaseSpectra, RegionResult
from operando.types.scan import Frame, ScanPlan

__all__ = ["Snapshot"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a screen, a file or a remote page may show of one moment.

    Attributes
    ----------
    plan, progress, delivery
        Which run, where it is, how its documents travelled.
    map
        The newest map, or None while too few energies have been seen.
    frame
        The image that is arriving, or None before the first line.
    od, od_error
        Optical density now known per energy and its σ, shape (energy, ny, nx), NaN where unknown.
    row_time_s
        When each row of `od` was taken, shape (energy, ny), NaN where unseen.
    i0
        Incident counts used for each energy's newest frame, shape (energy,), NaN where unknown.
    dwell_ms
        Of that frame, as its lines say, or the plan where they do not, shape (energy,); None where the
        lines are not at hand.
    i0_mode
        "blank", "channel" or "file".
    blank
        Pixels taken as blank, shape (ny, nx); all False where I0 comes from elsewhere.
    phases
        The references.
    curve
        Mean lithium content against time.
    findings
        What the user should know, worst first.
    of_record
        Those of them that follow from the images alone, and so are the same in every replay.
    marks
        The regions and masks that `regions` and `unmasked_curve` are about.
    regions
        One for each region of `marks`, in order.
    unmasked_curve
        The curve of the field without the masks; None where there are none. `curve` has all pixels.
    ring_current_ma
        Current of the storage ring at each row of `od`, shape (energy, ny), NaN where nobody said; None
        where nobody ever did.
    vitals
        Drift, dose and disk, as far as anybody measures them.
    particles
        Those of the newest cycle of record and their curves; None before the first, or where they are not
        asked for.
    unexplained
        Places in that cycle that no mixture of the references explains, the most significant first.
    clusters
        Pixels of like spectra in that cycle; None where they are not asked for.
    dose
        What every pixel has had up to that cycle; None where the profile does not say what it depends on.
    cell
        What the potentiostat said up to that cycle, and what it makes expect; None without a reading.
    beam
        Of a control region: what changed more in the other regions of its series; None before its last visit.
    crystal
        What the particles are made of, if the profile says it: their stress can be modelled.
    """

    plan: ScanPlan
    progress: Progress
    map: LithiationMap | None
    frame: Frame | None
    od: FloatArray
    od_error: FloatArray
    row_time_s: FloatArray
    i0: FloatArray
    i0_mode: str
    blank: MaskArray
    phases: PhaseSpectra
    curve: Curve
    findings: tuple[Finding, ...] = ()
    delivery: Delivery = field(default_factory=Delivery)
    marks: Marks = field(default_factory=Marks)
    regions: tuple[RegionResult, ...] = ()
    unmasked_curve: Curve | None = None
    ring_current_ma: FloatArray | None = None
    vitals: Vitals = field(default_factory=Vitals)
    particles: ParticleField | None = None
    unexplained: tuple[Unexplained, ...] = ()
    clusters: Clusters | None = None
    dose: DoseMap | None = None
    cell: CellRecord | None = None
    beam: BeamEffect | None = None
    crystal: Crystal | None = None
    of_record: tuple[Finding, ...] = ()
    dwell_ms: FloatArray | None = None

    @property
    def rows_missing(self) -> int | None:
        """How many rows have not come though later ones have; None where the order is not known."""
        plan, progress = self.plan, self.progress
        if plan.is_open or progress.lines_seen == 0:
            return None
        before = sum(plan.lines_in(cycle) for cycle in range(progress.cycle))
        images = sum(energy < progress.energy for energy in plan.visited_in(progress.cycle))
        expected = before + images * plan.grid.shape[0] + progress.row + 1
        return max(expected - progress.lines_seen, 0)

    @property
    def i0_now(self) -> float:
        """Incident counts of the newest image; NaN where unknown."""
        energy = self.progress.energy
        return float(self.i0[energy]) if energy < self.i0.size else float("nan")

    @property
    def ring_now_ma(self) -> float:
        """Current of the storage ring at the newest row that has one; NaN where unknown."""
        current_ma = self.ring_current_ma
        if current_ma is None or not np.isfinite(current_ma).any():
            return float("nan")
        newest = np.nanargmax(np.where(np.isfinite(current_ma), self.row_time_s, np.nan))
        return float(current_ma.flat[newest])
