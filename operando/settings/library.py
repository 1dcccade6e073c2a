"""A `library.toml`: reference spectra, and what they are of."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from operando.settings.base import Settings

__all__ = ["LibrarySettings", "PhaseSettings"]


class PhaseSettings(Settings):
    """One reference spectrum of a library.

    `sigma` is the standard deviation of its values, in their own unit, independent from energy to
    energy; 0 where it is not known. It is counted in the error of x.
    """

    name: str = Field(min_length=1)
    lithium: float = Field(ge=0)
    file: str = Field(min_length=1)
    energy_unit: Literal["eV", "keV"] = "eV"
    column: int = Field(default=1, ge=1)
    kind: Literal["optical_density", "od_per_nm", "mass_absorption"] = "optical_density"
    source: str = ""
    licence: str = ""
    model: bool = False
    sigma: float = Field(default=0.0, ge=0, allow_inf_nan=False)


class LibrarySettings(Settings):
    """A `library.toml`."""

    element: str
    edge: str
    formula: str
    energy_offset_ev: float = 0.0
    phase: tuple[PhaseSettings, ...] = Field(min_length=2)
