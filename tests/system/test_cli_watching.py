"""`operando monitor` with all who may watch it: a page, alarms, a window in another process."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from typer.testing import CliRunner

from operando.app.window.link import Link
from operando.cli import Exit, app
from operando.io.runlog import LogWriter
from scans import documents_of, library, plan_of, stack_of
from windowed import waited_for

RUN = [sys.executable, "-m", "operando"]
ENVIRONMENT = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
PLAN = plan_of(shape=(12, 14))
WRITES = "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + chr(10))"


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    """A recorded run, its references, and a profile with an alarm."""
    with LogWriter(tmp_path / "run.log") as writer:
        writer.append(documents_of(PLAN, stack_of(PLAN, np.random.default_rng(0))), 1.0)
    blocks = ['element = "Fe"\nedge = "L"\nformula = "test"\n']
    for phase in library().phases:
        name = phase.name.replace(" ", "-")
        table = np.column_stack([phase.energy_ev, phase.value])
        np.savetxt(tmp_path / f"{name}.txt", table)
        blocks.append(f'[[phase]]\nname = "{phase.name}"\nfile = "{name}.txt"')
        blocks.append(f"lithium = {phase.lithium}\nmodel = true\n")
    (tmp_path / "library.toml").write_text("\n".join(blocks))
    (tmp_path / "i0.txt").write_text("600 20000\n800 20000\n")
    command = json.dumps([sys.executable, "-I", "-c", WRITES, str(tmp_path / "told")])
    (tmp_path / "profile.toml").write_text(
        f'library = "library.toml"\n[i0]\nmode = "file"\nfile = "i0.txt"\n'
        f'[[alarms]]\nwhen = "ended"\ncommand = {command}\n'
    )
    return tmp_path


def test_a_monitor_is_watched_from_everywhere_and_ends_with_ctrl_c(folder: Path) -> None:
    said = (folder / "stderr").open("w+")
    monitor = subprocess.Popen(
        [*RUN, "monitor", "run.log", "--profile", "profile.toml", "--web", "127.0.0.1:0", "--headless"],
        cwd=folder, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=said,
    )  # fmt: skip
    try:
        found = re.compile(r"http://127\.0\.0\.1:\d+/[\w-]{32}/")
        waited_for(lambda: found.search((folder / "stderr").read_text()) or monitor.poll() is not None)
        address = found.search((folder / "stderr").read_text())
        assert address is not None, (folder / "stderr").read_text()
        waited_for((folder / "told").exists)
        waited_for(lambda: (folder / "told").read_text().endswith("\n"))
        parts = urlsplit(address.group())
        line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30.0)
        line.request("GET", parts.path)
        assert b"<title>Operando" in line.getresponse().read()
        line.close()
        link = Link(folder / "run-lithiation.window")
        waited_for(lambda: (snapshot := link.take()) is not None and snapshot.progress.is_closed)
        assert [moment.cycle for moment in link.history().moments] == [0, 1]
        monitor.send_signal(signal.SIGINT)
        assert monitor.wait(60.0) == Exit.INTERRUPTED
        waited_for(link.cut)
        link.close()
    finally:
        monitor.kill()
        monitor.wait()
        said.close()
    assert (folder / "told").read_text() == "ended: the run has ended: success (run run-1)\n"
    assert not (folder / "run-lithiation.window").exists()
    assert parts.path not in (folder / "run-lithiation.h5").read_bytes().decode("latin-1")


def test_the_page_is_there_before_the_log_is(folder: Path) -> None:
    with (folder / "stderr").open("w+") as said:
        monitor = subprocess.Popen(
            [*RUN, "monitor", "later.log", "--profile", "profile.toml", "--web", "127.0.0.1:0", "--headless"],
            cwd=folder, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=said,
        )  # fmt: skip
        try:
            waited_for(lambda: "waiting for later.log" in (folder / "stderr").read_text())
            address = re.search(r"http://\S+/", (folder / "stderr").read_text())
            assert address is not None
            parts = urlsplit(address.group())
            line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30.0)
            line.request("GET", parts.path)
            assert line.getresponse().status == 200
            line.close()
            monitor.send_signal(signal.SIGINT)
            assert monitor.wait(60.0) == Exit.INTERRUPTED
        finally:
            monitor.kill()
            monitor.wait()


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stderr.replace("\n", " ")


@pytest.mark.parametrize("address", ["0.0.0.0:8080", "192.0.2.1:8080", "beamline.example:8080"])
def test_a_page_beyond_this_machine_is_refused_and_a_tunnel_is_named(folder: Path, address: str) -> None:
    code, said = invoke(
        "monitor", str(folder / "run.log"), "--profile", str(folder / "profile.toml"), "--web", address
    )
    assert code == Exit.CONFIGURATION
    assert "ssh -L 8080:127.0.0.1:8080" in said


def test_an_alarm_that_cannot_be_meant_is_refused_before_anything_starts(folder: Path) -> None:
    profile = folder / "profile.toml"
    profile.write_text(profile.read_text().replace('"ended"', '"sunset"'))
    code, said = invoke("monitor", str(folder / "run.log"), "--profile", str(profile))
    assert code == Exit.CONFIGURATION
    assert "alarms" in said


def test_a_window_without_a_monitor_is_unreachable(folder: Path) -> None:
    for name in ("run.log", "run-lithiation.h5", "run-lithiation.window"):
        code, said = invoke("window", str(folder / name))
        assert code == Exit.UNREACHABLE
        assert "operando monitor" in said
