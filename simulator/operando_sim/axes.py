"""The axes of the microscope: how far and how fast each goes, where it is, and which are stuck."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from operando_sim.settings import WorldSettings
    from operando_sim.spectra import Material

__all__ = ["AXES", "Axes", "Axis", "axes_of"]

AXES = ("energy", "sample_x", "sample_y", "coarse_x", "coarse_y", "zone_plate", "polarization")
"""What can be moved, and can get stuck."""

# Fine stage travel beyond the field on every side.
_TRAVEL_BEYOND_UM = 20.0


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis can do.

    Attributes
    ----------
    name
        One of `AXES`.
    units
        Of its positions.
    limits
        Lowest and highest position.
    home
        Where it is at first.
    per_s
        Speed, units/s.
    settling_s
        What every move takes at least.
    """

    name: str
    units: str
    limits: tuple[float, float]
    home: float
    per_s: float
    settling_s: float = 0.0

    def duration_s(self, way: float) -> float:
        """Return how long a move takes; none at all if there is no way to go."""
        return 0.0 if way == 0.0 else self.settling_s + abs(way) / self.per_s


class Axes:
    """Where all axes are.

    Parameters
    ----------
    axes
        What they can do.
    """

    def __init__(self, axes: Iterable[Axis]) -> None:
        self._axes = {axis.name: axis for axis in axes}
        self._position = {axis.name: axis.home for axis in self._axes.values()}
        self._stuck: set[str] = set()

    def __getitem__(self, name: str) -> Axis:
        """Return what an axis can do.

        Raises
        ------
        ValueError
            There is no such axis.
        """
        if name not in self._axes:
            raise ValueError(f"there is no axis {name!r}; choose {', '.join(self._axes)}")
        return self._axes[name]

    def position(self, name: str) -> float:
        """Return where an axis is."""
        return self._position[self[name].name]

    def place(self, name: str, position: float) -> float:
        """Bring an axis somewhere, unless it is stuck; return where it is."""
        if not self.is_stuck(name):
            self._position[name] = float(position)
        return self._position[name]

    def stick(self, name: str) -> None:
        """Let an axis stay where it is."""
        self._stuck.add(self[name].name)

    def release(self, name: str) -> None:
        """Let an axis move again."""
        self._stuck.discard(self[name].name)

    def is_stuck(self, name: str) -> bool:
        """Return whether an axis does not move."""
        return self[name].name in self._stuck


def axes_of(settings: WorldSettings, material: Material) -> tuple[Axis, ...]:
    """Return the axes of a world; one without a zone plate has no axis for it and is always in focus."""
    timing, zone_plate = settings.timing, settings.optics.zone_plate
    reach = 0.5 * settings.sample.field_um + _TRAVEL_BEYOND_UM
    fine, coarse = (-reach, reach), (-timing.coarse_reach_um, timing.coarse_reach_um)
    first_ev = material.energies_ev[0]
    axes = (
        Axis("energy", "eV", material.range_ev, first_ev, float("inf"), timing.energy_move_s),
        Axis("sample_x", "um", fine, 0.0, timing.stage_um_per_s),
        Axis("sample_y", "um", fine, 0.0, timing.stage_um_per_s),
        Axis("coarse_x", "um", coarse, 0.0, timing.coarse_um_per_s),
        Axis("coarse_y", "um", coarse, 0.0, timing.coarse_um_per_s),
        Axis("polarization", "deg", (-90.0, 90.0), 0.0, timing.polarization_deg_per_s),
    )
    if zone_plate is None:
        return axes
    focus_um = zone_plate.focus_um(first_ev)
    return (*axes, Axis("zone_plate", "um", zone_plate.limits_um, focus_um, timing.zone_plate_um_per_s))
