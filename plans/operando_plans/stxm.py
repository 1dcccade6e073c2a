"""The microscope as one ophyd device, assembled of whatever parts a profile names."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, cast

from ophyd import Device
from ophyd.utils import ExceptionBundle

from operando_plans.parts import Parts
from operando_plans.together import together

if TYPE_CHECKING:
    from ophyd.device import OrderedDictType
    from ophyd.status import DeviceStatus

__all__ = ["STXM"]

_FLYERS = ("line_flyer", "frame_flyer")


class STXM(Device):
    """A scanning transmission X-ray microscope.

    Its parts are devices of their own, simulated or over EPICS records; nothing here knows which. They
    keep their names, so that documents have the keys that the beamline gave them. Read as one device it
    gives the positions, the counters, the ring current and the potentiostat.

    Parameters
    ----------
    parts
        What it is made of.
    name
        Of the whole.
    """

    def __init__(self, parts: Parts, *, name: str = "stxm") -> None:
        super().__init__(name=name)
        self.parts = parts

    @property
    def readable(self) -> tuple[Any, ...]:
        """The parts that are read with it: all but the flyers, which give their own events."""
        flyers = [getattr(self.parts, flyer) for flyer in _FLYERS]
        return tuple(part for part in self.parts.devices if all(part is not flyer for flyer in flyers))

    @property
    def connected(self) -> bool:
        """Whether all parts that can be out of reach are in reach."""
        return all(getattr(part, "connected", True) for part in self.parts.devices)

    def wait_for_connection(self, all_signals: bool = False, timeout: object = 2.0) -> None:
        """Wait until every part is in reach.

        Raises
        ------
        TimeoutError
            A part is not in reach within `timeout` seconds; says which.
        """
        del all_signals  # each part knows which of its own it needs
        for part in self.parts.devices:
            wait = getattr(part, "wait_for_connection", None)
            if wait is None:
                continue
            try:
                wait(timeout=timeout)
            except TimeoutError as error:
                msg = f"{part.name} of {self.name} cannot be reached: {error}; is its server running?"
                raise TimeoutError(msg) from error

    def trigger(self) -> DeviceStatus:
        """Trigger all counters; done when all are."""
        if not self.parts.counters:
            return super().trigger()
        counting = {counter.name: counter.trigger() for counter in self.parts.counters}
        return together(self, counting, f"{self.name} counting")

    def read(self) -> OrderedDictType:
        """Return what the readable parts read, under their own names."""
        return self._chained("read")

    def describe(self) -> OrderedDictType:
        """Describe what `read` returns."""
        return self._chained("describe")

    def read_configuration(self) -> OrderedDictType:
        """Return the configuration of the readable parts."""
        return self._chained("read_configuration")

    def describe_configuration(self) -> OrderedDictType:
        """Describe what `read_configuration` returns."""
        return self._chained("describe_configuration")

    @property
    def hints(self) -> dict[str, list[str]]:
        """The fields that matter most: those that the parts name."""
        fields: list[str] = []
        for part in self.readable:
            fields.extend(getattr(part, "hints", {}).get("fields", []))
        return {"fields": fields}

    def stop(self, *, success: bool = False) -> None:
        """Stop every part, also when one of them fails to.

        Raises
        ------
        ExceptionBundle
            Some parts could not be stopped; all others were.
        """
        with self._each("stopped") as attempt:
            for part in self.parts.devices:
                stop = getattr(part, "stop", None)
                if stop is not None:
                    with attempt(part):
                        stop(success=success)

    def stage(self) -> list[object]:
        """Stage the whole and every part that can be; if one fails, those before it are unstaged."""
        staged: list[object] = list(super().stage())
        try:
            for part in self._stageable():
                staged.extend(part.stage())
        except BaseException:
            self.unstage()
            raise
        return staged

    def unstage(self) -> list[object]:
        """Unstage every part, the last one first, and the whole, also when one of them fails to.

        Raises
        ------
        ExceptionBundle
            Some parts could not be unstaged; all others were.
        """
        unstaged: list[object] = []
        with self._each("unstaged") as attempt:
            for part in reversed(list(self._stageable())):
                with attempt(part):
                    unstaged.extend(part.unstage())
            with attempt(self):
                unstaged.extend(super().unstage())
        return unstaged

    @contextmanager
    def _each(self, done: str) -> Generator[Callable[[Any], AbstractContextManager[None]]]:
        """Yield what shields the other parts from one that fails; raise for all that did at the end."""
        failures: dict[str, Exception] = {}

        @contextmanager
        def attempt(part: Any) -> Generator[None]:  # noqa: ANN401 - whatever the profile named
            try:
                yield
            except Exception as error:  # noqa: BLE001 - one part that fails must not keep others moving
                failures[part.name] = error

        yield attempt
        if failures:
            words = "; ".join(f"{name}: {error}" for name, error in failures.items())
            msg = f"{len(failures)} of the parts of {self.name} could not be {done}: {words}"
            raise ExceptionBundle(msg, exceptions=failures)

    def _stageable(self) -> Iterator[Any]:
        return (part for part in self.parts.devices if hasattr(part, "stage"))

    def _chained(self, what: str) -> OrderedDictType:
        chained: OrderedDict[str, dict[str, Any]] = OrderedDict()
        for part in self.readable:
            chained.update(getattr(part, what)())
        return cast("OrderedDictType", chained)
