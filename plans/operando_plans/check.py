"""Whether the parts of a microscope can do what a plan asks of them, before anything moves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from operando_plans.field import Field
from operando_plans.parts import Parts
from operando_plans.plan import Device
from operando_plans.region import Region
from operando_plans.stxm import STXM

__all__ = ["check_field", "check_parts", "check_reach", "check_regions"]


def check_parts(stxm: STXM) -> None:
    """Refuse a microscope whose parts are out of reach, or cannot do what every plan does.

    Raises
    ------
    TimeoutError
        A part cannot be reached.
    ValueError
        The shutter does not know its own positions, or the potentiostat cannot be followed.
    """
    if not stxm.connected:
        stxm.wait_for_connection()
    parts = stxm.parts
    for position in (parts.opened, parts.closed) if parts.shutter is not None else ():
        check_reach(parts.shutter, position, "the shutter")
    if parts.potentiostat is not None and not hasattr(parts.potentiostat, "subscribe"):
        msg = f"the potentiostat {parts.potentiostat.name} cannot be subscribed to; leave it out"
        raise ValueError(msg)


def check_regions(parts: Parts, regions: Sequence[Region]) -> None:
    """Refuse regions that the microscope cannot reach, or that cannot be told apart.

    Raises
    ------
    ValueError
        Says which region, what it asks for, and what to change.
    """
    names = [region.name for region in regions]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = f"two regions are called {', '.join(twice)}; give each its own name"
        raise ValueError(msg)
    if all(region.is_control for region in regions):
        msg = "no region is visited in every cycle; give one that is not a control"
        raise ValueError(msg)
    placed = [region for region in regions if region.coarse_um is not None]
    if placed and len(placed) < len(regions):
        missing = ", ".join(region.name for region in regions if region.coarse_um is None)
        msg = f"some regions have a coarse position and {missing} has none; give coarse_um to all or to none"
        raise ValueError(msg)
    if placed and (parts.coarse_x is None or parts.coarse_y is None):
        msg = f"region '{placed[0].name}' has coarse_um, but there is no coarse stage; leave it out"
        raise ValueError(msg)
    _check_controls(regions)
    for region in regions:
        check_field(parts, region.field, f"region '{region.name}'")
        for device, value in _asked(parts, region):
            check_reach(device, value, f"region '{region.name}'")


def _check_controls(regions: Sequence[Region]) -> None:
    """Refuse a control that another region shines on: it would tell nothing of the beam."""
    for control in regions:
        for other in regions:
            if control.is_control and not other.is_control and _overlap(control, other):
                msg = (
                    f"the control '{control.name}' lies under the beam of region '{other.name}', so it would "
                    "not stay dark; move it to where nothing else is scanned"
                )
                raise ValueError(msg)


def _overlap(one: Region, other: Region) -> bool:
    """Return whether two regions share a place of the sample, their pixels counted whole."""
    for axis in (0, 1):
        middles_um, halves_um = [], []
        for region in (one, other):
            coarse_um = (0.0, 0.0) if region.coarse_um is None else region.coarse_um
            points = region.field.points[axis]
            middles_um.append(coarse_um[axis] + region.field.centre_um[axis])
            halves_um.append(0.5 * region.field.size_um[axis] * points / (points - 1))
        if abs(middles_um[0] - middles_um[1]) >= sum(halves_um):
            return False
    return True


def check_field(parts: Parts, field: Field, what: str) -> None:
    """Refuse a field that leaves the travel of the fine stage.

    Raises
    ------
    ValueError
        It does; says where, beginning with `what`.
    """
    for stage, axis in ((parts.sample_x, field.x_um), (parts.sample_y, field.y_um)):
        for end in (axis[0], axis[-1]) if stage is not None else ():
            check_reach(stage, end, what)


def check_reach(device: Device, value: object, what: str) -> None:
    """Refuse a position that a device cannot go to.

    Raises
    ------
    ValueError
        It says so, or its limits do; begins with `what`.
    """
    check_value = getattr(device, "check_value", None)
    if check_value is not None:
        try:
            check_value(value)
        except ValueError as error:
            msg = f"{what} cannot be: {error}"
            raise ValueError(msg) from error
        return
    low, high = getattr(device, "limits", None) or (0.0, 0.0)
    # Equal limits mean none, as in EPICS.
    if low < high and isinstance(value, int | float) and not low <= value <= high:
        limits = f"from {low:g} to {high:g}"
        msg = f"{what} cannot be: {device.name} goes {limits}, not to {value:g}; choose a value inside"
        raise ValueError(msg)


def _asked(parts: Parts, region: Region) -> Iterator[tuple[Device, float]]:
    """Yield the positions of single parts that a region needs."""
    for energy_ev in region.energies_ev:
        yield parts.energy, energy_ev
    if region.coarse_um is not None:
        yield parts.coarse_x, region.coarse_um[0]
        yield parts.coarse_y, region.coarse_um[1]
