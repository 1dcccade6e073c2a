"""What the readings of one run are, and which streams of it are their light.

Images without the sample and without light stand in streams of their own, "flat" and "dark" unless the
profile names others: one event has one image (ny, nx) or several (n, ny, nx), with the energy beside it.
Other readings are amplitudes, as the documents or the profile say. Lines leave here as the core takes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from operando.core.absorption import Detector
from operando.errors import FrameRejected, RunRejected
from operando.io.frames import energy_beside, image_beside
from operando.io.readings import dwell_of, numbers_of, ring_current_of, time_of, whole
from operando.io.reference_frames import Images, References
from operando.settings import LayoutSettings
from operando.types import Light, Line, ScanPlan

__all__ = ["RunLight"]


@dataclass(slots=True)
class RunLight:
    """What is known of the light of one run.

    Attributes
    ----------
    settings
        Names of the streams, and what the profile says of the images.
    detector
        Ceiling and dark level of raw readings.
    is_amplitude
        Whether the images are moduli of a wave.
    """

    settings: LayoutSettings
    detector: Detector
    is_amplitude: bool = False
    _references: References | None = None
    _numbers: dict[str, set[int]] = field(default_factory=dict[str, set[int]])

    @property
    def kind(self) -> Light:
        """Where the light of the images is known from."""
        if self.is_amplitude:
            return Light.AMPLITUDE
        has_flats = self._references is not None and self._references.has_flats
        return Light.REFERENCES if has_flats else Light.AS_TOLD

    def is_of(self, stream: str) -> bool:
        """Return whether a stream has images without the sample, or without light."""
        return stream in (self.settings.flat_stream, self.settings.dark_stream)

    def say(self, *, is_amplitude: bool) -> None:
        """Take note of what the documents say of the images; the profile decides where it says anything."""
        quantity = self.settings.quantity
        self.is_amplitude = is_amplitude if quantity == "auto" else quantity == "amplitude"

    def expect(self) -> References:
        """Be ready for reference frames: those of whole frames may come after them."""
        if self._references is None:
            self._references = References(self.detector)
        return self._references

    def note(
        self,
        stream: str,
        event: Mapping[str, Any],
        keys: Mapping[str, Any],
        start: Mapping[str, Any],
        plan: ScanPlan | None,
    ) -> Iterator[Line]:
        """Take note of an event of such a stream, and yield lines that one before it says more of.

        Parameters
        ----------
        stream, event, keys
            Its name, the event, and the data keys of its descriptor.
        start, plan
            Of the run; the plan is None before its first image.

        Raises
        ------
        FrameRejected
            The event has no image, no energy, or other pixels than those before.
        """
        number = whole(event["seq_num"], "seq_num")
        numbers = self._numbers.setdefault(stream, set())
        if number in numbers:
            return
        data: Mapping[str, Any] = event["data"]
        try:
            images = _images(event, data, image_beside(data, keys, self.settings))
            is_dark = stream == self.settings.dark_stream
            energy_ev = np.nan if is_dark else _energy_ev(data, keys, start, plan, self.settings)
            _check_shape(images.readings.shape[1:], plan)
        except RunRejected as error:
            # The images of the sample may be as they should be.
            msg = f"a frame of the stream '{stream}' is left out: {error}"
            raise FrameRejected(msg) from error
        references = self.expect()
        if is_dark:
            references.dark(images)
        else:
            if references.ends_group(energy_ev):
                yield from references.settle(plan)
            references.flat(images, energy_ev)
        numbers.add(number)

    def settle(self, plan: ScanPlan | None) -> Iterator[Line]:
        """Yield again the lines that the newest reference frames say more of."""
        if self._references is not None:
            yield from self._references.settle(plan)

    def read(self, line: Line, plan: ScanPlan) -> Line:
        """Return a line as it counts: squared where it is an amplitude, else with its light.

        Raises
        ------
        FrameRejected
            The reference frames have other pixels than the images.
        """
        line = _inside(line, plan, self.settings.border_px)
        if self.is_amplitude:
            return replace(line, counts=np.where(line.counts > 0, line.counts**2, np.nan))
        return line if self._references is None else self._references.take(line, plan)


def _images(event: Mapping[str, Any], data: Mapping[str, Any], image_key: str) -> Images:
    readings = numbers_of(data, image_key)
    if readings.ndim < 2:
        msg = f"the reference frame '{image_key}' has {readings.ndim} dimensions; an image has 2"
        raise FrameRejected(msg)
    return Images(
        readings.reshape(-1, *readings.shape[-2:]),
        time_of(event, image_key),
        dwell_of(data),
        ring_current_of(data),
    )


def _check_shape(shape: tuple[int, ...], plan: ScanPlan | None) -> None:
    """Refuse a frame of other pixels than those of the images that came before it."""
    if plan is not None and shape != plan.grid.shape:
        msg = (
            f"a reference frame has the shape {shape} and the images {plan.grid.shape}; take both with the "
            "same region and binning"
        )
        raise FrameRejected(msg)


def _energy_ev(
    data: Mapping[str, Any],
    keys: Mapping[str, Any],
    start: Mapping[str, Any],
    plan: ScanPlan | None,
    settings: LayoutSettings,
) -> float:
    if plan is not None and "energy_index" in data:
        energy = whole(data["energy_index"], "energy_index")
        if 0 <= energy < plan.energies_ev.size:
            return float(plan.energies_ev[energy])
    return energy_beside(start, data, keys, settings)


def _inside(line: Line, plan: ScanPlan, border_px: int) -> Line:
    """Return a line without the pixels at the edges of the field."""
    if not border_px:
        return line
    ny, nx = plan.grid.shape
    column = np.arange(nx)
    is_inside = (column >= border_px) & (column < nx - border_px)
    is_inside &= border_px <= line.row < ny - border_px
    return replace(line, counts=np.where(is_inside, line.counts, np.nan))
