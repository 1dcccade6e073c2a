"""The stress of a cycle as a NeXus HDF5 file, which says that it depends on a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from operando.types import FloatArray, ScanPlan

__all__ = ["MODEL_WORDS", "StressRecord", "write_stress"]

MODEL_WORDS = "model-dependent: linear elasticity of a thin coherent plate; only x was measured"


@dataclass(frozen=True, slots=True)
class StressRecord:
    """The stress of a cycle.

    Attributes
    ----------
    plan
        Of the run.
    cycle, time_s
        Which, and the time its map speaks for.
    stress_gpa
        xx, yy, xy, shape (3, ny, nx), with axes as x_um and y_um ascend; NaN outside particles.
    von_mises_gpa
        Shape (ny, nx).
    labels
        Number of the particle at each pixel, shape (ny, nx).
    left_out
        Particles that are too small, or have no x.
    crystal
        Elastic constants (GPa), misfit per unit of x, and direction of axis 1 in degrees.
    """

    plan: ScanPlan
    cycle: int
    time_s: float
    stress_gpa: FloatArray
    von_mises_gpa: FloatArray
    labels: NDArray[np.int32]
    left_out: tuple[int, ...]
    crystal: tuple[tuple[float, ...], tuple[float, float], float]


def write_stress(path: Path, record: StressRecord) -> None:
    """Write the stress into a new file, which viewers open on the equivalent stress."""
    grid, (stiffness, misfit, axis_deg) = record.plan.grid, record.crystal
    with h5py.File(path, "w") as file:
        file.attrs.update({"NX_class": "NXroot", "default": "entry", "creator": "operando stress 1"})
        entry = file.create_group("entry")
        entry.attrs.update({"NX_class": "NXentry", "default": "stress"})
        entry["title"] = MODEL_WORDS
        entry["entry_identifier"] = record.plan.run
        entry["cycle"], entry["time_s"] = record.cycle, record.time_s
        data = entry.create_group("stress")
        data.attrs.update(
            {"NX_class": "NXdata", "signal": "von_mises_gpa", "axes": ["y_um", "x_um"], "model": MODEL_WORDS}
        )
        for name, values, words in (
            ("von_mises_gpa", record.von_mises_gpa, "equivalent stress (GPa)"),
            ("stress_gpa", record.stress_gpa, "stress xx, yy, xy (GPa)"),
        ):
            dataset = data.create_dataset(name, data=values, compression="gzip", shuffle=True)
            dataset.attrs.update({"units": "GPa", "long_name": f"{words}, model-dependent"})
        data["particle"] = record.labels
        data["y_um"], data["x_um"] = grid.y_um, grid.x_um
        crystal = entry.create_group("crystal")
        crystal.attrs["NX_class"] = "NXcollection"
        crystal["stiffness_gpa"], crystal["misfit"] = stiffness, misfit
        crystal["axis_deg"] = axis_deg
