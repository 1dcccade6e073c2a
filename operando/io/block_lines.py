"""An event of a run whose start document has a block of the scan: its line, or the lines of its image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from operando.errors import FrameRejected
from operando.io.frames import lines_of
from operando.io.readings import (
    dwell_of,
    incident_of,
    numbers_of,
    ring_current_of,
    time_of,
    whole,
    without_leading,
)
from operando.io.startdoc import Block
from operando.types import Line, ScanPlan

__all__ = ["block_lines"]


def block_lines(block: Block, plan: ScanPlan, number: int, event: Mapping[str, Any]) -> Iterator[Line]:
    """Yield the line, or the lines of the image, of an event.

    Parameters
    ----------
    block, plan
        Of the run.
    number
        Of the event, from 1: its place, where it has no labels.
    event
        Has the counts.

    Raises
    ------
    FrameRejected
        They are of another shape, or no counts.
    """
    data: Mapping[str, Any] = event["data"]
    image = plan.grid.shape
    line = image[1:]
    counts = without_leading(numbers_of(data, block.data_field), line, image)
    if counts.shape not in (line, image):
        msg = f"'{block.data_field}' has the shape {counts.shape}; a line has {line}, an image {image}"
        raise FrameRejected(msg)
    i0 = incident_of(data, block.i0_field, counts.shape)
    time_s, ring_ma, dwell_ms = time_of(event, block.data_field), ring_current_of(data), dwell_of(data)
    if counts.shape == image:
        for line in lines_of(plan, _place_of_image(number, plan, data), counts, i0, time_s):
            yield replace(line, dwell_ms=dwell_ms, ring_current_ma=ring_ma)
    else:
        place = _place_of_line(number, plan, data)
        yield Line(plan.run, *place, counts, i0, time_s, ring_current_ma=ring_ma, dwell_ms=dwell_ms)


def _place_of_line(number: int, plan: ScanPlan, data: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return cycle, energy and row: as the event says, or counted from its number."""
    if "row" in data and "energy_index" in data:
        return (*_labelled_image(data), whole(data["row"], "row"))
    energies, ny, _ = plan.stack_shape
    image, row = divmod(number - 1, ny)
    cycle, energy = divmod(image, energies)
    return cycle, energy, row


def _place_of_image(number: int, plan: ScanPlan, data: Mapping[str, Any]) -> tuple[int, int]:
    if "energy_index" in data:
        return _labelled_image(data)
    return divmod(number - 1, plan.energies_ev.size)


def _labelled_image(data: Mapping[str, Any]) -> tuple[int, int]:
    return whole(data.get("cycle", 0), "cycle"), whole(data["energy_index"], "energy_index")
