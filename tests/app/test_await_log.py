"""A monitor may be started before the scan."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from operando.app.await_log import follow_when_there
from operando.errors import DamagedFileError, SourceUnreachable
from operando.io.runlog import LogWriter


def test_a_log_that_comes_later_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "series.runlog"
    said: list[str] = []

    def recorder_comes(words: str) -> None:
        said.append(words)
        with LogWriter(path) as writer:
            writer.append([("start", {"uid": "a", "time": 1.0})], 1.0)

    source = follow_when_there(str(path), threading.Event(), recorder_comes).source
    assert [logged.name for logged in source.read(0, 10)] == ["start"]
    assert len(said) == 1
    source.close()


def test_a_log_that_is_only_being_made_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "series.runlog"
    with closing(sqlite3.connect(path)) as made:
        made.execute("PRAGMA journal_mode = WAL")
    assert path.stat().st_size > 0
    said: list[str] = []

    def recorder_goes_on(words: str) -> None:
        said.append(words)
        LogWriter(path).close()

    follow_when_there(str(path), threading.Event(), recorder_goes_on).source.close()
    assert len(said) == 1


def test_what_is_something_else_or_nowhere_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("this is a shopping list\n" * 50)
    for text, error in (
        (tmp_path / "list.txt", DamagedFileError),
        (tmp_path / "no" / "log", SourceUnreachable),
    ):
        with pytest.raises(error):
            follow_when_there(str(text), threading.Event(), pytest.fail)
