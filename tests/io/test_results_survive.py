"""A results file keeps its finished cycles, whoever is killed and whatever is full or in its place."""

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

from operando.errors import ConfigurationError, DamagedFileError, SourceUnreachable
from operando.io import atomic
from operando.io.results import map_of, read_results
from operando.io.results_writer import ResultsWriter, run_in
from written import (
    ENERGIES,
    NX,
    NY,
    PHASE_SPECTRA,
    PLAN,
    PROCESS,
    assert_equal,
    curve_to,
    i0_of,
    map_of_cycle,
    write,
)

HELPERS = Path(__file__).parents[1]


class Killed(BaseException):
    """Stands for a kill."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file of three cycles that nothing befell."""
    path = tmp_path_factory.mktemp("whole") / "series.h5"
    write(path, [0, 1, 2])
    return path.read_bytes()


@pytest.mark.parametrize("step", range(0, 60, 3))
def test_killed_at_any_write_to_the_disk_and_started_again_it_is_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bytes, step: int
) -> None:
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
    assert path.read_bytes() == whole
    assert [entry.name for entry in tmp_path.iterdir()] == ["series.h5"]


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
        "from written import *\n"
        "writer = ResultsWriter(sys.argv[1], PLAN, PHASE_SPECTRA, PROCESS)\n"
        "for cycle in range(3):\n"
        "    writer.write(map_of_cycle(cycle), i0_of(cycle), curve_to(list(range(cycle + 1))))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(path), str(HELPERS)], check=False)
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
from operando.errors import SourceUnreachable
from written import *
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
    command = [sys.executable, "-c", FULL_DISK, path, HELPERS, str(room_bytes)]
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


OTHERS = {
    "another run": (dataclasses.replace(PLAN, run="another"), PHASE_SPECTRA, PROCESS),
    "another scan": (dataclasses.replace(PLAN, energies_ev=PLAN.energies_ev + 0.1), PHASE_SPECTRA, PROCESS),
    "other references": (
        PLAN,
        dataclasses.replace(PHASE_SPECTRA, at_energies=PHASE_SPECTRA.at_energies + 1),
        PROCESS,
    ),
    "other settings": (PLAN, PHASE_SPECTRA, PROCESS | {"threads": 3}),
}


@pytest.mark.parametrize("what", OTHERS)
def test_results_of_something_else_are_never_overwritten(tmp_path: Path, what: str) -> None:
    path = tmp_path / "series.h5"
    write(path, [0, 1])
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match=rf"results of {what} \(run a run\): choose another file"):
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
