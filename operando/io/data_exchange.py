"""Data Exchange files of full-field microscopes as Bluesky documents: whole frames and their light."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from operando.errors import RunRejected
from operando.io.exchange_file import ExchangeFile, ExchangeImages, exchange_of, opened
from operando.io.file_digest import content_digest
from operando.io.frame_documents import DARK, FLAT, PRIMARY, FrameRun, RecordedFrame, frame_documents

__all__ = ["read_data_exchange"]

_NAMESPACE = uuid.UUID("6f7a3c0e-55f2-5b5c-8a8e-3f8d0f3f6b11")
_APART_S = 1.0
"""Between images of a file that does not say when they were taken."""
_TURNED_DEG = 0.05


def read_data_exchange(path: str | Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the documents of the images in the Data Exchange file at `path`; images as they are asked for.

    They are a run of plan `data_exchange_stack`. Where the file does not say when an image was taken, flat
    and dark images come before all others, which follow each other one exposure apart.

    Raises
    ------
    SourceUnreachable
        If there is no such file.
    DamagedFileError
        If it is not HDF5, or contradicts itself.
    RunRejected
        If its images have no energy, or were taken from several sides.
    """
    path = Path(path)
    digest = content_digest(path)
    with opened(path) as file:
        there = exchange_of(file, str(path))
        if np.ptp(np.nan_to_num(there.images.theta_deg)) > _TURNED_DEG:
            msg = (
                f"{path} is a tilt series: its images show the sample from several sides; see 'operando tilt'"
            )
            raise RunRejected(msg)
        yield from frame_documents(_run(path, digest, there))


def _run(path: Path, digest: str, there: ExchangeFile) -> FrameRun:
    # Of frames of one time the dark ones come first, then flat ones.
    kinds = ((DARK, there.darks), (FLAT, there.flats), (PRIMARY, there.images))
    frames = [
        frame for stream, images in kinds if images is not None for frame in _frames(stream, images, there)
    ]
    extents: dict[str, list[float]] = {}
    if there.x_um is not None and there.y_um is not None:
        extents = {
            "x_extent": [float(there.x_um[0]), float(there.x_um[-1])],
            "y_extent": [float(there.y_um[0]), float(there.y_um[-1])],
        }
    return FrameRun(
        uid=uuid.uuid5(_NAMESPACE, f"{path.name} {digest}"),
        plan_name="data_exchange_stack",
        sample=there.title,
        source=f"Data Exchange:{path.name}",
        unit="counts",
        shape=there.shape,
        started_s=there.started_s,
        frames=frames,
        extents=extents,
        origin={"data_exchange": {"file": path.name}},
    )


def _frames(stream: str, images: ExchangeImages, there: ExchangeFile) -> list[RecordedFrame]:
    """Return the images of a stream; those of the sample one after the other if no times are said."""
    each_s = max(float(np.nan_to_num(there.dwell_ms)) * 1e-3, _APART_S)
    count = images.energies_ev.size
    apart = each_s * (1.0 + np.arange(count)) if stream == PRIMARY else np.zeros(count)
    after_s = np.where(np.isfinite(images.time_s), images.time_s, apart)
    return [
        RecordedFrame(
            stream=stream,
            time_s=there.started_s + float(after_s[index]),
            energy_ev=float(images.energies_ev[index]),
            dwell_ms=there.dwell_ms,
            read=partial(images.image, index),
        )
        for index in range(count)
    ]
