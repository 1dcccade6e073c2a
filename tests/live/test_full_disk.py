"""A disk that is really full: the recorder of a process that may not write more than so much."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from operando.io.runlog import LogReader
from verified import verify

FILLED = """
import json, resource, signal, sys
import numpy as np
from operando.live import Recorder

path, count = sys.argv[1], int(sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
said = {}
with Recorder(path, retry_s=0.01) as recorder:
    recorder("start", {"uid": "run"})
    assert recorder.flush(60)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, most))
    for n in range(count):
        recorder("event", {"descriptor": "d", "seq_num": n + 1, "image": np.full(10_000, float(n))})
    recorder.flush(2)
    full = recorder.status
    said["full"] = {"alarm": full.alarm, "written": full.written, "queued": full.queued}
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert recorder.flush(60)
    said["after"] = {"alarm": recorder.status.alarm, "written": recorder.status.written}
print(json.dumps(said))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_what_a_full_disk_held_up_is_written_when_there_is_room_again(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    done = subprocess.run(
        [sys.executable, "-c", FILLED, path, "100"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert "make room on the disk" in said["full"]["alarm"]
    assert said["full"]["queued"] > 50
    assert said["full"]["written"] + said["full"]["queued"] == 101
    assert said["after"] == {"alarm": "", "written": 101}
    assert done.stderr.count("fails: ") == 1, "it says so once"
    assert verify(path).first_bad_seq is None
    with LogReader(path) as log:
        found = [row.document.get("seq_num", 0) for row in log.read(0, 1000)]
    assert found == list(range(101))
