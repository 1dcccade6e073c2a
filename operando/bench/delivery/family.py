"""The processes of a delivery, started, spoken to and ended from here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from typing import Self

__all__ = ["Child"]

_START_S = 60.0
_END_S = 20.0


class Child:
    """A process that says lines, some of them figures as JSON.

    Parameters
    ----------
    arguments
        Of our own interpreter.

    Raises
    ------
    TimeoutError
        If it does not say in time that it is there.
    """

    def __init__(self, *arguments: str | Path) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
            [sys.executable, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._said: Queue[str] = Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            self.first = self.hear(_START_S)
        except TimeoutError:
            self.end()
            raise

    @classmethod
    def of(cls, role: str, *arguments: str | Path) -> Self:
        """Start a process that plays a role of `operando.bench.delivery.child`."""
        return cls("-m", "operando.bench.delivery.child", role, *arguments)

    def hear(self, patience_s: float) -> str:
        """Return the next line it says.

        Raises
        ------
        TimeoutError
            If it says nothing in time.
        """
        try:
            return self._said.get(timeout=patience_s).strip()
        except Empty:
            message = f"{self._process.args} said nothing within {patience_s:g} s"
            raise TimeoutError(message) from None

    def tell(self) -> None:
        """Tell it to begin."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def figures(self, patience_s: float) -> dict[str, float]:
        """Return the next figures it tells, past whatever else it says."""
        said = ""
        while not said.startswith("{"):
            said = self.hear(patience_s)
        return json.loads(said)

    def last_figures(self) -> dict[str, float]:
        """Tell it to end and return what it tells then."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        self._process.stdin.close()
        return self.figures(_END_S)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def memory_mb(self) -> float:
        """Return what it holds in memory; NaN where the system does not say."""
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        except OSError:
            return float("nan")
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found[1]) / 1e3 if found else float("nan")

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        with suppress(ValueError):  # closed at the end
            for line in self._process.stdout:
                self._said.put(line)
