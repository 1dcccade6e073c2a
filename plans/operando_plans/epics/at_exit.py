"""Silence of the Channel Access client once the interpreter ends: what is said then helps nobody."""

from __future__ import annotations

import logging
import threading

__all__ = ["is_said"]


def is_said(record: logging.LogRecord) -> bool:
    """Return whether a message is of a running program.

    Records go on changing while the interpreter ends, and caproto complains of each that nobody is left to
    be told of it.
    """
    del record
    return threading.main_thread().is_alive()


for _name in ("caproto.circ", "caproto.ch", "caproto.bcast", "caproto.ctx"):
    logging.getLogger(_name).addFilter(is_said)
