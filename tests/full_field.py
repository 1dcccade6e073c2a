"""Documents of full-field and ptychographic runs with known content, for tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from event_model import compose_run

from operando.core.absorption import Detector
from operando.core.pipeline import PipelineState, close, due, record, replan, start, step
from operando.core.stack import Estimator, Recipe
from operando.core.track import Registering, RegistrationRule
from operando.io.layouts import DocumentReader, Item, Rejection
from operando.settings import LayoutSettings
from operando.types import FloatArray, Line, RunClosed, ScanPlan, Snapshot
from scans import ENERGIES_EV, library

__all__ = ["Shot", "documents_of_shots", "fitted", "items_of", "od_of", "truth_of"]

UNITS = {"energy": "eV", "dwell_ms": "ms"}


@dataclass(frozen=True)
class Shot:
    """One event: its stream, image, energy (NaN for a dark one), time, and what else stands in it."""

    stream: str
    image: FloatArray
    energy_ev: float
    time_s: float
    beside: tuple[tuple[str, float], ...] = ()

    @property
    def data(self) -> dict[str, Any]:
        energy = {"energy": self.energy_ev} if np.isfinite(self.energy_ev) else {}
        return {"image": self.image, **energy, **dict(self.beside)}


def documents_of_shots(shots: Iterable[Shot], unit: str = "counts", **start: Any) -> list[tuple[str, dict]]:
    """Return the documents of a run of whole frames, in the order of the shots."""
    run = compose_run(uid="full-field", time=1000.0, metadata={"plan_name": "txm", **start})
    documents: list[tuple[str, dict]] = [("start", run.start_doc)]
    streams: dict[str, Any] = {}
    for shot in shots:
        if shot.stream not in streams:
            keys = {
                key: {"source": "test", "dtype": "number", "shape": [], "units": UNITS.get(key, "")}
                for key in shot.data
            }
            keys["image"] |= {"dtype": "array", "shape": list(shot.image.shape), "units": unit}
            streams[shot.stream] = run.compose_descriptor(name=shot.stream, data_keys=keys, time=1000.0)
            documents.append(("descriptor", streams[shot.stream].descriptor_doc))
        stamps = dict.fromkeys(shot.data, shot.time_s)
        event = streams[shot.stream].compose_event(
            data=shot.data, timestamps=stamps, time=shot.time_s, validate=False
        )
        documents.append(("event", event))
    return [*documents, ("stop", run.compose_stop())]


def items_of(
    documents: Iterable[tuple[str, dict]],
    settings: LayoutSettings | None = None,
    detector: Detector | None = None,
) -> list[Item]:
    reader = DocumentReader(settings or LayoutSettings(pitch_um=0.03), detector=detector)
    return [item for name, document in documents for item in reader.read(name, document)]


def truth_of(shape: tuple[int, int], rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Return x of a disc on bare membrane, shape (ny, nx), and optical densities, shape (energy, ny, nx)."""
    ny, nx = shape
    y, x = np.mgrid[:ny, :nx]
    inside = np.hypot((y - ny / 2) / (0.35 * ny), (x - nx / 2) / (0.35 * nx)) < 1
    lithium = np.where(inside, x / nx, np.nan)
    phases = library(2).phases
    values = np.stack([np.interp(ENERGIES_EV, phase.energy_ev, phase.value) for phase in phases], axis=1)
    amounts = np.where(inside, np.stack([1 - x / nx, x / nx]) * rng.uniform(0.7, 0.9), 0.0)
    return lithium, np.einsum("es,syx->eyx", values, amounts)


def fitted(items: Iterable[Item], recipe: Recipe | None = None) -> list[Snapshot]:
    """Return the snapshots of record of a run, as the monitor makes them; nothing may be rejected."""
    still = RegistrationRule(Registering.OFF)
    recipe = recipe or Recipe(estimator=Estimator.LATEST, registration=still)
    state: PipelineState | None = None
    records: list[Snapshot] = []
    for item in items:
        assert not isinstance(item, Rejection), item.error
        if isinstance(item, ScanPlan):
            state = start(item, library(2), recipe) if state is None else replan(state, item)
        elif isinstance(item, Line) and state is not None:
            state = step(state, item)
        elif isinstance(item, RunClosed) and state is not None:
            state = close(state, item)
        while state is not None and due(state):
            state, snapshot = record(state, due(state)[0])
            records.append(snapshot)
    return records


def od_of(snapshot: Snapshot) -> tuple[FloatArray, FloatArray]:
    """Return optical density and its standard deviation, in the order of `ENERGIES_EV`."""
    order = np.argsort(snapshot.plan.energies_ev)
    return snapshot.od[order], snapshot.od_error[order]
