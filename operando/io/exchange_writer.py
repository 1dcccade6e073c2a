"""Full-field images as a Data Exchange file, as a microscope would write it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from operando.io.atomic import replacement
from operando.types import FloatArray

__all__ = ["ExchangeRecord", "write_exchange"]


@dataclass(frozen=True, slots=True)
class ExchangeRecord:
    """All that goes into a file.

    Attributes
    ----------
    title
        Of the sample.
    images, flats, darks
        Counts, shape (image, ny, nx).
    energies_ev, theta_deg, times_s
        Of each image, shape (image,); seconds after the start.
    flat_energies_ev, flat_times_s
        Of each flat one.
    exposure_s
        Of each image.
    x_um, y_um
        Pixel centres.
    """

    title: str
    images: NDArray[np.uint16]
    flats: NDArray[np.uint16]
    darks: NDArray[np.uint16]
    energies_ev: FloatArray
    theta_deg: FloatArray
    times_s: FloatArray
    flat_energies_ev: FloatArray
    flat_times_s: FloatArray
    exposure_s: float
    x_um: FloatArray
    y_um: FloatArray


def write_exchange(path: Path, record: ExchangeRecord) -> None:
    """Write a new file.

    Raises
    ------
    OSError
        The disk is full or fails.
    """
    arrays = {
        "data": (record.images, "counts"),
        "data_white": (record.flats, "counts"),
        "data_dark": (record.darks, "counts"),
        "energy": (record.energies_ev, "eV"),
        "energy_white": (record.flat_energies_ev, "eV"),
        "theta": (record.theta_deg, "degrees"),
        "time": (record.times_s, "s"),
        "time_white": (record.flat_times_s, "s"),
        "x": (record.x_um, "um"),
        "y": (record.y_um, "um"),
    }
    with replacement(path) as part, h5py.File(part, "w") as file:
        file["implements"] = "exchange:measurement"
        group = file.create_group("exchange")
        group["title"] = record.title
        for name, (values, unit) in arrays.items():
            packing = {"compression": "gzip", "shuffle": True} if values.ndim == 3 else {}
            group.create_dataset(name, data=values, **packing).attrs["units"] = unit
        place = "measurement/instrument/detector/exposure_time"
        file[place] = record.exposure_s
        file[place].attrs["units"] = "s"
