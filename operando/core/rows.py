"""Which image each row of a map is taken from: the newest that has an I0, and those before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.core.beam import Beam
from operando.core.image import Image
from operando.core.stack import StackState, kept_cycles
from operando.types import FloatArray, MaskArray

__all__ = ["Rows", "choose_rows"]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows by layer: layer 0 are the newest of every energy, layer 1 the second newest, and so on.

    Attributes
    ----------
    cycle
        Of the image that a row is taken from, -1 where there is none; shape (layer, energy, ny).
    marks
        `Image.marks` of the row, None where there is none; same shape.
    beam
        `Beam.of_all_rows` of its image, shape (layer, energy, ny, 2).
    time_s
        When the row was taken; shape (layer, energy, ny).
    map_time_s
        The mean time of the newest complete image of every energy that has one; before there is any,
        of the rows of layer 0.
    seen
        Where a reading has come, usable or not, shape (energy, ny, nx).
    i0, i0_variance
        Of each energy's newest image: mean I0, and its variance where it is one for all pixels of the
        image; shape (energy,).
    dwell_ms
        Mean dwell of that image, shape (energy,).
    ring_current_ma
        Current of the storage ring at each row of layer 0, shape (energy, ny); NaN where nobody said.
    """

    cycle: NDArray[np.intp]
    marks: NDArray[np.object_]
    beam: FloatArray
    time_s: FloatArray
    map_time_s: float
    seen: MaskArray
    i0: FloatArray
    i0_variance: FloatArray
    dwell_ms: FloatArray
    ring_current_ma: FloatArray


def choose_rows(
    state: StackState, cycle: int, layers: int, beam_of_image: Callable[[int, int, Image], Beam]
) -> Rows:
    """Return which rows a map of the images up to `cycle` is made of.

    Parameters
    ----------
    state, cycle
        The images.
    layers
        How many rows of each place and energy are wanted.
    beam_of_image
        Returns I0 of an image, given its cycle, its energy and itself.
    """
    energies, ny, _ = state.plan.stack_shape
    shape = (layers, energies, ny)
    chosen, marks = np.full(shape, -1), np.full(shape, None)
    of_all_rows, time_s = np.zeros((*shape, 2)), np.full(shape, np.nan)
    seen = np.zeros(state.plan.stack_shape, dtype=bool)
    i0, i0_variance = np.full(energies, np.nan), np.zeros(energies)
    dwell_ms = state.plan.dwell_ms.copy()
    ring_current_ma = np.full((energies, ny), np.nan)
    whole_times_s: dict[int, FloatArray] = {}
    for energy in range(energies):
        found = np.zeros(ny, dtype=np.intp)
        for past in range(cycle, cycle - kept_cycles(state, energy), -1):
            image = state.images.get((past, energy))
            if image is None:
                continue
            rows = (found < layers) & ~np.isnan(image.row_time_s)
            first = rows & (found == 0)
            seen[energy, first] = ~np.isnan(image.counts[first])
            beam = beam_of_image(past, energy, image)
            rows &= beam.known_rows
            if not rows.any():
                continue
            newest = rows & (found == 0)
            ring_current_ma[energy, newest] = image.row_ring_ma[newest]
            for layer in np.unique(found[rows]):
                into = rows & (found == layer)
                chosen[layer, energy, into] = past
                marks[layer, energy, into] = image.marks[into]
                of_all_rows[layer, energy, into] = beam.of_all_rows
                time_s[layer, energy, into] = image.row_time_s[into]
            if np.isnan(i0[energy]):
                i0[energy] = np.nanmean(beam.at(rows)[0])
                i0_variance[energy] = beam.of_all_rows[1]
                dwell_ms[energy] = image.dwell_ms(state.plan.dwell_ms[energy])[rows].mean()
            if image.is_complete:
                whole_times_s.setdefault(energy, image.row_time_s)
            found[rows] += 1
            if (found == layers).all() and energy in whole_times_s:
                break
    times_s = np.stack([*whole_times_s.values()]) if whole_times_s else time_s[0]
    return Rows(
        chosen,
        marks,
        of_all_rows,
        time_s,
        _mean(times_s),
        seen,
        i0,
        i0_variance,
        dwell_ms,
        ring_current_ma,
    )


def _mean(times_s: FloatArray) -> float:
    known = times_s[~np.isnan(times_s)]
    return float(known.mean()) if known.size else float("nan")
