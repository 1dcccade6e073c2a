"""Laws of the hours left: the pace of the last minutes, whatever was before."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operando.errors import SourceUnreachable
from operando.io.disk import DiskRoom, disk_room
from operando.io.runlog import LogWriter


def grown(path: Path, times_s: list[float], values: int = 500) -> Path:
    with LogWriter(path) as writer:
        for time_s in times_s:
            writer.append([("event", {"image": np.zeros(values)})], time_s)
    return path


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(65, 300), st.floats(0.5, 4.0), st.floats(0.0, 1e5))
def test_the_pace_is_that_of_the_documents(
    tmp_path_factory: pytest.TempPathFactory, count: int, every_s: float, pause_s: float
) -> None:
    if count * every_s < 70:
        every_s = 2.0
    # Long before: another run, whose pace is over if the pause was long.
    before = [-pause_s - 1000.0 - n for n in range(20, 0, -1)]
    path = grown(tmp_path_factory.mktemp("log") / "log", before + [n * every_s for n in range(count)])
    room = disk_room(path)
    # 500 values of 8 bytes, and some 150 bytes around them.
    assert room.bytes_per_s == pytest.approx(4150 / every_s, rel=0.05)
    assert room.hours_left == pytest.approx(room.free_bytes / room.bytes_per_s / 3600)
    assert room.free_bytes > 0


@pytest.mark.parametrize("times_s", [[], [5.0], [5.0] * 9, [0.0, 59.0], [9.0, 3.0, 1.0]])
def test_where_nothing_can_be_said_yet_the_hours_are_infinite(tmp_path: Path, times_s: list[float]) -> None:
    assert disk_room(grown(tmp_path / "log", times_s)).hours_left == math.inf


def test_the_hours_are_those_of_the_free_bytes() -> None:
    assert DiskRoom(7_200_000, 1000.0).hours_left == 2.0


def test_a_log_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable):
        disk_room(tmp_path / "log")
