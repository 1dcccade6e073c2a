"""Thin ophyd devices over one simulated world: motors, shutter, point counter and ring current."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ophyd import Component, Device, Signal, SoftPositioner
from ophyd.status import DeviceStatus, MoveStatus
from ophyd.utils import LimitError

if TYPE_CHECKING:
    from ophyd.device import OrderedDictType

    from operando_sim.world import World

__all__ = ["Counter", "Energy", "RingCurrent", "SampleX", "SampleY", "Shutter"]


Position = TypeVar("Position", float, str)


class _WorldPositioner(SoftPositioner, Generic[Position]):
    """A positioner whose place is kept by the world; a move is over when `set` returns.

    Its timestamps are the world's.
    """

    def __init__(self, world: World, *, name: str, egu: str, limits: tuple[float, float]) -> None:
        super().__init__(name=name, egu=egu, limits=limits, source=f"sim:{name}", kind="hinted")
        self._world = world

    def read(self) -> OrderedDict[str, dict[str, Any]]:
        """Return the position and the world's time."""
        return OrderedDict({self.name: {"value": self.position, "timestamp": self._world.time_s}})

    def check_value(self, pos: Position) -> None:
        """Raise LimitError unless `pos` is within the limits."""
        low, high = self.limits
        if not low <= float(pos) <= high:
            raise LimitError(
                f"{self.name} cannot go to {pos} {self.egu}; "
                f"its limits are {low:g} to {high:g} {self.egu}: choose a position inside"
            )

    def _setup_move(self, position: Position, status: MoveStatus) -> None:
        del status  # finished by _done_moving, which it is subscribed to
        self._run_subs(sub_type=self.SUB_START, timestamp=self._world.time_s)
        self._go(position)
        self._set_position(self.position, timestamp=self._world.time_s)
        self._done_moving(success=True, timestamp=self._world.time_s, value=self.position)

    def _go(self, position: Position) -> None:
        raise NotImplementedError


class Energy(_WorldPositioner[float]):
    """Photon energy in eV."""

    def __init__(self, world: World, *, name: str) -> None:
        super().__init__(world, name=name, egu="eV", limits=world.energy_limits_ev)

    @property
    def position(self) -> float:
        """Energy read back, eV."""
        return self._world.energy_ev

    def _go(self, position: float) -> None:
        self._world.set_energy(position)


class SampleX(_WorldPositioner[float]):
    """Stage axis along a line, µm."""

    def __init__(self, world: World, *, name: str) -> None:
        super().__init__(world, name=name, egu="um", limits=world.stage_limits_um)

    @property
    def position(self) -> float:
        """Position in µm."""
        return self._world.position_um[0]

    def _go(self, position: float) -> None:
        self._world.move_stage(position, self._world.position_um[1])


class SampleY(_WorldPositioner[float]):
    """Stage axis across the lines, µm."""

    def __init__(self, world: World, *, name: str) -> None:
        super().__init__(world, name=name, egu="um", limits=world.stage_limits_um)

    @property
    def position(self) -> float:
        """Position in µm."""
        return self._world.position_um[1]

    def _go(self, position: float) -> None:
        self._world.move_stage(self._world.position_um[0], position)


class Shutter(_WorldPositioner[str]):
    """The photon shutter: "open" or "closed"."""

    def __init__(self, world: World, *, name: str) -> None:
        super().__init__(world, name=name, egu="", limits=(0.0, 0.0))

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

    def _go(self, position: str) -> None:
        if position == "open":
            self._world.open_shutter()
        else:
            self._world.close_shutter()


class Counter(Device):
    """The point detector, with the incident-beam monitor beside it; counts where the stage is."""

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


class RingCurrent(Device):
    """The storage ring's current in mA."""

    current_ma = Component(Signal, value=0.0, kind="hinted")

    def __init__(self, world: World, *, name: str) -> None:
        super().__init__(name=name)
        self._world = world
        self.current_ma.name = name

    def read(self) -> OrderedDictType:
        """Return the current as of now."""
        self.current_ma.put(self._world.ring_current_ma, timestamp=self._world.time_s)
        return super().read()

    def describe(self) -> OrderedDictType:
        """Describe it as a number in mA."""
        keys: Any = super().describe()
        keys[self.name]["units"] = "mA"
        return keys
