"""Thin ophyd devices over one simulated world: shutter, point counter and ring current."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np
from ophyd import Component, Device, Signal, SoftPositioner
from ophyd.status import DeviceStatus, MoveStatus

if TYPE_CHECKING:
    from ophyd.device import OrderedDictType

    from operando_sim.world import World

__all__ = ["Counter", "RingCurrent", "Shutter"]

_LOOK_S = 0.1
"""How often the ring current is looked at."""


class Shutter(SoftPositioner):
    """The photon shutter: "open" or "closed"; it is there when `set` returns."""

    def __init__(self, world: World, *, name: str) -> None:
        super().__init__(name=name, source=f"sim:{name}", kind="hinted")
        self._world = world

    @property
    def position(self) -> str:
        """Either "open" or "closed"."""
        return "open" if self._world.is_shutter_open else "closed"

    def check_value(self, pos: str) -> None:
        """Raise ValueError unless `pos` is a position of a shutter."""
        if pos not in ("open", "closed"):
            raise ValueError(f'{self.name} cannot be set to {pos!r}; set it to "open" or "closed"')

    def describe(self) -> OrderedDict[str, dict[str, Any]]:
        """Describe the position; it has neither units nor limits."""
        return OrderedDict({self.name: {"source": self.source, "dtype": "string", "shape": []}})

    def read(self) -> OrderedDict[str, dict[str, Any]]:
        """Return the position and the world's time."""
        return OrderedDict({self.name: {"value": self.position, "timestamp": self._world.time_s}})

    def _setup_move(self, position: str, status: MoveStatus) -> None:
        del status  # finished by _done_moving, which it is subscribed to
        self._run_subs(sub_type=self.SUB_START, timestamp=self._world.time_s)
        if position == "open":
            self._world.open_shutter()
        else:
            self._world.close_shutter()
        self._set_position(self.position, timestamp=self._world.time_s)
        self._done_moving(success=True, timestamp=self._world.time_s, value=self.position)


class Counter(Device):
    """The point detector and the incident-beam monitor: two channels of one counter, where the stage is."""

    counts = Component(Signal, value=0.0, kind="hinted")
    i0 = Component(Signal, value=0.0, kind="normal")
    dwell_ms = Component(Signal, value=1.0, kind="config")

    def __init__(self, world: World, *, name: str) -> None:
        super().__init__(name=name)
        self._world = world
        self.counts.name = name
        for signal in (self.counts, self.i0, self.dwell_ms):
            signal.put(signal.get(), timestamp=world.time_s)

    def trigger(self) -> DeviceStatus:
        """Count for `dwell_ms`; over when this returns."""
        dwell_ms: Any = self.dwell_ms.get()
        exposure = self._world.expose_point(float(dwell_ms))
        self.counts.put(float(exposure.counts[0]), timestamp=self._world.time_s)
        self.i0.put(float(exposure.i0[0]), timestamp=self._world.time_s)
        status = DeviceStatus(self)
        status.set_finished()
        return status

    def describe(self) -> OrderedDictType:
        """Describe both channels as counts."""
        keys: Any = super().describe()
        for channel in (self.counts, self.i0):
            keys[channel.name]["units"] = "counts"
        return keys

    def describe_configuration(self) -> OrderedDictType:
        """Describe the dwell as a time in ms."""
        keys: Any = super().describe_configuration()
        keys[self.dwell_ms.name]["units"] = "ms"
        return keys


class RingCurrent(Device):
    """The storage ring's current in mA.

    It can be read, and subscribed to: as time passes it says the lowest current since it last did, and then
    the present one, as records that are looked at ten times a second would.
    """

    SUB_READING = "reading"
    _default_sub = SUB_READING

    current_ma = Component(Signal, value=0.0, kind="hinted")

    def __init__(self, world: World, *, name: str) -> None:
        super().__init__(name=name)
        self._world = world
        self._said_s = world.time_s
        self.current_ma.name = name
        world.tell_of_time(self._tick)

    def read(self) -> OrderedDictType:
        """Return the current as of now."""
        self.current_ma.put(self._world.ring_current_ma, timestamp=self._world.time_s)
        return super().read()

    def describe(self) -> OrderedDictType:
        """Describe it as a number in mA."""
        keys: Any = super().describe()
        keys[self.name]["units"] = "mA"
        return keys

    def _tick(self) -> None:
        time_s = self._world.time_s
        looks = int((time_s - self._said_s) / _LOOK_S)
        if looks == 0:
            return
        looked_s = self._said_s + _LOOK_S * np.arange(1, looks + 1)
        self._said_s = float(looked_s[-1])
        current_ma = self._world.ring_currents_ma(looked_s)
        for look in sorted({int(np.argmin(current_ma)), looks - 1}):
            said_ma, said_s = float(current_ma[look]), float(looked_s[look])
            self.current_ma.put(said_ma, timestamp=said_s)
            self._run_subs(sub_type=self.SUB_READING, timestamp=said_s, value=said_ma)
