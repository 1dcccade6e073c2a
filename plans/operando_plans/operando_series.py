"""A few energies, again and again, in one run: the sample as it reacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import bluesky.plan_stubs as bps

from operando_plans.devices import Instrument
from operando_plans.field import Field
from operando_plans.lines import Plan, check_scan, image, scan_run, stxm_block

__all__ = ["SCHEMA_VERSION", "operando_series"]

SCHEMA_VERSION = 1
"""Of the `operando` entry of the start document and of the labels beside each line."""


def operando_series(
    instrument: Instrument,
    field: Field,
    energies_ev: Sequence[float],
    dwell_ms: float,
    *,
    cycles: int,
    metadata: Mapping[str, Any] | None = None,
) -> Plan:
    """Scan the field at every energy, `cycles` times over, one event a line.

    Each line says beside its counts which `cycle`, `energy_index` and `row` it is, the `energy_ev`
    read back before its image, and the `ring_current_ma` where there is one; so a line repeated
    after a pause or a beam loss finds its place without counting.

    Parameters
    ----------
    instrument
        The devices.
    field
        Where to scan.
    energies_ev
        In the order of acquisition within a cycle.
    dwell_ms
        Time per pixel.
    cycles
        How many times; one or more.
    metadata
        Added to the start document.

    Returns
    -------
    generator
        A bluesky plan.

    Raises
    ------
    ValueError
        The energies, the dwell or the number of cycles make no sense; raised before anything moves.
    """
    check_scan(energies_ev, dwell_ms)
    if cycles < 1:
        msg = f"the series has {cycles} cycles; give 1 or more"
        raise ValueError(msg)

    def images() -> Plan:
        for cycle in range(cycles):
            for index, energy_ev in enumerate(energies_ev):
                yield from bps.checkpoint()
                yield from bps.mv(instrument.energy, energy_ev)
                label = {"cycle": cycle, "energy_index": index, "energy_ev": energy_ev}
                label |= yield from _beam(instrument, energy_ev)
                yield from image(instrument, field, dwell_ms, lambda row, label=label: {**label, "row": row})

    start: dict[str, Any] = {
        **(metadata or {}),
        "plan_name": "operando_series",
        "motors": [instrument.energy.name, "SampleY"],
        "detectors": [instrument.flyer.name],
        "stxm": stxm_block(instrument, field, energies_ev, dwell_ms),
        "operando": {"schema_version": SCHEMA_VERSION, "cycles": cycles},
    }
    return scan_run(instrument, images(), start)


def _beam(instrument: Instrument, energy_ev: float) -> Plan:
    """Read energy and ring current once before an image."""
    read_back = yield from bps.rd(instrument.energy, default_value=energy_ev)
    beam = {"energy_ev": float(read_back)}
    if instrument.ring_current is not None:
        current = yield from bps.rd(instrument.ring_current, default_value=float("nan"))
        beam["ring_current_ma"] = float(current)
    return beam
