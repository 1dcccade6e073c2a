"""A tilt series to a volume of lithium content: files in, a file, a picture and figures out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from operando import __version__
from operando.app.fingerprint import fingerprint
from operando.app.work import Options, work_of
from operando.core.fit import design_of
from operando.core.health import check_energies
from operando.core.references import spectra_of
from operando.core.views import View
from operando.errors import ConfigurationError
from operando.io.tilt_source import TiltSource, open_tilt
from operando.types import FloatArray

if TYPE_CHECKING:
    from operando.core.tilt import Axis, VolumeError
    from operando.core.tomography import Volume
    from operando.io.volume_file import VolumeRecord

__all__ = ["TiltFigures", "TiltOptions", "tilt"]


@dataclass(frozen=True, slots=True)
class TiltOptions:
    """How a volume is made.

    Attributes
    ----------
    fitting
        As for `replay`.
    axis_px
        Column of the tilt axis; None to find it.
    repeats
        How often the noise is added again for the error; 0 for none.
    seed
        Of that noise.
    truth
        Of a simulated series, to be compared with.
    """

    fitting: Options = field(default_factory=Options)
    axis_px: float | None = None
    repeats: int = 4
    seed: int = 0
    truth: Path | None = None


@dataclass(frozen=True, slots=True)
class TiltFigures:
    """What came out.

    Attributes
    ----------
    angles, energies
        How many.
    columns, rows
        Of each map.
    voxels
        With a lithium content.
    mean_x, median_sigma_x
        Over these, weighted by the amount of host, and of their errors; NaN where none were asked for.
    axis_px, axis_scatter_px, amount_change
        As in `core.tilt.Axis`.
    unknown_pixels
        Of all maps: without a fit, which counts as empty.
    rmse_x, bias_x, pull_rms
        Against the truth, in voxels wholly inside of particles; NaN without one.
    voxels_inside, told_inside
        How many these are, and for how many x was given; 0 without a truth.
    """

    angles: int
    energies: int
    columns: int
    rows: int
    voxels: int
    mean_x: float
    median_sigma_x: float
    axis_px: float
    axis_scatter_px: float
    amount_change: float
    unknown_pixels: int
    rmse_x: float = float("nan")
    bias_x: float = float("nan")
    pull_rms: float = float("nan")
    voxels_inside: int = 0
    told_inside: int = 0


def tilt(
    source: Path,
    output: Path,
    options: TiltOptions,
    tell: Callable[[str], None] = lambda _words: None,
) -> TiltFigures:
    """Write the volume of a tilt series into a file, and a picture beside it; return figures.

    Parameters
    ----------
    source
        A Data Exchange file, or a folder of such files.
    output
        The HDF5 file; must not exist. The picture has its name and `.png`.
    options
        How.
    tell
        Called with a sentence when something begins that takes long.

    Raises
    ------
    ConfigurationError
        The output exists, references or settings do not fit, or scikit-image is not installed.
    OperandoError
        The series cannot be read, or not be fitted.
    """
    if output.exists():
        msg = f"{output} exists already; choose another name"
        raise ConfigurationError(msg)
    try:
        from operando.core.tilt import axis_of, errors_of, sides_of  # noqa: PLC0415 - an extra
        from operando.core.tomography import reconstructed  # noqa: PLC0415
    except ImportError as error:
        msg = (
            f"volumes need scikit-image, which is not installed ({error}): pip install 'operando[tomography]'"
        )
        raise ConfigurationError(msg) from error
    from operando.io.volume_file import VolumeRecord, read_truth, write_volume  # noqa: PLC0415
    from operando.io.volume_picture import volume_picture  # noqa: PLC0415 - it loads matplotlib

    truth = None if options.truth is None else read_truth(options.truth)
    work = work_of(options.fitting, beside=source if source.is_dir() else source.parent)
    recipe = work.recipe
    with ExitStack() as files:
        there = open_tilt(source, recipe.detector, files)
        gain = there.gain
        phases = spectra_of(work.library, there.energies_ev)
        check_energies(there.energies_ev.size, phases, recipe)
        design = design_of(phases.at_energies, phases.lithium, there.energies_ev, recipe.background)
        sides = sides_of(
            _told(there, gain, tell), design, options.repeats, np.random.default_rng(options.seed)
        )
    axis = axis_of(sides.thickness, sides.angles_deg)
    axis_px = axis.column_px if options.axis_px is None else options.axis_px
    tell("reconstructing the slices")
    volume = reconstructed(sides.series(axis_px))
    error = errors_of(
        sides, volume, axis_px, lambda done: tell(f"noise added again, {done} of {options.repeats}")
    )
    y, across, unit = _axes(there, work.layout.pitch_um)
    record = VolumeRecord(
        title=there.title or source.stem,
        volume=volume,
        error=error,
        sides=sides,
        energies_ev=there.energies_ev,
        y=y,
        z=across,
        x=across,
        unit=unit,
        process={
            "program": "operando",
            "version": __version__,
            "source": source.name,
            "i0": "flat images" if there.has_flats else "blank pixels",
            "background": recipe.background.name.lower(),
            "detector_gain": gain,
            "axis_px": axis_px,
            "repeats": options.repeats,
            "seed": options.seed,
            "references_sha256": fingerprint(work.library),
            "formula": work.library.formula,
        },
    )
    write_volume(output, record)
    volume_picture(output.with_suffix(".png"), record)
    return _figures(record, axis, axis_px, truth)


def _told(there: TiltSource, gain: float, tell: Callable[[str], None]) -> Iterator[View]:
    """Yield the sides, and say which is fitted."""
    sides = there.angles_deg.size
    for number, view in enumerate(there.views(gain), start=1):
        tell(f"fitting side {number} of {sides}")
        yield view


def _axes(there: TiltSource, otherwise_um: float | None) -> tuple[FloatArray, FloatArray, str]:
    """Return places of rows, places across the tilt axis, and their unit."""
    rows, columns = there.shape
    pitch, unit = (1.0, "px") if otherwise_um is None else (otherwise_um, "um")
    if there.x_um is not None and columns > 1:
        pitch, unit = abs(float(there.x_um[-1] - there.x_um[0])) / (columns - 1), "um"
    y = pitch * np.arange(rows, dtype=np.float64) if there.y_um is None else there.y_um
    return y, pitch * (np.arange(columns, dtype=np.float64) - columns // 2), unit


def _figures(record: VolumeRecord, axis: Axis, axis_px: float, truth: FloatArray | None) -> TiltFigures:
    volume, error, sides = record.volume, record.error, record.sides
    solid = volume.solid
    weight = volume.density[solid]
    known = error.lithium[np.isfinite(error.lithium)]
    figures = TiltFigures(
        angles=sides.angles_deg.size,
        energies=record.energies_ev.size,
        columns=volume.density.shape[2],
        rows=volume.density.shape[0],
        voxels=int(solid.sum()),
        mean_x=float(np.average(volume.lithium[solid], weights=weight)) if solid.any() else float("nan"),
        median_sigma_x=float(np.median(known)) if known.size else float("nan"),
        axis_px=axis_px,
        axis_scatter_px=axis.scatter_px,
        amount_change=axis.amount_change,
        unknown_pixels=int(np.isnan(sides.thickness).sum()),
    )
    return figures if truth is None else _compared(figures, volume, error, truth)


def _compared(figures: TiltFigures, volume: Volume, error: VolumeError, truth: FloatArray) -> TiltFigures:
    """Return the figures with those against the truth, in voxels wholly inside of particles."""
    if truth.shape != volume.lithium.shape:
        msg = (
            f"the truth has {truth.shape} voxels and the volume {volume.lithium.shape}; give that of the "
            "same simulated series"
        )
        raise ConfigurationError(msg)
    inside = np.asarray(ndimage.binary_erosion(np.isfinite(truth)), dtype=np.bool_)
    told = inside & volume.solid
    off = (volume.lithium - truth)[told]
    pull = off / error.lithium[told]
    pull = pull[np.isfinite(pull)]
    nan = float("nan")
    return replace(
        figures,
        rmse_x=float(np.sqrt(np.mean(off**2))) if off.size else nan,
        bias_x=float(off.mean()) if off.size else nan,
        pull_rms=float(np.sqrt(np.mean(pull**2))) if pull.size else nan,
        voxels_inside=int(inside.sum()),
        told_inside=int(told.sum()),
    )
