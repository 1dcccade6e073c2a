"""The loop closed through advice: a plan scans, the monitor fits and advises, the plan follows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bluesky import RunEngine

from microscope import microscope
from operando.app.work import Options, rules_of, work_of
from operando.io.runlog import LoggedDocument
from operando.live.adviser import Adviser
from operando.live.monitor import Monitor
from operando.types import Finding, Snapshot
from operando_plans import (
    Advice,
    AdviceFile,
    AdviceLimits,
    Answer,
    Asked,
    Field,
    Region,
    Until,
    operando_series,
)
from operando_sim import World, demo_settings, material_named
from operando_sim.references import write_references

MATERIAL = material_named("lixfepo4")
FIELD = Field((0.0, 0.0), (3.0, 3.0), (24, 24))
MOST_CYCLES = 12
DRIFT_NM_PER_MIN = 200.0


class InProcess:
    """The documents of a RunEngine in this process, as a source of a monitor."""

    name = "this process"

    def __init__(self) -> None:
        self.documents: list[LoggedDocument] = []

    def __call__(self, name: str, document: dict[str, Any]) -> None:
        seq = len(self.documents) + 1
        self.documents.append(LoggedDocument(seq, "", name, dict(document), 0.0))

    def read(self, after: int, limit: int) -> Sequence[LoggedDocument]:
        return self.documents[after : after + limit]

    def head(self) -> int:
        return len(self.documents)

    def has_ended(self, _after: int) -> bool:
        return False

    def findings(self) -> tuple[Finding, ...]:
        return ()

    def close(self) -> None: ...


class Following:
    """The advice file, read when the monitor has followed up to the question."""

    def __init__(self, monitor: Monitor, path: Path) -> None:
        self._monitor, self._file = monitor, AdviceFile(path)

    def suggest(self, asked: Asked) -> Answer:
        while self._monitor.pull():
            pass
        return self._file.suggest(asked)


def ran(
    folder: Path, advice: str, limits: AdviceLimits, drift_nm_per_min: float = 0.0
) -> tuple[InProcess, list[Snapshot], World]:
    settings = demo_settings()
    settings = replace(
        settings,
        sample=replace(settings.sample, material=MATERIAL.name, field_um=3.0, length_um=(0.4, 1.4)),
        reaction=replace(settings.reaction, elapsed_s=600.0, rate=12.0),
        optics=replace(settings.optics, drift_x_nm_per_min=drift_nm_per_min),
    )
    world = World(settings, seed=5)
    write_references(folder, MATERIAL)
    profile = folder / "profile.toml"
    profile.write_text(f'library = "library.toml"\n[detector]\ngain = 0.8\n[advice]\n{advice}\n')
    options = Options(profile=profile)
    rules = rules_of(options)
    assert rules is not None
    work = work_of(options)
    path = folder / "series.runlog.advice.json"
    records: list[Snapshot] = []
    source = InProcess()
    adviser = Adviser(path, rules, work.recipe.background)
    monitor = Monitor(source, work, records.append, adviser=adviser)
    plan = operando_series(
        microscope(world),
        Region("cell", FIELD, MATERIAL.energies_ev, 1.0),
        Until(cycles=MOST_CYCLES),
        advice=Advice(Following(monitor, path), limits),
    )
    RunEngine({}, context_managers=[])(plan, source)
    while monitor.pull():
        pass
    assert monitor.failure is None
    return source, records, world


def decisions_in(source: InProcess) -> list[dict[str, Any]]:
    return [
        {key.removeprefix("advice_"): value for key, value in logged.document["data"].items()}
        for logged in source.documents
        if logged.name == "event" and "advice_verdict" in logged.document["data"]
    ]


def test_a_series_ends_when_the_monitor_sees_the_fraction_reached(tmp_path: Path) -> None:
    limits = AdviceLimits(min_cycles=2)
    source, records, world = ran(tmp_path, "stop_above_x = 0.6", limits)
    curve = records[-1].curve
    assert 2 <= curve.cycle.size < MOST_CYCLES
    assert (curve.lithium[-1] - 0.6) > 1.95 * curve.lithium_error[-1]
    assert all(curve.lithium[1:-1] - 0.6 <= 1.97 * curve.lithium_error[1:-1])
    # And it is so: the monitor's mean is that of the particles in the field.
    assert world.mean_lithium(curve.time_s[-1]) > 0.55
    last = decisions_in(source)[-1]
    assert (last["action"], last["is_taken"]) == ("stop", 1)


def test_dwell_is_added_until_sigma_is_as_wished_or_the_user_allows_no_more(tmp_path: Path) -> None:
    source, records, _ = ran(
        tmp_path,
        "wished_sigma_x = 0.02\nmax_dwell_ms = 3.0\nstop_above_x = 0.9",
        AdviceLimits(min_cycles=1, max_dwell_ms=3.0),
    )
    taken = [said for said in decisions_in(source) if said["action"] == "dwell" and said["is_taken"]]
    assert taken
    assert all(json.loads(said["details"])["dwell_ms"] <= 3.0 for said in taken)
    assert records[-1].i0.sum() > 1.3 * records[0].i0.sum()


def test_the_field_follows_a_sample_that_drifts(tmp_path: Path) -> None:
    source, records, world = ran(
        tmp_path, "shift_um = 0.2", AdviceLimits(max_shift_um=3.0), drift_nm_per_min=DRIFT_NM_PER_MIN
    )
    shifts = [said for said in decisions_in(source) if said["action"] == "shift"]
    assert shifts
    assert all(said["is_taken"] for said in shifts)
    followed_um = sum(json.loads(said["details"])["shift_um"][0] for said in shifts)
    drifted_um = 1e-3 * DRIFT_NM_PER_MIN * (world.time_s - world.settings.start_time_s) / 60.0
    # What is left is less than what is let pass, and what comes in a cycle or two.
    a_cycle_um = drifted_um / MOST_CYCLES
    assert abs(followed_um - drifted_um) < 0.2 + 2 * a_cycle_um
    left_um = np.array([record.map.shift_um[-1, 1] for record in records if record.map is not None])
    assert np.abs(left_um).max() < 0.2 + 2 * a_cycle_um < drifted_um


@pytest.mark.parametrize("advice", ["stop_above_x = 'much'", "stop_abov_x = 0.6", "max_dose_mgy = 3.0"])
def test_rules_that_make_no_sense_are_refused(tmp_path: Path, advice: str) -> None:
    with pytest.raises(ValueError, match=r"profile.toml: .*advice"):
        ran(tmp_path, advice, AdviceLimits())
