"""What all settings share: they do not change, and a key that is not known is refused."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Settings"]


class Settings(BaseModel):
    """A block of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=True)
