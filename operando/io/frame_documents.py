"""Images out of somebody's files as Bluesky documents: one event an image, with its energy beside it.

Images without the sample and without light go into the streams "flat" and "dark", all in order of time.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from event_model import compose_run

from operando.types import FloatArray

__all__ = ["DARK", "FLAT", "PRIMARY", "FrameRun", "RecordedFrame", "frame_documents"]

PRIMARY, FLAT, DARK = "primary", "flat", "dark"

_IMAGE = "image"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RecordedFrame:
    """One image.

    Attributes
    ----------
    stream
        `PRIMARY`, `FLAT` or `DARK`.
    time_s
        When it was finished, seconds since the epoch.
    energy_ev, dwell_ms
        NaN where it has none, or the file does not say.
    read
        Returns it, shape (ny, nx); raises OSError or ValueError with a sentence where it is damaged. Called
        when the image is asked for.
    """

    stream: str
    time_s: float
    energy_ev: float
    dwell_ms: float
    read: Callable[[], FloatArray]


@dataclass(frozen=True, slots=True)
class FrameRun:
    """Recorded images: all that their documents are made of.

    Attributes
    ----------
    uid
        Follows from the name and content of the files, so that replaying twice gives the same documents.
    plan_name, sample
        As the start document is to name them.
    source
        Where the data come from, for the data keys.
    unit
        Of the images: "counts" or "amplitude".
    shape
        Rows and columns, (ny, nx).
    started_s
        Seconds since the epoch.
    frames
        In any order.
    extents
        Entries of the start document that say where the pixels are; may be empty.
    origin
        Further entries: what the files are.
    """

    uid: uuid.UUID
    plan_name: str
    sample: str
    source: str
    unit: str
    shape: tuple[int, int]
    started_s: float
    frames: Sequence[RecordedFrame]
    extents: Mapping[str, list[float]]
    origin: Mapping[str, Any] = field(default_factory=dict[str, Any])


def frame_documents(recorded: FrameRun) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the documents of recorded images; these are read as they are asked for.

    An image that cannot be read is left out, and the run then ends as "abort" with the images named.
    """
    run = compose_run(
        uid=str(recorded.uid),
        time=recorded.started_s,
        metadata={
            "plan_name": recorded.plan_name,
            "sample": recorded.sample,
            **recorded.extents,
            **recorded.origin,
        },
    )
    yield "start", dict(run.start_doc)
    frames = sorted(recorded.frames, key=lambda frame: frame.time_s)
    descriptors: dict[str, Any] = {}
    numbers: dict[str, int] = {}
    left_out: list[str] = []
    for frame in frames:
        if frame.stream not in descriptors:
            composed = run.compose_descriptor(
                name=frame.stream,
                data_keys=_keys(recorded, frame),
                time=recorded.started_s,
                uid=_uid(recorded, frame.stream),
            )
            descriptors[frame.stream] = composed
            yield "descriptor", dict(composed.descriptor_doc)
        number = numbers[frame.stream] = numbers.get(frame.stream, 0) + 1
        try:
            data = {_IMAGE: frame.read(), **_beside(frame)}
        except (OSError, ValueError) as error:
            _log.warning("%s image %d of %s is left out: %s", frame.stream, number, recorded.source, error)
            left_out.append(str(error))
            continue
        event = descriptors[frame.stream].compose_event(
            data=data,
            timestamps=dict.fromkeys(data, frame.time_s),
            seq_num=number,
            uid=_uid(recorded, f"{frame.stream} {number}"),
            time=frame.time_s,
        )
        yield "event", dict(event)
    stop = run.compose_stop(
        exit_status="abort" if left_out else "success",
        reason="; ".join(left_out),
        uid=_uid(recorded, "stop"),
        time=frames[-1].time_s,
    )
    yield "stop", dict(stop)


def _keys(recorded: FrameRun, frame: RecordedFrame) -> dict[str, Any]:
    """Return the data keys of a stream, whose frames are all as this one."""
    image = {"dtype": "array", "shape": list(recorded.shape), "units": recorded.unit}
    units = {"energy": "eV", "dwell_ms": "ms"}
    numbers = {key: {"dtype": "number", "shape": [], "units": units[key]} for key in _beside(frame)}
    return {key: {"source": recorded.source, **about} for key, about in {_IMAGE: image, **numbers}.items()}


def _beside(frame: RecordedFrame) -> dict[str, float]:
    beside = {"energy": frame.energy_ev, "dwell_ms": frame.dwell_ms}
    return {key: value for key, value in beside.items() if np.isfinite(value)}


def _uid(recorded: FrameRun, what: str) -> str:
    return str(uuid.uuid5(recorded.uid, what))
