"""Jobs done in processes of this machine: one thread a process, which only waits for its answers."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress

from operando.app.ending import Exit
from operando.app.many.job import Done, Job, done_from, text_of, undone

__all__ = ["WORKER", "fit_in_processes"]

WORKER = (sys.executable, "-m", "operando.app.many.worker")
"""What is run in each process."""

_THREADS = ("OMP", "OPENBLAS", "MKL", "NUMBA")
_ONE_THREAD = dict.fromkeys((f"{name}_NUM_THREADS" for name in _THREADS), "1")
"""So that the processes do not fight for the cores."""

_FAREWELL_S = 5.0


def fit_in_processes(jobs: Sequence[Job], workers: int, command: Sequence[str] = WORKER) -> Generator[Done]:
    """Yield what has come of each job, in the order in which they are done.

    A process that ends before its answer costs its own job and no other.

    Parameters
    ----------
    jobs
        What is to be done.
    workers
        How many processes.
    command
        What is run in each: reads jobs and writes answers, as `operando.app.many.worker`.
    """
    idle: queue.SimpleQueue[_Process | None] = queue.SimpleQueue()
    for _ in range(workers):
        idle.put(None)
    there: list[_Process] = []
    is_over = threading.Event()

    def do(job: Job) -> Done:
        process = idle.get()
        try:
            if process is None:
                process = _Process(command)
                there.append(process)
                if is_over.is_set():
                    process.end()  # it was started while the others were ended
            done = process.do(job)
            if process.has_ended:
                # One after another may end: their pipes must not add up.
                process.close()
                there.remove(process)
                process = None
            return done
        except OSError as error:
            return undone(job, Exit.FAILED, f"no process can be started ({error}); give fewer --workers")
        finally:
            idle.put(process)

    pool = ThreadPoolExecutor(workers)
    try:
        for future in as_completed([pool.submit(do, job) for job in jobs]):
            yield future.result()
    finally:
        # Also where nobody wants the rest: what is being done ends with its process.
        is_over.set()
        pool.shutdown(wait=False, cancel_futures=True)
        for process in tuple(there):
            process.end()
        pool.shutdown()
        for process in there:
            process.end()
            process.close()


class _Process:
    """A process that takes one job at a time."""

    def __init__(self, command: Sequence[str]) -> None:
        self.has_ended = False
        self._child = subprocess.Popen(  # noqa: S603 - our own module
            [*command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, **_ONE_THREAD},
        )

    def do(self, job: Job) -> Done:
        """Return what has come of a job; waits for it."""
        assert self._child.stdin is not None  # noqa: S101 - as it was started
        assert self._child.stdout is not None  # noqa: S101
        try:
            print(text_of(job), file=self._child.stdin, flush=True)
            line = self._child.stdout.readline()
        except (OSError, ValueError):  # the pipe is broken, or closed
            line = ""
        try:
            return done_from(line)
        except ValueError:
            self.has_ended = True
        if line.endswith("\n"):
            self._child.kill()
            self._child.wait()
            return undone(job, Exit.FAILED, f"the process that fitted it answered {line.strip()!r:.80}")
        # A line without an end is what it had said of its answer when it ended.
        return undone(job, Exit.FAILED, f"the process that fitted it ended {_how(self._child.wait())}")

    def end(self) -> None:
        """End it: at once if it is at work."""
        self._child.terminate()
        try:
            self._child.wait(_FAREWELL_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def close(self) -> None:
        """Let go of its pipes, once nobody waits for it."""
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was not yet read by a process that has ended
                    pipe.close()


def _how(code: int) -> str:
    if code >= 0:
        return f"with exit code {code}; what it said stands above"
    name = signal.Signals(-code).name
    hint = ": was there too little memory?" if name == "SIGKILL" else ""
    return f"by {name}{hint}"
