import csv
import dataclasses
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operando.errors import ConfigurationError, DamagedFileError, SourceUnreachable
from operando.io import atomic
from operando.io.results import Results, map_of, read_results, write_curve_csv
from operando.io.results_writer import ResultsWriter, run_in
from operando.types import Curve, LithiationMap, PhaseSpectra, Reason, ScanGrid, ScanPlan

NY, NX, ENERGIES, PHASES = 3, 4, 5, 2

PLAN = ScanPlan(
    run="a run",
    plan_name="stxm_series",
    sample="particle 7",
    grid=ScanGrid(x_um=np.linspace(2, -1, NX), y_um=np.linspace(-5, -4, NY)),
    energies_ev=np.linspace(700, 715, ENERGIES),
    dwell_ms=np.array([1.0, 2.0, np.nan, 1.0, 1.0]),
    cycles=None,
    started_s=1.7e9,
)
PHASE_SPECTRA = PhaseSpectra(
    names=("FePO₄", "LiFePO4"),
    lithium=np.array([0.0, 1.0]),
    at_energies=np.arange(10.0).reshape(ENERGIES, PHASES),
    energy_ev=np.linspace(700, 715, 30),
    curves=np.arange(60.0).reshape(30, PHASES),
    unit="od_per_nm",
    is_model=False,
    sigma=np.array([0.0, 0.01]),
)
PROCESS: dict[str, str | float | int] = {
    "version": "1.2",
    "references sha256": "abc",
    "fit/ridge": 0.5,
    "threads": 2,
}


def map_of_cycle(cycle: int, seed: int = 0) -> LithiationMap:
    rng = np.random.default_rng([cycle, seed])
    lithium = rng.random((NY, NX))
    lithium[0, 1] = np.nan
    reason = np.zeros((NY, NX), np.uint8)
    reason[0, 1] = Reason.THIN
    age_s = rng.random(ENERGIES) * 60
    age_s[2] = np.nan
    return LithiationMap(
        cycle=cycle,
        time_s=1.7e9 + 240.0 * cycle,
        lithium=lithium,
        lithium_error=rng.random((NY, NX)),
        fraction=rng.random((PHASES, NY, NX)),
        fraction_error=rng.random((PHASES, NY, NX)),
        thickness=rng.random((NY, NX)),
        thickness_error=rng.random((NY, NX)),
        background=rng.random((NY, NX)),
        background_slope=rng.random((NY, NX)),
        chi2=rng.random((NY, NX)),
        r_factor=rng.random((NY, NX)),
        energies_used=rng.integers(0, 6, (NY, NX)).astype(np.uint16),
        frame_age_s=age_s,
        reason=reason,
        is_provisional=bool(cycle % 2),
        shift_px=rng.normal(size=(ENERGIES, 2)),
        shift_um=rng.normal(size=(ENERGIES, 2)),
        shift_quality=rng.random(ENERGIES),
    )


def curve_to(cycles: list[int]) -> Curve:
    cycle = np.array(cycles, np.int64)
    return Curve(cycle, 1.7e9 + 240.0 * cycle, cycle / 10, 0.01 + cycle / 100, 12 + cycle)


def i0_of(cycle: int) -> np.ndarray:
    return 1000.0 + cycle + np.arange(ENERGIES)


def write(path: Path, cycles: list[int], seed: int = 0) -> None:
    writer = ResultsWriter(path, PLAN, PHASE_SPECTRA, PROCESS)
    for n, cycle in enumerate(cycles):
        writer.write(map_of_cycle(cycle, seed), i0_of(cycle), curve_to(sorted(set(cycles[: n + 1]))))


def assert_equal(one: Any, other: Any) -> None:
    """Two dataclasses hold the same, bit for bit."""
    for field in dataclasses.fields(one):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if dataclasses.is_dataclass(left):
            assert_equal(left, right)
        else:
            np.testing.assert_array_equal(left, right, err_msg=field.name)
            if isinstance(right, np.ndarray):
                assert left.dtype == right.dtype, field.name


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


class Killed(BaseException):
    """Stands for a kill."""


@pytest.mark.parametrize("step", range(0, 60, 3))
def test_killed_at_any_write_to_the_disk_and_started_again_it_is_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    write(tmp_path / "whole.h5", [0, 1, 2])
    path = tmp_path / "series.h5"
    left = [step]
    write_at = atomic._write_at

    def until_killed(*arguments: Any) -> None:
        left[0] -= 1
        if left[0] == -1:
            raise Killed
        write_at(*arguments)

    monkeypatch.setattr(atomic, "_write_at", until_killed)
    with suppress(Killed):
        write(path, [0, 1, 2])
    if path.exists():
        found = read_results(path)
        assert_equal(found.curve, curve_to(found.cycle.tolist()))
    write(path, [0, 1, 2])
    assert path.read_bytes() == (tmp_path / "whole.h5").read_bytes()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["series.h5", "whole.h5"]


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


@pytest.mark.parametrize("place", ["entry", "entry/curves", "entry/lithiation/cycle", "entry/fit/i0"])
@pytest.mark.parametrize("instead", [h5py.Empty("f"), 7.0, None], ids=["empty", "number", "nothing"])
def test_a_file_that_is_gutted_while_it_is_written_is_damaged(
    tmp_path: Path, place: str, instead: object
) -> None:
    path = tmp_path / "series.h5"
    write(path, [0])
    writer = ResultsWriter(path, PLAN, PHASE_SPECTRA, PROCESS)
    with h5py.File(path, "r+") as file:
        del file[place]
        if instead is not None:
            file[place] = instead
    with pytest.raises(DamagedFileError, match="not a results file"):
        writer.write(map_of_cycle(1), i0_of(1), curve_to([0, 1]))
    with pytest.raises(DamagedFileError, match="not a results file"):
        ResultsWriter(path, PLAN, PHASE_SPECTRA, PROCESS).write(map_of_cycle(1), i0_of(1), curve_to([1]))


def test_a_file_of_another_run_put_in_its_place_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "series.h5"
    writer = ResultsWriter(path, PLAN, PHASE_SPECTRA, PROCESS)
    path.unlink()
    ResultsWriter(path, dataclasses.replace(PLAN, run="another"), PHASE_SPECTRA, PROCESS)
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="another run"):
        writer.write(map_of_cycle(0), i0_of(0), curve_to([0]))
    assert path.read_bytes() == before
    assert (run_in(path), run_in(tmp_path / "nothing")) == ("another", None)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_kill_leaves_all_finished_cycles_readable(tmp_path: Path) -> None:
    path = tmp_path / "series.h5"
    program = (
        "import os, signal, sys\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from test_results import *\n"
        "writer = ResultsWriter(sys.argv[1], PLAN, PHASE_SPECTRA, PROCESS)\n"
        "for cycle in range(3):\n"
        "    writer.write(map_of_cycle(cycle), i0_of(cycle), curve_to(list(range(cycle + 1))))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program, str(path), str(Path(__file__).parent)], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    with h5py.File(path, "r") as file:
        assert file["entry/lithiation/lithium"].shape == (3, NY, NX)
    found = read_results(path)
    assert found.cycle.tolist() == [0, 1, 2]
    for cycle in range(3):
        assert_equal(map_of(found, cycle), map_of_cycle(cycle))
    assert_equal(found.curve, curve_to([0, 1, 2]))
    write(path, [3])
    assert read_results(path).cycle.tolist() == [0, 1, 2, 3]


def test_references_without_a_sigma_are_given_back_without(tmp_path: Path) -> None:
    path = tmp_path / "series.h5"
    phases = dataclasses.replace(PHASE_SPECTRA, sigma=None)
    for _ in range(2):
        ResultsWriter(path, PLAN, phases, PROCESS)
    assert_equal(read_results(path).phases, phases)


def test_other_energies_or_pixels_are_refused_and_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "series.h5"
    write(path, [0])
    before = path.read_bytes()
    writer = ResultsWriter(path, PLAN, PHASE_SPECTRA, PROCESS)
    more = dataclasses.replace(map_of_cycle(1), frame_age_s=np.zeros(ENERGIES + 1))
    with pytest.raises(ConfigurationError, match="6 energies"):
        writer.write(more, np.ones(ENERGIES + 1), curve_to([0, 1]))
    wider = dataclasses.replace(map_of_cycle(1), lithium=np.zeros((NY, NX + 1)))
    with pytest.raises(ConfigurationError, match=r"\(3, 5\) pixels"):
        writer.write(wider, i0_of(1), curve_to([0, 1]))
    assert path.read_bytes() == before


FULL_DISK = """
import os, resource, sys
sys.path.insert(0, sys.argv[2])
from test_results import *
writer = ResultsWriter(sys.argv[1], PLAN, PHASE_SPECTRA, PROCESS)
writer.write(map_of_cycle(1), i0_of(1), curve_to([1]))
writer.write(map_of_cycle(2), i0_of(2), curve_to([1, 2]))
size = os.path.getsize(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (size + int(sys.argv[3]), resource.RLIM_INFINITY))
for cycle in (3, 0, 2):
    try:
        writer.write(map_of_cycle(cycle, 9), i0_of(cycle), curve_to(sorted({1, 2, cycle})))
    except SourceUnreachable as error:
        print("refused", cycle)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
for cycle in (3, 0):
    writer.write(map_of_cycle(cycle), i0_of(cycle), curve_to([0, 1, 2, 3][not cycle - 3 :]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a limit on the size of files")
@pytest.mark.parametrize("room_bytes", [0, -1000, -10_000])
def test_a_full_disk_costs_no_finished_cycle_and_is_got_over(tmp_path: Path, room_bytes: int) -> None:
    path = tmp_path / "series.h5"
    command = [sys.executable, "-c", FULL_DISK, path, Path(__file__).parent, str(room_bytes)]
    found = subprocess.run(command, check=False, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert found.stdout.split("\n") == ["refused 3", "refused 0", "refused 2", ""]
    written = read_results(path)
    assert written.cycle.tolist() == [0, 1, 2, 3]
    for cycle in range(4):
        assert_equal(map_of(written, cycle), map_of_cycle(cycle))
    assert [entry.name for entry in tmp_path.iterdir()] == ["series.h5"]


def test_a_viewer_that_keeps_the_file_open_stops_nothing(tmp_path: Path) -> None:
    path = tmp_path / "series.h5"
    write(path, [0])
    program = "import h5py, sys; file = h5py.File(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as viewer:
        assert viewer.stdout is not None
        assert viewer.stdout.readline() == "open\n"
        write(path, [1])
        viewer.communicate("")
    assert read_results(path).cycle.tolist() == [0, 1]


def test_odd_metadata_cost_no_results(tmp_path: Path) -> None:
    path = tmp_path / "series.h5"
    plan = dataclasses.replace(PLAN, sample="a\0b\udc80", started_s=float("nan"))
    ResultsWriter(path, plan, PHASE_SPECTRA, PROCESS).write(map_of_cycle(0), i0_of(0), curve_to([0]))
    assert read_results(path).plan.sample == "a b?"


OTHERS = {
    "run": (dataclasses.replace(PLAN, run="another"), PHASE_SPECTRA, PROCESS),
    "scan": (dataclasses.replace(PLAN, energies_ev=PLAN.energies_ev + 0.1), PHASE_SPECTRA, PROCESS),
    "references": (
        PLAN,
        dataclasses.replace(PHASE_SPECTRA, at_energies=PHASE_SPECTRA.at_energies + 1),
        PROCESS,
    ),
    "process": (PLAN, PHASE_SPECTRA, PROCESS | {"threads": 3}),
}


@pytest.mark.parametrize("what", OTHERS)
def test_results_of_something_else_are_never_overwritten(tmp_path: Path, what: str) -> None:
    path = tmp_path / "series.h5"
    write(path, [0, 1])
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match=rf"another {what} \(run a run\): choose another file"):
        ResultsWriter(path, *OTHERS[what])
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"text\n" * 100, None], ids=["empty", "text", "half"])
def test_what_is_no_results_file_is_damaged_and_left_alone(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "series.h5"
    write(path, [0, 1])
    content = path.read_bytes()[:4000] if content is None else content
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match="not a results file"):
        read_results(path)
    with pytest.raises(DamagedFileError):
        ResultsWriter(path, PLAN, PHASE_SPECTRA, PROCESS)
    assert path.read_bytes() == content


def test_a_foreign_or_gutted_hdf5_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "series.h5"
    with h5py.File(path, "w") as file:
        file.attrs["creator"] = "somebody"
    with pytest.raises(DamagedFileError, match="HDF5 file by 'somebody'"):
        read_results(path)
    path.unlink()
    write(path, [0])
    with h5py.File(path, "r+") as file:
        del file["entry/curves"]
    with pytest.raises(DamagedFileError, match="not a results file"):
        read_results(path)


def test_a_missing_file_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable, match="check the name"):
        read_results(tmp_path / "nowhere.h5")
    with pytest.raises(SourceUnreachable, match="choose another file"):
        ResultsWriter(tmp_path / "no folder" / "series.h5", PLAN, PHASE_SPECTRA, PROCESS)


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
