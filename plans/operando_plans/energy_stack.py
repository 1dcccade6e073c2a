"""A stack of images over energies, as one run: the ALS run-layout contract v1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import bluesky.plan_stubs as bps

from operando_plans.devices import Instrument
from operando_plans.field import Field
from operando_plans.lines import Plan, check_scan, image, scan_run, stxm_block

__all__ = ["energy_stack"]


def energy_stack(
    instrument: Instrument,
    field: Field,
    energies_ev: Sequence[float],
    dwell_ms: float,
    *,
    metadata: Mapping[str, Any] | None = None,
) -> Plan:
    """Scan the field once at every energy, one event a line.

    Parameters
    ----------
    instrument
        The devices.
    field
        Where to scan.
    energies_ev
        In the order of acquisition.
    dwell_ms
        Time per pixel.
    metadata
        Added to the start document.

    Returns
    -------
    generator
        A bluesky plan; its run meets the contract, `seq_num = energy * rows + row + 1`.

    Raises
    ------
    ValueError
        The energies or the dwell make no sense; raised before anything moves.
    """
    check_scan(energies_ev, dwell_ms)

    def images() -> Plan:
        for energy_ev in energies_ev:
            yield from bps.checkpoint()
            yield from bps.mv(instrument.energy, energy_ev)
            yield from image(instrument, field, dwell_ms, lambda _row: {})

    start: dict[str, Any] = {
        **(metadata or {}),
        "plan_name": "stxm_energy_stack",
        "motors": [instrument.energy.name, "SampleY"],
        "detectors": [instrument.flyer.name],
        "stxm": stxm_block(instrument, field, energies_ev, dwell_ms),
    }
    return scan_run(instrument, images(), start)
