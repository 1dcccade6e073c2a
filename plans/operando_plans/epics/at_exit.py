"""Silence of the Channel Access client once the interpreter ends: what is said then helps nobody."""

from __future__ import annotations

import logging
import threading

__all__ = ["be_silent_at_exit"]


def be_silent_at_exit() -> None:
    """Drop what caproto says after the main thread has ended.

    Records go on changing while the interpreter ends, and it complains of each that nobody is left to be
    told of it.
    """
    for name in ("caproto.circ", "caproto.ch", "caproto.bcast", "caproto.ctx"):
        logging.getLogger(name).addFilter(_is_said)


def _is_said(_record: logging.LogRecord) -> bool:
    return threading.main_thread().is_alive()
