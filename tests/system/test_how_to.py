"""The how-to's own code runs as it stands, and what it records can be fitted."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from operando.app.work import Options, work_of
from operando.io.runlog import LogReader
from operando.io.sources import RecordedLog
from operando.live.monitor import Monitor
from operando_sim import LIXV2O5
from operando_sim.references import write_references

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"


def code_in(page: str) -> str:
    (code,) = re.findall(r"```python\n(.*?)```", (HOW_TO / page).read_text(encoding="utf-8"), re.DOTALL)
    return code


@pytest.fixture(scope="module")
def assembled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("assembled")
    script = folder / "microscope.py"
    script.write_text(code_in("assemble-a-microscope.md"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], cwd=folder, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_the_microscope_of_the_how_to_reads_all_its_parts(assembled: tuple[Path, str]) -> None:
    readings = dict(line.split(maxsplit=1) for line in assembled[1].splitlines())
    assert {"energy", "ZonePlateZ", "focus", "polarization", "CoarseX", "SampleX", "shutter"} <= set(readings)
    assert {"counter", "counter_i0", "ring_current", "potentiostat_charge"} <= set(readings)
    assert readings["shutter"] == "closed"
    # In focus at the energy where it stands.
    assert float(readings["ZonePlateZ"]) == pytest.approx(
        500.0 - 6.77506 * float(readings["energy"]), abs=0.01
    )


def test_what_it_recorded_has_every_line_and_the_potentiostat_beside_it(assembled: tuple[Path, str]) -> None:
    folder, _ = assembled
    write_references(folder, LIXV2O5)
    work = work_of(Options(references=folder / "library.toml", gain=0.8, i0="channel"))
    monitor = Monitor(RecordedLog(LogReader(folder / "microscope.runlog"), "log"), work)
    while monitor.pull():
        pass
    monitor.finish()
    assert monitor.newest is not None
    assert monitor.newest.progress.lines_seen == monitor.newest.progress.lines_planned == 3 * 5 * 32
    assert monitor.newest.curve.cycle.size == 3
    with LogReader(folder / "microscope.runlog") as log:
        documents = log.read(0, 10_000)
    streams = {logged.document.get("name") for logged in documents if logged.name == "descriptor"}
    assert streams >= {"primary", "potentiostat"}
