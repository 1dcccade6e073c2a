"""Many recordings are fitted as each by itself, nothing twice, and one that fails is only one."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from many_runs import recorded_runs, untold
from operando.app.ending import Exit
from operando.app.many.reprocess import LEDGER, Request, reprocess
from operando.app.work import Options
from operando.cli import app
from operando.errors import ConfigurationError
from operando.io.lock import WriterLock

RUNS = 4


def invoke(*words: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, " ".join(result.stderr.split())


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return recorded_runs(tmp_path_factory.mktemp("logs"), RUNS)


@pytest.fixture(scope="module")
def fitted(logs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """All of them, fitted by two workers: the folder, and what was printed."""
    output = tmp_path_factory.mktemp("fitted")
    code, printed, said = reprocessed(logs[0].parent, logs[0].parent, output, "--workers", "2")
    assert code == Exit.DONE, said
    return output, printed, said


def reprocessed(sources: Path, logs: Path, output: Path, *options: str | Path) -> tuple[int, str, str]:
    references = logs / "library.toml"
    return invoke("reprocess", sources, "--references", references, "--output", output, *options)


def request(sources: list[Path], output: Path, references: Path) -> Request:
    return Request(tuple(map(str, sources)), Options(references=references), output)


def copy_of(fitted: Path, folder: Path) -> Path:
    return Path(shutil.copytree(fitted, folder / "output"))


def rows_in(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_each_has_the_bytes_that_replay_writes(
    logs: list[Path], fitted: tuple[Path, str, str], tmp_path: Path
) -> None:
    for log in logs:
        results = tmp_path / f"{log.stem}-lithiation.h5"
        code, printed, _ = invoke(
            "replay", log, "--references", log.with_name("library.toml"), "--output", results, "--headless",
            "--json",
        )  # fmt: skip
        assert code == Exit.DONE
        for name in (results.name, f"{results.stem}-curve.csv"):
            assert (fitted[0] / name).read_bytes() == (tmp_path / name).read_bytes()
        replayed = json.loads(printed)
        (row,) = (row for row in rows_in(fitted[1]) if row["source"] == str(log))
        assert (row["run"], row["exit_status"]) == (replayed["run"], replayed["exit_status"])
        for name in ("mean_x", "mean_x_sigma", "median_sigma_x", "median_chi2"):
            assert float(row[name]) == replayed[name]


def test_the_table_has_a_row_a_run_in_the_order_of_the_sources(
    logs: list[Path], fitted: tuple[Path, str, str]
) -> None:
    rows = rows_in(fitted[1])
    assert [row["source"] for row in rows] == [str(log) for log in logs]
    assert {row["exit_code"] for row in rows} == {"0"}
    assert {row["results"] for row in rows} == {f"{log.stem}-lithiation.h5" for log in logs}
    assert f"{RUNS} recordings: {RUNS} fitted, 0 done before, 0 not whole" in fitted[2]


def test_what_is_done_is_not_done_again_and_says_the_same(
    logs: list[Path], fitted: tuple[Path, str, str], tmp_path: Path
) -> None:
    output = copy_of(fitted[0], tmp_path)
    before = {path: path.stat().st_mtime_ns for path in output.iterdir()}
    code, printed, said = reprocessed(logs[0].parent, logs[0].parent, output)
    assert code == Exit.DONE
    assert printed == fitted[1]
    assert f"0 fitted, {RUNS} done before" in said
    assert {path: path.stat().st_mtime_ns for path in output.iterdir()} == before


def test_only_what_changed_is_done_again(
    logs: list[Path], fitted: tuple[Path, str, str], tmp_path: Path
) -> None:
    output = copy_of(fitted[0], tmp_path)
    (output / "run1-lithiation.h5").unlink()
    os.utime(logs[2], ns=(1, 1))
    told: dict[str, bool] = {}
    asked = request(logs, output, logs[0].with_name("library.toml"))
    reprocess(asked, lambda done, was_done: told.update({Path(done.source).stem: was_done}))
    assert told == {"run0": True, "run1": False, "run2": False, "run3": True}
    assert (output / "run1-lithiation.h5").read_bytes() == (fitted[0] / "run1-lithiation.h5").read_bytes()


def test_other_settings_replace_what_was_there(
    logs: list[Path], fitted: tuple[Path, str, str], tmp_path: Path
) -> None:
    output = copy_of(fitted[0], tmp_path)
    code, printed, said = reprocessed(logs[0], logs[0].parent, output, "--gain", "2", "--workers", "1")
    assert code == Exit.DONE, said
    assert "1 fitted, 0 done before" in said
    assert len(rows_in(printed)) == 1
    assert (output / "run0-lithiation.h5").read_bytes() != (fitted[0] / "run0-lithiation.h5").read_bytes()


def test_one_that_fails_is_named_and_costs_no_other(logs: list[Path], tmp_path: Path) -> None:
    bad = tmp_path / "bad.runlog"
    bad.write_text("no log")
    names = tmp_path / "list.txt"
    names.write_text(f"# of the night\nbad.runlog\n\n{logs[0]}\nabsent.hdr\n")
    table = tmp_path / "table.csv"
    code, printed, said = invoke(
        "reprocess", logs[1], "--references", logs[0].with_name("library.toml"), "--output", tmp_path / "out",
        "--workers", "1", "--table", table, tmp_path / "bad.runlog",
    )  # fmt: skip
    assert code == Exit.DAMAGED
    assert printed == ""
    assert "bad.runlog" in said
    assert "1 of 2 recordings did not come out whole" in said
    assert [row["exit_code"] for row in rows_in(table.read_text())] == ["0", "6"]
    code, _, said = invoke("reprocess", "--list", names, "--references", logs[0].with_name("library.toml"))
    assert code == Exit.UNREACHABLE
    assert "absent.hdr" in said


def test_without_references_each_is_refused_in_its_row(logs: list[Path], tmp_path: Path) -> None:
    code, printed, said = invoke("reprocess", logs[0], "--output", tmp_path / "out", "--json")
    assert code == Exit.CONFIGURATION
    assert "no reference spectra are named" in said
    (row,) = json.loads(printed)
    assert row["exit_code"] == Exit.CONFIGURATION
    assert row["mean_x"] is None


def test_a_folder_is_of_one_command_at_a_time(logs: list[Path], tmp_path: Path) -> None:
    lock = WriterLock(tmp_path / LEDGER)
    try:
        with pytest.raises(ConfigurationError, match="being written by another program"):
            reprocess(request(logs, tmp_path, logs[0].with_name("library.toml")), untold)
    finally:
        lock.release()


def test_results_of_another_run_are_not_written_over(
    logs: list[Path], fitted: tuple[Path, str, str], tmp_path: Path
) -> None:
    shutil.copy(fitted[0] / "run1-lithiation.h5", tmp_path / "run0-lithiation.h5")
    (done,) = reprocess(request(logs[:1], tmp_path, logs[0].with_name("library.toml")), untold)
    assert done.code == Exit.CONFIGURATION
    assert "holds results of another run" in done.reasons[0]
    there = (tmp_path / "run0-lithiation.h5").read_bytes()
    assert there == (fitted[0] / "run1-lithiation.h5").read_bytes()


DIES = """
import os, signal, sys
from pathlib import Path
from operando.app.many.reprocess import Request, reprocess
from operando.app.work import Options

library, output, *sources = sys.argv[1:]
asked = Request(tuple(sources), Options(references=Path(library)), Path(output))
reprocess(asked, lambda _done, _was_done: os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_and_given_again_it_goes_on_and_ends_the_same(
    logs: list[Path], fitted: tuple[Path, str, str], tmp_path: Path
) -> None:
    output = tmp_path / "output"
    words = [logs[0].with_name("library.toml"), output, *logs]
    killed = subprocess.run([sys.executable, "-c", DIES, *words], check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert (output / LEDGER).read_bytes().count(b"\n") == 1
    # Half a line, as a kill in the middle of writing leaves it.
    with (output / LEDGER).open("ab") as ledger:
        ledger.write(b'{"source": "')
    code, printed, said = reprocessed(logs[0].parent, logs[0].parent, output, "--workers", "1")
    assert code == Exit.DONE, said
    assert f"{RUNS - 1} fitted, 1 done before" in said
    assert printed == fitted[1]
    names = {path.name for path in fitted[0].iterdir() if path.name != LEDGER}
    assert {path.name for path in output.iterdir() if path.name != LEDGER} == names
    for name in names:
        assert (output / name).read_bytes() == (fitted[0] / name).read_bytes()
