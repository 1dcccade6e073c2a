"""The how-to of the queue, command by command: Redis, manager, environment, a series, and the monitor."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from howto import ROOT, blocks_of
from operando.io.runlog import LogReader

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

pytest.importorskip("caproto", reason="caproto is not installed: the extra `epics` brings it")
pytest.importorskip("bluesky_queueserver", reason="bluesky-queueserver is not installed: the extra `queue`")
if shutil.which("redis-server") is None:
    pytest.skip("there is no redis-server: the system's packages have it", allow_module_level=True)

BLOCKS = blocks_of("run-from-the-queue.md")
PORTS = ("6379", "5064", "60615", "60625")
PATIENCE_S = 90.0
COUNT_CYCLES = (
    'python -c "from operando.io.results import read_results; '
    "print(read_results('series-lithiation.h5').lithium.shape[0])\""
)


class Shell:
    """One shell in which a reader of the how-to works, on ports of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self._environment = dict(os.environ)
        self._started: list[subprocess.Popen[bytes]] = []
        for name in [name for name in self._environment if name.startswith(("EPICS_", "QSERVER_"))]:
            del self._environment[name]
        self._environment["PYTHONPATH"] = os.pathsep.join(sys.path)
        self._environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def run(self, block: str) -> str:
        """Run a block's commands one after the other, and return what they said; some stay behind."""
        said = ""
        for port, free in self._ports.items():
            block = block.replace(port, free)
        # The how-to lets people watch; a command in parts is one.
        for command in block.replace("\\\n", " ").replace("--pace 0.05", "--pace 0").splitlines():
            if command.startswith("export "):
                self._environment |= dict(word.split("=", 1) for word in command.split()[1:])
            elif command.endswith("&"):
                self._start(command.removesuffix("&"))
            else:
                said += self.ask(command)
        return said

    def ask(self, command: str) -> str:
        ended = subprocess.run(
            ["bash", "-c", command],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 0, f"{command}: {ended.stdout}{ended.stderr}"
        return ended.stdout

    def wait(self, command: str, pattern: str) -> str:
        """Ask until the answer has what is waited for; each question starts a program, and takes its time."""
        end_s = time.monotonic() + PATIENCE_S
        said = ""
        while time.monotonic() < end_s:
            with contextlib.suppress(AssertionError):
                said = self.ask(command)
            if re.search(pattern, said):
                return said
        raise AssertionError(f"{command} does not say {pattern}: {said}\n{self.logs()}")

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in self._folder.glob("*.log"))

    def end(self) -> None:
        """End what was started, the last first, with all that it started itself."""
        for process in reversed(self._started):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10.0)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _start(self, command: str) -> None:
        log = self._folder / f"{len(self._started)}.log"
        with log.open("wb") as out:
            self._started.append(
                subprocess.Popen(
                    ["bash", "-c", f"exec {command}"],
                    cwd=self._folder,
                    env=self._environment,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )


def free_ports(number: int) -> list[str]:
    """Return ports that are free for TCP and UDP now."""
    with contextlib.ExitStack() as held:
        ports: list[str] = []
        while len(ports) < number:
            stream = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            stream.bind(("127.0.0.1", 0))
            datagram = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            with contextlib.suppress(OSError):
                datagram.bind(stream.getsockname())
                ports.append(str(stream.getsockname()[1]))
        return ports


@pytest.fixture
def shell(tmp_path: Path) -> Generator[Shell]:
    shutil.copytree(
        ROOT / "profiles" / "epics",
        tmp_path / "profiles" / "epics",
        ignore=shutil.ignore_patterns("*.runlog*", "existing_plans_and_devices.yaml"),
    )
    shell = Shell(tmp_path)
    try:
        yield shell
    finally:
        shell.end()


def test_a_series_runs_from_the_queue_and_the_monitor_follows_it(shell: Shell, tmp_path: Path) -> None:
    shell.run(BLOCKS["start"])
    shell.wait("qserver status", "'manager_state': 'idle'")
    opened, queued, started = BLOCKS["run"].splitlines()
    shell.run(opened)
    shell.wait("qserver status", "'worker_environment_exists': True")
    assert "'success': True" in shell.run(queued)
    monitor = subprocess.Popen(
        [sys.executable, "-m", *BLOCKS["monitor"].split(), "--headless", "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert "'success': True" in shell.run(started)
        shell.wait("qserver history get", "'exit_status': 'completed'")
        log = tmp_path / "profiles" / "epics" / "series.runlog"
        names = [entry.name for entry in LogReader(log).read(0, 100000)]
        assert names[-1] == "stop"
        shell.wait(COUNT_CYCLES, "2")
    finally:
        monitor.send_signal(signal.SIGINT)
        said, complained = monitor.communicate(timeout=60)
    # Interrupted, as it follows for ever.
    assert monitor.returncode == 130, complained
    assert json.loads(said)["lines_seen"] == 2 * 5 * 48
    closed, stopped = BLOCKS["end"].splitlines()
    shell.run(closed)
    shell.wait("qserver status", "'worker_environment_exists': False")
    shell.wait("qserver status", "'manager_state': 'idle'")
    shell.run(stopped)
