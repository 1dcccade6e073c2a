"""A process that fits recordings: jobs come as lines on stdin, what has come of them goes to stdout."""

from __future__ import annotations

import logging
import os
import signal
import sys

from operando.app.many.job import answer

__all__ = ["work"]

_MOST_REMARKS = 20


class _Remarks(logging.Handler):
    """Keep what is logged while one job is done."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record as one line."""
        self.said.append(" ".join(record.getMessage().split()))

    def take(self) -> tuple[str, ...]:
        """Return what was said since, each sentence once, and forget it."""
        said = tuple(dict.fromkeys(self.said))
        self.said.clear()
        more = len(said) - _MOST_REMARKS
        return (*said[:_MOST_REMARKS], *((f"and {more} more warnings",) if more > 0 else ()))


def work() -> None:
    """Do each job on stdin, one after the other, until there are no more."""
    # Ctrl-C reaches the whole group; who gave the jobs decides what becomes of them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a library prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    remarks = _Remarks()
    logging.basicConfig(level=logging.WARNING, handlers=[remarks])
    for line in sys.stdin:
        print(answer(line, remarks.take), file=answers, flush=True)


if __name__ == "__main__":
    work()
