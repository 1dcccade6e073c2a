"""A reading of the potentiostat in an event: which key is which is told by its unit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from operando.cell import CellReading
from operando.io.cell_file import UNITS, unit_of
from operando.io.readings import time_of

__all__ = ["cell_reading"]


def cell_reading(run: str, event: Mapping[str, Any], keys: Mapping[str, Any]) -> CellReading:
    """Return what an event of the potentiostat's stream says.

    Parameters
    ----------
    run
        The uid of its run.
    event
        With `data` and `timestamps`.
    keys
        The `data_keys` of its descriptor, with the units: V, mA or mAh, or others of the kind.

    Raises
    ------
    FrameRejected
        It has no time.
    """
    data: Mapping[str, Any] = event["data"]
    values: dict[str, float] = dict.fromkeys(("voltage", "current", "charge"), math.nan)
    told = ""
    for name, entry in keys.items():
        kind, factor = UNITS.get(unit_of(str(entry.get("units", ""))), ("", 1.0))
        value = data.get(name)
        if kind not in values or not isinstance(value, int | float | np.integer | np.floating):
            continue
        if math.isnan(values[kind]):
            values[kind] = factor * float(value)
            told = told or name
    return CellReading(run, time_of(event, told), values["voltage"], values["current"], values["charge"])
