"""One seeded world: sample, beam, optics, detector and clock. All devices look at the same one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from operando_sim.axes import AXES, Axes, axes_of
from operando_sim.beam import count, incident_per_ms, ring_current_ma
from operando_sim.damage import Damage
from operando_sim.exposure import Exposure, Truth
from operando_sim.faults import (
    share_of_current,
    share_of_light,
    spoiled_counts,
    spoiled_monitor,
    total_offset_ev,
)
from operando_sim.optics import spot_fwhm_um, spot_points
from operando_sim.sample import look_up, make_sample, mean_lithium
from operando_sim.spectra import od_per_um

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from operando_sim.faults import WorldFault
    from operando_sim.sample import Sample
    from operando_sim.settings import WorldSettings

__all__ = ["AXES", "Exposure", "Truth", "World"]

# Below a nanometre of blurred material the lithium content is that of a rim nobody could measure.
_TRACE_UM = 0.001


class World:
    """The truth, and what a microscope sees of it.

    Its clock advances only when something is measured, moved or waited for, and never reads
    the clock on the wall; the same settings, seed and calls give the same bytes.

    Parameters
    ----------
    settings
        What the world is like.
    seed
        Of the sample and of the noise.
    pace
        Wall seconds to sleep per world second; 0 runs as fast as it can.
    sleep
        How to sleep.
    faults
        What goes wrong by itself, at times since the world's start.
    """

    def __init__(
        self,
        settings: WorldSettings,
        seed: int,
        *,
        pace: float = 0.0,
        sleep: Callable[[float], None] = time.sleep,
        faults: Sequence[WorldFault] = (),
    ) -> None:
        self.settings = settings
        sample_seed, noise_seed, fault_seed = np.random.SeedSequence(seed).spawn(3)
        self.sample: Sample = make_sample(settings, np.random.default_rng(sample_seed))
        self._damage = Damage(self.sample, settings.beam.critical_counts_per_um2)
        self._noise = np.random.default_rng(noise_seed)
        # Apart from the noise: with and without faults, all that they do not touch is the same.
        self._chance = np.random.default_rng(fault_seed)
        self._faults = tuple(faults)
        self._pace = pace
        self._sleep = sleep
        self._time_s = settings.start_time_s
        self.axes = Axes(axes_of(settings, self.sample.material))
        self._is_shutter_open = True
        self._has_beam = True
        self._listeners: list[Callable[[], None]] = []

    @property
    def time_s(self) -> float:
        """World time now, seconds since the epoch."""
        return self._time_s

    @property
    def energy_ev(self) -> float:
        """Photon energy that the monochromator says it has."""
        return self.axes.position("energy")

    @property
    def pace(self) -> float:
        """Wall seconds per world second; 0 where nothing is waited for."""
        return self._pace

    @property
    def energy_limits_ev(self) -> tuple[float, float]:
        """Lowest and highest energy of the monochromator."""
        return self.sample.material.range_ev

    @property
    def position_um(self) -> tuple[float, float]:
        """Where the stage is, (x, y)."""
        return self.axes.position("sample_x"), self.axes.position("sample_y")

    @property
    def stage_limits_um(self) -> tuple[float, float]:
        """Lowest and highest position of either axis of the stage."""
        return self.axes["sample_x"].limits

    @property
    def is_shutter_open(self) -> bool:
        """Whether light reaches the sample and the monitor."""
        return self._is_shutter_open

    @property
    def has_beam(self) -> bool:
        """Whether there is light in the ring: it was not lost, nor is it scheduled to be lost now."""
        return self._has_beam and bool(share_of_light(self._faults, self._now()) > 0.0)

    @property
    def ring_current_ma(self) -> float:
        """Ring current now; 0 while the beam is lost."""
        return float(self.ring_currents_ma(self._time_s))

    def ring_currents_ma(self, time_s: ArrayLike) -> NDArray[np.float64]:
        """Return the ring current at any times, of their shape; 0 at all of them after `lose_beam`."""
        elapsed = self._elapsed_s(np.asarray(time_s, dtype=np.float64))
        current = ring_current_ma(self.settings.beam, elapsed) * share_of_current(self._faults, elapsed)
        return current * self._has_beam

    def lose_beam(self) -> None:
        """Lose the light, until `return_beam`: what is counted from now on is dark."""
        self._has_beam = False

    def return_beam(self) -> None:
        """Let there be light again, where no scheduled loss goes on."""
        self._has_beam = True

    def stick(self, axis: str) -> None:
        """Let an axis no longer move, whatever it is told, until `release`; its read-back stays.

        Parameters
        ----------
        axis
            One of `AXES`.

        Raises
        ------
        ValueError
            There is no such axis.
        """
        self.axes.stick(axis)

    def release(self, axis: str) -> None:
        """Let an axis move again; it stays where it is until told to go.

        Raises
        ------
        ValueError
            There is no such axis.
        """
        self.axes.release(axis)

    def is_stuck(self, axis: str) -> bool:
        """Return whether an axis does not move.

        Raises
        ------
        ValueError
            There is no such axis.
        """
        return self.axes.is_stuck(axis)

    def wait(self, seconds: float) -> None:
        """Let world time pass."""
        self._time_s += seconds
        if self._pace > 0.0:
            self._sleep(self._pace * seconds)
        for listener in self._listeners:
            listener()

    def wait_until(self, time_s: float) -> None:
        """Let world time pass up to a moment; nothing if that has passed."""
        if time_s > self._time_s:
            self.wait(time_s - self._time_s)

    def tell_of_time(self, listener: Callable[[], None]) -> None:
        """Call back whenever time has passed, in the thread in which it did."""
        self._listeners.append(listener)

    def move(self, axis: str, position: float) -> None:
        """Move an axis; takes its time also if it is stuck, and none if it is there already.

        Raises
        ------
        ValueError
            There is no such axis, or the position is outside its limits.
        """
        low, high = self.axes[axis].limits
        if not low <= position <= high:
            units = self.axes[axis].units
            raise ValueError(
                f"{axis} {position} {units} is outside {low:g} to {high:g} {units}; choose one inside"
            )
        way = position - self.axes.position(axis)
        if way != 0.0:
            self.axes.place(axis, position)
            self.wait(self.axes[axis].duration_s(way))

    def set_energy(self, energy_ev: float) -> None:
        """Move the monochromator; takes no time if it is there already, and its time also if it is stuck."""
        self.move("energy", energy_ev)

    def move_stage(self, x_um: float, y_um: float) -> None:
        """Move the stage; takes as long as the longer of the two ways."""
        x, y = self.position_um
        self._place_stage(x_um, y_um)
        self.wait(max(abs(x_um - x), abs(y_um - y)) / self.settings.timing.stage_um_per_s)

    def open_shutter(self) -> None:
        """Let light in."""
        self._move_shutter(is_open=True)

    def close_shutter(self) -> None:
        """Shut light out: what is counted from now on is dark."""
        self._move_shutter(is_open=False)

    def expose_line(self, x_um: ArrayLike, y_um: float, dwell_ms: float) -> Exposure:
        """Measure one line, pixel after pixel, and let as much time pass as that takes.

        Parameters
        ----------
        x_um
            Pixel centres in the order in which they are measured, shape (nx,).
        y_um
            The row.
        dwell_ms
            Per pixel.
        """
        x = np.asarray(x_um, dtype=np.float64)
        if x.ndim != 1 or x.size == 0:
            raise ValueError(f"x_um has shape {x.shape}; expected one row of at least one pixel")
        if not dwell_ms > 0.0:
            raise ValueError(f"dwell_ms is {dwell_ms}; expected more than 0")
        first_s = self._time_s + 1e-3 * self.settings.timing.line_overhead_ms
        time_s = first_s + 1e-3 * dwell_ms * (np.arange(x.size, dtype=np.float64) + 0.5)
        x_now_um, y_reached_um = self._place_stage(x[-1], y_um)
        x_reached_um = np.full_like(x, x_now_um) if self.is_stuck("sample_x") else x
        exposure = self._expose(x_reached_um, y_reached_um, time_s, dwell_ms)
        self.wait(1e-3 * (self.settings.timing.line_overhead_ms + dwell_ms * x.size))
        return exposure

    def expose_point(self, dwell_ms: float) -> Exposure:
        """Measure where the stage is, for `dwell_ms`; the arrays of the exposure have shape (1,)."""
        if not dwell_ms > 0.0:
            raise ValueError(f"dwell_ms is {dwell_ms}; expected more than 0")
        x, y = self.position_um
        exposure = self._expose(
            np.array([x]), y, np.array([self._time_s + 0.5e-3 * dwell_ms], dtype=np.float64), dwell_ms
        )
        self.wait(1e-3 * dwell_ms)
        return exposure

    def truth(self, x_um: ArrayLike, y_um: ArrayLike, time_s: ArrayLike) -> Truth:
        """Return what is really there, as sharp as the microscope could see it in focus.

        Amounts of each phase are blurred with the spot and then compared, so a pixel half beside a
        particle has the particle's lithium content, not half of it.

        Parameters
        ----------
        x_um, y_um
            Pixel centres in the frame of the fine stage, shapes (nx,) and (ny,).
        time_s
            World time, scalar or an array that broadcasts to (ny, nx), e.g. (ny, 1) for one per row;
            the drift is as it was then. What the beam has done is as it is now.
        """
        x, y = np.asarray(x_um, dtype=np.float64), np.asarray(y_um, dtype=np.float64)
        shape = (y.size, x.size)
        in_focus_um = self.settings.optics.spot_um
        spot_um, weight = spot_points(in_focus_um, in_focus_um)
        thickness, fraction = self._look(
            np.broadcast_to(x[None, :], shape).ravel(),
            np.broadcast_to(y[:, None], shape).ravel(),
            np.broadcast_to(np.asarray(time_s, dtype=np.float64), shape).ravel(),
            spot_um,
        )
        amount = (fraction * thickness) @ weight
        total = thickness @ weight
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(total > _TRACE_UM, amount / total, np.nan)
        lithium = np.tensordot(self.sample.material.lithium, share, axes=1)
        return Truth(
            lithium=lithium.reshape(shape),
            fraction=share.reshape(-1, *shape),
            thickness_um=total.reshape(shape),
        )

    def mean_lithium(self, time_s: float) -> float:
        """Return the lithium content of all particles together, by amount of material.

        The particles of the field stand for an electrode, in which a spot of light is nothing.
        """
        reaction = self.settings.reaction
        elapsed_s = time_s - self.settings.start_time_s
        return mean_lithium(self.sample, reaction.elapsed_s + reaction.rate * elapsed_s)

    @property
    def spot_fwhm_um(self) -> float:
        """Width of the spot as the zone plate now stands."""
        optics = self.settings.optics
        zone_plate_um = 0.0 if optics.zone_plate is None else self.axes.position("zone_plate")
        return spot_fwhm_um(optics, self._true_energy_ev(), zone_plate_um)

    def incident_counts(self, time_s: ArrayLike, dwell_ms: float) -> NDArray[np.float64]:
        """Return the mean counts beside the sample, less dark, at the present energy; any shape of times."""
        low, high = self.energy_limits_ev
        from_middle_ev = self._true_energy_ev() - 0.5 * (low + high)
        elapsed = self._elapsed_s(np.asarray(time_s, dtype=np.float64))
        light = share_of_light(self._faults, elapsed) * self._has_beam
        return dwell_ms * incident_per_ms(self.settings.beam, from_middle_ev, elapsed) * light

    def _expose(
        self, x_um: NDArray[np.float64], y_um: float, time_s: NDArray[np.float64], dwell_ms: float
    ) -> Exposure:
        detector = self.settings.detector
        incident = self.incident_counts(time_s, dwell_ms) if self._is_shutter_open else np.zeros(x_um.size)
        transmitted = incident * self._transmission(x_um, y_um, time_s)
        if self._damage.is_possible:
            spot_um, weight = self._spot()
            places_um = self._in_sample(x_um, np.full(x_um.size, y_um), time_s, spot_um)
            self._damage.expose(*places_um, (incident[:, None] * weight).ravel())
        counts = count(detector, transmitted, dwell_ms, self._noise)
        i0 = count(detector, incident * self.settings.beam.monitor_ratio, dwell_ms, self._noise)
        elapsed = self._elapsed_s(time_s)
        return Exposure(
            counts=spoiled_counts(self._faults, counts, elapsed, self._chance),
            i0=spoiled_monitor(self._faults, i0, elapsed),
            time_s=time_s,
            x_um=x_um,
            y_um=y_um,
        )

    def _transmission(
        self, x_um: NDArray[np.float64], y_um: float, time_s: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the share of light that arrives, shape (n,): the spot averages intensity, not density."""
        spot_um, weight = self._spot()
        thickness, fraction = self._look(x_um, np.full(x_um.size, y_um), time_s, spot_um)
        energy = self._true_energy_ev()
        per_um = np.array([od_per_um(phase, energy) for phase in self.sample.material.phases])
        od = thickness * np.einsum("s,snk->nk", per_um, fraction)
        return np.exp(-od) @ weight

    def _look(
        self,
        x_um: NDArray[np.float64],
        y_um: NDArray[np.float64],
        time_s: NDArray[np.float64],
        spot_um: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return thickness (n, k) and fractions (phase, n, k) at the k points of each spot."""
        reaction, points = self.settings.reaction, spot_um.shape[1]
        places_um = self._in_sample(x_um, y_um, time_s, spot_um)
        reaction_s = reaction.elapsed_s + reaction.rate * self._elapsed_s(time_s)
        thickness, fraction = look_up(self.sample, *places_um, np.repeat(reaction_s, points))
        if self._damage.is_possible:
            fraction = self._damage.done(*places_um, fraction)
        return thickness.reshape(-1, points), fraction.reshape(len(fraction), -1, points)

    def _spot(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return points of the spot as it is now, shape (2, k) in µm, and their weights, shape (k,)."""
        return spot_points(self.spot_fwhm_um, self.settings.optics.spot_um)

    def _in_sample(
        self,
        x_um: NDArray[np.float64],
        y_um: NDArray[np.float64],
        time_s: NDArray[np.float64],
        spot_um: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where in the sample the k points of each spot lie, (x, y), both of shape (n · k,)."""
        optics, elapsed = self.settings.optics, self._elapsed_s(time_s)
        x = x_um + self.axes.position("coarse_x") - 1e-3 / 60.0 * optics.drift_x_nm_per_min * elapsed
        y = y_um + self.axes.position("coarse_y") - 1e-3 / 60.0 * optics.drift_y_nm_per_min * elapsed
        return (x[:, None] + spot_um[0]).ravel(), (y[:, None] + spot_um[1]).ravel()

    def _elapsed_s(self, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
        return time_s - self.settings.start_time_s

    def _now(self) -> NDArray[np.float64]:
        return np.asarray(self._time_s - self.settings.start_time_s)

    def _place_stage(self, x_um: float, y_um: float) -> tuple[float, float]:
        """Bring the stage to a place; return where it is."""
        return self.axes.place("sample_x", x_um), self.axes.place("sample_y", y_um)

    def _true_energy_ev(self) -> float:
        offset_ev = self.settings.beam.energy_offset_ev + total_offset_ev(self._faults, float(self._now()))
        return self.energy_ev + offset_ev

    def _move_shutter(self, *, is_open: bool) -> None:
        if is_open != self._is_shutter_open:
            self._is_shutter_open = is_open
            self.wait(self.settings.timing.shutter_s)
