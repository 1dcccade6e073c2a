"""Once a cycle: particles, what nothing explains, the health of the images, dose.

A cycle of record is studied given what the recorded cycle before it left. So what is said of a cycle
follows from the lines up to it, and where a cycle is recorded anew, every later one is recorded anew too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from operando.core.calibration import energy_offset, offset_findings
from operando.core.components import added, components_of, no_spectra
from operando.core.composite import Composite
from operando.core.conservation import host_change, host_findings, particle_host_findings
from operando.core.evolution import Images, brought_to_now, directions_of
from operando.core.exposure import dose_findings, dose_of_pixels, photons_of
from operando.core.identities import Identities, identify
from operando.core.particle_book import NO_PARTICLES, ParticleBook, particle_field, with_particles
from operando.core.particles import Field, measure
from operando.core.references import Library
from operando.core.region import fit_region
from operando.core.regionbook import Model
from operando.core.segments import Labels, segments
from operando.core.soundness import beam_now, soundness_findings
from operando.core.stack import HISTORY_CYCLES, Recipe, StackState
from operando.core.study_rules import StudyRules
from operando.core.unexplained import Watch, unknown_phase_findings, watched
from operando.oddities import Clusters, Unexplained
from operando.particles import ParticleField
from operando.types import Finding, FloatArray, LithiationMap, Reason

__all__ = ["Studies", "Study", "Subject", "later_than", "studied"]

_SEED = 0
"""Of the chance in k-means: the same cycle gives the same clusters."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A cycle of record, and what it was fitted with.

    Attributes
    ----------
    stack, recipe, library
        The images, and how they became a map.
    composite, newest
        What the map was made of, and the map.
    model
        What regions are fitted with.
    """

    stack: StackState
    recipe: Recipe
    library: Library
    composite: Composite
    newest: LithiationMap
    model: Model


@dataclass(frozen=True, slots=True)
class Study:
    """What one cycle of record has shown.

    Attributes
    ----------
    cycle
        Which.
    particles, unexplained, clusters
        As in a snapshot.
    dose_mgy
        Of each pixel, shape (ny, nx); None where it is not asked for.
    findings
        What is to be said.
    """

    cycle: int
    particles: ParticleField | None = None
    unexplained: tuple[Unexplained, ...] = ()
    clusters: Clusters | None = None
    dose_mgy: FloatArray | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Trail:
    """What a cycle leaves for the next.

    Attributes
    ----------
    watch, identities, clusters
        Of places that stood out, of particles, of clusters.
    beam
        `beam_now`, shape (2, energy).
    host
        Pixels whose host is followed: those that held material in the first cycle, shape (ny, nx).
    photons
        On one pixel of each row so far, shape (energy, ny).
    """

    watch: Watch = field(default_factory=Watch)
    identities: Identities = field(default_factory=Identities)
    clusters: Clusters | None = None
    beam: FloatArray | None = None
    host: NDArray[np.bool_] | None = None
    photons: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class HostPoint:
    """How much host there was in a cycle, in units of the references, and its standard deviation."""

    time_s: float
    amount: float
    error: float


@dataclass(frozen=True, slots=True)
class Studies:
    """What is known of a run.

    Attributes
    ----------
    trails
        By cycle; of those that lines may still come for, and the one before them.
    particles
        What they did in every cycle.
    host
        By cycle.
    newest
        The study of the newest cycle of record; None before the first.
    """

    trails: dict[int, Trail] = field(default_factory=dict[int, Trail])
    particles: ParticleBook = NO_PARTICLES
    host: dict[int, HostPoint] = field(default_factory=dict[int, HostPoint])
    newest: Study | None = None


def later_than(studies: Studies, cycle: int) -> frozenset[int]:
    """Return the cycles whose studies build upon a cycle that is recorded now."""
    return frozenset(later for later in studies.trails if later > cycle)


def studied(studies: Studies, subject: Subject, rules: StudyRules) -> tuple[Studies, Study]:
    """Return what is known with a cycle of record, in place of what was known of it, and what it shows.

    Parameters
    ----------
    studies
        Knowing the recorded cycles before it; what it knows of later ones is to be recorded anew.
    subject
        The cycle.
    rules
        What to study.
    """
    cycle = subject.composite.cycle
    if not rules.look_at_cycles:
        return studies, Study(cycle)
    past = max((known for known in studies.trails if known < cycle), default=-1)
    before = studies.trails.get(past, Trail())
    now = _at_one_time(subject)
    particles = particle_book = None
    trail, findings = replace(before, beam=beam_now(subject.composite)), list[Finding]()
    places: tuple[Unexplained, ...] = ()
    host = {known: point for known, point in studies.host.items() if known != cycle}
    if rules.health:
        findings += soundness_findings(subject.stack, subject.composite, before.beam)
        trail, host = _with_host(trail, host, now, subject)
        findings += _host_findings(host, cycle)
    if rules.unknown_phase:
        newest = subject.newest
        amounts = newest.fraction * newest.thickness
        # Squares of neighbours are compared, which share noise where images were moved.
        variance = now.variance / subject.composite.own_share[:, None, None]
        watch, places = watched(before.watch, now.od, variance, subject.model.design, amounts, newest.valid)
        trail = replace(trail, watch=watch)
        findings += unknown_phase_findings(places, subject.stack.plan.energies_ev)
    if rules.energy_offset:
        findings += _offset_findings(now, subject)
    if rules.clusters:
        trail = replace(trail, clusters=_clusters(now, subject, before.clusters, rules.clusters))
    if rules.particles:
        identities, particle_book, particles = _particles(studies, before, subject, rules)
        trail = replace(trail, identities=identities)
        if rules.health:
            there = [one.number for one in particles.particles if not one.is_cut]
            findings += particle_host_findings(particle_book, cycle, there)
    dose = None
    if rules.dose is not None:
        plan, composite = subject.stack.plan, subject.composite
        photons = photons_of(subject.stack, composite, past, rules.dose)
        photons += 0.0 if before.photons is None else before.photons
        dose = dose_of_pixels(photons, composite, subject.newest, plan.grid, plan.energies_ev, rules.dose)
        findings += dose_findings(dose, rules.dose.limit_mgy)
        trail = replace(trail, photons=photons)
    study = Study(cycle, particles, places, trail.clusters, dose, tuple(findings))
    is_newest = studies.newest is None or studies.newest.cycle <= cycle
    known = Studies(
        trails=_kept(studies.trails | {cycle: trail}, subject.stack),
        particles=particle_book or studies.particles,
        host=host,
        newest=study if is_newest else studies.newest,
    )
    return known, study


def _at_one_time(subject: Subject) -> Images:
    """Return the newest images as of the time of the map."""
    composite, design = subject.composite, subject.model.design
    now = Images(composite.od, composite.variance, composite.row_time_s)
    directions = directions_of(design) if composite.older else None
    if directions is None:
        return now
    evidence = brought_to_now(now, composite.older, directions, design, composite.time_s)
    energies = len(composite.od)
    return Images(evidence.od[:energies], evidence.variance[:energies], composite.row_time_s)


def _with_host(
    trail: Trail, host: dict[int, HostPoint], now: Images, subject: Subject
) -> tuple[Trail, dict[int, HostPoint]]:
    """Return trail and points with the amount of host in the pixels that are followed."""
    composite, newest = subject.composite, subject.newest
    followed = trail.host
    if followed is None and newest.valid.any():
        followed = newest.valid
        trail = replace(trail, host=followed)
    if followed is None:
        return trail, host
    found = fit_region(
        now.od[:, followed],
        now.variance[:, followed],
        composite.shared_variance,
        subject.model.design,
        subject.model.shared,
        composite.own_share,
    )
    if found is None:
        return trail, host
    amount, error = float(found.fit.thickness[0]), float(found.fit.thickness_error[0])
    points = {**host, composite.cycle: HostPoint(composite.time_s, amount, error)}
    return trail, dict(sorted(points.items()))


def _host_findings(host: dict[int, HostPoint], cycle: int) -> list[Finding]:
    points = [host[known] for known in sorted(host) if known <= cycle]
    time_s, amount, error = (
        np.array([getattr(point, name) for point in points]) for name in ("time_s", "amount", "error")
    )
    return host_findings(host_change(time_s, amount, error), "the field")


def _offset_findings(now: Images, subject: Subject) -> list[Finding]:
    reason = subject.newest.reason
    usable = (reason != Reason.INVALID) & (reason != Reason.OPAQUE)
    energies_ev, background = subject.stack.plan.energies_ev, subject.recipe.background
    return offset_findings(
        energy_offset(now.od, now.variance, subject.library, energies_ev, background, usable)
    )


def _clusters(now: Images, subject: Subject, before: Clusters | None, count: int) -> Clusters | None:
    """Return the pixels by their spectra; those of before where too little can be told."""
    # scikit-learn takes a second to import, and most runs ask for no clusters.
    from operando.core.clusters import Division, clustered  # noqa: PLC0415

    material = subject.newest.valid & (np.isfinite(now.od) & (now.variance > 0)).all(axis=0)
    spectra = added(no_spectra(len(now.od)), now.od[:, material], now.variance[:, material])
    components = components_of(spectra)
    if components is None or components.significant == 0 or spectra.pixels < count:
        return before
    return clustered(now.od, now.variance, material, components, Division(count, _SEED), before)


def _particles(
    studies: Studies, before: Trail, subject: Subject, rules: StudyRules
) -> tuple[Identities, ParticleBook, ParticleField]:
    newest, composite = subject.newest, subject.composite
    found = segments(newest.thickness, newest.valid, least_pixels=rules.least_pixels)
    identities, now = identify(before.identities, found)
    field_now = Field(
        grid=subject.stack.plan.grid,
        newest=newest,
        images=composite.images,
        shared_variance=composite.shared_variance,
        design=subject.model.design,
        shared=subject.model.shared,
        own_share=composite.own_share,
    )
    particles = measure(field_now, _largest(now.labels, rules.most_particles), now.at_edge)
    book = with_particles(studies.particles, newest.cycle, particles)
    return identities, book, particle_field(book, newest.cycle, now.labels, particles)


def _largest(labels: Labels, most: int) -> Labels:
    """Return the labels of the particles of most pixels alone."""
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    if np.count_nonzero(sizes) <= most:
        return labels
    is_small = np.ones(sizes.size, dtype=bool)
    is_small[np.argsort(-sizes, kind="stable")[:most]] = False
    return np.where(is_small[labels], 0, labels).astype(np.int32)


def _kept(trails: dict[int, Trail], stack: StackState) -> dict[int, Trail]:
    """Return the trails of cycles that lines may still come for, and of the one before them."""
    newest = -1 if stack.newest is None else stack.newest.cycle
    final = [cycle for cycle in trails if cycle <= newest - HISTORY_CYCLES]
    oldest = max(final, default=-1)
    return {cycle: trails[cycle] for cycle in sorted(trails) if cycle >= oldest}
