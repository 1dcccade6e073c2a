"""Three slices of a volume through its middle: lithium content, how sure it is, and how much there is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from operando.io.lettering import as_written
from operando.io.volume_file import VolumeRecord
from operando.types import FloatArray

__all__ = ["volume_picture"]

_CUTS = ((1, ("x", "y")), (0, ("x", "z")), (2, ("z", "y")))
"""Which axis of (y, z, x) is cut, and what the picture's axes are then."""


def volume_picture(path: Path, record: VolumeRecord) -> None:
    """Draw the slices into a PNG file."""
    centre = _centre(record.volume.density)
    figure = Figure(figsize=(10.5, 9.0), dpi=160, layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subplots(3, 3, squeeze=False)
    whole = (record.volume.lithium, record.error.lithium, record.volume.density)
    labels = ("lithium content x", "σ(x), of counting", "host per voxel / references")
    colours = ("viridis", "magma", "gray")
    for row, values, label, colour in zip(rows, whole, labels, colours, strict=True):
        lowest, highest = _levels(values)
        image = None
        for axes, (cut, names) in zip(row, _CUTS, strict=True):
            image = axes.imshow(
                np.ma.masked_invalid(np.take(values, centre[cut], axis=cut)),
                cmap=colour,
                vmin=lowest if values is record.volume.lithium else 0.0,
                vmax=highest,
                origin="lower",
                interpolation="nearest",
                extent=_extent(record, names),
            )
            _dress(axes, record, cut, names, centre[cut])
        if image is not None:
            figure.colorbar(image, ax=list(row), label=label)
    sides = record.sides.angles_deg
    figure.suptitle(
        f"{as_written(record.title)}: {sides.size} sides, {sides.min():g}° to {sides.max():g}°",
        x=0.02,
        ha="left",
        fontsize=11,
        parse_math=False,
    )
    figure.savefig(path)


def _centre(density: FloatArray) -> tuple[int, int, int]:
    """Return the voxel that is nearest to the centre of mass."""
    total = density.sum()
    if not total > 0:
        return density.shape[0] // 2, density.shape[1] // 2, density.shape[2] // 2
    places = [
        round(float(np.arange(size) @ density.sum(axis=tuple({0, 1, 2} - {axis})) / total))
        for axis, size in enumerate(density.shape)
    ]
    return places[0], places[1], places[2]


def _levels(values: FloatArray) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0, 1.0
    lowest, highest = np.percentile(known, (1, 99))
    return float(lowest), float(highest if highest > lowest else lowest + 1.0)


def _extent(record: VolumeRecord, names: tuple[str, str]) -> tuple[float, float, float, float]:
    ends: list[float] = []
    for name in names:
        values = getattr(record, name)
        half = abs(float(values[-1] - values[0])) / max(values.size - 1, 1) / 2
        ends += [float(values[0]) - half, float(values[-1]) + half]
    return ends[0], ends[1], ends[2], ends[3]


def _dress(axes: Axes, record: VolumeRecord, cut: int, names: tuple[str, str], at: int) -> None:
    unit = "µm" if record.unit == "um" else record.unit
    axes.set_facecolor("#ececec")
    axes.set_xlabel(f"{names[0]} ({unit})")
    axes.set_ylabel(f"{names[1]} ({unit})")
    name = "yzx"[cut]
    axes.set_title(f"{name} = {getattr(record, name)[at]:.3g} {unit}", loc="left", fontsize=9)
