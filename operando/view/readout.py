"""What a map says of the pixel under the cursor, in words; knows no Qt."""

from __future__ import annotations

import math

from operando.types import LithiationMap, Reason, Snapshot
from operando.view.maps import Picture
from operando.view.quantities import MapChoice, MapKind, quantity
from operando.view.spectrum import REASONS
from operando.view.words import general, measurement

__all__ = ["value_words"]


def value_words(snapshot: Snapshot, choice: MapChoice, picture: Picture, pixel: tuple[int, int]) -> str:
    """Return what a map says of a pixel, (row, column)."""
    value = float(picture.values[pixel])
    if choice.kind in {MapKind.OD, MapKind.AGE}:
        return "not measured yet" if math.isnan(value) else general(value)
    if snapshot.map is None:
        return "no map yet"
    if choice.kind is MapKind.STRESS:
        return "no stress here" if math.isnan(value) else f"{general(value)} GPa, model-dependent"
    reason = Reason(int(snapshot.map.reason[pixel]))
    if reason is not Reason.DETERMINED:
        return REASONS[reason]
    return _determined(snapshot, snapshot.map, choice, pixel, value)


def _determined(
    snapshot: Snapshot, fitted: LithiationMap, choice: MapChoice, pixel: tuple[int, int], value: float
) -> str:
    match choice.kind:
        case MapKind.LITHIUM | MapKind.LITHIUM_ERROR:
            return f"x = {measurement(float(fitted.lithium[pixel]), float(fitted.lithium_error[pixel]))}"
        case MapKind.FRACTION:
            return measurement(value, float(fitted.fraction_error[choice.index][pixel]))
        case MapKind.PHASE:
            return quantity(MapChoice(MapKind.FRACTION, int(value)), snapshot).name
        case _:
            return general(value)
