"""The command line as a user meets it: what it prints, how it ends, what it leaves."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pytest
from typer.testing import CliRunner

from operando.cli import Exit, app
from operando.errors import SourceUnreachable
from operando.io.results import Results, read_results
from operando.io.runlog import LogReader, LogWriter
from verified import verify

RUN = [sys.executable, "-m", "operando"]
HEADLESS = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
SMALL = ("--pixels", "24", "--cycles", "2", "--seed", "3")


def invoke(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated series with its references beside it."""
    folder = tmp_path_factory.mktemp("recorded")
    subprocess.run([*RUN, "simulate", folder / "run.log", *SMALL], check=True, env=HEADLESS, timeout=120)
    subprocess.run([sys.executable, "-m", "operando_sim.references", folder], check=True, timeout=60)
    return folder


def test_help_answers_at_once_and_loads_neither_qt_nor_sklearn_nor_bluesky() -> None:
    code = (
        "import sys; from operando.cli import app; from typer.testing import CliRunner;"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0;"
        "print([m for m in ('PySide6', 'sklearn', 'bluesky', 'numba', 'scipy', 'h5py') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert found.stdout.strip() == "[]"


def test_the_demo_closes_the_loop_and_says_what_it_measured(tmp_path: Path) -> None:
    found = subprocess.run(
        [*RUN, "demo", "--headless", "--json", "--pixels", "32", "--cycles", "2",
         "--output", tmp_path / "demo"],
        capture_output=True, text=True, env=HEADLESS, timeout=200, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    said = json.loads(found.stdout)
    assert (said["cycles"], said["lines_seen"], said["lines_planned"]) == (2, 320, 320)
    assert (said["documents_read"], said["documents_lost"], said["documents_rejected"]) == (323, 0, 0)
    assert said["exit_status"] == "success"
    assert 0 < said["rmse_x"] < 0.1
    assert said["share_within_3_sigma"] >= 0.99
    assert 0 < said["median_sigma_x_last_cycle"] < 0.1
    assert 0 < said["valid_pixels"] <= said["pixels"] == 32 * 32
    files = said["files"]
    for kind in ("run_log", "references", "results", "curve", "map", "report", "dashboard"):
        if kind == "dashboard" and kind not in files:
            assert "libegl1" in found.stderr
            continue
        assert Path(files[kind]).stat().st_size > 0
    assert verify(files["run_log"]).first_bad_seq is None
    again = invoke("replay", files["run_log"], "--references", files["references"], "--gain", "0.8",
                   "--output", tmp_path / "again.h5", "--headless")  # fmt: skip
    assert again[0] == 0
    live, replayed = read_results(Path(files["results"])), read_results(tmp_path / "again.h5")
    assert live.lithium.tobytes() == replayed.lithium.tobytes()
    assert live.lithium_error.tobytes() == replayed.lithium_error.tobytes()


def replay(folder: Path, source: Path | str, *options: str | Path) -> tuple[int, str, str]:
    return invoke("replay", source, "--headless", "--output", folder / "out.h5", *options)


def test_an_unknown_file_is_unreachable(tmp_path: Path, recorded: Path) -> None:
    code, _, said = replay(tmp_path, tmp_path / "nothing.hdr", "--references", recorded / "library.toml")
    assert code == Exit.UNREACHABLE
    assert "there is no file" in said


def test_a_file_of_another_kind_is_damaged(tmp_path: Path, recorded: Path) -> None:
    for name in ("run.log", "run.hdr", "run.json"):
        (tmp_path / name).write_text("this is a shopping list\n" * 50)
        code, _, said = replay(tmp_path, tmp_path / name, "--references", recorded / "library.toml")
        assert code == Exit.DAMAGED, said


@pytest.mark.parametrize("address", ["tcp://10.0.0.5:5577", "tcp://0.0.0.0:5577", "tcp://example.org:5577"])
def test_other_machines_are_neither_read_nor_served(tmp_path: Path, recorded: Path, address: str) -> None:
    code, _, said = replay(tmp_path, address, "--references", recorded / "library.toml")
    assert code == Exit.CONFIGURATION
    assert "not on this machine" in said
    code, _, said = invoke("serve", recorded / "run.log", "--address", address)
    assert code == Exit.CONFIGURATION
    assert "keys" in said


def test_another_kind_of_address_is_refused(tmp_path: Path, recorded: Path) -> None:
    code, _, said = replay(tmp_path, "udp://127.0.0.1:5577", "--references", recorded / "library.toml")
    assert code == Exit.CONFIGURATION
    assert "tcp://127.0.0.1:5577" in said


def test_an_address_where_nobody_serves_is_unreachable(tmp_path: Path, recorded: Path) -> None:
    with socket.socket() as taken:
        # Bound but not listening: nobody else can answer there.
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        code, _, said = replay(tmp_path, address, "--references", recorded / "library.toml")
    assert code == Exit.UNREACHABLE
    assert "operando serve" in said


def test_serving_what_is_not_there_is_unreachable(tmp_path: Path) -> None:
    code, _, said = invoke("serve", tmp_path / "run.log", "--address", "tcp://127.0.0.1:0")
    assert code == Exit.UNREACHABLE
    assert "there is no run log" in said


def test_a_served_log_gives_the_bytes_of_the_file(tmp_path: Path, recorded: Path) -> None:
    references = ("--references", recorded / "library.toml")
    assert replay(tmp_path, recorded / "run.log", *references)[0] == Exit.DONE
    expected = read_results(tmp_path / "out.h5")
    with subprocess.Popen(
        [*RUN, "serve", recorded / "run.log", "--address", "tcp://127.0.0.1:0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=HEADLESS,
    ) as server:  # fmt: skip
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip()
            (tmp_path / "replayed").mkdir()
            assert replay(tmp_path / "replayed", address, *references)[0] == Exit.DONE
            followed = _followed(address, tmp_path / "followed.h5", *references)
        finally:
            server.send_signal(signal.SIGINT)
            _, complaints = server.communicate(timeout=30)
    assert server.returncode == Exit.INTERRUPTED, complaints
    assert "Traceback" not in complaints
    for found in (read_results(tmp_path / "replayed" / "out.h5"), followed):
        assert found.lithium.tobytes() == expected.lithium.tobytes()
        assert found.lithium_error.tobytes() == expected.lithium_error.tobytes()


def _followed(address: str, output: Path, *options: str | Path) -> Results:
    """Follow an address with a monitor in a process of its own until both cycles are in its results."""
    # Without HDF5's lock we can look into the file while it is written.
    monitor = subprocess.Popen(
        [*RUN, "monitor", address, "--headless", "--output", output, *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**HEADLESS, "HDF5_USE_FILE_LOCKING": "FALSE"},
    )  # fmt: skip
    deadline = time.monotonic() + 100.0
    while monitor.poll() is None and time.monotonic() < deadline and _cycles(output) < 2:
        time.sleep(0.2)  # waiting for another process, which has no event to wait on
    monitor.send_signal(signal.SIGINT)
    _, complaints = monitor.communicate(timeout=60)
    assert monitor.returncode == Exit.INTERRUPTED, complaints
    return read_results(output)


def _cycles(results: Path) -> int:
    """Return how many cycles a file that is being written has."""
    try:
        return read_results(results).cycle.size
    except OSError:
        return 0


def test_references_that_do_not_cover_an_energy(tmp_path: Path, recorded: Path) -> None:
    short = tmp_path / "library.toml"
    short.write_text((recorded / "library.toml").read_text())
    for spectrum in recorded.glob("*.txt"):
        kept = [
            line
            for line in spectrum.read_text().splitlines()
            if line.startswith("#") or float(line[:6]) < 529
        ]
        (tmp_path / spectrum.name).write_text("\n".join(kept))
    code, _, said = replay(tmp_path, recorded / "run.log", "--references", short)
    assert code == Exit.CONFIGURATION
    assert "529.10 eV" in said
    assert ".txt" in said


def test_a_run_with_no_usable_layout(tmp_path: Path, recorded: Path) -> None:
    documents = [
        ["start", {"uid": "u", "time": 1.0, "plan_name": "count"}],
        ["stop", {"uid": "s", "time": 2.0, "run_start": "u", "exit_status": "success", "num_events": {}}],
    ]
    (tmp_path / "run.json").write_text(json.dumps(documents))
    code, _, said = replay(tmp_path, tmp_path / "run.json", "--references", recorded / "library.toml")
    assert code == Exit.CONFIGURATION
    assert "no layout" in said


def test_of_several_runs_each_has_its_files_and_figures(tmp_path: Path, recorded: Path) -> None:
    log = tmp_path / "shift.log"
    with LogReader(recorded / "run.log") as reader, LogWriter(log) as writer:
        series = [(logged.name, logged.document) for logged in reader.read(0, 10_000)]
        reading = {"descriptor": "d", "time": 1.0, "data": {"diode": 1.0}, "timestamps": {"diode": 1.0}}
        ended = {"time": 2.0, "num_events": {"primary": 5}}
        count = [
            ("start", {"uid": "a count", "time": 1.0, "plan_name": "count"}),
            ("descriptor", {"uid": "d", "run_start": "a count", "name": "primary", "data_keys": {}}),
            *(("event", {**reading, "seq_num": number}) for number in range(1, 6)),
            ("stop", {"uid": "s", "run_start": "a count", "exit_status": "success", **ended}),
        ]
        writer.append([*series, *count, *_renamed(series)], 1.0)
    code, printed, said = replay(tmp_path, log, "--references", recorded / "library.toml", "--json")
    assert code == Exit.DONE, said
    assert "operando: " not in said
    assert "no key of the events is an energy (diode)" in " ".join(said.split())
    first, second = json.loads(printed)
    for record in (first, second):
        results = Path(record["files"]["results"])
        assert read_results(results).plan.run == record["run"]
        assert record["cycles"] == 2
        assert record["exit_status"] in {"success", None}
        for kind in ("curve", "map", "report"):
            assert Path(record["files"][kind]).stem == f"{results.stem}-{kind}"
            assert Path(record["files"][kind]).stat().st_size > 0
    assert first["run"] != second["run"]
    assert first["files"]["results"] != second["files"]["results"]


def _renamed(series: list[tuple[str, dict]]) -> list[tuple[str, dict]]:
    """Return a series as another run."""
    keys = ("uid", "run_start", "descriptor")
    return [
        (name, {key: f"again-{value}" if key in keys else value for key, value in document.items()})
        for name, document in series
    ]


def test_what_another_run_left_is_neither_touched_nor_drawn_over(tmp_path: Path, recorded: Path) -> None:
    references = ("--references", recorded / "library.toml")
    assert replay(tmp_path, recorded / "run.log", *references)[0] == Exit.DONE
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    # The same again continues the file; other settings are refused before anything is fitted.
    assert replay(tmp_path, recorded / "run.log", *references)[0] == Exit.DONE
    code, _, said = replay(tmp_path, recorded / "run.log", *references, "--gain", "2")
    assert code == Exit.CONFIGURATION
    assert "other settings" in said
    with LogReader(recorded / "run.log") as reader, LogWriter(tmp_path / "other.log") as writer:
        writer.append(_renamed([(logged.name, logged.document) for logged in reader.read(0, 10_000)]), 1.0)
    code, _, said = replay(tmp_path, tmp_path / "other.log", *references)
    assert code == Exit.CONFIGURATION
    assert "another run" in said
    for name in ("out.h5", "out-curve.csv"):
        assert (tmp_path / name).read_bytes() == before[name]


def test_the_output_is_checked_before_anything_is_fitted(tmp_path: Path, recorded: Path) -> None:
    arguments = ("replay", recorded / "run.log", "--references", recorded / "library.toml", "--headless")
    code, _, said = invoke(*arguments, "--output", tmp_path)
    assert code == Exit.CONFIGURATION
    assert "is a folder" in said
    assert invoke(*arguments, "--output", tmp_path / "new" / "x.h5")[0] == Exit.DONE
    assert read_results(tmp_path / "new" / "x.h5").cycle.size == 2


def test_an_ordinary_error_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, _, said = invoke("demo", "--headless", "--output", tmp_path / "file" / "demo")
    assert code == Exit.FAILED
    assert "check the path" in said


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a limit on the size of files")
def test_a_full_disk_is_said_and_costs_no_finished_cycle(tmp_path: Path, recorded: Path) -> None:
    found = subprocess.run(
        ["bash", "-c", 'ulimit -f 190; exec "$@"', "bash", *RUN, "replay", recorded / "run.log",
         "--references", recorded / "library.toml", "--headless", "--output", tmp_path / "out.h5"],
        capture_output=True, text=True, env=HEADLESS, timeout=120, check=False,
    )  # fmt: skip
    assert found.returncode == Exit.FAILED, found.stderr
    assert "could not be written" in found.stderr
    assert "Traceback" not in found.stderr
    assert read_results(tmp_path / "out.h5").cycle.size < 2


def test_a_table_that_cannot_be_written_costs_nothing_else(tmp_path: Path, recorded: Path) -> None:
    (tmp_path / "out-particles.csv").mkdir()
    code, out, said = replay(
        tmp_path, recorded / "run.log", "--references", recorded / "library.toml", "--json"
    )
    assert code == Exit.FAILED
    assert "could not be written" in said
    assert json.loads(out)["files"].keys() >= {"results", "curve", "map"}


def test_comparing_says_null_where_there_is_nothing_to_compare(tmp_path: Path, recorded: Path) -> None:
    assert replay(tmp_path, recorded / "run.log", "--references", recorded / "library.toml")[0] == Exit.DONE
    results = tmp_path / "out.h5"
    with h5py.File(results, "r+") as file:
        file["entry/fit/thickness"][...] = 0.7
    code, printed, _ = invoke("compare", results, results, "--json")
    assert code == Exit.DONE
    _, thin, middle, _ = json.loads(printed)
    assert (thin["pixels"], thin["spread"], thin["median"]) == (0, None, None)
    assert middle["pixels"] > 0
    assert (middle["spread"], middle["median"]) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--references", "nowhere.toml"), "nowhere.toml"),
        (("--energies", "700"), "no energy 700.00"),
        (("--energies", "many"), "not a list of energies"),
        (("--energies", "nan,517.5"), "not a list of energies"),
        (("--energies", ""), "not a list of energies"),
        (("--speed", "fast"), "speed"),
        (("--speed", "0"), "speed"),
        (("--i0", "lamp"), "lamp"),
    ],
)
def test_options_that_cannot_be_meant(
    tmp_path: Path, recorded: Path, options: tuple[str, str], words: str
) -> None:
    references = () if "--references" in options else ("--references", recorded / "library.toml")
    code, _, said = replay(tmp_path, recorded / "run.log", *references, *options)
    assert code == Exit.CONFIGURATION
    assert words in said
    assert not (tmp_path / "out.h5").exists()


def test_without_references_nothing_is_fitted(tmp_path: Path, recorded: Path) -> None:
    code, _, said = replay(tmp_path, recorded / "run.log")
    assert code == Exit.CONFIGURATION
    assert "--references" in said


def test_a_run_without_the_channel_i0_should_come_from_is_incomplete(tmp_path: Path, recorded: Path) -> None:
    references = ("--references", recorded / "library.toml")
    code, _, said = replay(tmp_path, recorded / "run.log", *references, "--i0", "channel")
    assert code == Exit.INCOMPLETE
    assert "without a reading of the incident-beam channel" in said


def test_simulating_what_makes_no_sense_records_nothing(tmp_path: Path) -> None:
    for options in (("--dwell-ms", "0"), ("--pixels", "1"), ("--material", "gold"), ("--cycles", "0")):
        code, _, said = invoke("simulate", tmp_path / "run.log", *options)
        assert code == Exit.CONFIGURATION, said
        assert not (tmp_path / "run.log").exists()


def test_interrupted_in_the_middle_everything_recorded_is_kept(tmp_path: Path) -> None:
    demo = subprocess.Popen(
        [*RUN, "demo", "--headless", "--pixels", "48", "--cycles", "500", "--output", tmp_path / "demo"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=HEADLESS,
    )  # fmt: skip
    results = tmp_path / "demo" / "lithiation.h5"
    deadline = time.monotonic() + 100.0
    while not results.exists() and demo.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)  # waiting for another process, which has no event to wait on
    demo.send_signal(signal.SIGINT)
    said, complaints = demo.communicate(timeout=60)
    assert demo.returncode == Exit.INTERRUPTED, complaints
    assert "Traceback" not in complaints
    assert "run log" in said
    assert "results" in said
    log = tmp_path / "demo" / "series.runlog"
    checked = verify(log)
    assert checked.first_bad_seq is None
    assert checked.good > 240
    assert read_results(results).cycle.size >= 1


def test_a_series_that_is_aborted_has_a_stop_document_and_is_replayed(tmp_path: Path, recorded: Path) -> None:
    log = tmp_path / "run.log"
    simulation = subprocess.Popen(
        [*RUN, "simulate", log, "--pixels", "24", "--cycles", "500"],
        stderr=subprocess.PIPE,
        text=True,
        env=HEADLESS,
    )
    deadline = time.monotonic() + 60.0
    # A cycle has 120 lines.
    while time.monotonic() < deadline and _documents(log) < 200:
        time.sleep(0.1)  # waiting for another process, which has no event to wait on
    simulation.send_signal(signal.SIGTERM)
    _, complaints = simulation.communicate(timeout=60)
    assert simulation.returncode == Exit.INTERRUPTED, complaints
    assert "'abort'" in complaints
    code, _, said = replay(tmp_path, log, "--references", recorded / "library.toml")
    assert code == Exit.INCOMPLETE
    assert "ended with 'abort'" in said
    assert "planned lines never came" in said
    assert read_results(tmp_path / "out.h5").cycle.size


def _documents(log: Path) -> int:
    try:
        with LogReader(log) as reader:
            return reader.head()
    except SourceUnreachable:
        return 0  # not there yet
