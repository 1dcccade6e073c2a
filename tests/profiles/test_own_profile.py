"""A profile of one's own, made as the how-to says, tried against a served instrument."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from howto import ROOT, blocks_of
from operando.app.work import Options, work_of
from operando.io.runlog import LogReader
from operando.io.sources import RecordedLog
from operando.live.monitor import Monitor
from operando.types import Snapshot
from served_instrument import served

pytest.importorskip("caproto", reason="caproto is not installed: the extra `epics` brings it")
pytest.importorskip("IPython", reason="IPython is not installed")

BLOCKS = blocks_of("a-profile-of-your-own.md")
FILES = [mark for mark in BLOCKS if mark.startswith("my-beamline/")]


def test_it_is_less_than_40_lines() -> None:
    assert len(FILES) == 2
    lines = [line for mark in FILES for line in BLOCKS[mark].splitlines() if line.strip()]
    assert len(lines) < 40


def test_copied_edited_and_run_it_gives_a_map(tmp_path: Path) -> None:
    folder = tmp_path / "my-beamline"
    shutil.copytree(ROOT / "profiles" / "epics", folder, ignore=shutil.ignore_patterns("*.runlog*"))
    for mark in FILES:
        (tmp_path / mark).write_text(BLOCKS[mark], encoding="utf-8")
    # The command of the how-to has another pace, for people to watch.
    assert "--prefix MINE:" in BLOCKS["serve"]
    with served("--pace", "0", "--static", prefix="MINE:"):
        ended = subprocess.run(
            [sys.executable, "-m", "IPython", "--profile-dir", "my-beamline", "-c", BLOCKS["session"]],
            cwd=tmp_path,
            env={**os.environ, "IPYTHONDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert ended.returncode == 0, ended.stderr
    assert "2 cycles take" in ended.stdout
    assert "dropped=0" in ended.stdout
    # What the command of the how-to does, without its pictures.
    assert BLOCKS["monitor"].split() == [
        "operando",
        "monitor",
        "my-beamline/series.runlog",
        "--profile",
        "my-beamline/profile.toml",
    ]
    work = work_of(Options(profile=folder / "profile.toml"))
    maps: list[Snapshot] = []
    monitor = Monitor(RecordedLog(LogReader(folder / "series.runlog"), "log"), work, maps.append)
    while monitor.pull():
        pass
    monitor.finish()
    assert len(maps) == 2
    assert monitor.newest is not None
    assert monitor.newest.progress.lines_seen == 2 * 5 * 12
    assert maps[-1].map is not None
    assert maps[-1].map.valid.any()
