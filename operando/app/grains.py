"""A simulated full-field series of three grains: the file of a microscope, the references, and the truth."""

# The simulator is imported when a simulation runs: a monitor needs none of it.
# ruff: noqa: PLC0415

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from operando.errors import ConfigurationError
from operando.io.exchange_writer import ExchangeRecord, write_exchange
from operando.io.volume_file import write_truth

__all__ = ["Grains", "GrainsWritten", "write_grains"]

_WHOLE_TURN_HALF_DEG = 90.0


@dataclass(frozen=True, slots=True)
class Grains:
    """A simulated series.

    Attributes
    ----------
    material
        "lixv2o5" or "lixfepo4".
    angles
        Sides, evenly over ± `reach_deg`; of all sides (90°) the last would be the first, and is left out.
    reach_deg
        How far the stage turns.
    counts
        Of a pixel without sample.
    pixels
        Columns of an image.
    seed
        Of sample and noise.
    """

    material: str
    angles: int
    reach_deg: float
    counts: float
    pixels: int
    seed: int


@dataclass(frozen=True, slots=True)
class GrainsWritten:
    """Where things are: the images, the references that they are fitted with, and the truth."""

    images: Path
    references: Path
    truth: Path


def write_grains(grains: Grains, folder: Path) -> GrainsWritten:
    """Write a simulated series into a folder, which is made if need be.

    Raises
    ------
    ConfigurationError
        There is one already, or the material is not simulated.
    """
    from operando_sim import MATERIALS, material_named
    from operando_sim.full_field import look_from, true_lithium
    from operando_sim.references import write_references
    from operando_sim.volume import make_grains

    names = [material.name for material in MATERIALS]
    if grains.material not in names:
        msg = f"'{grains.material}' is not simulated; choose {' or '.join(names)}"
        raise ConfigurationError(msg)
    written = GrainsWritten(folder / "grains.h5", folder / "references" / "library.toml", folder / "truth.h5")
    if written.images.exists() or written.truth.exists():
        msg = f"{folder} has a series already; choose another folder"
        raise ConfigurationError(msg)
    material = material_named(grains.material)
    write_references(written.references.parent, material)
    rng = np.random.default_rng(grains.seed)
    sample = make_grains(rng)
    seen = look_from(sample, material, angles_of(grains), grains.counts, grains.pixels, rng)
    record = ExchangeRecord(
        title=f"simulated {grains.material}, seed {grains.seed}",
        images=seen.images,
        flats=seen.flats,
        darks=seen.darks,
        energies_ev=seen.energies_ev,
        theta_deg=seen.theta_deg,
        times_s=seen.times_s,
        flat_energies_ev=seen.flat_energies_ev,
        flat_times_s=seen.flat_times_s,
        exposure_s=seen.exposure_s,
        x_um=seen.x_um,
        y_um=seen.y_um,
    )
    write_exchange(written.images, record)
    write_truth(written.truth, true_lithium(sample, material, grains.pixels))
    return written


def angles_of(grains: Grains) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the angles of the sides in degrees; a single one is 0."""
    if grains.angles == 1:
        return np.zeros(1)
    is_whole = grains.reach_deg >= _WHOLE_TURN_HALF_DEG
    return np.linspace(-grains.reach_deg, grains.reach_deg, grains.angles, endpoint=not is_whole)
