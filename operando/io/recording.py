"""A stack out of somebody's file as Bluesky documents: one run of whole frames."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from event_model import compose_run

from operando.types import FloatArray

__all__ = ["RecordedImage", "Recording", "documents_of"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RecordedImage:
    """One image of a recorded stack.

    Attributes
    ----------
    ended_s
        When it was finished, seconds since the epoch.
    ring_current_ma
        NaN where it was not recorded.
    read
        Returns the counts of each channel by its name, each (ny, nx); raises OSError or ValueError with a
        sentence where the image is missing or damaged. Called when the image is asked for.
    """

    ended_s: float
    ring_current_ma: float
    read: Callable[[], Mapping[str, FloatArray]]


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded stack: all that its documents are made of.

    Attributes
    ----------
    uid
        Follows from the file's name and content, so that replaying twice gives the same documents.
    plan_name, sample
        As the start document is to name them.
    source
        Where the data come from, for the data keys.
    started_s
        Seconds since the epoch.
    energies_ev, dwell_ms
        One per image, in the order of acquisition; dwell is NaN where the file does not say.
    x_um, y_um
        Pixel centres along a row and from row to row.
    axis_names
        What the file calls x and y.
    channels
        Unit of each channel by its name; the first is the counter.
    images
        One per energy.
    origin
        Further entries of the start document: what the file is.
    """

    uid: uuid.UUID
    plan_name: str
    sample: str
    source: str
    started_s: float
    energies_ev: tuple[float, ...]
    dwell_ms: tuple[float, ...]
    x_um: tuple[float, ...]
    y_um: tuple[float, ...]
    axis_names: tuple[str, str]
    channels: Mapping[str, str]
    images: Sequence[RecordedImage]
    origin: Mapping[str, Any]


def documents_of(recording: Recording) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the documents of a recorded stack; images are read as they are asked for.

    The start document has the block `stxm` of the ALS contract (extents in µm from the first to the last
    pixel centre); each event is one image: an array (ny, nx) in counts per channel, `energy` in eV and, if
    any image has it, `ring_current` in mA. `seq_num` is the number of the image from 1. An image that
    cannot be read is left out, and the run then ends as "abort" with the images named.
    """
    shape = [len(recording.y_um), len(recording.x_um)]
    has_current = any(np.isfinite(image.ring_current_ma) for image in recording.images)
    run = compose_run(uid=str(recording.uid), time=recording.started_s, metadata=_metadata(recording, shape))
    yield "start", dict(run.start_doc)

    data_keys: dict[str, Any] = {
        key: {
            "source": recording.source,
            "dtype": "array",
            "shape": shape,
            "dtype_numpy": "<f8",
            "units": unit,
        }
        for key, unit in recording.channels.items()
    }
    for key, unit in (("energy", "eV"), ("ring_current", "mA"))[: 1 + has_current]:
        data_keys[key] = {"source": recording.source, "dtype": "number", "shape": [], "units": unit}
    descriptor = run.compose_descriptor(
        name="primary", data_keys=data_keys, time=recording.started_s, uid=_uid(recording, "primary")
    )
    yield "descriptor", dict(descriptor.descriptor_doc)

    left_out: list[str] = []
    for number, (energy_ev, image) in enumerate(zip(recording.energies_ev, recording.images, strict=True)):
        try:
            data: dict[str, Any] = dict(image.read())
        except (OSError, ValueError) as error:
            _log.warning("image %d of %s is left out: %s", number, recording.source, error)
            left_out.append(str(error))
            continue
        data["energy"] = energy_ev
        if has_current:
            data["ring_current"] = image.ring_current_ma
        event = descriptor.compose_event(
            data=data,
            timestamps=dict.fromkeys(data, image.ended_s),
            seq_num=number + 1,
            uid=_uid(recording, f"image {number}"),
            time=image.ended_s,
        )
        yield "event", dict(event)

    stop = run.compose_stop(
        exit_status="abort" if left_out else "success",
        reason="; ".join(left_out),
        uid=_uid(recording, "stop"),
        time=recording.images[-1].ended_s,
    )
    yield "stop", dict(stop)


def _metadata(recording: Recording, shape: list[int]) -> dict[str, Any]:
    is_even = len(set(recording.dwell_ms)) == 1
    return {
        "plan_name": recording.plan_name,
        "sample": recording.sample,
        "detectors": list(recording.channels),
        "motors": ["energy"],
        "stxm": {
            "contract_version": 1,
            "shape": [len(recording.energies_ev), *shape],
            "energies": list(recording.energies_ev),
            "dwell_ms": recording.dwell_ms[0] if is_even else list(recording.dwell_ms),
            "x_extent": [recording.x_um[0], recording.x_um[-1]],
            "y_extent": [recording.y_um[0], recording.y_um[-1]],
            "x_motor": recording.axis_names[0],
            "y_motor": recording.axis_names[1],
            "energy_motor": "energy",
            "data_field": next(iter(recording.channels)),
        },
        **recording.origin,
    }


def _uid(recording: Recording, what: str) -> str:
    return str(uuid.uuid5(recording.uid, what))
