"""A stack of TIFF images, in one file or a folder of files, as Bluesky documents: counts by energy.

A TIFF does not say at which energy it was taken. A file of settings beside it does: `NAME.toml` beside
`NAME.tif`, or `stack.toml` in the folder.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from operando.errors import ConfigurationError, DamagedFileError, RunRejected, SourceUnreachable
from operando.io.file_digest import content_digest
from operando.io.file_order import as_counted
from operando.io.frame_documents import PRIMARY, FrameRun, RecordedFrame, frame_documents
from operando.io.tiff_chain import ends_its_list
from operando.io.tiff_file import opened_tiff, page_of
from operando.settings import TiffStackSettings, load_tiff_stack
from operando.types import FloatArray

__all__ = ["ENDINGS", "holds_tiffs", "read_tiff_stack"]

ENDINGS = (".tif", ".tiff")

_NAMESPACE = uuid.UUID("0c4a5c0e-6d1f-5b1a-9d52-0a1f3b6c7e21")
_APART_S = 1.0


@dataclass(frozen=True, slots=True)
class _Image:
    """One page of a file, and its shape; one behind the place where a file is cut off cannot be read."""

    path: Path
    page: int
    shape: tuple[int, ...]
    is_behind_the_cut: bool = False

    def read(self) -> FloatArray:
        """Return its counts, shape (ny, nx)."""
        if self.is_behind_the_cut:
            msg = f"{self.path} is cut off behind image {self.page}, or damaged there; a copy may be whole"
            raise DamagedFileError(msg)
        with opened_tiff(self.path) as file:
            return np.asarray(page_of(file, self.path, self.page), dtype=np.float64)


def holds_tiffs(folder: Path) -> bool:
    """Return whether there are TIFF files right in a folder."""
    return any(_files_in(folder))


def read_tiff_stack(path: str | Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the documents of the images in a file, or in all files of a folder; each as it is asked for.

    They are a run of plan `tiff_stack`, in the order of the pages, and of the numbers in the names of files.
    The energies are those of the settings beside it, over and over: each time round is a cycle.

    Raises
    ------
    SourceUnreachable
        If there is no such file, or the folder has none.
    ConfigurationError
        If no settings are beside it, or `tifffile` is not installed.
    DamagedFileError
        If a file is no TIFF, or ends within its list of images.
    RunRejected
        If the images are not of one shape, in shades of grey, and as many as whole cycles of energies have.
    """
    path = Path(path)
    is_folder = path.is_dir()
    files = sorted(_files_in(path), key=as_counted) if is_folder else [path]
    if not files:
        msg = f"the folder {path} has no TIFF images; their names end in {' or '.join(ENDINGS)}"
        raise SourceUnreachable(msg)
    digest = " ".join(f"{file.name} {content_digest(file)}" for file in files)
    beside = path / "stack.toml" if is_folder else path.with_suffix(".toml")
    if not beside.is_file():
        msg = (
            f"{path} does not say its energies: write {beside} with energies_ev = [707.0, …], and with "
            "pitch_um and dwell_ms if you know them"
        )
        raise ConfigurationError(msg)
    settings = load_tiff_stack(beside)
    images = [image for file in files for image in _images_in(file)]
    is_cut = any(image.is_behind_the_cut for image in images)
    _check_all(path, images, len(images) if is_cut else len(settings.energies_ev))
    yield from frame_documents(_run(path, digest, images, settings))


def _run(path: Path, digest: str, images: Sequence[_Image], settings: TiffStackSettings) -> FrameRun:
    ny, nx = images[0].shape
    energies, pitch_um = len(settings.energies_ev), settings.pitch_um
    dwells = settings.dwell_ms
    dwell_ms = dwells if isinstance(dwells, tuple) else (math.nan if dwells is None else dwells,) * energies
    # As long as it takes to look at all pixels, where that is known.
    apart_s = [each * ny * nx / 1000.0 if each > 0 else _APART_S for each in dwell_ms]
    started_s = 0.0 if settings.started is None else settings.started.timestamp()
    ended_s = started_s + np.cumsum([apart_s[number % energies] for number in range(len(images))])
    frames = [
        RecordedFrame(
            stream=PRIMARY,
            time_s=float(ended_s[number]),
            energy_ev=settings.energies_ev[number % energies],
            dwell_ms=dwell_ms[number % energies],
            read=partial(_Image.read, image),
        )
        for number, image in enumerate(images)
    ]
    sides = zip("yx", (ny, nx), strict=True)
    extents = {} if pitch_um is None else {f"{axis}_extent": [0.0, pitch_um * (n - 1)] for axis, n in sides}
    return FrameRun(
        uid=uuid.uuid5(_NAMESPACE, f"{path.name} {digest} {settings!r}"),
        plan_name="tiff_stack",
        sample=settings.sample,
        source=f"tiff:{path.name}",
        unit="counts",
        shape=(ny, nx),
        started_s=started_s,
        frames=frames,
        extents=extents,
        origin={"tiff": {"file": path.name, "images": len(images)}},
    )


def _files_in(folder: Path) -> Iterator[Path]:
    return (file for file in folder.iterdir() if file.suffix.lower() in ENDINGS and file.is_file())


def _images_in(path: Path) -> list[_Image]:
    with opened_tiff(path) as file:
        images = [_Image(path, number, tuple(page.shape)) for number, page in enumerate(file.pages)]
    if images and not ends_its_list(path):
        images.append(_Image(path, len(images), images[0].shape, is_behind_the_cut=True))
    return images


def _check_all(path: Path, images: Sequence[_Image], energies: int) -> None:
    if not images or len(images) % energies:
        msg = f"{path} has {len(images)} images for {energies} energies; expected one for each in each cycle"
        raise RunRejected(msg)
    shape = images[0].shape
    other = next((image for image in images if image.shape != shape or len(shape) != 2), None)
    if other is not None:
        msg = (
            f"image {other.page + 1} of {other.path.name} has the shape {other.shape}, the first one of "
            f"{path.name} {shape}; expected one shape for all, rows and columns"
        )
        raise RunRejected(msg)
