"""Runs made up for measuring: lines as a flyer gives them, and whole frames."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["frames", "lines"]

_KEYS = ("SampleY", "cycle", "energy_index", "row", "energy_ev", "ring_current_ma")


def lines(count: int, pixels: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a run of so many lines, one event each: positions and counts as lists, and six numbers."""
    x_um = np.linspace(-3.0, 3.0, pixels).tolist()
    counts = np.random.default_rng(1).poisson(5000.0, pixels).astype(np.float64).tolist()
    for number, (name, document) in enumerate(_run(count)):
        if name == "event":
            numbers = dict.fromkeys(_KEYS, 1.0 + number)
            # Every line has lists of its own, as from a device.
            document["data"] = {"SampleX": list(x_um), "counter": list(counts), **numbers}
            document["timestamps"] = dict.fromkeys(document["data"], document["time"])
        yield name, document


def frames(count: int, side: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a run of so many frames of float64 in one buffer, as a detector hands it out."""
    image = np.random.default_rng(1).poisson(5000.0, (side, side)).astype(np.float64)
    for name, document in _run(count):
        if name == "event":
            document["data"] = {"camera": image, "energy_ev": 708.1}
            document["timestamps"] = dict.fromkeys(document["data"], document["time"])
        yield name, document


def _run(count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    run, stream = str(uuid.uuid4()), str(uuid.uuid4())
    yield "start", {"uid": run, "time": 0.0, "plan_name": "delivery"}
    yield "descriptor", {"uid": stream, "run_start": run, "time": 0.0, "name": "primary", "data_keys": {}}
    for number in range(1, count + 1):
        yield (
            "event",
            {"uid": f"{run[:8]}-{number}", "descriptor": stream, "seq_num": number, "time": float(number)},
        )
    yield "stop", {"uid": str(uuid.uuid4()), "run_start": run, "time": 1.0 + count, "exit_status": "success"}
