"""The potentiostat: voltage, current and charge of the cell, on the world's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ophyd import Component, Device, Signal

from operando_sim.cell import Cell

if TYPE_CHECKING:
    from ophyd.device import OrderedDictType

    from operando_sim.world import World

__all__ = ["Potentiostat"]

_UNITS = {"voltage": "V", "current": "uA", "charge": "uAh"}


class Potentiostat(Device):
    """Reads the cell each time a few seconds of the world have passed.

    It can be read, and monitored as a whole (one event with all three) or signal by signal. Current and
    charge are positive while lithium goes into the sample. Timestamps are the world's.
    """

    SUB_READING = "reading"
    _default_sub = SUB_READING

    voltage = Component(Signal, value=0.0, kind="hinted")
    current = Component(Signal, value=0.0, kind="normal")
    charge = Component(Signal, value=0.0, kind="hinted")
    host_nmol = Component(Signal, value=0.0, kind="config")

    def __init__(self, world: World, *, name: str) -> None:
        super().__init__(name=name)
        self._world = world
        self._cell = Cell(world)
        self._due_s = world.time_s
        self.host_nmol.put(world.settings.cell.host_nmol, timestamp=world.time_s)
        world.tell_of_time(self._tick)
        self._tick()

    def describe(self) -> OrderedDictType:
        """Describe voltage (V), current (µA) and charge (µAh)."""
        keys: Any = super().describe()
        for signal, units in _UNITS.items():
            keys[getattr(self, signal).name]["units"] = units
        return keys

    def describe_configuration(self) -> OrderedDictType:
        """Describe the amount of host, nmol, from which charge becomes lithium content."""
        keys: Any = super().describe_configuration()
        keys[self.host_nmol.name]["units"] = "nmol"
        return keys

    def _tick(self) -> None:
        time_s = self._world.time_s
        if time_s < self._due_s:
            return
        self._due_s = time_s + self._world.settings.cell.every_s
        reading = self._cell.read(time_s)
        self.voltage.put(reading.voltage_v, timestamp=time_s)
        self.current.put(reading.current_ua, timestamp=time_s)
        self.charge.put(reading.charge_uah, timestamp=time_s)
        self._run_subs(sub_type=self.SUB_READING, timestamp=time_s, value=reading.voltage_v)
