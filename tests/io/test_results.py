"""A results file gives back what was written, in whatever order, and viewers find it."""

import csv
import dataclasses
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operando.io.results import Results, map_of, read_results, write_curve_csv
from operando.io.results_writer import ResultsWriter
from operando.types import Curve, LithiationMap
from written import ENERGIES, PHASE_SPECTRA, PLAN, PROCESS, assert_equal, curve_to, i0_of, map_of_cycle, write


@settings(deadline=None, max_examples=15, suppress_health_check=list(HealthCheck))
@given(st.lists(st.integers(0, 50), unique=True, max_size=5), st.data())
def test_what_is_written_is_read_in_whatever_order_and_however_often(
    tmp_path_factory: pytest.TempPathFactory, cycles: list[int], data: Any
) -> None:
    path = tmp_path_factory.mktemp("results") / "series.h5"
    write(path, cycles, seed=1)
    # A monitor that is started again writes some cycles a second time.
    again = cycles[data.draw(st.integers(0, len(cycles))) :]
    writer = ResultsWriter(path, PLAN, PHASE_SPECTRA, PROCESS)
    for cycle in again:
        writer.write(map_of_cycle(cycle), i0_of(cycle), curve_to(sorted(cycles)))
    found = read_results(path)
    assert_equal(found.plan, PLAN)
    assert_equal(found.phases, PHASE_SPECTRA)
    assert_equal(found.curve, curve_to(sorted(cycles)))
    assert found.cycle.tolist() == sorted(cycles)
    for index, cycle in enumerate(sorted(cycles)):
        assert_equal(map_of(found, index), map_of_cycle(cycle, 0 if cycle in again else 1))
        np.testing.assert_array_equal(found.i0[index], i0_of(cycle))
        np.testing.assert_array_equal(found.valid[index], map_of_cycle(cycle).valid)


def test_two_runs_over_the_same_log_give_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "one.h5", [0, 1, 2])
    write(tmp_path / "other.h5", [0, 1, 2])
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "other.h5").read_bytes()


def test_process_and_short_names_are_given_back(tmp_path: Path) -> None:
    write(tmp_path / "series.h5", [0])
    found = read_results(tmp_path / "series.h5")
    assert found.process == {"version": "1.2", "references sha256": "abc", "fit.ridge": 0.5, "threads": 2}
    assert found.phase_names == PHASE_SPECTRA.names
    assert found.x_um.tolist() == PLAN.grid.x_um.tolist()
    assert found.y_um.tolist() == PLAN.grid.y_um.tolist()
    assert found.energies_ev.tolist() == PLAN.energies_ev.tolist()
    assert found.phase_lithium.tolist() == [0.0, 1.0]


def test_viewers_find_the_map_by_the_rules_of_nexus(tmp_path: Path) -> None:
    write(tmp_path / "series.h5", [0, 1])
    with h5py.File(tmp_path / "series.h5", "r") as file:
        entry = file[file.attrs["default"]]
        assert entry.attrs["NX_class"] == "NXentry"
        plot = entry[entry.attrs["default"]]
        assert plot.name == "/entry/lithiation"
        assert plot.attrs["signal"] == "lithium"
        plottable = [
            group
            for group in entry.values()
            if isinstance(group, h5py.Group) and group.attrs["NX_class"] == "NXdata"
        ]
        assert [group.name for group in plottable] == [
            f"/entry/{name}" for name in ("curves", "fit", "fractions", "lithiation", "references")
        ]
        for group in plottable:
            values = group[group.attrs["signal"]]
            axes = list(group.attrs["axes"])
            assert len(axes) == values.ndim
            for place, axis in enumerate(axes):
                if axis != ".":
                    assert group[axis].shape == (values.shape[place],)
            errors = f"{group.attrs['signal']}_errors"
            if errors in group:
                assert group[errors].shape == values.shape
            fields = [item for item in group.values() if item.dtype.kind in "fiu"]
            assert all("units" in field.attrs and "long_name" in field.attrs for field in fields)
        assert entry["fit/thickness"].attrs["units"] == "nm"
        assert entry["process"].attrs["NX_class"] == "NXprocess"
        assert entry["process/version"].asstr()[()]
        assert np.array_equal(entry["fit/shift_px"][1], map_of_cycle(1).shift_px)
        assert entry["fit/shift_px"].shape == (2, ENERGIES, 2)
        assert entry["fractions/phase"].asstr()[0] == "FePO₄"
        assert entry["start_time"].asstr()[()] == "2023-11-14T22:13:20+00:00"


@settings(deadline=None, max_examples=15, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), max_size=8))
def test_two_writers_of_one_file_put_every_cycle_in_its_place(
    tmp_path_factory: pytest.TempPathFactory, turns: list[tuple[bool, int]]
) -> None:
    path = tmp_path_factory.mktemp("results") / "series.h5"
    writers = [ResultsWriter(path, PLAN, PHASE_SPECTRA, PROCESS) for _ in range(2)]
    seen: list[set[int]] = [set(), set()]
    for which, cycle in turns:
        seen[which].add(cycle)
        writers[which].write(map_of_cycle(cycle), i0_of(cycle), curve_to(sorted(seen[which])))
        assert writers[which].cycles == seen[0] | seen[1]
    found = read_results(path)
    assert found.cycle.tolist() == sorted(seen[0] | seen[1])
    for index, cycle in enumerate(found.cycle.tolist()):
        assert_equal(map_of(found, index), map_of_cycle(cycle))
    assert_equal(found.curve, curve_to(sorted(seen[0] | seen[1])))


def test_a_continued_file_keeps_the_curve_of_its_other_cycles(tmp_path: Path) -> None:
    path = tmp_path / "series.h5"
    write(path, [0, 1, 2])
    fresh = dataclasses.replace(curve_to([2, 3]), lithium=np.array([0.7, 0.8]))
    merged = ResultsWriter(path, PLAN, PHASE_SPECTRA, PROCESS).write(map_of_cycle(3), i0_of(3), fresh)
    assert merged.cycle.tolist() == [0, 1, 2, 3]
    assert merged.lithium.tolist() == [0.0, 0.1, 0.7, 0.8]
    assert_equal(read_results(path).curve, merged)


def test_references_without_a_sigma_are_given_back_without(tmp_path: Path) -> None:
    path = tmp_path / "series.h5"
    phases = dataclasses.replace(PHASE_SPECTRA, sigma=None)
    for _ in range(2):
        ResultsWriter(path, PLAN, phases, PROCESS)
    assert_equal(read_results(path).phases, phases)


def test_odd_metadata_cost_no_results(tmp_path: Path) -> None:
    path = tmp_path / "series.h5"
    plan = dataclasses.replace(PLAN, sample="a\0b\udc80", started_s=float("nan"))
    ResultsWriter(path, plan, PHASE_SPECTRA, PROCESS).write(map_of_cycle(0), i0_of(0), curve_to([0]))
    assert read_results(path).plan.sample == "a b?"


def test_the_curve_is_written_as_text_with_units(tmp_path: Path) -> None:
    curve = curve_to([0, 3])
    write_curve_csv(tmp_path / "curve.csv", curve)
    with (tmp_path / "curve.csv").open(encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert head == [
        "cycle",
        "time (s since 1970-01-01 UTC)",
        "mean lithium content x",
        "sigma of x",
        "pixels",
    ]
    for index, row in enumerate(rows):
        fields = dataclasses.fields(Curve)
        assert [float(value) for value in row] == [getattr(curve, field.name)[index] for field in fields]
    assert len(rows) == 2


def test_the_results_have_every_quantity_of_a_map() -> None:
    names = {field.name for field in dataclasses.fields(Results)}
    assert {field.name for field in dataclasses.fields(LithiationMap)} <= names
