"""The table: ours in its forms, what numpy, scipy and scikit-learn offer, and other programs."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.bench.peers import rows_of_loop_programs, rows_of_matrix_programs
from operando.bench.row import Row, row_of, shortest_s
from operando.bench.scene import LINE_PIXELS, LOOP_PIXELS, Scene, scene_of
from operando.core.fit import Design, Spread, fit, make_ready

__all__ = ["PROBLEMS", "SIDES", "fit_rows"]

SIDES = (256, 512, 1024, 2048)
"""Pixels along the edge of the square fields that are timed."""

PROBLEMS = ((5, 4), (10, 6))
"""Energies and phases that are timed."""


_PRECISIONS = (("operando", "float32"), ("operando_float64", "float64"))


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
        line = scene_of(energies, phases, 1)
        make_ready(line.design)
        rows += _rows_of_a_line(line, 50 * repeats)
        rows += _rows_of_loops(line)
        rows += rows_of_loop_programs(line)
        for side in sides:
            scene = scene_of(energies, phases, side)
            for count in threads:
                rows += _rows_of_the_fit(scene, count, repeats)
                rows += _rows_of_matrix_peers(scene, count, repeats)
                rows += rows_of_matrix_programs(scene, count, repeats)
    return rows


def _rows_of_the_fit(scene: Scene, threads: int, repeats: int) -> list[Row]:
    rows: list[Row] = []
    with ThreadPoolExecutor(threads) as pool:
        spread: Spread = map if threads == 1 else pool.map
        for name, dtype in _PRECISIONS:
            given = _given(scene, dtype)
            before = fit(scene.od_before.astype(given[0].dtype), given[1], scene.design).active
            cold = partial(fit, *given, scene.design, spread=spread)
            frame = partial(fit, *given, scene.design, start=before, spread=spread)
            rows.append(row_of(name, scene, threads, shortest_s(cold, repeats), given))
            rows.append(row_of(f"{name}_frame", scene, threads, shortest_s(frame, repeats), given))
    return rows


def _rows_of_a_line(scene: Scene, repeats: int) -> list[Row]:
    rows: list[Row] = []
    for name, dtype in _PRECISIONS:
        given = tuple(np.ascontiguousarray(array[:, :LINE_PIXELS]) for array in _given(scene, dtype))
        seconds = shortest_s(partial(fit, *given, scene.design), repeats)
        rows.append(row_of(f"{name}_line", scene, 1, seconds, given))
    return rows


def _given(scene: Scene, dtype: str) -> tuple[NDArray[Any], NDArray[Any]]:
    return scene.od.astype(dtype), scene.variance.astype(dtype)


def _rows_of_matrix_peers(scene: Scene, threads: int, repeats: int) -> list[Row]:
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
            row_of("numpy_lstsq", scene, threads, shortest_s(lstsq, repeats), (scene.od,)),
            row_of("numpy_pinv", scene, threads, shortest_s(pseudo_inverse, repeats), (scene.od,)),
        ]


def _rows_of_loops(scene: Scene) -> list[Row]:
    """Time what solves one pixel after the other, non-negative, amounts alone."""
    from scipy.optimize import nnls  # noqa: PLC0415
    from sklearn.linear_model import LinearRegression  # noqa: PLC0415

    scene = scene.first(LOOP_PIXELS)
    pixels, od, variance = range(LOOP_PIXELS), scene.od, scene.variance

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
        row_of("scipy_nnls", scene, 1, shortest_s(scipy_nnls, 3), (od, variance)),
        row_of("sklearn_positive", scene, 1, shortest_s(sklearn_positive, 3), (od, variance)),
        row_of("sklearn_positive_unweighted", scene, 1, shortest_s(sklearn_positive_unweighted, 3), (od,)),
    ]


def _x_of(amount: NDArray[Any], design: Design) -> NDArray[Any]:
    return (design.lithium @ amount) / amount.sum(axis=0)
