"""What the start document of a CLS run (pyStxm) says: one run is one image of a stack.

Everything stands in `metadata`, a text of JSON that holds further texts of JSON. The energy is in no
event of the stream `primary`; it is the set point that `img_idx_map.e_idx` counts through `EV_ROIS`.
"""

from __future__ import annotations

import hashlib
import json
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from operando.errors import FrameRejected, RunRejected
from operando.io.readings import text, whole
from operando.io.startdoc import Block, check_energies, check_size, extent_axis, floats_of
from operando.settings import LayoutSettings
from operando.types import FloatArray, ScanGrid

__all__ = ["ClsImage", "cls_image_of", "line_of"]

_MAX_JSON = 16 * 2**20
_MAX_DEPTH = 3
"""Texts of JSON in texts of JSON; pyStxm has two of them."""
_IMAGES = {6: "image", 7: "image stack"}
_FIELD = "counts"


@dataclass(frozen=True, slots=True)
class ClsImage:
    """Which image of which stack a run holds.

    Attributes
    ----------
    scan
        A hash of what the whole scan was told to do: the same for all its regions and polarisations.
    stack
        A hash of the scan, the entry, the region and the polarisation: one stack, one map.
    energy
        Which of the energies of `block`; from 0.
    detector
        Name of the counter that was plotted; may be "".
    block
        The scan of the whole stack.
    """

    scan: str
    stack: str
    energy: int
    detector: str
    block: Block


def cls_image_of(start: Mapping[str, Any], settings: LayoutSettings) -> ClsImage | None:
    """Return what a start document of pyStxm says, or None if it is none.

    Raises
    ------
    RunRejected
        It is one, but of no image, or it contradicts itself.
    """
    about = start.get("metadata")
    if not isinstance(about, str | Mapping):
        return None
    try:
        about = _block(about, "metadata")
    except RunRejected:
        return None  # somebody else's metadata
    if "img_idx_map" not in about or "scan_type" not in about:
        return None
    scan_type = about["scan_type"]
    if scan_type not in _IMAGES:
        msg = (
            f"the run is a pyStxm scan of type {reprlib.repr(scan_type)}; maps are made of type 6 (image) "
            "and 7 (image stack)"
        )
        raise RunRejected(msg)
    place = _block(about["img_idx_map"], "img_idx_map")
    regions = _regions(about)
    region_id = text(str(place.get("sp_id", 0)))
    if region_id not in regions:
        msg = f"img_idx_map names the region {region_id!r}; rois has {', '.join(sorted(regions)[:20])}"
        raise RunRejected(msg)
    region = _block(regions[region_id], f"rois[{region_id}]")
    scan = _digest({name: _shape_of(_block(each, "rois")) for name, each in regions.items()}, scan_type)
    entry = text(str(place.get("entry", about.get("entry_name", ""))))
    energies_ev, dwell_ms = _energies(region, about, settings)
    energy = _index(place, "e_idx")
    if not 0 <= energy < energies_ev.size:
        msg = f"img_idx_map has e_idx {energy}; EV_ROIS has {energies_ev.size} set points, from 0"
        raise RunRejected(msg)
    return ClsImage(
        scan=scan,
        stack=_digest(scan, entry, region_id, _index(place, "pol_idx")),
        energy=energy,
        detector=text(str(about.get("primary_det") or "")),
        block=Block(_grid(region, energies_ev.size), energies_ev, dwell_ms, None, (), _FIELD, None),
    )


def line_of(
    image: ClsImage, cycle: int, number: int, event: Mapping[str, Any], settings: LayoutSettings
) -> dict[str, Any]:
    """Return an event of a CLS run with its labels and its counts, as the events of other layouts have them.

    A value may be the array, or a block of arrays by channel in its place.

    Raises
    ------
    FrameRejected
        No value of the event is the counter's.
    """
    data: Mapping[str, Any] = event["data"]
    wanted = settings.data_field or image.detector
    key, counts = _counts(data, wanted, is_named=settings.data_field is not None)
    stamps = event.get("timestamps")
    stamp = stamps.get(key) if isinstance(stamps, Mapping) else None
    labelled: dict[str, Any] = {
        _FIELD: counts,
        "cycle": cycle,
        "energy_index": image.energy,
        "row": number - 1,
    }
    return {"data": labelled, "timestamps": {_FIELD: stamp}, "time": event.get("time")}


def _counts(data: Mapping[str, Any], wanted: str, *, is_named: bool) -> tuple[str, Any]:
    """Return the key and the value of the counter: by its name, else the only one there is."""
    found: dict[str, tuple[str, Any]] = {}
    for key, value in data.items():
        if isinstance(value, Mapping):
            found |= {str(channel): (key, values) for channel, values in value.items()}
        elif np.ndim(value) >= 1:
            found[key] = (key, value)
    if wanted in found:
        return found[wanted]
    # `counter0` is read back as `counter0_waveform_rbv`.
    begun = [name for name in found if wanted and name.startswith(wanted)]
    if len(begun) == 1:
        return found[begun[0]]
    if len(found) == 1 and not is_named:
        return next(iter(found.values()))
    msg = (
        f"which of {', '.join(text(name)[:60] for name in sorted(found)[:20]) or 'no arrays'} is the counter "
        f"{wanted!r} cannot be told; name it in the profile as [layout] data_field"
    )
    raise FrameRejected(msg)


def _regions(about: Mapping[str, Any]) -> Mapping[str, Any]:
    widgets = _block(about.get("wdg_com") or {}, "wdg_com")
    for place in (widgets, about):
        for name in ("rois", "SPATIAL_ROIS"):
            if place.get(name):
                regions = _block(place[name], name)
                return {str(key): value for key, value in regions.items()}
    msg = "the metadata of the run have no rois, neither in wdg_com nor beside it; its field is not known"
    raise RunRejected(msg)


def _energies(
    region: Mapping[str, Any], about: Mapping[str, Any], settings: LayoutSettings
) -> tuple[FloatArray, FloatArray]:
    parts = region.get("EV_ROIS")
    if not isinstance(parts, list) or not parts:
        msg = f"the region has EV_ROIS {reprlib.repr(parts)}; expected a list of energy regions"
        raise RunRejected(msg)
    energies: list[FloatArray] = []
    dwells: list[FloatArray] = []
    for part in cast("list[Any]", parts):
        each = _block(part, "EV_ROIS")
        set_points = np.atleast_1d(floats_of(each.get("SETPOINTS"), "SETPOINTS"))
        dwell = floats_of(each.get("DWELL", about.get("dwell", np.nan)), "DWELL")
        if set_points.ndim != 1 or dwell.ndim != 0:
            msg = (
                f"EV_ROIS has SETPOINTS of shape {set_points.shape} and DWELL of shape {dwell.shape}; "
                "expected a list and a number"
            )
            raise RunRejected(msg)
        energies.append(set_points)
        dwells.append(np.full(set_points.size, dwell))
    energies_ev, dwell_ms = np.concatenate(energies), np.concatenate(dwells)
    check_energies(energies_ev, "EV_ROIS")
    unknown = np.nan if settings.dwell_ms is None else settings.dwell_ms
    return energies_ev, np.where(np.isfinite(dwell_ms) & (dwell_ms > 0), dwell_ms, unknown)


def _grid(region: Mapping[str, Any], energies: int) -> ScanGrid:
    x, y = _block(region.get("X"), "X"), _block(region.get("Y"), "Y")
    points = [float(floats_of(axis.get("NPOINTS"), "NPOINTS").ravel()[:1].sum()) for axis in (y, x)]
    check_size(np.array([energies, *points]))
    rows, columns = (int(count) for count in points)
    return ScanGrid(_axis(x, columns, "X"), _axis(y, rows, "Y"))


def _axis(axis: Mapping[str, Any], points: int, name: str) -> FloatArray:
    set_points = axis.get("SETPOINTS")
    if isinstance(set_points, list) and len(cast("list[Any]", set_points)) == points:
        positions = floats_of(cast("list[Any]", set_points), f"{name}.SETPOINTS")
        if positions.shape == (points,) and np.isfinite(positions).all():
            return positions
    return extent_axis([axis.get("START"), axis.get("STOP")], points, name)


def _index(place: Mapping[str, Any], name: str) -> int:
    try:
        return whole(place.get(name, 0), f"img_idx_map.{name}")
    except FrameRejected as error:
        raise RunRejected(str(error)) from error


def _block(value: object, name: str) -> Mapping[str, Any]:
    """Return a block of keys that may be written as a text of JSON, or as a text of such a text."""
    found = value
    for _ in range(_MAX_DEPTH):
        if not isinstance(found, str):
            break
        if len(found) > _MAX_JSON:
            msg = f"'{name}' is a text of {len(found)} letters; expected at most {_MAX_JSON}"
            raise RunRejected(msg)
        try:
            found = json.loads(found)
        except (ValueError, RecursionError) as error:
            msg = f"'{name}' is no JSON ({type(error).__name__}); expected a block of keys"
            raise RunRejected(msg) from error
    if not isinstance(found, Mapping):
        msg = f"'{name}' is a {type(found).__name__}; expected a block of keys"
        raise RunRejected(msg)
    return cast("Mapping[str, Any]", found)


def _shape_of(region: Mapping[str, Any]) -> list[Any]:
    """Return what tells one scan from another: its axes and its energies, and nothing that moves."""
    return [region.get(name) for name in ("X", "Y", "EV_ROIS")]


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
