"""The nouns of the measurement: frozen, numpy only, and the only thing every layer shares.

Arrays are indexed (energy, y, x) or (y, x), row-major. NaN means undetermined and a mask
says so too. Times are seconds since the epoch on the clock of the acquisition.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from operando.cell import CellRecord
from operando.control import BeamEffect
from operando.crystal import Crystal
from operando.oddities import Clusters, DoseMap, Unexplained
from operando.particles import ParticleField
from operando.regions import Marks, Region

__all__ = [
    "CatchUp",
    "Curve",
    "Delivery",
    "Finding",
    "FloatArray",
    "Frame",
    "Light",
    "Line",
    "LithiationMap",
    "MaskArray",
    "PhaseSpectra",
    "Progress",
    "Reason",
    "RegionResult",
    "RunClosed",
    "ScanGrid",
    "ScanPlan",
    "SeriesPart",
    "Severity",
    "Snapshot",
    "Vitals",
]

FloatArray: TypeAlias = NDArray[np.float64]
MaskArray: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ScanGrid:
    """Where the pixels are.

    Attributes
    ----------
    x_um, y_um
        Pixel centres in µm, shapes (nx,) and (ny,), in the order of columns and rows;
        either may descend.
    """

    x_um: FloatArray
    y_um: FloatArray

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, (ny, nx)."""
        return self.y_um.size, self.x_um.size


class Light(StrEnum):
    """Where the light of a run's images is known from."""

    AS_TOLD = "as told"
    """Blank pixels, a channel or a file, as the recipe says."""
    REFERENCES = "references"
    """Images without the sample, which the run has for each of its energies."""
    AMPLITUDE = "amplitude"
    """Readings are squares of amplitudes, whose scale and noise blank pixels tell."""


@dataclass(frozen=True, slots=True)
class SeriesPart:
    """Which part of a series of several regions a run is; all empty where it is of none.

    Attributes
    ----------
    series
        What all runs of the series have in common.
    region
        The name of the region.
    role
        "series" for one that is visited in every cycle, "control" for one that gets no light between its
        first visit and its last, "dense" for a part of another one that is visited once.
    """

    series: str = ""
    region: str = ""
    role: str = ""

    @property
    def is_control(self) -> bool:
        """Whether it is the control of a series."""
        return bool(self.series) and self.role == "control"

    @property
    def is_exposed(self) -> bool:
        """Whether it is what the control of a series is held against."""
        return bool(self.series) and self.role == "series"


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """What a run said in its start document that it would do.

    Attributes
    ----------
    run
        The uid of the run.
    plan_name, sample
        As the start document names them; `sample` may be empty.
    grid
        Where the pixels are.
    energies_ev, dwell_ms
        Shape (energy,), in the order of acquisition within a cycle; dwell is NaN where unknown.
    cycles
        How many times all energies are visited; None where the plan does not say.
    started_s
        Time of the start document.
    is_open
        True while more energies may come: the run did not say beforehand which.
    every
        In which cycles each energy is visited: every one (1), every second (2), …, all of them in the
        first; empty where all are in every cycle.
    part
        Of which series it is a part.
    light
        Where the light of its images is known from, as far as the documents tell.
    """

    run: str
    plan_name: str
    sample: str
    grid: ScanGrid
    energies_ev: FloatArray
    dwell_ms: FloatArray
    cycles: int | None
    started_s: float
    is_open: bool = False
    every: tuple[int, ...] = ()
    part: SeriesPart = SeriesPart()
    light: Light = Light.AS_TOLD

    def visited_in(self, cycle: int) -> tuple[int, ...]:
        """Return which of the energies a cycle visits."""
        every = self.every or (1,) * self.energies_ev.size
        return tuple(energy for energy, step in enumerate(every) if cycle % step == 0)

    def lines_in(self, cycle: int) -> int:
        """Return how many lines a cycle has."""
        return len(self.visited_in(cycle)) * self.grid.shape[0]

    @property
    def lines_planned(self) -> int | None:
        """How many lines the run has; None where it does not say how many cycles."""
        if self.cycles is None:
            return None
        every = self.every or (1,) * self.energies_ev.size
        return self.grid.shape[0] * sum(-(-self.cycles // step) for step in every)

    @property
    def stack_shape(self) -> tuple[int, int, int]:
        """Energies, rows and columns, (energy, ny, nx)."""
        return self.energies_ev.size, *self.grid.shape


@dataclass(frozen=True, slots=True)
class Line:
    """One row of one image: what arrives.

    Attributes
    ----------
    run
        The uid of the run it belongs to.
    cycle, energy, row
        Which image and which row of it; all count from zero.
    counts
        Detector reading per pixel, shape (nx,); NaN where a pixel was not measured.
    i0
        Reading of the incident-beam channel, shape (nx,), or None where there is none.
    time_s
        When the row was finished. Of two deliveries of one row the later one counts.
    ring_current_ma
        Current of the storage ring; NaN where the documents do not say.
    dwell_ms
        Time per pixel, where the line says it itself; NaN where it is that of the plan.
    spread, i0_spread
        Times the gain, they are the variances of `counts` and `i0`, shape (nx,); None where they are the
        readings themselves.
    """

    run: str
    cycle: int
    energy: int
    row: int
    counts: FloatArray
    i0: FloatArray | None
    time_s: float
    ring_current_ma: float = float("nan")
    dwell_ms: float = float("nan")
    spread: FloatArray | None = None
    i0_spread: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class RunClosed:
    """A run ended.

    Attributes
    ----------
    run
        The uid of the run.
    exit_status
        "success", "abort" or "fail", as in the stop document; "incomplete" if none came, "unfinished" if
        the monitor was stopped before, "refused" if the run cannot be fitted.
    reason
        The text that came with it; may be empty.
    """

    run: str
    exit_status: str
    reason: str


@dataclass(frozen=True, slots=True)
class Frame:
    """One image, as far as it has arrived.

    Attributes
    ----------
    cycle, energy
        Which image.
    energy_ev
        Its photon energy.
    counts
        Shape (ny, nx), NaN in rows that have not come.
    od
        Optical density, shape (ny, nx); NaN where unknown (rows missing, or no I0 yet).
    row_time_s
        Shape (ny,), NaN in rows that have not come.
    """

    cycle: int
    energy: int
    energy_ev: float
    counts: FloatArray
    od: FloatArray
    row_time_s: FloatArray

    @property
    def rows_seen(self) -> MaskArray:
        """Which rows have come, shape (ny,)."""
        return ~np.isnan(self.row_time_s)


class Reason(IntEnum):
    """Why a pixel has no lithium content; `DETERMINED` where it has one."""

    DETERMINED = 0
    UNSEEN = 1
    """Too few energies have been measured there."""
    INVALID = 2
    """Counts are not positive, not finite or at the detector's ceiling."""
    THIN = 3
    """The fitted amount of material is below the limit or within its own noise."""
    OPAQUE = 4
    """The optical density is above the limit."""
    AMBIGUOUS = 5
    """The references cannot be told apart at the energies measured there."""


@dataclass(frozen=True, slots=True)
class LithiationMap:
    """The lithium content and all that the fit says about it.

    Attributes
    ----------
    cycle
        The newest cycle that contributed.
    time_s
        The time the map speaks for: the mean time of the newest complete image of each energy.
    lithium, lithium_error
        x and its standard deviation, shape (ny, nx); NaN where undetermined.
    fraction, fraction_error
        Share of each phase in the material, shape (phase, ny, nx); sums to 1 where determined.
    thickness, thickness_error
        Sum of the phase amounts, in units of the references (a sample as thick as the
        references has 1; nm for references in OD per nm), shape (ny, nx).
    background, background_slope
        Fitted background in the middle of the energy range (optical density), and its slope
        (optical density per eV), shape (ny, nx); 0 without one.
    chi2
        χ² per degree of freedom, shape (ny, nx); NaN where no degree of freedom is left.
    r_factor
        Σ residual² / Σ OD², shape (ny, nx).
    energies_used
        How many energies were fitted, shape (ny, nx).
    frame_age_s
        How much older than the newest row of all each energy's newest row is, shape (energy,);
        NaN if unseen.
    reason
        A `Reason` per pixel, shape (ny, nx).
    is_provisional
        True while rows of the cycle are missing; only complete cycles are results of record.
    shift_px, shift_um
        How far from the first image each energy's newest image lies, and was moved back by, (y, x), shape
        (energy, 2); in µm along the axes of the grid. NaN if unseen, or if images are not registered.
    shift_quality
        Size of the correlation that says so, 0 to 1, shape (energy,); NaN where the shift is that of the
        image before.
    """

    cycle: int
    time_s: float
    lithium: FloatArray
    lithium_error: FloatArray
    fraction: FloatArray
    fraction_error: FloatArray
    thickness: FloatArray
    thickness_error: FloatArray
    background: FloatArray
    background_slope: FloatArray
    chi2: FloatArray
    r_factor: FloatArray
    energies_used: NDArray[np.uint16]
    frame_age_s: FloatArray
    reason: NDArray[np.uint8]
    is_provisional: bool
    shift_px: FloatArray
    shift_um: FloatArray
    shift_quality: FloatArray

    @property
    def valid(self) -> MaskArray:
        """Where the lithium content is determined, shape (ny, nx)."""
        return self.reason == Reason.DETERMINED


@dataclass(frozen=True, slots=True)
class PhaseSpectra:
    """The references as the fit used them, and as a picture shows them.

    Attributes
    ----------
    names
        One per phase.
    lithium
        Lithium content of each pure phase, shape (phase,).
    at_energies
        Reference value at the energies of the scan, shape (energy, phase).
    energy_ev, curves
        A dense grid over the scan's range, shape (n,), and the references on it, shape (n, phase).
    unit
        "optical_density", "od_per_nm" or "mass_absorption".
    is_model
        True if any reference is computed, not measured.
    sigma
        Standard deviation of each reference's values, shape (phase,); None where nobody said.
    """

    names: tuple[str, ...]
    lithium: FloatArray
    at_energies: FloatArray
    energy_ev: FloatArray
    curves: FloatArray
    unit: str
    is_model: bool
    sigma: FloatArray | None = None


class Severity(StrEnum):
    """How much a finding matters."""

    INFO = "info"
    WARNING = "warning"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something the user should know, once, in words.

    Attributes
    ----------
    code
        Stable short name, e.g. "i0-not-found"; one code is shown once.
    severity
        How much it matters.
    message
        What was found and what was expected.
    advice
        What to do; may be empty.
    """

    code: str
    severity: Severity
    message: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the scan is.

    Attributes
    ----------
    cycle, energy, row
        The line that came last; all count from zero.
    lines_seen, lines_planned
        Distinct lines so far, and in the whole run (None where the plan does not say).
    last_line_s
        Acquisition time of the newest line.
    cycle_remaining_s, run_remaining_s
        Estimated from the pace so far, in acquisition time; NaN where unknown.
    is_closed
        True once the run has ended.
    exit_status
        "running", or as in the stop document.
    """

    cycle: int
    energy: int
    row: int
    lines_seen: int
    lines_planned: int | None
    last_line_s: float
    cycle_remaining_s: float
    run_remaining_s: float
    is_closed: bool
    exit_status: str


@dataclass(frozen=True, slots=True)
class CatchUp:
    """How a monitor that began behind its source catches up.

    Attributes
    ----------
    after
        Number of the last document known before; 0 where it began at the beginning.
    behind_documents
        How many there were to read when it began.
    behind_s
        How long the first of them had been waiting then; NaN where unknown.
    read
        How many of them have been read.
    took_s
        Wall time until the last of them was read, or so far.
    is_done
        Whether all of them have been read.
    """

    after: int
    behind_documents: int
    behind_s: float
    read: int
    took_s: float
    is_done: bool

    @property
    def documents_per_s(self) -> float:
        """How fast it reads and fits; NaN where it took no time."""
        return self.read / self.took_s if self.took_s > 0 else float("nan")


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the documents travelled; filled in by the monitor.

    Attributes
    ----------
    source
        Where they come from, as the user would write it.
    documents
        How many have been read.
    behind
        How many are known to exist and have not been read.
    lag_s
        Wall time between recording and reading of the newest document; NaN where unknown.
    lost, repeated, rejected
        Documents missing from their sequence, delivered again, and refused.
    is_finished
        True when the source has ended and everything has been read.
    failure
        What ended the monitor before its time, such as a source that cannot be read any more; empty.
    catch_up
        How the monitor that was started late or again caught up, or None.
    """

    source: str = ""
    documents: int = 0
    behind: int = 0
    lag_s: float = float("nan")
    lost: int = 0
    repeated: int = 0
    rejected: int = 0
    is_finished: bool = False
    failure: str = ""
    catch_up: CatchUp | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """That the source is lost, if it is."""
        if not self.failure:
            return ()
        return (Finding("source", Severity.ALARM, f"the source is lost: {self.failure}"),)


@dataclass(frozen=True, slots=True)
class Vitals:
    """What is measured beside the maps; NaN where nobody measures it.

    Attributes
    ----------
    drift_nm_per_min
        How fast the sample moves under the beam.
    dose_mgy
        Dose of the run so far.
    disk_h
        Hours until the disk is full at the present pace.
    """

    drift_nm_per_min: float = float("nan")
    dose_mgy: float = float("nan")
    disk_h: float = float("nan")


@dataclass(frozen=True, slots=True)
class Curve:
    """Mean lithium content of the field against time, one point per completed cycle.

    Attributes
    ----------
    cycle, time_s
        Shape (n,).
    lithium
        Mean weighted by the amount of material, Σ T x / Σ T over valid pixels, shape (n,).
    lithium_error
        Its standard deviation from the pixels' own σ, shape (n,).
    pixels
        Number of valid pixels, shape (n,).
    """

    cycle: NDArray[np.int64]
    time_s: FloatArray
    lithium: FloatArray
    lithium_error: FloatArray
    pixels: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RegionResult:
    """What the material in a region is, fitted as one: the mean of its pixels, not a mean of fits.

    Attributes
    ----------
    region
        Which region, as it was when this was fitted.
    pixels
        How many pixels were taken: those within it, in no mask, with a lithium content.
    od, od_error
        Mean optical density and its standard deviation, shape (energy,); NaN without pixels.
    fraction, fraction_error
        Share of each phase, shape (phase,).
    thickness
        Mean amount of material per pixel, in units of the references.
    background, background_slope
        As in `LithiationMap`.
    lithium, lithium_error
        x = Σ t_s x_s / Σ t_s over all pixels, and its standard deviation; NaN where undetermined.
    chi2, r_factor
        χ² per degree of freedom of the mean; Σ residual² / Σ OD².
    curve
        x against time, one point per completed cycle.
    """

    region: Region
    pixels: int
    od: FloatArray
    od_error: FloatArray
    fraction: FloatArray
    fraction_error: FloatArray
    thickness: float
    background: float
    background_slope: float
    lithium: float
    lithium_error: float
    chi2: float
    r_factor: float
    curve: Curve


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
