"""Work that takes seconds, done in a thread of its own while the window goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

__all__ = ["begun_aside"]

_Made = TypeVar("_Made")


def begun_aside(work: Callable[[], _Made]) -> Future[_Made]:
    """Begin some work, and return what will have its result, or what it raised.

    The thread is no daemon: a program that ends meanwhile ends after it, so that no file stays half written.
    """
    made: Future[_Made] = Future()

    def do() -> None:
        try:
            made.set_result(work())
        except Exception as error:  # noqa: BLE001 - raised again where the result is asked for
            made.set_exception(error)

    threading.Thread(target=do, name="operando-aside").start()
    return made
