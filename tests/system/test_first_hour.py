"""The tutorial as a newcomer does it: every command of it, in its order, as it stands there."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from operando.app.work import Options, work_of
from operando.cli import Exit, app
from operando.io.results import read_results
from operando.io.results_moment import read_settings
from operando.io.results_regions import marked_in
from operando.io.results_writer import ResultsWriter
from operando.io.runlog import LogReader
from operando.io.sources import RecordedLog
from operando.live.monitor import Monitor
from operando.regions import Marks, Outline, Region

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "first-hour.md"
RUNS = re.findall(r"<!-- run -->\n```\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
COMMANDS = [line for block in RUNS for line in block.splitlines()]
REGION = Region("region 1", Outline.RECTANGLE, ((-1.0, -1.0), (1.0, 1.0)))


def draw_region(folder: Path) -> None:
    """Leave in the results what the window leaves there after a rectangle was drawn."""
    work = work_of(Options(profile=folder / "profile.toml"))
    monitor = Monitor(RecordedLog(LogReader(folder / "series.runlog"), "log"), work)
    monitor.send(Marks((REGION,)))
    while monitor.pull():
        pass
    monitor.finish()
    newest = monitor.newest
    assert newest is not None
    path = folder / "lithiation.h5"
    ResultsWriter(path, newest.plan, newest.phases, read_settings(path)).mark(marked_in(newest))


def test_every_command_is_one_that_is_run() -> None:
    shown = re.findall(r"^operando .*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert shown == COMMANDS
    assert {command.split()[1] for command in COMMANDS} == {
        *("demo", "curves", "picture", "report", "replay", "compare"),
    }


def test_a_newcomer_comes_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for command in COMMANDS:
        _, *arguments = shlex.split(command)
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == Exit.DONE, f"{command}: {done.output}"
        if arguments[0] == "demo":
            draw_region(tmp_path / "first-hour")
    lines = Path("curves.csv").read_text(encoding="utf-8").splitlines()
    table = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    assert [row["cycle (from 1)"] for row in table if row["name"] == "region 1"] == ["1", "2", "3"]
    assert "region 1" in Path("region.svg").read_text(encoding="utf-8")
    assert Path("first-hour/lithiation-report.html").is_file()
    live, again = read_results("first-hour/lithiation.h5"), read_results("again.h5")
    np.testing.assert_array_equal(live.lithium, again.lithium)
