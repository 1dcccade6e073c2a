"""A spectrum seen in the sample as a reference, for as long as nobody has a better one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from operando.core.references import Library, Phase, resample
from operando.errors import ConfigurationError
from operando.types import FloatArray

__all__ = ["adopted"]

_SLACK_EV = 1e-6
"""An offset added and taken off again may move an energy by a last digit."""


def adopted(
    library: Library,
    energies_ev: FloatArray,
    od: FloatArray,
    od_error: FloatArray,
    *,
    name: str,
    lithium: float,
) -> Library:
    """Return the references and one more: a spectrum at the measured energies.

    How thick the sample is where it was seen is not known. So it is scaled to absorb as much as the other
    references do on average over these energies; amounts of it are in units of theirs as far as that holds.

    Parameters
    ----------
    library
        The references so far.
    energies_ev, od, od_error
        The spectrum and its standard deviation, shape (energy,).
    name
        As the user calls it.
    lithium
        x of the phase, which the spectrum does not tell: the user says it.

    Raises
    ------
    ConfigurationError
        The spectrum has fewer than two energies, is nowhere above zero or holds an unknown value, an energy
        is outside the other references, or the name is taken.
    """
    order = np.argsort(energies_ev)
    mean = float(od.mean())
    if not (np.isfinite(od).all() and mean > 0):
        msg = (
            f"the spectrum of '{name}' has a mean optical density of {mean:.3g}; it must be known at every "
            "energy and above 0 on average to serve as a reference"
        )
        raise ConfigurationError(msg)
    scale = float(resample(library, energies_ev).mean()) / mean
    energy_ev = energies_ev[order] - library.energy_offset_ev
    energy_ev[0] -= _SLACK_EV
    energy_ev[-1] += _SLACK_EV
    phase = Phase(
        name=name,
        lithium=lithium,
        energy_ev=energy_ev,
        value=scale * od[order],
        origin="seen in the sample",
        source="provisional: mean of the pixels where it was seen",
        licence="",
        is_model=False,
        sigma=scale * float(np.sqrt(np.mean(od_error**2))),
    )
    return replace(library, phases=(*library.phases, phase))
