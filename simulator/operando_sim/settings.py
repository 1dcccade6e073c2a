"""What a simulated microscope, its beam and its sample are like: numbers only, frozen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

__all__ = [
    "BeamSettings",
    "CellSettings",
    "DetectorSettings",
    "OpticsSettings",
    "ReactionSettings",
    "SampleSettings",
    "TimingSettings",
    "WorldSettings",
    "ZonePlateSettings",
    "demo_settings",
    "static_settings",
]

_HC_EV_UM = 1.239841984


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSettings:
    """Particles in the field.

    Attributes
    ----------
    material
        Name of the model material.
    field_um
        Width and height of the square field around the origin that holds particles.
    length_um
        Shortest and longest particle.
    peak_od
        Range from which the largest optical density of a particle, at the strongest peak, is drawn.
    cover
        Share of the field under particles at which no more are added.
    platelets
        Share of particles that are flat plates; the others are caps.
    raster_um
        Pitch at which the sample is stored.
    intruder
        Share of the area of the particles, in one place, that is a phase of no use to the cell and in no
        library: the material's `intruder`.
    """

    material: str = "lixv2o5"
    field_um: float = 6.0
    length_um: tuple[float, float] = (0.4, 2.0)
    peak_od: tuple[float, float] = (0.5, 1.3)
    cover: float = 0.42
    platelets: float = 0.35
    raster_um: float = 0.02
    intruder: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionSettings:
    """How the lithium moves.

    Attributes
    ----------
    rate
        Reaction seconds per world second: 1 reacts, 0 stands still, -1 goes back.
    elapsed_s
        Reaction time at the world's start.
    start_spread_s
        Particles start at random within this time.
    crossing_s
        Shortest and longest time in which a front crosses a particle.
    front_um
        Thinnest and widest front.
    core_shell
        Share of particles that react from their rim inwards; the others from one side.
    """

    rate: float = 1.0
    elapsed_s: float = 0.0
    start_spread_s: float = 900.0
    crossing_s: tuple[float, float] = (240.0, 900.0)
    front_um: tuple[float, float] = (0.12, 0.45)
    core_shell: float = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class BeamSettings:
    """The incident beam.

    Attributes
    ----------
    counts_per_ms
        Detector signal without a sample, at the full ring current and the middle of the energy range.
    tilt_per_ev, dip
        Relative change of the flux with energy, and relative depth of a broad dip (carbon on the mirrors).
    ring_current_ma, lifetime_h, top_up_s
        Full current, its lifetime, and the time between two top-ups.
    monitor_ratio
        Signal of the incident-beam monitor relative to the detector without a sample.
    energy_offset_ev
        True photon energy minus what the monochromator says.
    critical_counts_per_um2
        Incident counts per µm² that leave 1/e of the lithium where they fall; infinite for a beam that harms
        nothing.
    """

    counts_per_ms: float = 8000.0
    tilt_per_ev: float = 0.006
    dip: float = 0.08
    ring_current_ma: float = 500.0
    lifetime_h: float = 8.0
    top_up_s: float = 180.0
    monitor_ratio: float = 1.0
    energy_offset_ev: float = 0.0
    critical_counts_per_um2: float = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class ZonePlateSettings:
    """A zone plate that has to be moved with the energy; its axis counts along the beam from the OSA.

    Attributes
    ----------
    diameter_um, outer_zone_um
        D and Δr: the focal length is D Δr / λ.
    a0_um
        From the order sorting aperture (OSA) to the sample.
    limits_um
        Lowest and highest place of the zone plate.
    """

    diameter_um: float = 240.0
    outer_zone_um: float = 0.035
    a0_um: float = 500.0
    limits_um: tuple[float, float] = (-6000.0, -1500.0)

    @property
    def a1_um_per_ev(self) -> float:
        """Slope of the focal length, D Δr / (h c)."""
        return self.diameter_um * self.outer_zone_um / _HC_EV_UM

    def focal_length_um(self, energy_ev: float) -> float:
        """Return the focal length."""
        return self.a1_um_per_ev * energy_ev

    def focus_um(self, energy_ev: float) -> float:
        """Return where the zone plate has to be: the focal length upstream of the sample."""
        return self.a0_um - self.focal_length_um(energy_ev)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpticsSettings:
    """The focus and where it really is.

    Attributes
    ----------
    spot_um
        Full width at half maximum of the zone plate's Gaussian spot; 0 for a point.
    drift_x_nm_per_min, drift_y_nm_per_min
        How fast the sample wanders through the frame of the stage.
    zone_plate
        What has to be kept in focus; None for a microscope that is in focus whatever is done.
    """

    spot_um: float = 0.04
    drift_x_nm_per_min: float = 0.0
    drift_y_nm_per_min: float = 0.0
    zone_plate: ZonePlateSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorSettings:
    """The point detector; its counts are not photons.

    Attributes
    ----------
    variance_to_mean
        F in var(counts) = F · mean(counts).
    dark_per_ms
        Counts without light.
    saturation
        The highest reading.
    """

    variance_to_mean: float = 0.8
    dark_per_ms: float = 2.0
    saturation: float = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class TimingSettings:
    """How long things take.

    Attributes
    ----------
    line_overhead_ms
        From the start of a line to its first pixel: fly-back and settling.
    energy_move_s
        One move of the monochromator and undulator.
    stage_um_per_s
        Speed of the sample stage in single moves.
    shutter_s
        Opening or closing the shutter.
    coarse_um_per_s, coarse_reach_um
        Speed of the coarse stage, and how far it goes to every side.
    zone_plate_um_per_s, polarization_deg_per_s
        Speed of the zone plate, and of the undulator when the polarization turns.
    """

    line_overhead_ms: float = 80.0
    energy_move_s: float = 1.0
    stage_um_per_s: float = 20.0
    shutter_s: float = 0.05
    coarse_um_per_s: float = 500.0
    coarse_reach_um: float = 2000.0
    zone_plate_um_per_s: float = 500.0
    polarization_deg_per_s: float = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSettings:
    """The electrode that the particles stand for, and the potentiostat that drives it.

    Attributes
    ----------
    host_nmol
        Formula units of the host in the electrode: one lithium in each of them is 96.485 µC per nmol.
    leak_ua
        Current that moves no lithium in the sample.
    resistance_ohm
        Of the whole cell.
    every_s
        World time between two readings of the potentiostat.
    """

    host_nmol: float = 300.0
    leak_ua: float = 0.05
    resistance_ohm: float = 500.0
    every_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldSettings:
    """All of it.

    Attributes
    ----------
    start_time_s
        What the world's clock says at first, seconds since the epoch.
    sample, reaction, beam, optics, detector, timing, cell
        The parts.
    """

    start_time_s: float = 1_790_000_000.0
    sample: SampleSettings = field(default_factory=SampleSettings)
    reaction: ReactionSettings = field(default_factory=ReactionSettings)
    beam: BeamSettings = field(default_factory=BeamSettings)
    optics: OpticsSettings = field(default_factory=OpticsSettings)
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    timing: TimingSettings = field(default_factory=TimingSettings)
    cell: CellSettings = field(default_factory=CellSettings)


def demo_settings() -> WorldSettings:
    """Return a cell that reacts from empty to full within about 45 minutes of world time."""
    return WorldSettings()


def static_settings() -> WorldSettings:
    """Return a cell stopped half-way: every phase is somewhere, and mixed pixels too."""
    demo = demo_settings()
    shortest, longest = demo.reaction.crossing_s
    half_way_s = 0.5 * demo.reaction.start_spread_s + (shortest * longest) ** 0.5
    return replace(demo, reaction=replace(demo.reaction, rate=0.0, elapsed_s=half_way_s))
