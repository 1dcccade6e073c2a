"""Reconstructions of ptychography (`.cxi`, `.ptyr`) as Bluesky documents: amplitude images.

A file has one or more objects, complex arrays whose modulus is the amplitude that the sample leaves of the
wave: `content/obj/*/data` (PtyPy), `entry_*/object/data` (PyNX), `entry_*/image_1/data` (CXI, as SHARP writes
it), or the modulus alone, `entry_*/process_1/output_1/object_modulus` (PtyREX). A stack is a folder of such
files, or one file with several objects.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from operando.errors import DamagedFileError, RunRejected, SourceUnreachable
from operando.io.exchange_file import opened
from operando.io.file_digest import content_digest
from operando.io.file_order import as_counted
from operando.io.foreign_units import energies_ev_at, lengths_um_at, seconds_at
from operando.io.frame_documents import PRIMARY, FrameRun, RecordedFrame, frame_documents
from operando.io.hdf5 import dataset_at, group_at, modulus_at, own_item
from operando.types import FloatArray

__all__ = ["ENDINGS", "holds_object", "read_ptychography"]

ENDINGS = (".cxi", ".ptyr")

_NAMESPACE = uuid.UUID("a1d2c7b4-9a6e-5e0f-8c1c-0a6f6f3b7d52")
_OBJECTS = ("object/data", "image_1/data", "process_1/output_1/object_modulus")
_SAME_PITCH = 0.005
"""Of a pixel's size: over 200 pixels the images then lie one apart."""
_APART_S = 1.0


@dataclass(frozen=True, slots=True)
class _Object:
    """One object in a file: where it lies, its shape, energy, pixel size (µm, NaN if unknown) and time."""

    path: Path
    place: str
    shape: tuple[int, int]
    energy_ev: float
    pitch_um: float
    ended_s: float

    def amplitude(self, shape: tuple[int, int]) -> FloatArray:
        """Return the middle of its first mode."""
        with opened(self.path) as file:
            try:
                modulus = modulus_at(file, self.place)
            except KeyError as error:
                raise ValueError(f"{self.path.name}: {error.args[0]}") from error
        first = modulus.reshape(-1, *modulus.shape[-2:])[0]
        top, left = ((own - wanted) // 2 for own, wanted in zip(first.shape, shape, strict=True))
        return first[top : top + shape[0], left : left + shape[1]]


def holds_object(file: h5py.File) -> bool:
    """Return whether an open file has the reconstruction of an object."""
    return bool(_places(file))


def read_ptychography(path: str | Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the documents of the objects in a file, or in all files of a folder; each as it is asked for.

    They are a run of plan `ptychography_stack`, in the order of their times or else of their names. Objects
    of a few rows more or less are cut about their middle to what all have.

    Raises
    ------
    SourceUnreachable
        If there is no such file, or the folder has none.
    DamagedFileError
        If a file is not HDF5, or contradicts itself.
    RunRejected
        If an object has no energy, or pixels of another size than the first.
    """
    path = Path(path)
    files = [path] if not path.is_dir() else sorted(_files_in(path), key=as_counted)
    if not files:
        msg = (
            f"the folder {path} has no reconstructions, whose names end in {' or '.join(ENDINGS)}; "
            "of another recording give the file, such as the .hdr of a stack, not its folder"
        )
        raise SourceUnreachable(msg)
    digest = " ".join(f"{file.name} {content_digest(file)}" for file in files)
    objects = [found for file in files for found in _objects_in(file)]
    if not objects:
        msg = f"{path} has no reconstructed object: none of content/obj/*/data, entry_*/{_OBJECTS[0]} …"
        raise RunRejected(msg)
    _check_pitch(objects)
    yield from frame_documents(_run(path, digest, objects))


def _run(path: Path, digest: str, objects: list[_Object]) -> FrameRun:
    shape = (min(each.shape[0] for each in objects), min(each.shape[1] for each in objects))
    are_timed = all(np.isfinite(each.ended_s) for each in objects)
    started_s = min(each.ended_s for each in objects) - _APART_S if are_timed else 0.0
    frames = [
        RecordedFrame(
            stream=PRIMARY,
            time_s=each.ended_s if are_timed else _APART_S * (1 + number),
            energy_ev=each.energy_ev,
            dwell_ms=float("nan"),
            read=partial(each.amplitude, shape),
        )
        for number, each in enumerate(objects)
    ]
    pitch_um = objects[0].pitch_um
    extents = {
        f"{axis}_extent": [0.0, pitch_um * (points - 1)] for axis, points in zip("yx", shape, strict=True)
    }
    return FrameRun(
        uid=uuid.uuid5(_NAMESPACE, f"{path.name} {digest}"),
        plan_name="ptychography_stack",
        sample="",
        source=f"ptychography:{path.name}",
        unit="amplitude",
        shape=shape,
        started_s=max(started_s, 0.0),
        frames=frames,
        extents=extents if np.isfinite(pitch_um) else {},
        origin={"ptychography": {"file": path.name, "objects": len(objects)}},
    )


def _files_in(folder: Path) -> Iterator[Path]:
    return (file for file in folder.iterdir() if file.suffix.lower() in ENDINGS and file.is_file())


def _places(file: h5py.File) -> list[str]:
    """Return where the objects of a file lie."""
    storages = own_item(file, "content/obj")
    if isinstance(storages, h5py.Group):
        places = [f"content/obj/{name}/data" for name in storages]
        return [place for place in places if own_item(file, place) is not None]
    entries = sorted(str(name) for name in file if str(name).startswith("entry"))
    return [place for entry in entries if (place := _place_in(file, entry)) is not None]


def _place_in(file: h5py.File, entry: str) -> str | None:
    return next((place for end in _OBJECTS if _is_image(file, place := f"{entry}/{end}")), None)


def _is_image(file: h5py.File, place: str) -> bool:
    item = own_item(file, place)
    return isinstance(item, h5py.Dataset) and item.ndim >= 2


def _objects_in(path: Path) -> Iterator[_Object]:
    with opened(path) as file:
        try:
            for place in _places(file):
                yield _object(path, file, place)
        except RunRejected:
            raise
        except (OSError, KeyError, ValueError) as error:
            msg = f"{path} is not a complete reconstruction: {error}"
            raise DamagedFileError(msg) from error


def _object(path: Path, file: h5py.File, place: str) -> _Object:
    data = dataset_at(file, place)
    above = group_at(file, place.rpartition("/")[0])
    is_ptypy = place.startswith("content/")
    energy_ev = _ptypy_energy_ev(file, above) if is_ptypy else _cxi_energy_ev(file, place)
    if not energy_ev > 0:
        where = "content/pars/scans/…/data/energy (keV)" if is_ptypy else "instrument_1/source_1/energy (J)"
        msg = f"{path}: the object {place} has no photon energy; it is looked for at {where}"
        raise RunRejected(msg)
    entry = file if is_ptypy else group_at(file, place.partition("/")[0])
    return _Object(
        path=path,
        place=place,
        shape=(data.shape[-2], data.shape[-1]),
        energy_ev=energy_ev,
        pitch_um=_pitch_um(above, data.shape[-1]),
        ended_s=seconds_at(entry, "end_time"),
    )


def _ptypy_energy_ev(file: h5py.File, storage: h5py.Group) -> float:
    """Return the energy that PtyPy, which counts in keV, was told for the scan of a storage."""
    scans = own_item(file, "content/pars/scans")
    names = [str(name) for name in scans] if isinstance(scans, h5py.Group) else []
    own = [name for name in names if str(storage.name).rsplit("/", 1)[-1].startswith(f"S{name}G")]
    for name in own or names:
        found = own_item(file, f"content/pars/scans/{name}/data/energy")
        if isinstance(found, h5py.Dataset) and found.size == 1 and found.dtype.kind in "iuf":
            return 1e3 * float(np.ravel(np.asarray(found[()]))[0])
    return float("nan")


def _cxi_energy_ev(file: h5py.File, place: str) -> float:
    entry = place.partition("/")[0]
    for where in (f"{entry}/instrument_1/source_1/energy", f"{place.rpartition('/')[0]}/energy"):
        found = energies_ev_at(file, where)
        if found is not None and found.size:
            return float(found[0])
    return float("nan")


def _pitch_um(above: h5py.Group, columns: int) -> float:
    """Return the size of a pixel; NaN where nobody says."""
    for name, parts in (("_psize", 1), ("x_pixel_size", 1), ("image_size", columns)):
        found = lengths_um_at(above, name)
        if found is not None and found.size and found[-1] > 0:
            return float(found[-1 if name == "_psize" else 0]) / parts
    return float("nan")


def _check_pitch(objects: list[_Object]) -> None:
    first = objects[0]
    for each in objects:
        if abs(each.pitch_um - first.pitch_um) > _SAME_PITCH * first.pitch_um:
            msg = (
                f"{each.path.name} has pixels of {1e3 * each.pitch_um:.4g} nm at {each.energy_ev:.2f} eV and "
                f"{first.path.name} of {1e3 * first.pitch_um:.4g} nm at {first.energy_ev:.2f} eV; "
                "reconstruct all energies on one pixel size"
            )
            raise RunRejected(msg)
