"""One line, one image, one run: the pieces that the plans are made of."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeAlias

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import Msg

from operando_plans.devices import Instrument
from operando_plans.field import Field

__all__ = ["Plan", "check_scan", "image", "scan_run", "stxm_block"]

Plan: TypeAlias = Generator[Msg, Any, Any]
"""A bluesky plan."""

Labels: TypeAlias = Callable[[int], Mapping[str, float]]
"""Numbers to record beside a line, given its row."""


def check_scan(energies_ev: Sequence[float], dwell_ms: float) -> None:
    """Refuse a scan that makes no sense before anything moves.

    Raises
    ------
    ValueError
        There is no energy, an energy is not positive, or the dwell is not positive.
    """
    if not energies_ev or not all(0 < energy < 1e6 for energy in energies_ev):
        msg = f"the energies are {list(energies_ev)}; give one or more, in eV, above 0"
        raise ValueError(msg)
    if not 0 < dwell_ms < 1e6:
        msg = f"the dwell is {dwell_ms} ms; it must be above 0"
        raise ValueError(msg)


def stxm_block(
    instrument: Instrument, field: Field, energies_ev: Sequence[float], dwell_ms: float
) -> dict[str, Any]:
    """Return the `stxm` entry of the start document, after the ALS run-layout contract v1."""
    block: dict[str, Any] = {
        "contract_version": 1,
        "shape": [len(energies_ev), field.points[1], field.points[0]],
        "energies": [float(energy) for energy in energies_ev],
        "dwell_ms": float(dwell_ms),
        "x_extent": [field.x_um[0], field.x_um[-1]],
        "y_extent": [field.y_um[0], field.y_um[-1]],
        "x_motor": "SampleX",
        "y_motor": "SampleY",
        "energy_motor": instrument.energy.name,
        "data_field": instrument.flyer.name,
    }
    if instrument.i0_field is not None:
        block["i0_field"] = instrument.i0_field
    return block


def image(instrument: Instrument, field: Field, dwell_ms: float, labels: Labels) -> Plan:
    """Scan one image, line by line; each line can be repeated after a pause without harm."""
    flyer = instrument.flyer
    for row, y_um in enumerate(field.y_um):
        yield from bps.checkpoint()
        line = {"x_um": field.x_um, "y_um": y_um, "dwell_ms": dwell_ms, "labels": dict(labels(row))}
        yield from bps.prepare(flyer, line, wait=True)
        yield from bps.kickoff(flyer, wait=True)
        yield from bps.complete(flyer, wait=True)
        yield from bps.collect(flyer, return_payload=False)


def scan_run(instrument: Instrument, images: Plan, metadata: Mapping[str, Any]) -> Plan:
    """Wrap images into one run with the shutter open, and close it however the run ends."""
    shutter = instrument.shutter

    def opened() -> Plan:
        if shutter is not None:
            yield from bps.mv(shutter, instrument.opened)
        return (yield from images)

    def closed() -> Plan:
        if shutter is not None:
            yield from bps.mv(shutter, instrument.closed)

    staged = [device for device in (instrument.energy, instrument.flyer) if hasattr(device, "stage")]
    inner = bpp.run_wrapper(bpp.finalize_wrapper(opened(), closed), md=dict(metadata))
    return (yield from bpp.stage_wrapper(inner, staged))
