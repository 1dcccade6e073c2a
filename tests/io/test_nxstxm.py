"""NXstxm: what several programs write is read, and what is written comes back as it was."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import event_model
import h5py
import nexus_files
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from operando.errors import (
    ConfigurationError,
    DamagedFileError,
    OperandoError,
    RunRejected,
    SourceUnreachable,
)
from operando.io.layouts import DocumentReader, Rejection
from operando.io.nxstxm import read_nxstxm
from operando.io.nxstxm_writer import write_nxstxm
from operando.io.rawstack import RawStack, stacks_of
from operando.io.sdf import read_sdf
from operando.io.sdf_writer import write_sdf
from operando.types import Line, RunClosed, ScanPlan
from scans import SHARED_DATA, lines_of, plan_of, stack_of

REAL = SHARED_DATA / "pollux_nxstxm" / "Sample_Image_2021-03-16_095.hdf5"


def documents(path: Path, read: Callable[[Path], Any] = read_nxstxm) -> list[tuple[str, dict[str, Any]]]:
    found = list(read(path))
    for name, document in found:
        event_model.schema_validators[event_model.DocumentNames[name]].validate(document)
    return found


def stacks(path: Path, read: Callable[[Path], Any] = read_nxstxm) -> list[RawStack]:
    reader = DocumentReader()
    items = [item for name, document in documents(path, read) for item in reader.read(name, document)]
    assert not [item for item in items if isinstance(item, Rejection)]
    return list(stacks_of(items))


@pytest.mark.parametrize(
    "write",
    [
        nexus_files.polluxlike,
        nexus_files.als_version_3,
        nexus_files.als_version_1,
        nexus_files.first_definition,
    ],
)
def test_the_same_stack_is_read_however_it_was_written(write: Callable[..., None], tmp_path: Path) -> None:
    path, counts = tmp_path / "scan.hdf5", nexus_files.stack()
    write(path, counts)
    (stack,) = stacks(path)
    np.testing.assert_array_equal(stack.counts, counts)
    np.testing.assert_allclose(stack.plan.energies_ev, nexus_files.ENERGIES_EV)
    np.testing.assert_allclose(stack.plan.grid.x_um, np.linspace(-1.0, 1.0, nexus_files.NX))
    np.testing.assert_allclose(stack.plan.grid.y_um, np.linspace(3.0, 0.0, nexus_files.NY))
    assert stack.plan.sample == "particle 7"


def test_dwell_ring_current_times_and_counters_come_along(tmp_path: Path) -> None:
    path = tmp_path / "scan.hdf5"
    nexus_files.polluxlike(path, nexus_files.stack())
    found = documents(path)
    start = found[0][1]
    assert start["stxm"]["dwell_ms"] == 10.0
    assert start["detectors"] == ["counter0", "counter1"]
    assert start["time"] == 1615903565.0
    events = [document for name, document in found if name == "event"]
    assert [event["time"] - start["time"] for event in events] == [20.0, 40.0, 60.0]
    currents_ma = [event["data"]["ring_current"] for event in events]
    assert currents_ma[0] == 400.0
    assert np.isnan(currents_ma[1])
    np.testing.assert_array_equal(events[1]["data"]["counter1"], 2 * events[1]["data"]["counter0"])


def test_replaying_twice_gives_the_same_documents(tmp_path: Path) -> None:
    path = tmp_path / "scan.hdf5"
    nexus_files.als_version_3(path, nexus_files.stack())
    for (_, one), (_, other) in zip(documents(path), documents(path), strict=True):
        np.testing.assert_equal(one, other)


@pytest.mark.skipif(not REAL.exists(), reason="the real NXstxm image is not on this machine")
def test_a_real_image_is_read() -> None:
    (stack,) = stacks(REAL)
    assert stack.plan.stack_shape == (1, 50, 50)
    assert stack.plan.energies_ev.tolist() == [350.0]
    assert stack.plan.dwell_ms.tolist() == [10.0]
    with h5py.File(REAL) as file:
        np.testing.assert_array_equal(stack.counts[0], file["entry1/counter0/data"][()])


@pytest.mark.parametrize("kind", ["sample focus", "osa image", "sample line spectrum"])
def test_another_kind_of_scan_is_refused_by_its_name(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "scan.hdf5"
    nexus_files.als_version_1(path, nexus_files.stack())
    with h5py.File(path, "a") as file:
        del file["entry0/counter0/stxm_scan_type"]
        file["entry0/counter0/stxm_scan_type"] = kind
    with pytest.raises(RunRejected, match=kind):
        documents(path)


def test_what_is_no_such_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable, match=r"nothing\.hdf5"):
        documents(tmp_path / "nothing.hdf5")
    (tmp_path / "text.hdf5").write_text("not HDF5")
    with pytest.raises(DamagedFileError, match=r"text\.hdf5"):
        documents(tmp_path / "text.hdf5")
    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        file["numbers"] = [1, 2, 3]
    with pytest.raises(RunRejected, match="no entry"):
        documents(tmp_path / "other.hdf5")
    nexus_files.als_version_1(tmp_path / "short.hdf5", nexus_files.stack()[:, :, :-1])
    with pytest.raises(DamagedFileError, match="3 energies, 4 rows and 5 columns"):
        documents(tmp_path / "short.hdf5")


def test_links_into_other_files_are_not_followed(tmp_path: Path) -> None:
    nexus_files.polluxlike(tmp_path / "secret.hdf5", nexus_files.stack())
    with h5py.File(tmp_path / "scan.hdf5", "w") as file:
        file["entry1"] = h5py.ExternalLink("secret.hdf5", "/entry1")
    with pytest.raises(RunRejected, match="no entry"):
        documents(tmp_path / "scan.hdf5")


def lines_taken(cycles: int, has_i0: bool, lost: frozenset[int]) -> list[Line]:
    """Return the lines of a run, some of them lost."""
    plan = plan_of(cycles=cycles)
    lines = lines_of(plan, stack_of(plan, np.random.default_rng(3), cycles))
    i0 = np.arange(plan.grid.x_um.size) + 0.5 if has_i0 else None
    return [replace(line, i0=i0) for number, line in enumerate(lines) if number not in lost]


def as_values(lines: list[Line]) -> dict[tuple[int, int, int], tuple[bytes, bytes | None, float]]:
    return {
        (line.cycle, line.energy, line.row): (
            line.counts.tobytes(),
            None if line.i0 is None else line.i0.tobytes(),
            line.time_s,
        )
        for line in lines
    }


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    cycles=st.integers(1, 3),
    has_i0=st.booleans(),
    lost=st.frozensets(st.integers(0, 71), max_size=20),
    order=st.randoms(use_true_random=False),
)
def test_what_was_recorded_comes_back_line_by_line(
    tmp_path: Path, cycles: int, has_i0: bool, lost: frozenset[int], order: Random
) -> None:
    plan, lines = plan_of(cycles=cycles), lines_taken(cycles, has_i0, lost)
    assume(lines)
    shuffled = list(lines)
    order.shuffle(shuffled)
    path = tmp_path / "run.hdf5"
    write_nxstxm(path, stacks_of([plan, *shuffled, RunClosed(plan.run, "success", "")]))
    reader = DocumentReader()
    items = [item for name, document in documents(path) for item in reader.read(name, document)]
    back = [item for item in items if isinstance(item, Line)]
    assert as_values(back) == as_values(lines)
    (again,) = (item for item in items if isinstance(item, ScanPlan))
    assert (again.run, again.cycles, again.started_s) == (plan.run, plan.cycles, plan.started_s)
    np.testing.assert_array_equal(again.grid.x_um, plan.grid.x_um)
    assert [line.time_s for line in back] == sorted(line.time_s for line in back)


def test_runs_that_came_mixed_are_read_one_after_the_other(tmp_path: Path) -> None:
    one, other = plan_of(cycles=2), replace(plan_of(cycles=2), run="run-2", sample="second")
    lines = lines_taken(2, False, frozenset())
    mixed: list[Any] = [one, other]
    for line in lines:
        mixed += [line, replace(line, run="run-2", counts=line.counts + 1)]
    path = tmp_path / "runs.hdf5"
    assert write_nxstxm(path, stacks_of(mixed)) == 4
    found = documents(path)
    assert [name for name, _ in found if name in ("start", "stop")] == ["start", "stop"] * 2
    assert [document["uid"] for name, document in found if name == "start"] == ["run-1", "run-2"]


def test_at_most_a_few_cycles_are_held() -> None:
    plan = plan_of(cycles=10)
    given_after: dict[int, int] = {}
    taken = 0

    def feed() -> Any:
        nonlocal taken
        yield plan
        for line in lines_of(plan, stack_of(plan, np.random.default_rng(0), 10)):
            taken = line.cycle
            yield line

    for stack in stacks_of(feed()):
        given_after[stack.cycle] = taken
    assert given_after == {cycle: min(cycle + 3, 9) for cycle in range(10)}


def test_an_empty_source_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.hdf5"
    for write in (write_nxstxm, write_sdf):
        with pytest.raises(OperandoError, match="no image"):
            write(path, stacks_of([plan_of()]))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("has_i0", [False, True])
@pytest.mark.parametrize("lost", [frozenset(), frozenset({1, 8})])
def test_sdf_comes_back_as_it_was(tmp_path: Path, has_i0: bool, lost: frozenset[int]) -> None:
    plan = replace(plan_of(cycles=2), sample='a "name"; with } signs', dwell_ms=np.full(4, 0.433))
    path = tmp_path / "run.hdr"
    written = list(stacks_of([plan, *lines_taken(2, has_i0, lost)]))
    assert write_sdf(path, written) == 2
    for stack, header in zip(written, (path, tmp_path / "run-2.hdr"), strict=True):
        found = list(read_sdf(header))
        events = [document for name, document in found if name == "event"]
        for image, event in enumerate(events):
            np.testing.assert_array_equal(event["data"]["Counter"], stack.counts[image])
            if stack.i0 is not None:
                np.testing.assert_array_equal(event["data"]["I0"], stack.i0[image])
        start = found[0][1]["stxm"]
        assert start["energies"] == plan.energies_ev.tolist()
        assert start["dwell_ms"] == 0.433
        assert start["x_extent"] == [plan.grid.x_um[0], plan.grid.x_um[-1]]
    with pytest.raises(ConfigurationError, match="exists"):
        write_sdf(path, written)


def mantis_plugin() -> ModuleType:
    """Return MANTiS's own reader of NXstxm, without the rest of MANTiS, which needs another Qt."""
    found = importlib.util.find_spec("mantis_xray")
    if found is None or not found.submodule_search_locations:
        pytest.skip("MANTiS (mantis-xray) is not installed")
    file = Path(found.submodule_search_locations[0]) / "file_plugins" / "file_nexus_hdf5.py"
    spec = importlib.util.spec_from_file_location("mantis_nxstxm", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Stack:
    """What MANTiS reads into."""

    ev: np.ndarray
    x_dist: np.ndarray
    y_dist: np.ndarray
    absdata: np.ndarray
    data_dwell: np.ndarray

    def fill_h5_struct_from_stk(self) -> None:
        """Do nothing: this is for MANTiS's own file."""


def test_mantis_reads_what_is_written(tmp_path: Path) -> None:
    mantis = mantis_plugin()
    plan = plan_of(cycles=2)
    path = tmp_path / "run.hdf5"
    written = list(stacks_of([plan, *lines_taken(2, False, frozenset())]))
    write_nxstxm(path, written)
    assert mantis.identify(str(path))
    structure = mantis.GetFileStructure(str(path))
    assert list(structure) == ["entry1", "entry2"]
    assert structure["entry1"].definition == "NXstxm"
    assert structure["entry1"].scan_type == "sample image stack"
    for entry, stack in enumerate(written):
        read = Stack()
        mantis.read(str(path), read, selection=(entry, 0, 0))
        np.testing.assert_array_equal(read.absdata, stack.counts.transpose(2, 1, 0))
        np.testing.assert_array_equal(read.ev, plan.energies_ev)
        np.testing.assert_array_equal(read.x_dist, plan.grid.x_um)
