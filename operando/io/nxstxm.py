"""NXstxm files (PolLux, CLS, ALS `.stxm` and others) as Bluesky documents, one run per entry."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import h5py

from operando.errors import DamagedFileError, RunRejected
from operando.io.file_digest import content_digest
from operando.io.hdf5 import FOREIGN_ERRORS, groups_in
from operando.io.nxstxm_entry import Counter, StackEntry, is_nxstxm, stack_entry
from operando.io.nxstxm_own import is_own, own_documents
from operando.io.recording import RecordedImage, Recording, documents_of
from operando.types import FloatArray

__all__ = ["holds_nxstxm", "read_nxstxm"]

_NAMESPACE = uuid.UUID("0d4ad9a0-54b7-5d5b-b9de-0a3dd7a1c3f5")


def read_nxstxm(path: str | Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the documents of every image or image stack in the file at `path`; images as they are asked for.

    Each entry is a run of plan `nxstxm_stack` with whole frames (see `recording`). The counters are its
    NXdata groups of one shape, in the order of their names; the first is the one that is fitted unless
    the profile names another as `[layout] data_field`. When an image was finished is not recorded: the
    time from `start_time` to `end_time` is shared out evenly.

    Raises
    ------
    SourceUnreachable
        If there is no such file.
    DamagedFileError
        If it is not HDF5, or an entry contradicts itself.
    RunRejected
        If it holds no image at photon energies.
    """
    path = Path(path)
    digest = content_digest(path)
    found, refusals = 0, list[str]()
    try:
        with h5py.File(path, "r") as file:
            entries = [group for group in groups_in(file, "NXentry") if is_nxstxm(group)]
            own = sorted(filter(is_own, entries), key=_number)
            found = len(own)
            yield from own_documents(own)
            for group in entries:
                if group in own:
                    continue
                try:
                    entry = stack_entry(group)
                except RunRejected as error:
                    refusals.append(str(error))
                    continue
                found += 1
                yield from documents_of(_recording(path, digest, entry))
    except (OSError, KeyError, ValueError) as error:
        message = f"{path} is not a complete NXstxm file: {error}"
        raise DamagedFileError(message) from error
    if not found:
        reason = "; ".join(refusals) or "it has no entry with the definition NXstxm"
        message = f"{path} holds no image at photon energies ({reason}); choose an image or an image stack"
        raise RunRejected(message)


def holds_nxstxm(path: Path) -> bool:
    """Return whether the file at `path` has an entry of the definition NXstxm; False if it cannot be read."""
    try:
        with h5py.File(path, "r") as file:
            return any(is_nxstxm(group) for group in groups_in(file, "NXentry"))
    except FOREIGN_ERRORS:
        return False


def _number(entry: h5py.Group) -> int:
    """Return the number at the end of an entry's name: HDF5 lists entry10 before entry2."""
    digits = re.search(r"\d+$", str(entry.name))
    return int(digits[0]) if digits else 0


def _recording(path: Path, digest: str, entry: StackEntry) -> Recording:
    energies = len(entry.energies_ev)
    each_s = (entry.ended_s - entry.started_s) / energies
    return Recording(
        uid=uuid.uuid5(_NAMESPACE, f"{path.name} {digest} {entry.name}"),
        plan_name="nxstxm_stack",
        sample=entry.title,
        source=f"NXstxm:{path.name}",
        started_s=entry.started_s,
        energies_ev=tuple(entry.energies_ev.tolist()),
        dwell_ms=tuple(entry.dwell_ms.tolist()),
        x_um=tuple(entry.x_um.tolist()),
        y_um=tuple(entry.y_um.tolist()),
        axis_names=("sample_x", "sample_y"),
        channels={counter.name: counter.unit for counter in entry.counters},
        images=[
            RecordedImage(
                entry.started_s + (index + 1) * each_s,
                float(entry.ring_current_ma[index]),
                partial(_read, entry.counters, index),
            )
            for index in range(energies)
        ],
        origin={"nxstxm": {"file": path.name, "entry": entry.name, "image_times": "shared out evenly"}},
    )


def _read(counters: tuple[Counter, ...], index: int) -> dict[str, FloatArray]:
    return {counter.name: counter.image(index) for counter in counters}
