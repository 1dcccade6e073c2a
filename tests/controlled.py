"""A series of an exposed region and a control in a simulated cell, and what was true meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from bluesky import RunEngine

from microscope import microscope
from operando.app.work import Options, work_of
from operando.io.sources import DocumentSource
from operando.live.monitor import Monitor
from operando.types import Snapshot
from operando_plans import Field, Region, Until, operando_series
from operando_sim import World, WorldSettings, material_named, static_settings
from operando_sim.references import write_references

__all__ = ["Controlled", "control_settings", "controlled", "fitted"]

_SIDE_UM, _POINTS = 3.6, 28
_MATERIAL = material_named("lixv2o5")


@dataclass(frozen=True, slots=True)
class Controlled:
    """What a series was made of and what came of it.

    Attributes
    ----------
    references
        The library that it was fitted with.
    documents
        In order.
    records
        Snapshots of record, in order.
    truth
        By region, times and mean x of its material, shape (2, n).
    """

    references: Path
    documents: list[tuple[str, dict[str, Any]]]
    records: list[Snapshot]
    truth: Mapping[str, np.ndarray]

    @property
    def last(self) -> Snapshot:
        """Of the control's last visit."""
        return [one for one in self.records if one.plan.part.is_control][-1]

    def true_effect(self, from_s: float, until_s: float) -> float:
        """How much more x of the exposed region changed between two times than that of the control."""
        changes = {name: np.interp((from_s, until_s), *points) for name, points in self.truth.items()}
        lit, dark = (float(changes[name][1] - changes[name][0]) for name in ("lit", "dark"))
        return lit - dark


@dataclass(slots=True, eq=False)
class _Witness:
    """Notes mean x of a region with the first line and the last one of each of its visits."""

    world: World
    regions: Mapping[str, Region]
    lines: int
    names: dict[str, str] = field(default_factory=dict[str, str])
    seen: dict[str, list[tuple[float, float]]] = field(default_factory=dict[str, list[tuple[float, float]]])

    def __call__(self, name: str, document: dict[str, Any]) -> None:
        if name == "start":
            self.names[document["uid"]] = document["operando"]["region"]
        elif name == "descriptor" and document["name"] == "primary":
            self.names[document["uid"]] = self.names[document["run_start"]]
        elif name == "event_page" and document["seq_num"][0] % self.lines in {0, 1}:
            region = self.names.get(document["descriptor"])
            if region is not None:
                self.seen.setdefault(region, []).append((self.world.time_s, self._lithium(region)))

    def _lithium(self, name: str) -> float:
        grid = self.regions[name].field
        (x, y), half = grid.centre_um, 0.5 * _SIDE_UM
        span = np.linspace(-half, half, _POINTS)
        truth = self.world.truth(x + span, y + span, self.world.time_s)
        is_there = np.isfinite(truth.lithium)
        return float(np.average(truth.lithium[is_there], weights=truth.thickness_um[is_there]))


def control_settings(
    critical_counts_per_um2: float = float("inf"), *, rate: float = 0.0, elapsed_s: float = 2400.0
) -> WorldSettings:
    """Return a cell with room for two regions beside each other; it is full of lithium."""
    settings = static_settings()
    return replace(
        settings,
        sample=replace(settings.sample, field_um=8.4, length_um=(0.4, 1.2)),
        reaction=replace(settings.reaction, rate=rate, elapsed_s=elapsed_s),
        beam=replace(settings.beam, critical_counts_per_um2=critical_counts_per_um2),
    )


def controlled(folder: Path, settings: WorldSettings, *, seed: int, cycles: int) -> Controlled:
    """Scan a region `lit` for some cycles, and one `dark` before and after."""
    world = World(settings, seed)
    write_references(folder, _MATERIAL)
    size, points = (_SIDE_UM, _SIDE_UM), (_POINTS, _POINTS)
    energies_ev = list(_MATERIAL.energies_ev)
    regions = (
        Region("lit", Field((-2.0, 0.0), size, points), energies_ev, 1.0),
        Region("dark", Field((2.0, 0.0), size, points), energies_ev, 1.0, is_control=True),
    )
    documents: list[tuple[str, dict[str, Any]]] = []
    witness = _Witness(world, {one.name: one for one in regions}, len(energies_ev) * _POINTS)
    run_engine = RunEngine({}, context_managers=[])
    run_engine.subscribe(witness)
    run_engine.subscribe(lambda name, document: documents.append((name, dict(document))))
    run_engine(operando_series(microscope(world), regions, Until(cycles=cycles)))
    references = folder / "library.toml"
    records = fitted(documents, references)
    truth = {name: np.array(points).T for name, points in witness.seen.items()}
    return Controlled(references, documents, records, truth)


def fitted(documents: list[tuple[str, dict[str, Any]]], references: Path) -> list[Snapshot]:
    """Return the snapshots of record of documents, in order."""
    records: list[Snapshot] = []
    work = work_of(Options(references=references, gain=static_settings().detector.variance_to_mean))
    monitor = Monitor(DocumentSource(iter(documents), "memory"), work, records.append)
    while monitor.pull():
        pass
    monitor.finish()
    return records
