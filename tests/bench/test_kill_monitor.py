"""The short form of the campaign that kills the monitor: `python tests/bench/kill_monitor.py`."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL and fork")
@pytest.mark.parametrize("seed", [1])
def test_twenty_kills_leave_what_offline_leaves(seed: int) -> None:
    command = [
        sys.executable,
        Path(__file__).with_name("kill_monitor.py"),
        "--kills",
        "20",
        "--seed",
        str(seed),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("20 kills of the monitor in 1 series: 1 of 1 equal to offline")
    assert " 0 bad records" in done.stdout
