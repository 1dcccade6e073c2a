"""The window that a monitor opens: a process of its own, which may end as it likes."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
from pathlib import Path

from operando.live.monitor import Monitor
from operando.types import Finding

__all__ = ["WindowProcess"]

_log = logging.getLogger(__name__)

_CLOSING_S = 2.0
_INTERRUPTED = 130


class WindowProcess:
    """Start a window, say when it is gone, and close it with the monitor.

    Parameters
    ----------
    plate
        The file that says where the monitor is.
    again
        The command that opens the window again, for people.
    """

    def __init__(self, plate: Path, again: str) -> None:
        self._plate = plate
        self._again = again
        self._process: subprocess.Popen[bytes] | None = None
        self._monitor: Monitor | None = None
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._wait, name="operando-window-process", daemon=True)

    def begin(self, monitor: Monitor) -> None:
        """Open the window; what it cannot do it says itself, on stderr."""
        self._monitor = monitor
        try:
            # A session of its own: Ctrl-C ends the monitor, which then closes the window.
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", "operando", "window", str(self._plate.absolute())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            _log.warning(
                "the window cannot be started (%s), the fit goes on; %s opens it", error, self._again
            )
            return
        self._thread.start()

    def findings(self) -> tuple[Finding, ...]:
        """Return that there is nothing to say: a window shows itself."""
        return ()

    def close(self) -> None:
        """Close the window, whatever it is doing; after a failure it stays, with what it shows."""
        process = self._process
        if process is None or (self._monitor is not None and self._monitor.failure is not None):
            return
        self._is_closing.set()
        process.terminate()
        self._thread.join(_CLOSING_S)
        if self._thread.is_alive():
            # It hangs or is stopped; only this is heard then.
            process.kill()
            self._thread.join(_CLOSING_S)

    def _wait(self) -> None:
        process = self._process
        assert process is not None  # noqa: S101 - started before this thread
        code = process.wait()
        if self._is_closing.is_set():
            return
        if code < 0:
            how = f"the window was ended by {signal.Signals(-code).name}"
        elif code in {0, _INTERRUPTED}:
            how = "the window is closed"
        else:
            how = f"the window ended with exit code {code}"
        _log.warning("%s, the fit goes on; %s opens it again, Ctrl-C ends the monitor", how, self._again)
