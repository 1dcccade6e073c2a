"""How long a fit takes here, beside other ways to do it, on the same pixels in one run.

A row is the shortest of several repeats: other programs can only make one longer. What is
timed is a call from arrays in to arrays out, as a user would write it, imports and
compilation excepted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.core.fit import Background, Design, Spread, design_of, fit, make_ready
from operando.types import FloatArray

__all__ = ["LINE_PIXELS", "PROBLEMS", "SIDES", "Row", "fit_rows", "render"]

SIDES = (256, 512, 1024, 2048)
"""Pixels along the edge of the square fields that are timed."""

PROBLEMS = ((5, 4), (10, 6))
"""Energies and phases that are timed."""

LINE_PIXELS = 512
"""Pixels in the line that rows ending in `_line` are about."""

_PRECISIONS = (("operando", "float32"), ("operando_float64", "float64"))

_LOOP_PIXELS = 1000
"""Pixels that peers without a vectorised form are given; 30 µs to 1 ms each."""

_TILE = 256
"""Fields are made of tiles of this many pixels squared, for making noise takes longer than fitting."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    name
        What was timed; see `docs/reference/benchmarks.md`.
    pixels, energies, phases, threads
        The problem.
    ns_per_pixel
        Time of a call over its pixels.
    ratio_to_memory
        Time of the call over the time that numpy takes to copy the arrays it was given, in
        one thread.
    """

    name: str
    pixels: int
    energies: int
    phases: int
    threads: int
    ns_per_pixel: float
    ratio_to_memory: float


@dataclass(frozen=True)
class _Scene:
    """Pixels to fit, in double precision, and what they looked like one frame before."""

    design: Design
    od: FloatArray
    variance: FloatArray
    od_before: FloatArray

    @property
    def model(self) -> FloatArray:
        """The references, shape (energy, phase)."""
        return self.design.matrix * self.design.scale


def fit_rows(
    sides: Iterable[int] = SIDES,
    problems: Iterable[tuple[int, int]] = PROBLEMS,
    threads: Iterable[int] = (1, 2),
    repeats: int = 7,
) -> list[Row]:
    """Time the fit and its peers.

    Parameters
    ----------
    sides
        Pixels along the edges of square fields.
    problems
        Energies and phases.
    threads
        Numbers of threads for what can use more than one.
    repeats
        How often each call is repeated.

    Returns
    -------
    list of Row
        By problem and size, ours first; per-pixel loops once a problem, on some of its pixels.
    """
    rows: list[Row] = []
    for energies, phases in problems:
        line = _scene(energies, phases, 1)
        make_ready(line.design)
        rows += _rows_of_a_line(line, 50 * repeats)
        rows += _rows_of_loops(line)
        for side in sides:
            scene = _scene(energies, phases, side)
            for count in threads:
                rows += _rows_of_the_fit(scene, count, repeats)
                rows += _rows_of_matrix_peers(scene, count, repeats)
    return rows


def render(rows: Iterable[Row]) -> str:
    """Return the rows as a table in plain text."""
    head = ("name", "pixels", "energies", "phases", "threads", "ns/pixel", "/memory")
    cells = [
        (
            row.name,
            f"{row.pixels:,}",
            str(row.energies),
            str(row.phases),
            str(row.threads),
            f"{row.ns_per_pixel:,.1f}",
            f"{row.ratio_to_memory:,.1f}",
        )
        for row in rows
    ]
    widths = [max(len(line[i]) for line in [head, *cells]) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in [head, *cells]
    )


def _scene(energies: int, phases: int, side: int) -> _Scene:
    """Return peaks on an edge, mixed, half of the amounts zero, with the noise of 2,500 counts."""
    rng = np.random.default_rng(energies * 100 + phases)
    energy = np.linspace(0.0, 1.0, energies)
    centre = np.linspace(0.0, 1.0, phases)
    references = 0.3 + np.exp(-(((energy[:, np.newaxis] - centre) / 0.25) ** 2))
    design = design_of(references, centre, energy, Background.NONE)
    tile = min(side, _TILE) ** 2 if side > 1 else max(LINE_PIXELS, _LOOP_PIXELS)
    amount = np.maximum(rng.normal(0.1, 0.4, (phases, tile)), 0.0)
    clean = references @ amount
    variance = 4e-4 * np.exp(clean)
    od = clean + rng.normal(size=clean.shape) * np.sqrt(variance)
    od_before = od.copy()
    od_before[-1] = clean[-1] + rng.normal(size=tile) * np.sqrt(variance[-1])
    copies = max(side // _TILE, 1) ** 2
    return _Scene(design, np.tile(od, copies), np.tile(variance, copies), np.tile(od_before, copies))


def _rows_of_the_fit(scene: _Scene, threads: int, repeats: int) -> list[Row]:
    rows: list[Row] = []
    with ThreadPoolExecutor(threads) as pool:
        spread: Spread = map if threads == 1 else pool.map
        for name, dtype in _PRECISIONS:
            given = _given(scene, dtype)
            before = fit(scene.od_before.astype(given[0].dtype), given[1], scene.design).active
            cold = partial(fit, *given, scene.design, spread=spread)
            frame = partial(fit, *given, scene.design, start=before, spread=spread)
            rows.append(_row(name, scene, threads, _shortest_s(cold, repeats), given))
            rows.append(_row(f"{name}_frame", scene, threads, _shortest_s(frame, repeats), given))
    return rows


def _rows_of_a_line(scene: _Scene, repeats: int) -> list[Row]:
    rows: list[Row] = []
    for name, dtype in _PRECISIONS:
        given = tuple(np.ascontiguousarray(array[:, :LINE_PIXELS]) for array in _given(scene, dtype))
        seconds = _shortest_s(partial(fit, *given, scene.design), repeats)
        rows.append(_row(f"{name}_line", scene, 1, seconds, given))
    return rows


def _given(scene: _Scene, dtype: str) -> tuple[NDArray[Any], NDArray[Any]]:
    return scene.od.astype(dtype), scene.variance.astype(dtype)


def _rows_of_matrix_peers(scene: _Scene, threads: int, repeats: int) -> list[Row]:
    """Time what treats all pixels alike: neither weighted nor non-negative, x alone and no σ."""
    # scikit-learn and what comes with it take 1.5 s to import.
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    def lstsq() -> None:
        amount = np.linalg.lstsq(scene.model, scene.od)[0]
        _x_of(amount, scene.design)

    def pseudo_inverse() -> None:
        _x_of(np.linalg.pinv(scene.model) @ scene.od, scene.design)

    with threadpool_limits(threads):
        return [
            _row("numpy_lstsq", scene, threads, _shortest_s(lstsq, repeats), (scene.od,)),
            _row("numpy_pinv", scene, threads, _shortest_s(pseudo_inverse, repeats), (scene.od,)),
        ]


def _rows_of_loops(scene: _Scene) -> list[Row]:
    """Time what solves one pixel after the other, non-negative, amounts alone."""
    from scipy.optimize import nnls  # noqa: PLC0415
    from sklearn.linear_model import LinearRegression  # noqa: PLC0415

    pixels = range(_LOOP_PIXELS)
    od, variance = scene.od[:, :_LOOP_PIXELS], scene.variance[:, :_LOOP_PIXELS]

    def scipy_nnls() -> None:
        weight = 1 / np.sqrt(variance)
        for pixel in pixels:
            w = weight[:, pixel]
            nnls(scene.model * w[:, np.newaxis], od[:, pixel] * w)

    def sklearn_positive() -> None:
        regression = LinearRegression(positive=True, fit_intercept=False)
        for pixel in pixels:
            regression.fit(scene.model, od[:, pixel], sample_weight=1 / variance[:, pixel])

    def sklearn_positive_unweighted() -> None:
        LinearRegression(positive=True, fit_intercept=False).fit(scene.model, od)

    return [
        _row("scipy_nnls", scene, 1, _shortest_s(scipy_nnls, 3), (od, variance)),
        _row("sklearn_positive", scene, 1, _shortest_s(sklearn_positive, 3), (od, variance)),
        _row("sklearn_positive_unweighted", scene, 1, _shortest_s(sklearn_positive_unweighted, 3), (od,)),
    ]


def _x_of(amount: NDArray[Any], design: Design) -> NDArray[Any]:
    return (design.lithium @ amount) / amount.sum(axis=0)


def _row(name: str, scene: _Scene, threads: int, seconds: float, given: tuple[NDArray[Any], ...]) -> Row:
    energies, pixels = given[0].shape
    return Row(
        name=name,
        pixels=pixels,
        energies=energies,
        phases=scene.design.phases,
        threads=threads,
        ns_per_pixel=seconds / pixels * 1e9,
        ratio_to_memory=seconds / _copy_s(given),
    )


def _copy_s(arrays: tuple[NDArray[Any], ...]) -> float:
    """Return how long numpy takes to copy arrays to a place that is already there."""
    there = [np.zeros_like(array) for array in arrays]

    def copy() -> None:
        for target, array in zip(there, arrays, strict=True):
            np.copyto(target, array)

    return _shortest_s(copy, 7)


def _shortest_s(call: Callable[[], object], repeats: int) -> float:
    call()
    shortest = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        shortest = min(shortest, time.perf_counter() - start)
    return shortest
