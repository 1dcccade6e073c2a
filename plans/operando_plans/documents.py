"""What the start document of a run says, for the monitor and for posterity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from operando_plans.options import ScanOptions
from operando_plans.region import Region
from operando_plans.scanner import Scanner

__all__ = ["SCHEMA_VERSION", "check_metadata", "options_said", "polarization_said", "start_of"]

SCHEMA_VERSION = 1
"""Of the `operando` entry of the start document and of the labels beside each line."""

_OURS = {"uid", "time", "plan_name", "plan_args", "motors", "detectors", "stxm", "operando"}
_TEXTS = ("sample_name", "cell", "references_sha256")


def check_metadata(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return metadata that a run can carry.

    Raises
    ------
    ValueError
        It would overwrite what the plan says, or what has a fixed meaning is not text.
    """
    found = dict(metadata or {})
    taken = sorted(_OURS & set(found))
    if taken:
        msg = f"the metadata have {', '.join(taken)}, which the plan says itself; rename or leave them out"
        raise ValueError(msg)
    for key in _TEXTS:
        if not isinstance(found.get(key, ""), str):
            msg = f"{key} in the metadata is {found[key]!r}; give a text"
            raise ValueError(msg)
    return found


def start_of(scanner: Scanner, region: Region, plan_name: str) -> dict[str, Any]:
    """Return the entries that every run of a region has."""
    return {
        "plan_name": plan_name,
        "motors": [scanner.parts.energy.name, "SampleY"],
        "detectors": [scanner.flyer.name],
        "stxm": _stxm_block(scanner, region),
    }


def polarization_said(options: ScanOptions) -> dict[str, float]:
    """Return the polarization as the `operando` entry records it; nothing where the plan leaves it."""
    return {} if options.polarization is None else {"polarization": options.polarization}


def _stxm_block(scanner: Scanner, region: Region) -> dict[str, Any]:
    """Return the `stxm` entry of the start document, after the ALS run-layout contract v1.

    The contract has one dwell for all energies; a list stands there only where they differ.
    """
    field, dwells_ms = region.field, region.dwells_ms
    block: dict[str, Any] = {
        "contract_version": 1,
        "shape": [len(region.energies_ev), field.points[1], field.points[0]],
        "energies": [float(energy) for energy in region.energies_ev],
        "dwell_ms": dwells_ms[0] if len(set(dwells_ms)) == 1 else list(dwells_ms),
        "x_extent": [field.x_um[0], field.x_um[-1]],
        "y_extent": [field.y_um[0], field.y_um[-1]],
        "x_motor": "SampleX",
        "y_motor": "SampleY",
        "energy_motor": scanner.parts.energy.name,
        "data_field": scanner.flyer.name,
    }
    if scanner.parts.i0_field is not None:
        block["i0_field"] = scanner.parts.i0_field
    return block


def options_said(options: ScanOptions) -> dict[str, Any]:
    """Return the options as the start document records them."""
    return {
        "flyer": options.flyer,
        "beam": None if options.beam is None else asdict(options.beam),
        "polarization": options.polarization,
        "is_returning": options.is_returning,
    }
