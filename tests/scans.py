"""Small scans with known content, for tests: plans, references, lines and documents."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from event_model import compose_run

from operando.core.absorption import Detector
from operando.core.incident import IncidentMode, IncidentRule
from operando.core.references import Library, Phase, SpectrumKind
from operando.core.stack import Recipe
from operando.types import FloatArray, Line, ScanGrid, ScanPlan

__all__ = [
    "ENERGIES_EV",
    "SHARED_DATA",
    "documents_of",
    "library",
    "lines_of",
    "plan_of",
    "recipe",
    "stack_of",
]

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"
"""Real recordings; tests that read them skip where they are absent."""

ENERGIES_EV = np.array([700.0, 708.0, 710.0, 715.0])
_I0 = 20_000.0


def library(phases: int = 3) -> Library:
    """Return references that differ well: a peak that moves with lithium, on a step."""
    energy_ev = np.arange(690.0, 730.0, 0.25)
    centres = np.linspace(710.0, 708.0, phases)
    step = 0.15 / (1 + np.exp(-(energy_ev - 707.0)))
    return Library(
        "Fe",
        "L",
        "test",
        tuple(
            Phase(
                name=f"phase {index}",
                lithium=index / (phases - 1),
                energy_ev=energy_ev,
                value=0.05 + step + (0.6 + 0.2 * index) * np.exp(-((energy_ev - centre) ** 2) / 2),
                origin="made up",
                source="test",
                licence="",
                is_model=True,
            )
            for index, centre in enumerate(centres)
        ),
        SpectrumKind.OPTICAL_DENSITY,
    )


def plan_of(
    shape: tuple[int, int] = (6, 8), cycles: int | None = 2, energies_ev: FloatArray = ENERGIES_EV
) -> ScanPlan:
    """Return a plan of a small field."""
    ny, nx = shape
    grid = ScanGrid(np.linspace(-1, 1, nx), np.linspace(-1, 1, ny))
    return ScanPlan("run-1", "test", "", grid, energies_ev, np.ones(energies_ev.size), cycles, 1000.0)


def recipe() -> Recipe:
    """Return a recipe with I0 from a file, so that the smallest fields can be fitted."""
    rule = IncidentRule(IncidentMode.FILE, 1.0, np.array([600.0, 800.0]), np.array([_I0, _I0]))
    return Recipe(detector=Detector(gain=1.0), incident=rule)


def stack_of(plan: ScanPlan, rng: np.random.Generator, cycles: int = 2) -> FloatArray:
    """Return counts of random mixtures, shape (cycle, energy, ny, nx)."""
    refs = library()
    values = np.stack([np.interp(plan.energies_ev, phase.energy_ev, phase.value) for phase in refs.phases], 1)
    amounts = rng.uniform(0.0, 0.6, size=(cycles, 3, *plan.grid.shape))
    od = np.einsum("es,csyx->ceyx", values, amounts)
    return rng.poisson(_I0 * np.exp(-od)).astype(np.float64)


def lines_of(plan: ScanPlan, counts: FloatArray) -> list[Line]:
    """Return the lines of a stack in the order of acquisition, one a second."""
    lines: list[Line] = []
    for cycle, energy, row in np.ndindex(counts.shape[:3]):
        time_s = plan.started_s + 1.0 + len(lines)
        lines.append(Line(plan.run, cycle, energy, row, counts[cycle, energy, row].copy(), None, time_s))
    return lines


def documents_of(
    plan: ScanPlan, counts: FloatArray, *, group: str = "line", order: Sequence[int] | None = None
) -> list[tuple[str, dict]]:
    """Return the documents of a series: events by line or by frame, or pages of several lines.

    Parameters
    ----------
    plan, counts
        The scan, and its counts of shape (cycle, energy, ny, nx).
    group
        "line", "frame" or "page" (three lines a page).
    order
        The order in which the events come, as indices into that of acquisition.
    """
    ny, nx = plan.grid.shape
    block = {
        "contract_version": 1,
        "shape": list(plan.stack_shape),
        "energies": plan.energies_ev.tolist(),
        "dwell_ms": 1.0,
        "x_extent": [float(plan.grid.x_um[0]), float(plan.grid.x_um[-1])],
        "y_extent": [float(plan.grid.y_um[0]), float(plan.grid.y_um[-1])],
        "data_field": "counter",
    }
    run = compose_run(
        uid=plan.run,
        time=plan.started_s,
        metadata={"plan_name": "test", "stxm": block, "operando": {"cycles": counts.shape[0]}},
    )
    shape = [ny, nx] if group == "frame" else [nx]
    keys = {"counter": {"source": "test", "dtype": "array", "shape": shape}}
    keys |= {
        name: {"source": "test", "dtype": "number", "shape": []} for name in ("cycle", "energy_index", "row")
    }
    stream = run.compose_descriptor(name="primary", data_keys=keys, time=plan.started_s)
    documents: list[tuple[str, dict]] = [("start", run.start_doc), ("descriptor", stream.descriptor_doc)]
    places = list(np.ndindex(counts.shape[: 2 if group == "frame" else 3]))
    events: list[dict] = []
    for number, place in enumerate(places, start=1):
        # A row is taken when its line is, whatever it travels with.
        last = number * ny if group == "frame" else number
        time_s = plan.started_s + float(last)
        data = {"counter": counts[place], "cycle": place[0], "energy_index": place[1], "row": (*place, 0)[2]}
        stamps = dict.fromkeys(data, time_s)
        events.append(stream.compose_event(data=data, timestamps=stamps, seq_num=number, time=time_s))
    ordered = events if order is None else [events[index] for index in order]
    if group == "page":
        documents += [
            ("event_page", _page(ordered[first : first + 3])) for first in range(0, len(ordered), 3)
        ]
    else:
        documents += [("event", event) for event in ordered]
    documents.append(("stop", run.compose_stop(time=plan.started_s + 1e4)))
    return documents


def _page(events: Sequence[dict]) -> dict:
    return {
        "descriptor": events[0]["descriptor"],
        "seq_num": [event["seq_num"] for event in events],
        "time": [event["time"] for event in events],
        "uid": [event["uid"] for event in events],
        "data": {key: [event["data"][key] for event in events] for key in events[0]["data"]},
        "timestamps": {
            key: [event["timestamps"][key] for event in events] for key in events[0]["timestamps"]
        },
        "filled": {},
    }
