"""Print how long the science after the fit takes for one cycle of a large field, beside the fit itself.

python tests/bench/science_cost.py               # 512 × 512
python tests/bench/science_cost.py --pixels 256
"""

# A script: it prints, and finds its neighbours before it imports them.
# ruff: noqa: T201

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from moving_front import Series
from operando.core.beam_jumps import within_image
from operando.core.calibration import energy_offset
from operando.core.clusters import Division, clustered
from operando.core.components import added, components_of, no_spectra
from operando.core.defects import defects_of
from operando.core.evolution import Images
from operando.core.fit import Background, fit
from operando.core.identities import Identities, identify
from operando.core.particles import Field, measure
from operando.core.references import spectra_of
from operando.core.segments import segments
from operando.core.shared_errors import SharedErrors
from operando.core.solution import solve
from operando.core.unexplained import Watch, watched
from operando.types import ScanGrid
from seen_cycles import Seen, seen_cycles
from strange_cells import cell_of

_TILE = 64
_REPEATS = 3


def tiled(series: Series, seen: Seen, times: int) -> tuple[Series, Seen]:
    """Return a cycle whose field is repeated side by side."""

    def over(values: np.ndarray) -> np.ndarray:
        return np.tile(values, (*(1,) * (values.ndim - 2), times, times))

    def images(one: Images) -> Images:
        return Images(over(one.od), over(one.variance), np.tile(one.row_time_s, (1, times)))

    named = {
        name: over(getattr(seen.newest, name))
        for name in seen.newest.__dataclass_fields__
        if isinstance(getattr(seen.newest, name), np.ndarray) and getattr(seen.newest, name).ndim >= 2
    }
    composite = seen.composite
    now = images(Images(composite.od, composite.variance, composite.row_time_s))
    axis_um = 0.0625 * np.arange(_TILE * times)
    grid = ScanGrid(axis_um, axis_um)
    wide = replace(
        composite,
        od=now.od,
        variance=now.variance,
        row_time_s=now.row_time_s,
        seen=over(composite.seen),
        blank=over(composite.blank),
        older=tuple(images(one) for one in composite.older),
    )
    plan = replace(series.plan, grid=grid)
    cycle = Seen(replace(seen.newest, **named), over(seen.od), over(seen.variance), wide, seen.design)
    return replace(series, plan=plan), cycle


def steps_of(series: Series, seen: Seen) -> dict[str, Callable[[], object]]:
    """Return what is done once a cycle, by name."""
    newest, composite, design = seen.newest, seen.composite, seen.design
    phases = spectra_of(series.library, series.plan.energies_ev)
    everywhere = np.ones(newest.valid.shape, dtype=bool)
    labels = segments(newest.thickness, newest.valid)
    _, now = identify(Identities(), labels)
    known, _ = identify(Identities(), labels)
    before, _ = watched(Watch(), seen.od, seen.variance, design, seen.amounts, newest.valid)
    material = newest.valid
    spectra = added(no_spectra(len(seen.od)), seen.od[:, material], seen.variance[:, material])
    components = components_of(spectra)
    assert components is not None
    division = Division(4, 0)
    clusters = clustered(seen.od, seen.variance, material, components, division)
    images = (Images(composite.od, composite.variance, composite.row_time_s), *composite.older)
    zeros = np.zeros(design.phases)
    field = Field(series.plan.grid, newest, images, composite.shared_variance, design, SharedErrors(zeros))
    flat_od = composite.od.reshape(len(composite.od), -1)
    flat_variance = composite.variance.reshape(len(composite.od), -1)
    counts = 2000 * np.exp(-np.nan_to_num(composite.od))
    energies_ev = series.plan.energies_ev
    return {
        "fit of the newest images, once": lambda: fit(flat_od, flat_variance, design),
        "map of record (fit with history)": lambda: solve(
            composite, series.plan, phases, series.recipe, is_provisional=False
        ),
        "segments": lambda: segments(newest.thickness, newest.valid),
        "identities": lambda: identify(known, labels),
        "particles": lambda: measure(field, now.labels),
        "unknown phases": lambda: watched(before, seen.od, seen.variance, design, seen.amounts, newest.valid),
        "components": lambda: components_of(added(spectra, seen.od[:, material], seen.variance[:, material])),
        "clusters": lambda: clustered(seen.od, seen.variance, material, components, division, clusters),
        "energy offset": lambda: energy_offset(
            seen.od, seen.variance, series.library, energies_ev, Background.NONE, everywhere
        ),
        "beam and detector": lambda: (
            [within_image(image, composite.blank, 0.8) for image in counts],
            defects_of(counts, series.recipe.detector),
        ),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pixels", type=int, default=512, help="columns and rows, a multiple of 64")
    given = parser.parse_args(arguments)
    series = cell_of("lixv2o5", 1.0, 1, cycles=3, peak_od=(0.5, 1.3), counts=3000.0, pixels=_TILE)
    *_, newest = seen_cycles(series)
    steps = steps_of(*tiled(series, newest, given.pixels // _TILE))
    print(f"| once a cycle, {given.pixels} × {given.pixels} | ms |")
    print("|---|---|")
    for name, step in steps.items():
        step()
        best = min(_seconds(step) for _ in range(_REPEATS))
        print(f"| {name} | {1e3 * best:.0f} |", flush=True)


def _seconds(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
