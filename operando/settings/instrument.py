"""The instrument: its counter, its incident beam, and where they are in the documents."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from operando.settings.base import Settings

__all__ = ["DetectorSettings", "IncidentSettings", "LayoutSettings"]


class DetectorSettings(Settings):
    """The counter: `gain` is its variance-to-mean ratio F: 1 for photons, "auto" from blank pixels."""

    gain: Annotated[float, Field(gt=0, le=100)] | Literal["auto"] = 1.0
    dark_counts: float = Field(default=0.0, ge=0)
    saturation_counts: float = Field(default=float("inf"), gt=0)


class IncidentSettings(Settings):
    """I0: blank pixels of the same image, a channel of the run, or a spectrum in counts per ms.

    `scale` takes the channel's or file's reading to that of the detector; `error` is the relative
    standard deviation of I0, which the error of x counts.
    """

    mode: Literal["blank", "channel", "file"] = "blank"
    file: str | None = None
    scale: float = Field(default=1.0, gt=0)
    error: float = Field(default=0.0, ge=0, lt=1)


class LayoutSettings(Settings):
    """Where things are in the documents; what is left out is found by itself.

    `cell_stream` is the stream that the potentiostat writes. `pitch_um` and `dwell_ms` stand in for a run
    that does not say how large its pixels are, or how long each was looked at. `asset_roots` are folders, as
    whole paths: images that the documents only point to are read below them, and from nowhere else.
    `flat_stream` and `dark_stream` are those of images without the sample and without light. `quantity` is
    what images are, "auto": as the documents say. `border_px` pixels along all edges are not read.
    """

    data_field: str | None = None
    i0_field: str | None = None
    energy_key: str | None = None
    cell_stream: str = "potentiostat"
    flat_stream: str = "flat"
    dark_stream: str = "dark"
    quantity: Literal["auto", "counts", "amplitude"] = "auto"
    border_px: int = Field(default=0, ge=0, le=4096)
    asset_roots: tuple[Annotated[str, Field(pattern="^/")], ...] = ()
    pitch_um: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    dwell_ms: float | None = Field(default=None, gt=0, allow_inf_nan=False)
