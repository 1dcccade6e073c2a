r"""Energy with the zone plate following it: one movable that stays in focus.

A zone plate of diameter D and outermost zone width Δr has the focal length f = D Δr / λ = A1 · E, with
A1 = D Δr / (h c). The order sorting aperture (OSA) is A0 before the sample, so the zone plate belongs
f - A0 before the OSA. With its axis counted from the OSA along the beam that is z = A0 - A1 · E, which
is where pystxmcontrol moves it; other axes count upstream, z = A1 · E - A0. Kilcoyne et al., J.
Synchrotron Rad. 10 (2003) 125, doi:10.1107/S0909049502017739.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any, Literal

from ophyd.status import DeviceStatus
from ophyd.utils import LimitError

from operando_plans.positioner import Positioner
from operando_plans.together import Awaited, together

__all__ = ["FocusCorrection", "FocusLaw", "FocusedEnergy"]

_TIMEOUT_S = 60.0
_IN_FOCUS_UM = 0.5
"""Less than the depth of focus, 2 Δr² / λ, and more than a read-back is off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FocusLaw:
    """Where a zone plate belongs at an energy.

    Attributes
    ----------
    a0_um
        Distance from the order sorting aperture to the sample, µm.
    a1_um_per_ev
        Slope of the focal length, µm/eV; 11.6 for a zone plate of 240 µm with outermost zones of 60 nm.
    direction
        Which way the zone plate's axis counts: -1 along the beam, 1 against it.

    Raises
    ------
    ValueError
        A0 is below 0, or A1 is not above 0.
    """

    a0_um: float
    a1_um_per_ev: float
    direction: Literal[-1, 1] = -1

    def __post_init__(self) -> None:
        if not (0 <= self.a0_um < math.inf and 0 < self.a1_um_per_ev < math.inf):
            msg = (
                f"A0 is {self.a0_um} µm and A1 {self.a1_um_per_ev} µm/eV; A0 is a distance of 0 or more, "
                "A1 is above 0: give the sign of the axis by `direction`"
            )
            raise ValueError(msg)

    def focal_length_um(self, energy_ev: float) -> float:
        """Return the focal length, µm."""
        return self.a1_um_per_ev * energy_ev

    def zone_plate_um(self, energy_ev: float) -> float:
        """Return where the zone plate's axis has to be, µm."""
        return self.direction * (self.focal_length_um(energy_ev) - self.a0_um)


class FocusedEnergy:
    """Monochromator and zone plate as one axis in eV, called as the monochromator is.

    A move is over when both are there. Where the zone plate cannot follow, an energy is refused before
    anything moves.

    Parameters
    ----------
    monochromator
        In eV.
    zone_plate
        In µm.
    law
        Where the zone plate belongs.
    timeout_s
        How long both may take together.

    Attributes
    ----------
    focus
        The correction of the zone plate's place, a movable of its own.
    """

    parent = None

    def __init__(
        self,
        monochromator: Positioner,
        zone_plate: Positioner,
        law: FocusLaw,
        *,
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        self.name = monochromator.name
        self.law = law
        self.monochromator = monochromator
        self.zone_plate = zone_plate
        self.timeout_s = timeout_s
        self.focus = FocusCorrection(self)
        self._asked_ev: float | None = None
        self._made_s = time.time()

    @property
    def position(self) -> float:
        """Energy read back, eV."""
        return self.monochromator.position

    @property
    def connected(self) -> bool:
        """Whether both are in reach."""
        return all(getattr(axis, "connected", True) for axis in (self.monochromator, self.zone_plate))

    @property
    def hints(self) -> dict[str, Any]:
        """The energy is what matters."""
        return dict(self.monochromator.hints)

    @property
    def asked_ev(self) -> float:
        """The energy that was asked for last, eV, or that read back after a stop.

        A read-back would add its noise to the focus.
        """
        return self.position if self._asked_ev is None else self._asked_ev

    def wait_for_connection(self, *, timeout: float | None = 2.0) -> None:
        """Wait until both are in reach."""
        for axis in (self.monochromator, self.zone_plate):
            wait = getattr(axis, "wait_for_connection", None)
            if wait is not None:
                wait(timeout=timeout)

    def zone_plate_um(self, energy_ev: float) -> float:
        """Return where the zone plate goes at an energy, with the correction, µm."""
        return self.law.zone_plate_um(energy_ev) + self.focus.position

    def check_value(self, energy_ev: float) -> None:
        """Refuse an energy that one of both cannot go to.

        Raises
        ------
        LimitError
            Either is out of reach; says which.
        """
        self.monochromator.check_value(energy_ev)
        place_um = self.zone_plate_um(energy_ev)
        _check_place(self.zone_plate, place_um, f"{self.name} cannot go to {energy_ev:g} eV")

    def set(self, energy_ev: float) -> DeviceStatus:
        """Move both; over when both are there.

        Raises
        ------
        LimitError
            One of both cannot go there; nothing moved.
        """
        self.check_value(energy_ev)
        self._asked_ev = float(energy_ev)
        place_um = self.zone_plate_um(energy_ev)
        moves = {
            self.zone_plate.name: self.zone_plate.set(place_um),
            self.monochromator.name: self.monochromator.set(energy_ev),
        }
        return together(self, moves, f"{self.name} going to {energy_ev:g} eV", self.timeout_s)

    def stop(self, *, success: bool = False) -> None:
        """Stop both, also when one of them fails to."""
        self._asked_ev = None
        try:
            self.monochromator.stop(success=success)
        finally:
            self.zone_plate.stop(success=success)

    def read(self) -> dict[str, Any]:
        """Return the energy and the place of the zone plate."""
        return {**self.monochromator.read(), **self.zone_plate.read()}

    def describe(self) -> dict[str, Any]:
        """Describe what `read` returns."""
        return {**self.monochromator.describe(), **self.zone_plate.describe()}

    def read_configuration(self) -> dict[str, Any]:
        """Return A0, A1 and direction, and what both say themselves."""
        return {
            **self.monochromator.read_configuration(),
            **self.zone_plate.read_configuration(),
            **{key: {"value": value, "timestamp": self._made_s} for key, (value, _) in self._law().items()},
        }

    def describe_configuration(self) -> dict[str, Any]:
        """Describe what `read_configuration` returns."""
        return {
            **self.monochromator.describe_configuration(),
            **self.zone_plate.describe_configuration(),
            **{
                key: {"source": "profile", "dtype": "number", "shape": [], "units": units}
                for key, (_, units) in self._law().items()
            },
        }

    def _law(self) -> dict[str, tuple[float, str]]:
        return {
            f"{self.name}_a0_um": (self.law.a0_um, "um"),
            f"{self.name}_a1_um_per_ev": (self.law.a1_um_per_ev, "um/eV"),
            f"{self.name}_zone_plate_direction": (float(self.law.direction), ""),
        }


class FocusCorrection:
    """How far the zone plate is kept from where the law puts it, µm; it moves the zone plate alone.

    Its position is what is kept at every energy: what was asked for last, or, where a move was stopped or
    failed, how far it came.
    """

    parent = None

    def __init__(self, energy: FocusedEnergy, *, name: str = "focus") -> None:
        self.name = name
        self._energy = energy
        self._correction_um = 0.0

    @property
    def position(self) -> float:
        """The correction, µm."""
        return self._correction_um

    @property
    def hints(self) -> dict[str, list[str]]:
        """Nothing of it need be seen."""
        return {"fields": []}

    def check_value(self, correction_um: float) -> None:
        """Refuse a correction that the zone plate cannot follow.

        Raises
        ------
        LimitError
            It is out of reach.
        """
        energy = self._energy
        place_um = energy.law.zone_plate_um(energy.asked_ev) + correction_um
        _check_place(energy.zone_plate, place_um, f"{self.name} cannot be corrected by {correction_um:g} µm")

    def set(self, correction_um: float) -> DeviceStatus:
        """Move the zone plate.

        Raises
        ------
        LimitError
            It cannot go there; nothing moved.
        """
        self.check_value(correction_um)
        energy = self._energy
        self._correction_um = float(correction_um)
        move = energy.zone_plate.set(energy.zone_plate_um(energy.asked_ev))
        move.add_callback(self._keep_what_was_reached)
        aim = f"{self.name} going to {correction_um:g} µm"
        return together(self, {energy.zone_plate.name: move}, aim, energy.timeout_s)

    def stop(self, *, success: bool = False) -> None:
        """Stop the zone plate."""
        self._energy.zone_plate.stop(success=success)

    def read(self) -> dict[str, Any]:
        """Return the correction, at the time at which the zone plate was read."""
        times = [reading["timestamp"] for reading in self._energy.zone_plate.read().values()]
        return {self.name: {"value": self.position, "timestamp": max(times)}}

    def describe(self) -> dict[str, Any]:
        """Describe the correction."""
        return {self.name: {"source": "focus", "dtype": "number", "shape": [], "units": "um"}}

    def read_configuration(self) -> dict[str, Any]:
        """Return nothing: the law is configuration of the energy."""
        return {}

    def describe_configuration(self) -> dict[str, Any]:
        """Describe nothing."""
        return {}

    def _keep_what_was_reached(self, _move: Awaited) -> None:
        energy = self._energy
        reached_um = energy.zone_plate.position - energy.law.zone_plate_um(energy.asked_ev)
        # Not by the success of the move: a pause stops it and calls that success.
        if abs(reached_um - self._correction_um) > _IN_FOCUS_UM:
            self._correction_um = reached_um


def _check_place(zone_plate: Positioner, place_um: float, refusal: str) -> None:
    if not math.isfinite(place_um):
        raise LimitError(f"{refusal}: that is not a number")
    try:
        zone_plate.check_value(place_um)
    except LimitError as error:
        msg = f"{refusal}: {zone_plate.name} would have to be at {place_um:.1f} µm ({error})"
        raise LimitError(msg) from error
