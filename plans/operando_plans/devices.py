"""What the plans need of an instrument; any devices that speak the bluesky protocols will do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Instrument"]


@dataclass(frozen=True, slots=True)
class Instrument:
    """The devices of one microscope.

    Attributes
    ----------
    energy
        Movable and readable; eV.
    flyer
        Preparable and flyable line scanner. It is prepared with a mapping of `x_um` (pixel centres
        of the line), `y_um`, `dwell_ms` and `labels` (numbers recorded beside the line), and collects
        one event: `SampleX`, `SampleY`, its counts under its own name, and the labels.
    shutter
        Movable to `opened` and `closed`, or None where the hardware gates the beam itself.
    ring_current
        Readable, mA, or None.
    i0_field
        Key of the incident-beam channel in the flyer's event, or None.
    opened, closed
        What the shutter is set to.
    """

    energy: Any
    flyer: Any
    shutter: Any = None
    ring_current: Any = None
    i0_field: str | None = None
    opened: Any = "open"
    closed: Any = "closed"
