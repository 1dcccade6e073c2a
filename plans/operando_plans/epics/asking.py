"""Asking again and again for what a subscription should have told.

A client that lost its server subscribes anew when it is back, but not every client is heard then: the
next move would have arrived, and nobody would say so. Whoever waits therefore also asks.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from ophyd.status import StatusBase

__all__ = ["HEARD_S", "ask_until"]

_log = logging.getLogger(__name__)

HEARD_S = 0.2
"""After so long a subscription has told what it has to tell."""
_EVERY_S = 0.2


def ask_until(is_over: Callable[[], bool], waiting: StatusBase, first_s: float) -> None:
    """Ask in a thread whether something is over, until it is or nobody waits any more.

    Parameters
    ----------
    is_over
        Asks, and does what is to be done if it is. A TimeoutError is no answer; it is asked again.
    waiting
        Ends the asking when it is done, whatever ended it.
    first_s
        When to begin, seconds from now: before, it cannot be over.
    """
    ended = threading.Event()

    def end(_status: object) -> None:
        ended.set()

    waiting.add_callback(end)

    def ask() -> None:
        pause_s = first_s
        while not ended.wait(pause_s):
            pause_s = _EVERY_S
            try:
                if is_over():
                    return
            except TimeoutError as error:
                _log.debug("no answer: %s", error)

    threading.Thread(target=ask, name="asks a record", daemon=True).start()
