"""A tilt series out of Data Exchange files: one file with angles and energies, or one file an energy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from operando.core.absorption import Detector, below_ceiling, optical_density
from operando.core.flats import Group, Lit, RawReadings, lit_readings, mean_of
from operando.core.gain import estimate_gain
from operando.core.image import Image
from operando.core.incident import blank_pixels, blank_reading
from operando.core.light import evenly_lit, share_of_frame
from operando.core.views import View
from operando.errors import DamagedFileError, RunRejected, SourceUnreachable
from operando.io.exchange_file import ExchangeFile, ExchangeImages, exchange_of, holds_exchange, opened
from operando.types import FloatArray

__all__ = ["TiltSource", "open_tilt"]

_SAME_DEG = 0.01
_SAME_EV = 0.05
_ENDINGS = frozenset({".h5", ".hdf5", ".hdf", ".nxs"})
_NAMED = 5


@dataclass(frozen=True, slots=True)
class _Image:
    """Where one image lies: its file, its number in it, and when it was taken; NaN if nobody says."""

    file: ExchangeFile
    number: int
    time_s: float


@dataclass(frozen=True, slots=True)
class TiltSource:
    """A tilt series; images are read as they are asked for.

    Attributes
    ----------
    title
        Of the sample.
    angles_deg, energies_ev
        Ascending, shapes (angle,) and (energy,).
    shape
        Rows and columns, (ny, nx).
    x_um, y_um
        Pixel centres, or None where no file says how large pixels are.
    """

    title: str
    angles_deg: FloatArray
    energies_ev: FloatArray
    shape: tuple[int, int]
    x_um: FloatArray | None
    y_um: FloatArray | None
    _images: dict[tuple[int, int], _Image]
    _flats: dict[int, list[Group]]
    _darks: dict[int, Group]
    _detector: Detector

    @property
    def has_flats(self) -> bool:
        """Whether I0 comes from images without the sample; else from blank pixels of each image."""
        return bool(self._flats)

    @property
    def gain(self) -> float:
        """The detector's gain, from blank pixels of the first side where it is not said; else 1."""
        if not np.isnan(self._detector.gain):
            return self._detector.gain
        images = [_as_image(self._lit(0, energy)) for energy in range(self.energies_ev.size)]
        lit = np.stack([evenly_lit(image) for image in images])
        blank = blank_pixels(lit)
        share = float(np.mean([share_of_frame(image, blank) for image in images]))
        found = estimate_gain(lit, blank).gain / share
        return 1.0 if np.isnan(found) else found

    def views(self, gain: float) -> Iterator[View]:
        """Yield the sample from each side.

        Parameters
        ----------
        gain
            Variance-to-mean ratio of the counts.

        Raises
        ------
        DamagedFileError
            An image cannot be read.
        RunRejected
            There is neither a flat image nor a blank pixel.
        """
        detector = Detector(gain)
        for angle, angle_deg in enumerate(self.angles_deg.tolist()):
            lit = [self._lit(angle, energy) for energy in range(self.energies_ev.size)]
            od, variance, shared = np.full((3, len(lit), *self.shape), np.nan)
            blank = np.zeros(self.shape, dtype=bool)
            if not self.has_flats:
                blank = blank_pixels(np.stack([each.counts for each in lit]))
            for energy, each in enumerate(lit):
                i0, i0_variance = _beam(each, blank, gain)
                if not np.isfinite(i0).any():
                    msg = (
                        f"the image at {angle_deg:g}° and {self.energies_ev[energy]:.2f} eV has neither flat "
                        "images nor blank pixels, so it has no I0"
                    )
                    raise RunRejected(msg)
                od[energy], variance[energy] = optical_density(
                    each.counts, i0, i0_variance, detector, each.spread
                )
                # I0 of blank pixels is of this image alone.
                shared[energy] = i0_variance / i0**2 if self.has_flats else 0.0
            yield View(angle_deg, od, variance, shared)

    def _lit(self, angle: int, energy: int) -> Lit:
        image = self._images[angle, energy]
        try:
            raw = image.file.images.image(image.number)
        except (OSError, ValueError) as error:
            msg = f"the image at {self.angles_deg[angle]:g}° cannot be read: {error}"
            raise DamagedFileError(msg) from error
        groups = self._flats.get(energy, [])
        before = [group for group in groups if not group.time_s > image.time_s]
        after = [group for group in groups if group.time_s > image.time_s]
        around = before[-1] if before else None, after[0] if after else None
        frame = RawReadings(
            below_ceiling(raw, self._detector), slice(None), image.time_s, image.file.dwell_ms
        )
        return lit_readings(frame, around, self._darks.get(energy, self._detector.dark_counts))


def open_tilt(path: Path, detector: Detector, files: ExitStack) -> TiltSource:
    """Return the tilt series in a Data Exchange file, or in all such files of a folder.

    Parameters
    ----------
    path
        Of either.
    detector
        Gain, ceiling, and the dark level where there are no dark images.
    files
        Closes what was opened.

    Raises
    ------
    SourceUnreachable
        There is no such file, or the folder has none.
    DamagedFileError
        A file contradicts itself.
    RunRejected
        An image is missing or there twice, or the files do not fit together.
    """
    there = [(name, exchange_of(file, name)) for name, file in _opened(path, files)]
    first = there[0][1]
    for name, file in there:
        if file.shape != first.shape:
            msg = (
                f"{name} has images of {file.shape} pixels and {there[0][0]} of {first.shape}; bin all alike"
            )
            raise RunRejected(msg)
        if not np.isfinite(file.images.theta_deg).all():
            msg = f"{name} has images without an angle; add exchange/theta, in degrees, one for each image"
            raise RunRejected(msg)
    angles_deg = _distinct(np.concatenate([file.images.theta_deg for _, file in there]), _SAME_DEG)
    energies_ev = _distinct(np.concatenate([file.images.energies_ev for _, file in there]), _SAME_EV)
    images = _placed(there, angles_deg, energies_ev)
    flats, darks = _light(images, energies_ev, detector)
    return TiltSource(
        title=first.title,
        angles_deg=angles_deg,
        energies_ev=energies_ev,
        shape=first.shape,
        x_um=first.x_um,
        y_um=first.y_um,
        _images=images,
        _flats=flats,
        _darks=darks,
        _detector=detector,
    )


def _opened(path: Path, files: ExitStack) -> list[tuple[str, h5py.File]]:
    names = [path]
    if path.is_dir():
        names = sorted(name for name in path.iterdir() if name.suffix.lower() in _ENDINGS)
    found = [(name.name, files.enter_context(opened(name))) for name in names]
    of_kind = [(name, file) for name, file in found if holds_exchange(file)]
    if not of_kind:
        msg = (
            f"{path} has no images as in Data Exchange (exchange/data); give such a file, or a folder of some"
        )
        raise SourceUnreachable(msg)
    return of_kind


def _distinct(values: FloatArray, same: float) -> FloatArray:
    """Return values that are further apart than this, ascending."""
    ascending = np.sort(values)
    return ascending[np.concatenate([[True], np.diff(ascending) > same])]


def _placed(
    there: list[tuple[str, ExchangeFile]], angles_deg: FloatArray, energies_ev: FloatArray
) -> dict[tuple[int, int], _Image]:
    """Return the images by angle and energy; there is one of each."""
    images: dict[tuple[int, int], _Image] = {}
    for name, file in there:
        own = file.images
        for number in range(own.energies_ev.size):
            place = (
                int(np.argmin(np.abs(angles_deg - own.theta_deg[number]))),
                int(np.argmin(np.abs(energies_ev - own.energies_ev[number]))),
            )
            if place in images:
                msg = (
                    f"{name} has a second image at {own.theta_deg[number]:g}° and "
                    f"{own.energies_ev[number]:.2f} eV; a tilt series has one of each"
                )
                raise RunRejected(msg)
            images[place] = _Image(file, number, file.started_s + float(own.time_s[number]))
    missing = [
        f"{angle_deg:g}° at {energy_ev:.2f} eV"
        for angle, angle_deg in enumerate(angles_deg.tolist())
        for energy, energy_ev in enumerate(energies_ev.tolist())
        if (angle, energy) not in images
    ]
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        msg = f"the series has no image of {', '.join(missing[:_NAMED])}{more}; every side needs all energies"
        raise RunRejected(msg)
    return images


def _light(
    images: dict[tuple[int, int], _Image], energies_ev: FloatArray, detector: Detector
) -> tuple[dict[int, list[Group]], dict[int, Group]]:
    """Return the groups of flat images of each energy, and its dark images."""
    flats: dict[int, list[Group]] = {}
    darks: dict[int, Group] = {}
    for energy, energy_ev in enumerate(energies_ev.tolist()):
        own = [image for (_, number), image in images.items() if number == energy]
        times_s = [image.time_s for image in own]
        for file in {id(image.file): image.file for image in own}.values():
            if file.flats is not None:
                flats.setdefault(energy, []).extend(_groups(file, file.flats, energy_ev, times_s, detector))
            if file.darks is not None and energy not in darks:
                darks[energy] = _group(file, file.darks, np.arange(file.darks.energies_ev.size), detector)
    return {energy: groups for energy, groups in flats.items() if groups}, darks


def _groups(
    file: ExchangeFile, flats: ExchangeImages, energy_ev: float, own_s: list[float], detector: Detector
) -> list[Group]:
    """Return the flat images of an energy, those together that no image of it lies between."""
    numbers = np.flatnonzero(np.abs(flats.energies_ev - energy_ev) <= _SAME_EV)
    times_s = file.started_s + np.nan_to_num(flats.time_s[numbers])
    behind = np.searchsorted(np.sort(np.nan_to_num(own_s, nan=np.inf)), times_s)
    order = np.argsort(times_s, kind="stable")
    groups = [numbers[order][behind[order] == place] for place in np.unique(behind)]
    return [_group(file, flats, group, detector) for group in groups]


def _group(file: ExchangeFile, images: ExchangeImages, numbers: np.ndarray, detector: Detector) -> Group:
    readings = np.stack([below_ceiling(images.image(int(number)), detector) for number in numbers])
    time_s = file.started_s + float(np.nan_to_num(images.time_s[numbers]).mean())
    return mean_of(readings, time_s, file.dwell_ms, float("nan"))


def _as_image(lit: Lit) -> Image:
    nothing = np.full(len(lit.counts), np.nan)
    return Image(
        counts=lit.counts,
        i0=lit.i0,
        row_time_s=nothing,
        row_dwell_ms=nothing,
        row_ring_ma=nothing,
        marks=np.full(len(lit.counts), None),
        spread=lit.spread,
        i0_spread=lit.i0_spread,
    )


def _beam(lit: Lit, blank: np.ndarray, gain: float) -> tuple[FloatArray, FloatArray]:
    """Return I0 and its variance, of each pixel or of all."""
    if lit.i0 is not None and lit.i0_spread is not None:
        return lit.i0, gain * lit.i0_spread
    mean, variance = blank_reading(lit.counts, blank, gain)
    return np.array(mean), np.array(variance)
