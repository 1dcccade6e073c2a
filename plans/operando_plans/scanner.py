"""One exposure and one image: prepare, fly, collect, and again if the beam was lost."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bluesky.utils import Msg

from operando_plans.beam import await_beam, close_shutter, had_beam, open_shutter
from operando_plans.field import Field
from operando_plans.listening import listening
from operando_plans.messages import do
from operando_plans.options import ScanOptions
from operando_plans.parts import Parts
from operando_plans.plan import Device, Plan
from operando_plans.stxm import STXM

__all__ = ["Scanner", "image", "scanner_of"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scanner:
    """What scans.

    Attributes
    ----------
    parts
        Of the microscope.
    flyer
        The one of them that scans.
    is_by_line
        Whether it scans line by line; else it gives the whole image at once.
    options
        How it is to scan.
    """

    parts: Parts
    flyer: Device
    is_by_line: bool
    options: ScanOptions


def scanner_of(stxm: STXM, options: ScanOptions) -> Scanner:
    """Return what scans with these options.

    Raises
    ------
    ValueError
        The microscope has no such flyer, or no ring current to guard.
    """
    parts = stxm.parts
    if options.beam is not None and parts.ring_current is None:
        msg = f"{stxm.name} has no ring current to tell a lost beam by; give it one, or leave out beam"
        raise ValueError(msg)
    is_by_line = options.flyer == "line" or (options.flyer == "any" and parts.line_flyer is not None)
    flyer = parts.line_flyer if is_by_line else parts.frame_flyer
    if flyer is None:
        msg = f"{stxm.name} has no {options.flyer} flyer; choose the other one, or give it one"
        raise ValueError(msg)
    return Scanner(parts, flyer, is_by_line, options)


def image(scanner: Scanner, field: Field, dwell_ms: float, labels: Mapping[str, float]) -> Plan:
    """Scan one image; each exposure of it can be repeated after a pause without harm.

    The shutter is open as long as the image takes, and closed while energies and stages move.

    Parameters
    ----------
    scanner
        What scans.
    field
        Where.
    dwell_ms
        Per pixel.
    labels
        Numbers recorded beside the counts. A `row` is added by the line flyer, and `ring_current_ma` is
        brought up to date for each exposure where the beam is guarded.
    """
    yield from open_shutter(scanner.parts)
    for aim, own in _exposures(scanner, field):
        yield from _exposure(scanner, {**aim, "dwell_ms": dwell_ms}, {**labels, **own} if labels else {})
    # A pause from here on must not repeat the last line, which would be taken in the dark.
    yield Msg("checkpoint")
    yield from close_shutter(scanner.parts)


def _exposures(scanner: Scanner, field: Field) -> Iterator[tuple[dict[str, Any], dict[str, float]]]:
    """Yield where each exposure of an image is aimed, and its own labels."""
    if not scanner.is_by_line:
        yield {"x_um": field.x_um, "y_um": field.y_um}, {}
        return
    x_um = field.x_um
    for row, y_um in enumerate(field.y_um):
        yield {"x_um": x_um, "y_um": y_um}, {"row": row}


def _exposure(scanner: Scanner, aim: Mapping[str, Any], labels: Mapping[str, float]) -> Plan:
    flyer, guard = scanner.flyer, scanner.options.beam
    if guard is None:
        yield from _fly(flyer, aim, labels)
    else:
        for _attempt in range(1 + guard.repeats):
            # Waiting closes the shutter, and a pause must not repeat the line before in the dark.
            yield Msg("checkpoint")
            current_ma = yield from await_beam(scanner.parts, guard, scanner.options.clock)
            now = {"ring_current_ma": current_ma} if "ring_current_ma" in labels else {}
            with listening(scanner.parts.ring_current) as said_ma:
                yield from _fly(flyer, aim, {**labels, **now})
                # Before it is collected, so that a lost line leaves no event, and no gap in the numbering.
                is_lit = yield from had_beam(scanner.parts, guard, said_ma)
            if is_lit:
                break
            _log.warning("the beam was lost during %s; it is taken again", labels or "a line")
        else:
            _log.warning(
                "the beam was lost %d times during %s; it stays as it came", 1 + guard.repeats, labels
            )
    yield Msg("collect", flyer, return_payload=False)


def _fly(flyer: Device, aim: Mapping[str, Any], labels: Mapping[str, float]) -> Plan:
    yield Msg("checkpoint")
    yield from do("prepare", flyer, {**aim, "labels": dict(labels)})
    yield from do("kickoff", flyer)
    yield from do("complete", flyer)
