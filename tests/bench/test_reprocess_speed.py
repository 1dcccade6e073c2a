"""The measurement of many recordings runs, and what it fits is the same; it asserts no times."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = ("--runs", "2", "--pixels", "20", "--cycles", "1", "--replays", "1")


@pytest.mark.bench
def test_two_runs_are_fitted_by_one_and_by_two_workers_to_the_same_bytes(tmp_path: Path) -> None:
    script = Path(__file__).with_name("reprocess_speed.py")
    command = [sys.executable, script, *SMALL, "--logs", tmp_path / "logs"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=200)
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    assert (found["runs"], found["replayed"]) == (2, 1)
    assert found["differ_between_one_and_two"] == found["differ_from_replay"] == 0
