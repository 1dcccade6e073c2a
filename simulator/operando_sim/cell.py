"""The electrochemical cell: what the lithium in the particles means for voltage, current and charge.

Voltages are models with plateaus where such materials have them, not measurements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from operando_sim.world import World

__all__ = ["Cell", "Reading", "open_circuit_v"]

_FARADAY_UC_PER_NMOL = 96.485_332_12
_UC_PER_UAH = 3600.0
_SLOPE_OVER_S = 10.0

_OPEN_CIRCUIT_V = {
    # Li_xV2O5: plateaus near 3.4 and 3.2 V, a step at x = 0.5.
    "lixv2o5": ((0.0, 3.55), (0.05, 3.41), (0.45, 3.38), (0.55, 3.21), (0.95, 3.18), (1.05, 2.6)),
    # Li_xFePO4: one plateau at 3.43 V.
    "lixfepo4": ((0.0, 3.75), (0.03, 3.44), (0.97, 3.42), (1.0, 2.8)),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What the potentiostat says.

    Attributes
    ----------
    voltage_v
        Against lithium.
    current_ua, charge_uah
        Positive while lithium goes into the sample.
    """

    voltage_v: float
    current_ua: float
    charge_uah: float


class Cell:
    """The cell that the particles of a world are part of: all of its host is at their mean lithium content.

    Q(t) = n F (x(t) - x(0)) + leak · t, so that x follows from the charge but for the leak.

    Parameters
    ----------
    world
        Whose particles they are.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._begun_s = world.settings.start_time_s
        self._first_x = world.mean_lithium(self._begun_s)

    def read(self, time_s: float) -> Reading:
        """Return what the cell shows at a world time."""
        settings = self._world.settings.cell
        charge_per_x_uah = settings.host_nmol * _FARADAY_UC_PER_NMOL / _UC_PER_UAH
        x, later_x = (self._world.mean_lithium(at) for at in (time_s, time_s + _SLOPE_OVER_S))
        leak_uah = settings.leak_ua * (time_s - self._begun_s) / 3600.0
        current_ua = charge_per_x_uah * (later_x - x) / _SLOPE_OVER_S * 3600.0 + settings.leak_ua
        open_circuit_v_now = open_circuit_v(self._world.settings.sample.material, x)
        return Reading(
            voltage_v=open_circuit_v_now - 1e-6 * current_ua * settings.resistance_ohm,
            current_ua=current_ua,
            charge_uah=charge_per_x_uah * (x - self._first_x) + leak_uah,
        )


def open_circuit_v(material: str, lithium: float) -> float:
    """Return the voltage against lithium of a model material at rest.

    Raises
    ------
    KeyError
        There is no such material.
    """
    contents, volts = np.array(_OPEN_CIRCUIT_V[material]).T
    return float(np.interp(lithium, contents, volts))
