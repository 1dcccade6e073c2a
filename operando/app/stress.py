"""The misfit stress of the particles of a results file: a model of it, and said so wherever it stands."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from operando.app.fresh import refuse_existing
from operando.errors import ConfigurationError
from operando.io.atomic import replacement
from operando.io.results import Results, read_results
from operando.io.stress_file import StressRecord, write_stress
from operando.settings import CrystalSettings, load_profile

__all__ = ["stress"]


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
    record = _stress_of(there, int(place[0]), crystal)
    from operando.io.stress_picture import stress_picture  # noqa: PLC0415 - it loads matplotlib

    with replacement(drawn) as part:
        stress_picture(part, record)
    with replacement(output) as part:
        write_stress(part, record)
    return record


def _stress_of(there: Results, place: int, settings: CrystalSettings) -> StressRecord:
    try:
        from operando.core.strain import Crystal, stress_of  # noqa: PLC0415 - an extra
    except ImportError as error:
        msg = f"stress needs scikit-fem, which is not installed ({error}): pip install 'operando[strain]'"
        raise ConfigurationError(msg) from error
    labels = there.particle_labels[place]
    numbers = np.unique(labels[labels > 0]).tolist()
    if not numbers:
        msg = (
            "no particles were found in this cycle; stress is that of particles: see [studies] of the profile"
        )
        raise ConfigurationError(msg)
    crystal = Crystal(settings.stiffness_gpa, settings.misfit, settings.axis_deg)
    y_um, x_um = there.y_um, there.x_um
    # Both axes of the model ascend.
    way = (slice(None, None, _sign(y_um)), slice(None, None, _sign(x_um)))
    pitch = (_pitch_um(y_um), _pitch_um(x_um))
    lithium = there.lithium[place][way]
    stress_gpa = np.full((3, *labels.shape), np.nan)
    von_mises_gpa = np.full(labels.shape, np.nan)
    left_out: list[int] = []
    for number in numbers:
        try:
            found = stress_of(lithium, labels[way] == number, pitch, crystal)
        except ValueError:
            left_out.append(number)
            continue
        inside = np.isfinite(found.stress_gpa[0])
        for own, whole in zip(found.stress_gpa, stress_gpa, strict=True):
            whole[way][inside] = own[inside]
        von_mises_gpa[way][inside] = found.von_mises_gpa[inside]
    return StressRecord(
        plan=there.plan,
        cycle=int(there.cycle[place]),
        time_s=float(there.time_s[place]),
        stress_gpa=stress_gpa,
        von_mises_gpa=von_mises_gpa,
        labels=labels,
        left_out=tuple(left_out),
        crystal=(settings.stiffness_gpa, settings.misfit, settings.axis_deg),
    )


def _sign(positions_um: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> int:
    return -1 if positions_um.size > 1 and positions_um[-1] < positions_um[0] else 1


def _pitch_um(positions_um: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    return abs(float(positions_um[-1] - positions_um[0])) / max(positions_um.size - 1, 1) or 1.0
