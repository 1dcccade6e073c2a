"""What a microscope is made of: parts that speak the bluesky protocols, named by a profile."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

__all__ = ["Parts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of one microscope; None where it has no such part.

    Movable parts take `set(value)` and return a status, can be read, have a `name`, and refuse a
    value they cannot go to by `check_value`, if they have one.

    Attributes
    ----------
    energy
        Movable; photon energy in eV. Where a zone plate has to follow, this is a `FocusedEnergy`.
    line_flyer
        Preparable and flyable line scanner, or None. It is prepared with a mapping of `x_um` (pixel
        centres of the line), `y_um`, `dwell_ms` and `labels` (numbers recorded beside the line), and
        collects one event: `SampleX`, `SampleY`, its counts under its own name, and the labels.
    frame_flyer
        Preparable and flyable raster scanner, or None. It is prepared with a mapping of `x_um`, `y_um`
        (pixel centres of columns and rows), `dwell_ms` and `labels`, and collects one event for the whole
        image: `SampleX`, `SampleY`, its counts (ny, nx) under its own name, and the labels.
    polarization
        Movable to a number, as the undulator counts it.
    coarse_x, coarse_y
        Movable; the stage that brings a field into the reach of the fine stage, µm.
    sample_x, sample_y
        Movable; the fine stage that scans, µm.
    focus
        Movable; correction of the zone plate's place beyond what the energy asks for, µm.
    shutter
        Movable to `opened` and `closed`, or None where the hardware gates the beam itself.
    counters
        Triggerable and readable point detectors.
    ring_current
        Readable, mA; where it can also be subscribed to, a loss within one line is noticed.
    potentiostat
        Readable and subscribable: voltage, current and charge of the cell.
    i0_field
        Key of the incident-beam channel in the flyers' events, or None.
    opened, closed
        What the shutter is set to.
    """

    energy: Any
    line_flyer: Any = None
    frame_flyer: Any = None
    polarization: Any = None
    coarse_x: Any = None
    coarse_y: Any = None
    sample_x: Any = None
    sample_y: Any = None
    focus: Any = None
    shutter: Any = None
    counters: tuple[Any, ...] = ()
    ring_current: Any = None
    potentiostat: Any = None
    i0_field: str | None = None
    opened: Any = "open"
    closed: Any = "closed"

    def __post_init__(self) -> None:
        if self.line_flyer is None and self.frame_flyer is None:
            msg = "the microscope has neither a line flyer nor a frame flyer, so it cannot scan; give one"
            raise ValueError(msg)
        names = [device.name for device in self.devices]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"two parts of the microscope are called {', '.join(twice)}; give each its own name"
            raise ValueError(msg)

    @property
    def devices(self) -> tuple[Any, ...]:
        """All parts there are, in the order of the fields."""
        found: list[Any] = []
        for entry in fields(self):
            if entry.name in {"i0_field", "opened", "closed"}:
                continue
            part = getattr(self, entry.name)
            found.extend(part if isinstance(part, tuple) else [] if part is None else [part])
        return tuple(found)
