"""A row of the benchmark: how long a call took, per pixel and against memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.bench.scene import Scene

__all__ = ["Row", "render", "row_of", "shortest_s"]


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


def row_of(name: str, scene: Scene, threads: int, seconds: float, given: tuple[NDArray[Any], ...]) -> Row:
    """Return the row of a call that took so long for all pixels of `given`, each (energy, pixel)."""
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

    return shortest_s(copy, 7)


def shortest_s(call: Callable[[], object], repeats: int) -> float:
    """Return the shortest time of several calls, after one that does not count."""
    call()
    shortest = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        shortest = min(shortest, time.perf_counter() - start)
    return shortest
