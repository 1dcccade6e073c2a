"""The newest rows of each energy as optical density, and those before: what a map is made of.

It follows from the images alone. A composite made earlier only spares work: rows of the same readings
under the same I0 are taken over from it, and the others are computed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from operando.core.absorption import Detector, below_ceiling, optical_density
from operando.core.beam import Beam, beam_of
from operando.core.drift import Shifts, shifts_of
from operando.core.evolution import Images
from operando.core.first_cycle import told_until
from operando.core.gain import GainEstimate, estimate_gain
from operando.core.image import Image
from operando.core.incident import IncidentMode, blank_pixels
from operando.core.light import evenly_lit, share_of_frame
from operando.core.placing import Placing, placing_of
from operando.core.register import WEIGHED, moved
from operando.core.rows import Rows, choose_rows
from operando.core.stack import Recipe, StackState, is_complete
from operando.types import FloatArray, Frame, MaskArray

__all__ = ["Composite", "Origins", "arriving", "blank_of", "changed_rows", "compose", "gain_of"]


@dataclass(frozen=True, slots=True)
class Origins:
    """What the rows of a composite were made of: where this is the same, so are the rows, bit for bit.

    Attributes
    ----------
    marks
        `Image.marks` of the row that was used, None where there is none; shape (layer, energy, ny).
        Layer 0 are the newest rows, layer 1 the second newest, …
    beam
        `Beam.of_all_rows`, shape (layer, energy, ny, 2).
    detector
        With the gain that was used.
    searched
        Marks of the images that blank pixels were looked for in, and the gain, shape (image, ny).
    beams
        By cycle and energy: marks of an image, and the I0 found in it.
    placing
        Where the images lie, and those that were moved; None where images are not registered.
    """

    marks: NDArray[np.object_]
    beam: FloatArray
    detector: Detector
    searched: NDArray[np.object_]
    beams: dict[tuple[int, int], tuple[NDArray[np.object_], Beam]]
    placing: Placing | None


@dataclass(frozen=True, slots=True)
class Composite:
    """Per energy the newest rows up to some cycle, as optical density, and those before.

    Attributes
    ----------
    cycle
        The newest cycle that was allowed to contribute.
    od, variance
        Shape (energy, ny, nx); NaN where unknown.
    seen
        Where a reading has come, usable or not, shape (energy, ny, nx).
    row_time_s
        Shape (energy, ny).
    time_s
        What time a map speaks for: the mean of the newest complete image of every energy that has one;
        before there is any, that of the rows there are. So it stays while an image arrives.
    i0
        Mean incident reading of each energy's newest image, shape (energy,).
    blank
        Pixels taken as blank, shape (ny, nx).
    shared_variance
        The part of the variance that all pixels of an image share, that of I0 where it is read
        from blank pixels; shape (energy,), 0 elsewhere.
    own_share
        What moving each energy's newest image left its pixels of their variance, 1 where it was not moved;
        shape (energy,). Neighbours share the rest.
    older
        The second newest rows of every energy, the third newest, …: as many as the estimator uses.
    dwell_ms
        Mean dwell of each energy's newest image, shape (energy,).
    origins
        What it was made of.
    shifts
        What each energy's newest image was moved by.
    ring_current_ma
        Current of the storage ring at each of the newest rows, shape (energy, ny); None where no
        document says.
    """

    cycle: int
    od: FloatArray
    variance: FloatArray
    seen: MaskArray
    row_time_s: FloatArray
    time_s: float
    i0: FloatArray
    blank: MaskArray
    shared_variance: FloatArray
    own_share: FloatArray
    older: tuple[Images, ...]
    dwell_ms: FloatArray
    origins: Origins
    shifts: Shifts
    ring_current_ma: FloatArray | None = None

    @property
    def images(self) -> tuple[Images, ...]:
        """The newest rows of every energy, the second newest, …, as far as they are known."""
        return Images(self.od, self.variance, self.row_time_s), *self.older

    def layer(self, layer: int) -> Images | None:
        """Return the newest rows as layer 0, or older ones; None where there are none."""
        return self.images[layer] if layer <= len(self.older) else None


def compose(state: StackState, recipe: Recipe, cycle: int, before: Composite | None = None) -> Composite:
    """Return what is known of every energy, using images up to `cycle`.

    A row of an image is used once it has an I0; until then the row of the cycle before stands in
    its place.

    Parameters
    ----------
    state, recipe
        What there is, and how it becomes optical density.
    cycle
        The newest cycle that may contribute.
    before
        An earlier composite of the same run under the same recipe, to take over what has not
        changed since. It leaves no trace in the result.
    """
    placed = None if before is None else before.origins.placing
    placing = placing_of(state, told_until(state, cycle), placed)
    scanned, state = state, state if placing is None else replace(state, images=placing.images)
    blank, detector, searched = _blank_and_detector(scanned, state, recipe, cycle, before)
    known: dict[tuple[int, int], tuple[NDArray[np.object_], Beam]] = {}
    if before is not None and before.blank is blank and before.origins.detector == detector:
        known = before.origins.beams
    beams: dict[tuple[int, int], tuple[NDArray[np.object_], Beam]] = {}

    def beam_of_image(past: int, energy: int, image: Image) -> Beam:
        found = known.get((past, energy))
        if found is None or not np.array_equal(found[0], image.marks):
            beam = beam_of(image, energy, state.plan, recipe.incident, detector, blank)
            found = image.marks.copy(), beam
        beams[past, energy] = found
        return found[1]

    rows = choose_rows(state, cycle, 1 + recipe.estimator.older_images, beam_of_image)
    origins = Origins(rows.marks, rows.beam, detector, searched, beams, placing)
    incident = rows.i0 - detector.dark_counts
    newest, *older = (_layer(state, rows, origins, layer, before) for layer in range(len(rows.cycle)))
    shifts = shifts_of(placing, state.plan, cycle)
    return Composite(
        cycle=cycle,
        od=newest.od,
        variance=newest.variance,
        seen=rows.seen,
        row_time_s=newest.row_time_s,
        time_s=rows.map_time_s,
        i0=rows.i0,
        blank=blank,
        shared_variance=np.divide(
            rows.i0_variance, incident**2, out=np.zeros_like(incident), where=incident > 0.0
        ),
        own_share=np.array([_own_share(shift_px) for shift_px in shifts.px.tolist()]),
        older=tuple(images for images in older if not np.isnan(images.row_time_s).all()),
        dwell_ms=rows.dwell_ms,
        origins=origins,
        shifts=shifts,
        ring_current_ma=None if np.isnan(rows.ring_current_ma).all() else rows.ring_current_ma,
    )


def changed_rows(before: Composite, after: Composite) -> MaskArray:
    """Return which rows are made of other numbers than before, shape (ny,); both of one run and recipe."""
    layers = range(len(after.origins.marks))
    is_new = np.any([_is_new(layer, after.origins, before.origins) for layer in layers], axis=(0, 1))
    return is_new | (before.seen != after.seen).any(axis=(0, 2))


def _is_new(layer: int, now: Origins, before: Origins) -> MaskArray:
    """Return which rows of a layer were made of something else, shape (energy, ny)."""
    if now.detector != before.detector:
        return np.ones(now.marks.shape[1:], dtype=bool)
    is_new = np.asarray(now.marks[layer] != before.marks[layer], dtype=bool)
    return is_new | (now.beam[layer] != before.beam[layer]).any(axis=-1)


def _layer(state: StackState, rows: Rows, origins: Origins, layer: int, before: Composite | None) -> Images:
    """Return one layer as optical density, computing what an earlier composite does not have."""
    known = None if before is None else before.layer(layer)
    if before is None or known is None:
        is_new = np.ones(rows.cycle.shape[1:], dtype=bool)
        od, variance = np.full(state.plan.stack_shape, np.nan), np.full(state.plan.stack_shape, np.nan)
    else:
        is_new = _is_new(layer, origins, before.origins)
        if not is_new.any():
            return known
        od, variance = known.od.copy(), known.variance.copy()
    for energy in map(int, np.flatnonzero(is_new.any(axis=1))):
        cycle = rows.cycle[layer, energy]
        for past in map(int, np.unique(cycle[is_new[energy]])):
            here = is_new[energy] & (cycle == past)
            if past < 0:
                od[energy, here] = variance[energy, here] = np.nan
                continue
            image = state.images[past, energy]
            beam = origins.beams[past, energy][1]
            spread = None if image.spread is None else image.spread[here]
            od[energy, here], variance[energy, here] = optical_density(
                image.counts[here], *beam.at(here), origins.detector, spread
            )
    return Images(od, variance, rows.time_s[layer])


def _own_share(shift_px: tuple[float, float]) -> float:
    """Return what is left of the variance of readings of one variance in an image moved by (y, x) pixels."""
    part_px = tuple(shift - np.floor(shift) for shift in shift_px)
    if not any(part_px) or np.isnan(part_px).any():
        return 1.0
    ones = np.ones((2 * WEIGHED, 2 * WEIGHED))
    return float(moved(ones, part_px, ones)[1][WEIGHED, WEIGHED])


def blank_of(state: StackState, recipe: Recipe, cycle: int) -> MaskArray:
    """Return the blank pixels that I0 of a cycle is read from, shape (ny, nx).

    They are found in the images of the cycle itself once it is complete; before that in the
    complete images of the cycle before; and in the first cycle in what there is. Nothing is
    blank where I0 comes from elsewhere.
    """
    images = _telling_images(state, cycle)
    if recipe.incident.mode is not IncidentMode.BLANK or not images:
        return np.zeros(state.plan.grid.shape, dtype=bool)
    return blank_pixels(below_ceiling(np.stack([image.counts for image in images]), recipe.detector))


def gain_of(state: StackState, cycle: int, blank: MaskArray) -> GainEstimate:
    """Return what the images that blank pixels are found in say about the detector's gain.

    Parameters
    ----------
    state, cycle
        As for `blank_of`.
    blank
        Its answer; where that is empty because I0 comes from elsewhere, they are looked for here.
    """
    images = _telling_images(state, cycle)
    if not images:
        return estimate_gain(np.empty((0, *blank.shape)), blank)
    counts = np.stack([evenly_lit(image) for image in images])
    # Blank pixels of moved images lie elsewhere in those that were scanned, which alone have their noise.
    is_there = blank.any() and not state.registration.is_needed
    used = blank if is_there else blank_pixels(counts)
    found = estimate_gain(counts, used)
    share = float(np.mean([share_of_frame(image, used) for image in images]))
    return GainEstimate(found.gain / share, found.error / share, found.pairs)


def arriving(state: StackState, composite: Composite, recipe: Recipe) -> Frame | None:
    """Return a copy of the image that the newest line belongs to, or None before the first line."""
    newest = state.newest
    if newest is None:
        return None
    placing = composite.origins.placing
    image = (state.images if placing is None else placing.images)[newest.cycle, newest.energy]
    detector = composite.origins.detector
    beam = beam_of(image, newest.energy, state.plan, recipe.incident, detector, composite.blank)
    od, _ = optical_density(image.counts, *beam.at(np.ones(len(image.counts), dtype=bool)), detector)
    return Frame(
        cycle=newest.cycle,
        energy=newest.energy,
        energy_ev=float(state.plan.energies_ev[newest.energy]),
        counts=image.counts.copy(),
        od=od,
        row_time_s=image.row_time_s.copy(),
    )


def _blank_and_detector(
    scanned: StackState, state: StackState, recipe: Recipe, cycle: int, before: Composite | None
) -> tuple[MaskArray, Detector, NDArray[np.object_]]:
    """Return blank pixels, the detector with a gain, and marks of what they were found in.

    The gain is estimated if the recipe has none, in the images as they were `scanned`, and that of photons
    if it cannot be told.
    """
    images = _telling_images(state, cycle)
    if np.isnan(recipe.detector.gain) and scanned is not state:
        # Rows that left the field as their image was moved still tell the gain.
        images = [*images, *_telling_images(scanned, cycle)]
    ny = state.plan.grid.shape[0]
    searched = np.stack([image.marks for image in images]) if images else np.full((0, ny), None)
    if before is not None and np.array_equal(searched, before.origins.searched):
        return before.blank, before.origins.detector, searched
    blank = blank_of(state, recipe, cycle)
    detector = recipe.detector
    if np.isnan(detector.gain):
        found = gain_of(scanned, cycle, blank).gain
        detector = replace(detector, gain=1.0 if np.isnan(found) else found)
    return blank, detector, searched


def _telling_images(state: StackState, cycle: int) -> list[Image]:
    """Return the images to look for blank pixels in; none before the first line."""
    for candidate in (cycle, cycle - 1):
        keys = [(candidate, energy) for energy in state.plan.visited_in(candidate)]
        if is_complete(state, candidate) and all(key in state.images for key in keys):
            return [state.images[key] for key in keys]
    images = [image for (past, _), image in sorted(state.images.items()) if past <= cycle]
    return [image for image in images if image.is_complete] or images[:1]
