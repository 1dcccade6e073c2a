"""The acquisition of the demonstration: a process of its own that does not outlive whoever started it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from operando.app.simulate import Cell, simulate
from operando.errors import OperandoError

__all__ = ["end", "start"]

_log = logging.getLogger(__name__)

_STOP_TIMEOUT_S = 15.0
_REPEAT_S = 5.0
_ABORTED = 130


def start(cell: Cell, log: Path, speed: float | None) -> subprocess.Popen[bytes]:
    """Start the acquisition of an experiment into a run log.

    It aborts its plan when it is terminated, and when its standard input closes: that happens also when
    this process is killed.

    Parameters
    ----------
    cell
        Which experiment.
    log
        The run log to write.
    speed
        World seconds per wall second; None for as fast as it can.
    """
    # A session of its own: Ctrl-C reaches the monitor, which then ends the acquisition properly.
    started = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", __name__, str(log)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert started.stdin is not None  # noqa: S101 - a pipe was asked for
    # Whether it is still there, its exit code tells.
    with contextlib.suppress(BrokenPipeError):
        started.stdin.write(json.dumps({"cell": asdict(cell), "speed": speed}).encode() + b"\n")
        started.stdin.flush()
    return started


def end(acquisition: subprocess.Popen[bytes]) -> None:
    """See to it that the acquisition has ended: it aborts its plan and closes the shutter."""
    if acquisition.poll() is None:
        acquisition.terminate()
    try:
        acquisition.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        acquisition.kill()
        acquisition.wait()
    finally:
        if acquisition.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                acquisition.stdin.close()


def _run(log: Path, orders: BinaryIO) -> int:
    said: dict[str, Any] = json.loads(orders.readline())
    fields: dict[str, Any] = {**said["cell"], "energies_ev": tuple(said["cell"]["energies_ev"])}
    threading.Thread(target=_abort_at_end, args=(orders,), daemon=True).start()
    try:
        status = simulate(Cell(**fields), log, speed=said["speed"])
    except OperandoError as error:
        _log.error("%s", error)
        return 1
    return 0 if status == "success" else _ABORTED


def _abort_at_end(orders: BinaryIO) -> None:
    """Abort the plan when nobody holds the other end any more."""
    # Past the buffer, whose lock a thread must not hold when the interpreter ends.
    while os.read(orders.fileno(), 1):
        pass  # what is said does not matter, only that nobody can say anything any more
    while True:
        os.kill(os.getpid(), signal.SIGTERM)
        # A plan that has not begun cannot be aborted: then again.
        threading.Event().wait(_REPEAT_S)


if __name__ == "__main__":
    logging.basicConfig(format="%(levelname)s: %(message)s")
    sys.exit(_run(Path(sys.argv[1]), sys.stdin.buffer))
