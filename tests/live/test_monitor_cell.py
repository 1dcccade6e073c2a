"""The potentiostat's stream beside the lines: what was read is compared, kept once, and survives a kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from following import killed_and_started_again, offline, record
from operando.cell import CellReading
from operando.core.electrochemistry import Host
from operando.core.study_rules import CellRule, StudyRules
from operando.io.layouts import DocumentReader
from operando.io.results import read_results
from operando.live.monitor import Work
from operando.settings import LayoutSettings
from scans import documents_of, library, recipe
from two_particles import CYCLES, LINES, PLAN, RECORDS_CURVE, blobs

EVERY_S = 20
HOST = Host(1.0, 1000.0, float(RECORDS_CURVE.lithium[0]))
RULES = StudyRules(least_pixels=6, cell=CellRule(HOST, sign=-1.0, longest_lag_s=60.0))
WORK = Work(library(), recipe(), LayoutSettings(), studies=RULES)


def charge_uah(time_s: float, share: float) -> float:
    """What a potentiostat counts that is positive while lithium goes in, if the field shows a share of it."""
    x = float(np.interp(time_s, RECORDS_CURVE.time_s, RECORDS_CURVE.lithium))
    return 1e3 * (x - HOST.lithium_at_start) * 1e-3 * 96485.33212 / 3.6 * 1e-3 / share


def documents(share: float = 1.0) -> list[tuple[str, dict[str, Any]]]:
    """A series with a reading of the potentiostat every so often, among its lines."""
    lines = documents_of(PLAN, blobs())
    units = {"cell_voltage": "V", "cell_charge": "uAh"}
    stream = {
        "uid": "cell-stream",
        "run_start": lines[0][1]["uid"],
        "name": "potentiostat",
        "time": PLAN.started_s,
        "data_keys": {
            key: {"source": "sim", "dtype": "number", "shape": [], "units": unit}
            for key, unit in units.items()
        },
        "configuration": {},
        "hints": {},
        "object_keys": {},
    }
    found: list[tuple[str, dict[str, Any]]] = []
    due_s, number = PLAN.started_s, 0
    for name, document in lines:
        if name in {"event", "stop"}:
            while name == "event" and document["time"] >= due_s:
                number += 1
                data = {"cell_voltage": 3.4 - 1e-4 * number, "cell_charge": charge_uah(due_s, share)}
                found.append(
                    (
                        "event",
                        {
                            "uid": f"cell-{number}",
                            "descriptor": "cell-stream",
                            "seq_num": number,
                            "time": due_s,
                            "data": data,
                            "timestamps": dict.fromkeys(data, due_s),
                            "filled": {},
                        },
                    )
                )
                due_s += EVERY_S
        found.append((name, document))
        if name == "descriptor":
            found.append(("descriptor", stream))
    return found


def test_the_reader_yields_readings_in_mah_and_no_line_of_them() -> None:
    reader = DocumentReader(LayoutSettings())
    items = [item for name, document in documents() for item in reader.read(name, document)]
    readings = [item for item in items if isinstance(item, CellReading)]
    assert len(readings) == -(-len(LINES) // EVERY_S)
    assert readings[-1].charge_mah == pytest.approx(charge_uah(readings[-1].time_s, 1.0) / 1e3)
    assert np.isnan(readings[0].current_ma)
    renamed = DocumentReader(LayoutSettings(cell_stream="another"))
    others = [item for name, document in documents() for item in renamed.read(name, document)]
    assert not any(isinstance(item, CellReading) for item in others)


@pytest.mark.parametrize(("share", "codes"), [(1.0, set()), (0.5, {"charge-differs"})])
def test_charge_and_lithium_are_compared_and_kept_once_each(
    tmp_path: Path, share: float, codes: set[str]
) -> None:
    path = tmp_path / "out.h5"
    offline(documents(share), path, WORK)
    results = read_results(path)
    cell = results.tables["cell"].columns
    assert (np.diff(cell["time_s"]) == EVERY_S).all()
    assert cell["time_s"][-1] <= results.time_s[-1] < cell["time_s"][-1] + EVERY_S
    assert sorted(set(cell["cycle"].tolist())) == list(range(CYCLES))
    # Charge that goes in is counted as negative here, whatever the instrument does.
    assert cell["charge_mah"][-1] < 0
    x = np.interp(cell["time_s"][-1], results.curve.time_s, results.curve.lithium)
    first = HOST.lithium_at_start
    assert cell["expected_lithium"][-1] - first == pytest.approx((x - first) / share, abs=0.02)
    said = set(results.tables["findings"].of_cycle(CYCLES - 1)["code"].tolist())
    assert said & {"charge-differs"} == codes


@settings(
    deadline=None,
    max_examples=2,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
@given(pulls=st.lists(st.integers(0, 8), min_size=1, max_size=3), most=st.integers(20, 120))
def test_killed_anywhere_the_results_are_those_of_offline(
    tmp_path_factory: pytest.TempPathFactory, pulls: list[int], most: int
) -> None:
    folder = tmp_path_factory.mktemp("kills")
    whole = offline(documents(), folder / "whole" / "out.h5", WORK)
    log = record(folder / "run.log", documents())
    assert killed_and_started_again(log, folder / "out.h5", WORK, pulls, most) == whole
