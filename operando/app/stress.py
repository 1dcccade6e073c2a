"""The misfit stress of particles, of a results file or for a window: a model, and said so wherever it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from operando.app.fresh import refuse_existing
from operando.app.study_options import crystal_of
from operando.crystal import Crystal
from operando.errors import ConfigurationError
from operando.io.atomic import replacement
from operando.io.results import Results, read_results
from operando.io.stress_file import StressRecord, write_stress
from operando.settings import load_profile
from operando.types import FloatArray
from operando.view.stresses import StressQuestion

__all__ = ["solve_stress", "stress"]


def stress(results: Path, profile: Path, output: Path, cycle: int | None) -> StressRecord:
    """Write the stress of a cycle into a file, and a picture beside it; return what was written.

    Parameters
    ----------
    results
        A results file whose particles were studied.
    profile
        With a block `crystal`.
    output
        The HDF5 file. The picture has its name and `.png`; neither may exist.
    cycle
        From 1; None for the last.

    Raises
    ------
    ConfigurationError
        The profile has no crystal, the cycle is not there, no particle was found in it, the output or its
        picture exists, or scikit-fem is not installed.
    SourceUnreachable, DamagedFileError
        There is no such results file, or it is something else.
    """
    crystal = load_profile(profile).crystal
    if crystal is None:
        msg = f"{profile} has no [crystal]: give stiffness_gpa, misfit and axis_deg of the host"
        raise ConfigurationError(msg)
    drawn = output.with_suffix(".png")
    if output == drawn:
        msg = f"{output} ends in '.png', which is the picture; the stress itself goes into a .h5"
        raise ConfigurationError(msg)
    for path in (output, drawn):
        refuse_existing(path)
    there = read_results(results)
    number = int(there.cycle[-1]) if cycle is None and there.cycle.size else (cycle or 1) - 1
    place = np.flatnonzero(there.cycle == number)
    if not place.size:
        msg = f"{results} has no cycle {number + 1}; it has {there.cycle.size}"
        raise ConfigurationError(msg)
    record = _stress_of(there, int(place[0]), crystal_of(crystal))
    from operando.io.stress_picture import stress_picture  # noqa: PLC0415 - it loads matplotlib

    with replacement(drawn) as part:
        stress_picture(part, record)
    with replacement(output) as part:
        write_stress(part, record)
    return record


def solve_stress(question: StressQuestion) -> FloatArray:
    """Return the equivalent stress of all particles, GPa, shape (ny, nx), for a window; NaN outside.

    Raises
    ------
    ConfigurationError
        scikit-fem is not installed, or the elastic constants are not those of a stable crystal.
    """
    return _of_particles(question).von_mises_gpa


def _stress_of(there: Results, place: int, crystal: Crystal) -> StressRecord:
    labels = there.particle_labels[place]
    if not (labels > 0).any():
        msg = (
            "no particles were found in this cycle; stress is that of particles: see [studies] of the profile"
        )
        raise ConfigurationError(msg)
    found = _of_particles(StressQuestion(there.lithium[place], labels, there.plan.grid, crystal))
    return StressRecord(
        plan=there.plan,
        cycle=int(there.cycle[place]),
        time_s=float(there.time_s[place]),
        stress_gpa=found.stress_gpa,
        von_mises_gpa=found.von_mises_gpa,
        labels=labels,
        left_out=found.left_out,
        crystal=(crystal.stiffness_gpa, crystal.misfit, crystal.axis_deg),
    )


@dataclass(frozen=True, slots=True)
class _FieldStress:
    """As in `StressRecord`."""

    stress_gpa: FloatArray
    von_mises_gpa: FloatArray
    left_out: tuple[int, ...]


def _of_particles(question: StressQuestion) -> _FieldStress:
    """Return the stress of each particle by itself; no particle holds another."""
    try:
        from operando.core.strain import stress_of  # noqa: PLC0415 - an extra
    except ImportError as error:
        msg = f"stress needs scikit-fem, which is not installed ({error}): pip install 'operando[strain]'"
        raise ConfigurationError(msg) from error
    labels, grid = question.labels, question.grid
    # Both axes of the model ascend.
    way = (slice(None, None, _sign(grid.y_um)), slice(None, None, _sign(grid.x_um)))
    pitch = (_pitch_um(grid.y_um), _pitch_um(grid.x_um))
    lithium, numbered = question.lithium[way], labels[way]
    stress_gpa = np.full((3, *labels.shape), np.nan)
    von_mises_gpa = np.full(labels.shape, np.nan)
    left_out: list[int] = []
    for number, box in enumerate(ndimage.find_objects(numbered), 1):
        if box is None:
            continue
        try:
            found = stress_of(lithium[box], numbered[box] == number, pitch, question.crystal)
        except ValueError:
            left_out.append(number)
            continue
        inside = np.isfinite(found.stress_gpa[0])
        for own, whole in zip(found.stress_gpa, stress_gpa, strict=True):
            whole[way][box][inside] = own[inside]
        von_mises_gpa[way][box][inside] = found.von_mises_gpa[inside]
    return _FieldStress(stress_gpa, von_mises_gpa, tuple(left_out))


def _sign(positions_um: FloatArray) -> int:
    return -1 if positions_um.size > 1 and positions_um[-1] < positions_um[0] else 1


def _pitch_um(positions_um: FloatArray) -> float:
    return abs(float(positions_um[-1] - positions_um[0])) / max(positions_um.size - 1, 1) or 1.0
