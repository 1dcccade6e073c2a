"""What a scanner is prepared for: checked, and what its event will look like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Scan", "scan_of"]

_KEYS = {"x_um", "y_um", "dwell_ms", "labels"}


@dataclass(frozen=True, slots=True)
class Scan:
    """A line or a raster.

    Attributes
    ----------
    x_um, y_um
        Pixel centres of columns and rows.
    dwell_ms
        Per pixel.
    labels
        Numbers recorded beside the counts.
    """

    x_um: tuple[float, ...]
    y_um: tuple[float, ...]
    dwell_ms: float
    labels: Mapping[str, float]

    @property
    def duration_s(self) -> float:
        """The dwells of all pixels, without fly-back."""
        return 1e-3 * self.dwell_ms * len(self.x_um) * len(self.y_um)


def scan_of(value: Mapping[str, Any], own_keys: set[str]) -> Scan:
    """Return the scan that a flyer was asked to prepare.

    Parameters
    ----------
    value
        `x_um`, `y_um` (one number or many), `dwell_ms` and `labels`.
    own_keys
        Of the event, which a label must not have.

    Raises
    ------
    ValueError
        It is no scan.
    """
    if set(value) != _KEYS:
        msg = f"a scan has the keys {sorted(_KEYS)}, not {sorted(value)}; give exactly these"
        raise ValueError(msg)
    x_um, y_um = (np.atleast_1d(np.asarray(value[key], dtype=np.float64)) for key in ("x_um", "y_um"))
    dwell_ms = float(value["dwell_ms"])
    if x_um.ndim != 1 or y_um.ndim != 1 or not (x_um.size and y_um.size):
        msg = f"x_um has shape {x_um.shape} and y_um {y_um.shape}; give one row of pixel centres each"
        raise ValueError(msg)
    if not (np.isfinite(x_um).all() and np.isfinite(y_um).all() and 0 < dwell_ms < np.inf):
        msg = f"a position is not finite, or the dwell of {dwell_ms} ms is not above 0; give numbers that are"
        raise ValueError(msg)
    labels = dict(value["labels"])
    wrong = sorted(
        key for key, label in labels.items() if not isinstance(label, int | float) or key in own_keys
    )
    if wrong:
        msg = f"the labels {', '.join(wrong)} are no numbers, or called as the scan's own data; change them"
        raise ValueError(msg)
    return Scan(tuple(x_um.tolist()), tuple(y_um.tolist()), dwell_ms, labels)
