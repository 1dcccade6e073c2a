"""The short forms of the campaigns in this folder; docs/reference/delivery.md has the long ones."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from operando.bench.delivery import DeliveryRow, Scale, delivery_rows, render

needs_signals = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL, SIGSTOP and fork")


def run(name: str, *options: str) -> dict[str, Any]:
    command = [sys.executable, Path(__file__).with_name(name), *options]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=200)
    # Not its exit code, which judges times as well: on a busy machine they say nothing.
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@needs_signals
def test_twenty_kills_of_the_recorder_cost_nothing_that_it_had_called_written() -> None:
    found = run("kill_recorder.py", "--kills", "20")
    assert found["kills"] == found["incomplete"] == 20
    assert found["missing"] == found["bad"] == found["wrong"] == 0
    assert found["acknowledged"] > 0


def test_a_network_that_is_cut_ten_times_loses_nothing() -> None:
    found = run("network_cuts.py", "--cuts", "10", "--scale", "0.01")
    assert found["lost"] == found["repeated"] == found["wrong"] == 0
    assert found["slowest_catch_up_s"] <= 5.0


@needs_signals
def test_a_stopped_subscriber_fills_no_memory_and_misses_nothing() -> None:
    found = run("stopped_subscriber.py", "--stopped", "2", "--before", "1")
    assert found["lost"] == 0
    assert max(found["server_grew_mb"], found["recorder_grew_mb"]) < 50.0


def test_an_hour_of_a_shift_is_recorded_followed_and_fitted() -> None:
    found = run("shift.py", "--hours", "1")
    assert found["lines"] > 20_000
    assert found["behind"] == 0
    assert found["share_within_3_sigma"] > 0.99
    # An hour has a loss of the beam and a refill of five minutes each, and some 22 s to a cycle.
    assert found["dark"] < 40


def test_snapshots_reach_a_window_in_another_process() -> None:
    (found,) = run("window_delay.py", "--pixels", "48", "--snapshots", "5").values()
    # A snapshot that the next one overtook is no loss, but with a fifth of a second between them none is.
    assert found["came"] == 5
    assert found["p95_ms"] > 0


def test_the_last_row_of_every_image_comes_to_the_screen_of_another_process() -> None:
    pytest.importorskip("PySide6.QtWidgets", exc_type=ImportError)
    found = run("screen_lag.py", "--pixels", "16", "--cycles", "2", "--speed", "20")
    # Of the second cycle all five; how late says nothing on a busy machine, but not before they were there.
    assert found["images"] == 5
    assert found["median_ms"] > 0


def test_the_table_has_a_line_for_each_row() -> None:
    rows = [
        DeliveryRow("operando", "no fault", 4003, 0, 1000.0, 0.05, 0.3, 0.71),
        DeliveryRow("bluesky_0mq", "late start", 8003, 6475),
    ]
    assert render(rows).splitlines() == [
        "what        name         documents   lost  lost %  per s  p50 ms  p99 ms  memory MB",
        "no fault    operando         4,003      0     0.0  1,000   0.050   0.300        0.7",
        "late start  bluesky_0mq      8,003  6,475    80.9",
    ]


@pytest.mark.bench
def test_the_quick_table_has_both_sides_of_every_fault() -> None:
    rows = delivery_rows(Scale.quick())
    for what in ("no fault", "stopped 3 s", "1 cuts of 1 s", "late start", "as fast as it goes"):
        assert {row.name for row in rows if row.what == what} == {"operando", "bluesky_0mq"}
    assert all(not row.lost for row in rows if row.name == "operando")
