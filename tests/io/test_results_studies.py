"""What the cycles have shown is in the results file, whatever order they were written in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operando.io.results import Results, read_results
from operando.io.results_tables import NO_TABLES, TABLES, record_of
from operando.io.results_writer import ResultsWriter
from operando.types import Finding, Severity, Snapshot
from two_particles import CYCLES, LINES, run

RECORDS = run(LINES)[1]
CURVE = RECORDS[CYCLES - 1].curve


def written(path: Path, snapshots: list[Snapshot]) -> Results:
    first = snapshots[0]
    writer = ResultsWriter(path, first.plan, first.phases, {})
    for snapshot in snapshots:
        assert snapshot.map is not None
        writer.write(snapshot.map, snapshot.i0, CURVE, record_of(snapshot))
    return read_results(path)


def said(results: Results) -> str:
    tables = {
        name: {key: values.tolist() for key, values in table.columns.items()}
        for name, table in results.tables.items()
    }
    images = (results.particle_labels, results.unexplained_place, results.cluster_labels, results.dose_mgy)
    return repr((tables, [image.tolist() for image in images]))


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(CYCLES)), again=st.integers(0, CYCLES - 1))
def test_the_order_of_writing_leaves_no_trace(tmp_path_factory, order: list[int], again: int) -> None:
    folder = tmp_path_factory.mktemp("orders")
    in_order = written(folder / "one.h5", [RECORDS[cycle] for cycle in range(CYCLES)])
    other = written(folder / "other.h5", [RECORDS[cycle] for cycle in (*order, again)])
    assert said(other) == said(in_order)


def test_what_is_read_is_what_was_recorded(tmp_path: Path) -> None:
    results = written(tmp_path / "out.h5", list(RECORDS.values()))
    for cycle, snapshot in RECORDS.items():
        assert snapshot.particles is not None
        assert snapshot.dose is not None
        assert snapshot.clusters is not None
        rows = results.tables["particles"].of_cycle(cycle)
        for place, one in enumerate(snapshot.particles.particles):
            assert rows["number"][place] == one.number
            assert rows["lithium"][place] == one.lithium
            assert rows["lithium_errors"][place] == one.lithium_error
            assert rows["character"][place] == one.character.value
        np.testing.assert_array_equal(results.particle_labels[cycle], snapshot.particles.labels)
        np.testing.assert_array_equal(results.dose_mgy[cycle], snapshot.dose.pixels_mgy.astype(np.float32))
        np.testing.assert_array_equal(results.cluster_labels[cycle], snapshot.clusters.labels)
        np.testing.assert_array_equal(results.tables["clusters"].of_cycle(cycle)["od"], snapshot.clusters.od)
        findings = results.tables["findings"].of_cycle(cycle)
        assert findings["message"].tolist() == [one.message for one in snapshot.of_record]


def test_a_cycle_recorded_anew_takes_the_place_of_what_it_said(tmp_path: Path) -> None:
    wordy = Finding("thick", Severity.WARNING, "µ" * 900, "\0")
    writes = [RECORDS[0], RECORDS[1], replace(RECORDS[0], of_record=(wordy, wordy), particles=None)]
    results = written(tmp_path / "out.h5", writes)
    rows = results.tables["findings"].of_cycle(0)
    assert rows["code"].tolist() == ["thick", "thick"]
    assert set(rows["message"][0]) == {"µ"}
    assert results.tables["particles"].columns["cycle"].tolist() == [1, 1]
    assert not results.particle_labels[0].any()


def test_a_file_from_before_there_were_any_is_read(tmp_path: Path) -> None:
    path = tmp_path / "out.h5"
    written(path, list(RECORDS.values()))
    with h5py.File(path, "r+") as file:
        for name in TABLES:
            del file[f"entry/{name}"]
    results = read_results(path)
    assert results.tables.keys() == NO_TABLES.keys()
    assert not results.particle_labels.any()
    assert np.isnan(results.dose_mgy).all()
