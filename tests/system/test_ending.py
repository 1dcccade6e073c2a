"""Being told to end: SIGTERM ends a command as Ctrl-C does, and no acquisition outlives its demonstration."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from operando.app import acquisition
from operando.app.demo import demo
from operando.app.simulate import Cell, simulate
from operando.cli import Exit
from operando.io.results import read_results
from operando.io.runlog import LogReader
from operando_sim import material_named
from operando_sim.references import write_references

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows ends processes without asking them")

RUN = [sys.executable, "-m", "operando"]
# Without HDF5's lock we can look into the file while it is written.
HEADLESS = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "HDF5_USE_FILE_LOCKING": "FALSE"}
CELL = Cell("lixv2o5", 3, 1_790_000_000.0, 24, 2, 1.0, (517.5, 518.4, 519.5, 529.1))
ENDLESS = Cell("lixv2o5", 3, 1_790_000_000.0, 24, 500, 1.0, CELL.energies_ev)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ending")
    assert simulate(CELL, folder / "run.log") == "success"
    write_references(folder, material_named(CELL.material))
    return folder


def until(is_so: Callable[[], bool], process: subprocess.Popen) -> None:
    """Wait for what another process does, which has no event to wait on."""
    deadline = time.monotonic() + 60.0
    while not is_so():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def stop_of(log: Path) -> dict:
    """Return the newest document of a log, which is the stop document of a run that was ended properly."""
    with LogReader(log) as reader:
        (newest,) = reader.read(reader.head() - 1, 1)
    assert newest.name == "stop"
    return newest.document


def cycles_in(results: Path) -> int:
    try:
        return read_results(results).cycle.size
    except OSError:
        return 0


def test_a_monitor_that_is_told_to_end_leaves_its_files(tmp_path: Path, recorded: Path) -> None:
    output = tmp_path / "out.h5"
    with subprocess.Popen(
        [*RUN, "monitor", recorded / "run.log", "--headless", "--output", output,
         "--references", recorded / "library.toml"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=HEADLESS,
    ) as monitor:  # fmt: skip
        until(lambda: cycles_in(output) == CELL.cycles, monitor)
        monitor.terminate()
        _, complaints = monitor.communicate(timeout=60)
    assert monitor.returncode == Exit.INTERRUPTED, complaints
    assert "Traceback" not in complaints
    assert "Interrupted" in complaints
    assert (tmp_path / "out-map.png").exists()
    assert (tmp_path / "out-curve.csv").exists()
    assert read_results(output).cycle.size == CELL.cycles


def test_a_monitor_that_is_killed_goes_on_and_says_how_far_behind_it_was(
    tmp_path: Path, recorded: Path
) -> None:
    output = tmp_path / "out.h5"
    command = [*RUN, "monitor", recorded / "run.log", "--headless", "--output", output,
               "--references", recorded / "library.toml"]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=HEADLESS) as monitor:
        until((tmp_path / "out.checkpoint").exists, monitor)
        monitor.kill()
        monitor.communicate(timeout=60)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=HEADLESS
    ) as again:
        assert again.stderr is not None
        told = next(line for line in again.stderr if "read on after document" in line)
        assert "caught up in" in told
        again.terminate()
        _, complaints = again.communicate(timeout=60)
    assert again.returncode == Exit.INTERRUPTED, complaints
    replayed = tmp_path / "replayed.h5"
    subprocess.run(
        [*RUN, "replay", recorded / "run.log", "--headless", "--output", replayed,
         "--references", recorded / "library.toml"],
        check=True, capture_output=True, env=HEADLESS,
    )  # fmt: skip
    assert output.read_bytes() == replayed.read_bytes()
    assert (tmp_path / "out-curve.csv").read_bytes() == (tmp_path / "replayed-curve.csv").read_bytes()


def test_a_server_that_is_told_to_end_says_nothing_of_it(recorded: Path) -> None:
    with subprocess.Popen(
        [*RUN, "serve", recorded / "run.log", "--address", "tcp://127.0.0.1:0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=HEADLESS,
    ) as server:  # fmt: skip
        assert server.stdout is not None
        assert server.stdout.readline().startswith("tcp://")
        server.terminate()
        _, complaints = server.communicate(timeout=30)
    assert server.returncode == Exit.INTERRUPTED, complaints
    assert "Traceback" not in complaints


def test_a_demonstration_that_is_told_to_end_has_ended_its_acquisition(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with subprocess.Popen(
        [*RUN, "demo", "--headless", "--pixels", "24", "--cycles", "500", "--output", folder],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=HEADLESS,
    ) as process:  # fmt: skip
        until((folder / "lithiation.h5").exists, process)
        process.terminate()
        said, complaints = process.communicate(timeout=60)
    assert process.returncode == Exit.INTERRUPTED, complaints
    assert "Traceback" not in complaints
    assert "results" in said
    assert stop_of(folder / "series.runlog")["exit_status"] == "abort"


def test_a_demonstration_that_fails_has_ended_its_acquisition(tmp_path: Path) -> None:
    class ScreenError(Exception):
        pass

    def tell(_snapshot: object) -> None:
        raise ScreenError

    with pytest.raises(ScreenError):
        demo(ENDLESS, tmp_path, speed=None, has_window=False, tell=tell)
    assert stop_of(tmp_path / "series.runlog")["exit_status"] == "abort"


def test_an_acquisition_ends_when_whoever_started_it_is_gone(tmp_path: Path) -> None:
    """Killed, too: then nobody can end it, but its standard input closes."""
    log = tmp_path / "run.log"
    process = acquisition.start(ENDLESS, log, None)
    try:
        until(log.exists, process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) in {-signal.SIGTERM, Exit.INTERRUPTED}
    finally:
        acquisition.end(process)


def test_an_acquisition_that_cannot_be_says_why(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    impossible = Cell("lixv2o5", 3, 1_790_000_000.0, 24, 2, 0.0, CELL.energies_ev)
    process = acquisition.start(impossible, tmp_path / "run.log", None)
    assert process.wait(60) == 1
    acquisition.end(process)
    assert "dwell" in capfd.readouterr().err
    assert not (tmp_path / "run.log").exists()
