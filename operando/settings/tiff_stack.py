"""The TOML file beside a stack of TIFF images."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, model_validator

from operando.settings.base import Settings

__all__ = ["TiffStackSettings"]


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class TiffStackSettings(Settings):
    """What a stack of TIFF images does not say itself; the energies are those of one cycle."""

    energies_ev: tuple[Positive, ...] = Field(min_length=1)
    pitch_um: Positive | None = None
    dwell_ms: Positive | tuple[Positive, ...] | None = None
    started: datetime | None = None
    sample: str = ""

    @model_validator(mode="after")
    def _check_dwells(self) -> Self:
        if isinstance(self.dwell_ms, tuple) and len(self.dwell_ms) != len(self.energies_ev):
            msg = f"dwell_ms has {len(self.dwell_ms)} values for {len(self.energies_ev)} energies"
            raise ValueError(msg)
        return self
