"""The next map from the last one: only what can have changed is solved again.

A pixel's answer follows from its own readings, those of its neighbours up to `REACH` away, and the time
that the map speaks for. That time stays while an image arrives, and with it every row that no line came
near. `docs/decisions/0015-only-changed-rows.md` says what this saves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from operando.core.composite import Composite, changed_rows
from operando.core.evolution import REACH, Images
from operando.core.solution import frame_age_s, solve
from operando.core.stack import Recipe
from operando.types import LithiationMap, MaskArray, PhaseSpectra, ScanPlan

__all__ = ["Solved", "solve_again"]

_PICTURES = (
    "lithium", "lithium_error", "fraction", "fraction_error", "thickness", "thickness_error", "background",
    "background_slope", "chi2", "r_factor", "energies_used", "reason",
)  # fmt: skip
"""The parts of a map that have a value for each pixel; shape (…, ny, nx)."""


@dataclass(frozen=True, slots=True)
class Solved:
    """A map, what was known, and the references it was solved with."""

    map: LithiationMap
    composite: Composite
    phases: PhaseSpectra


def solve_again(
    before: Solved | None,
    composite: Composite,
    plan: ScanPlan,
    phases: PhaseSpectra,
    recipe: Recipe,
    *,
    is_provisional: bool,
) -> Solved:
    """Solve a composite given an earlier map, which leaves no trace in the bits of the result.

    Parameters
    ----------
    before
        An earlier map of the same run, under the same references and recipe, or None.
    composite, plan, phases, recipe, is_provisional
        As for `solve`.
    """

    def whole(part: Composite) -> LithiationMap:
        return solve(part, plan, phases, recipe, is_provisional=is_provisional)

    affected = None if before is None else _affected(before.composite, composite)
    if before is None or affected is None or affected.all():
        return Solved(whole(composite), composite, phases)
    pictures = {name: getattr(before.map, name).copy() for name in _PICTURES}
    ny = affected.size
    for first, last in _runs(affected):
        from_, to = max(first - REACH, 0), min(last + REACH, ny)
        part = whole(_rows(composite, from_, to))
        for name, picture in pictures.items():
            picture[..., first:last, :] = getattr(part, name)[..., first - from_ : last - from_, :]
    newest = replace(
        before.map,
        cycle=composite.cycle,
        time_s=composite.time_s,
        frame_age_s=frame_age_s(composite),
        is_provisional=is_provisional,
        shift_px=composite.shifts.px,
        shift_um=composite.shifts.um,
        shift_quality=composite.shifts.quality,
        **pictures,
    )
    return Solved(newest, composite, phases)


def _affected(before: Composite, after: Composite) -> MaskArray:
    """Return the rows whose answer can have changed, shape (ny,)."""
    changed = changed_rows(before, after)
    if len(before.older) != len(after.older) or (after.older and before.time_s != after.time_s):
        return np.ones_like(changed)
    return np.asarray(ndimage.binary_dilation(changed, iterations=REACH), dtype=np.bool_)


def _runs(rows: MaskArray) -> Iterator[tuple[int, int]]:
    """Yield the first row and that after the last of everything that hangs together."""
    edges = np.flatnonzero(np.diff(rows, prepend=False, append=False))
    for first, last in edges.reshape(-1, 2):
        yield int(first), int(last)


def _rows(composite: Composite, first: int, last: int) -> Composite:
    """Return some rows of a composite."""
    older = [
        Images(
            np.ascontiguousarray(images.od[:, first:last]),
            np.ascontiguousarray(images.variance[:, first:last]),
            np.ascontiguousarray(images.row_time_s[:, first:last]),
        )
        for images in composite.older
    ]
    return replace(
        composite,
        od=np.ascontiguousarray(composite.od[:, first:last]),
        variance=np.ascontiguousarray(composite.variance[:, first:last]),
        seen=composite.seen[:, first:last],
        row_time_s=np.ascontiguousarray(composite.row_time_s[:, first:last]),
        older=tuple(older),
    )
