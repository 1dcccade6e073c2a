"""Acquire a series from the simulated cell into a run log: plan, RunEngine, recorder."""

# Simulator, plans and bluesky are imported when a simulation runs: a monitor needs none of them.
# ruff: noqa: PLC0415

from __future__ import annotations

import logging
import signal
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from operando.errors import ConfigurationError, OperandoError
from operando.live.recorder import Recorder

if TYPE_CHECKING:
    from operando_plans import Field
    from operando_sim import Extent, World, WorldFault, WorldSettings

__all__ = ["Cell", "energies_of", "fault_names", "field_of", "simulate", "world_of"]

_FIELD_UM = 6.0
_I0_CHANNEL = "i0"


@dataclass(frozen=True, slots=True)
class Cell:
    """A simulated experiment.

    Attributes
    ----------
    material
        "lixv2o5" or "lixfepo4".
    seed
        Of the sample and the noise.
    started_s
        The world's clock at the start, seconds since the epoch.
    pixels
        Columns and rows of the square field.
    cycles, dwell_ms
        Of the series.
    energies_ev
        Of each cycle.
    is_reacting
        False for a cell stopped half-way.
    elapsed_s
        Reaction time at the start.
    """

    material: str
    seed: int
    started_s: float
    pixels: int
    cycles: int
    dwell_ms: float
    energies_ev: tuple[float, ...]
    is_reacting: bool = True
    elapsed_s: float = 0.0


def energies_of(material: str) -> tuple[float, ...]:
    """Return the energies in eV that a few-energy series of a model material is taken at.

    Raises
    ------
    ConfigurationError
        The material is not one that is simulated.
    """
    from operando_sim import MATERIALS

    for known in MATERIALS:
        if known.name == material:
            return tuple(known.energies_ev)
    msg = f"'{material}' is not simulated; choose {' or '.join(known.name for known in MATERIALS)}"
    raise ConfigurationError(msg)


def fault_names(written: str) -> tuple[str, ...]:
    """Return the faults that a user named: names with commas between them, or "all".

    Raises
    ------
    ConfigurationError
        There is no such fault.
    """
    from operando_sim import ALL, DOCUMENT_FAULTS, WORLD_FAULTS

    names = tuple(name for name in (part.strip() for part in written.split(",")) if name)
    if names == ("all",):
        return ALL
    known = [*WORLD_FAULTS, *DOCUMENT_FAULTS]
    for name in names:
        if name not in known:
            msg = f"there is no fault '{name}'; choose all, or any of {', '.join(known)}"
            raise ConfigurationError(msg)
    return names


def world_of(cell: Cell, *, speed: float | None = None, faults: Sequence[WorldFault] = ()) -> World:
    """Return the world of an experiment: the same cell gives the same truth in every process.

    Parameters
    ----------
    cell
        Which experiment.
    speed
        World seconds per wall second; None for as fast as it can.
    faults
        What goes wrong in it.

    Raises
    ------
    ConfigurationError
        The speed is not above zero.
    """
    from operando_sim import World

    if speed is not None and not speed > 0:
        msg = f"the speed is {speed}; give a number above 0, or 'max'"
        raise ConfigurationError(msg)
    pace = 0.0 if speed is None else 1.0 / speed
    return World(_settings_of(cell), cell.seed, pace=pace, faults=faults)


def field_of(cell: Cell) -> Field:
    """Return the pixels of an experiment.

    Raises
    ------
    ConfigurationError
        There are too few or too many.
    """
    from operando_plans import Field

    try:
        return Field((0.0, 0.0), (_FIELD_UM, _FIELD_UM), (cell.pixels, cell.pixels))
    except ValueError as error:
        raise ConfigurationError(str(error)) from error


def simulate(cell: Cell, log: Path, *, speed: float | None = None, faults: Collection[str] = ()) -> str:
    """Run the series of an experiment and record it; return its exit status.

    SIGINT and SIGTERM abort the plan: the shutter closes and the stop document is recorded.

    Parameters
    ----------
    cell
        Which experiment.
    log
        The run log; made if it does not exist, continued if it does.
    speed
        World seconds per wall second; None for as fast as it can.
    faults
        What goes wrong, by the names of `fault_names`: in the world, or with the documents before they
        reach the recorder. With a fault of the incident-beam channel, that channel is recorded.

    Raises
    ------
    ConfigurationError
        Something about the experiment makes no sense; nothing was recorded.
    OperandoError
        Not everything could be written into the log.
    """
    from bluesky import RunEngine
    from bluesky.utils import RunEngineInterrupted

    from operando_plans import STXM, Parts, Region, Until, operando_series
    from operando_sim import Distortion, document_faults, make_stxm, world_faults

    # A run that was stopped on purpose is no news; the RunEngine would print its whole stack.
    logging.getLogger("bluesky").setLevel(logging.CRITICAL)
    extent = _extent_of(cell)
    world = world_of(cell, speed=speed, faults=world_faults(faults, extent, cell.seed))
    has_channel = not {"i0-nan", "i0-missing"}.isdisjoint(faults)
    devices = make_stxm(world, i0_channel=_I0_CHANNEL if has_channel else "")
    stxm = STXM(
        Parts(
            energy=devices.energy,
            line_flyer=devices.flyer,
            sample_x=devices.sample_x,
            sample_y=devices.sample_y,
            shutter=devices.shutter,
            ring_current=devices.ring_current,
            i0_field=extent.i0_key if has_channel else None,
        )
    )
    metadata = {"sample": f"simulated {cell.material}, seed {cell.seed}"}
    try:
        plan = operando_series(
            stxm,
            Region("cell", field_of(cell), cell.energies_ev, cell.dwell_ms),
            Until(cycles=cell.cycles),
            metadata=metadata,
        )
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    engine: Any = RunEngine({}, context_managers=[])
    statuses: list[str] = []

    def note_status(_name: str, stop: dict[str, Any]) -> None:
        statuses.append(stop["exit_status"])

    distortion = Distortion(document_faults(faults, extent, cell.seed), cell.seed)

    def abort(_signal: int, _frame: FrameType | None) -> None:
        if engine.state == "running":
            engine.abort("interrupted from outside")

    with Recorder(log) as recorder:

        def record(name: str, document: dict[str, Any]) -> None:
            for arrived in distortion(name, document):
                recorder(*arrived)

        engine.subscribe(record)
        engine.subscribe(note_status, "stop")
        before = {number: signal.signal(number, abort) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            engine(plan)
        except RunEngineInterrupted:
            logging.getLogger(__name__).info("the series was aborted")
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    status = recorder.status
    if status.queued or status.dropped or status.refused:
        msg = (
            f"{status.queued + status.dropped + status.refused} documents were not recorded in {log}: "
            f"{status.last_error or 'memory was full'}"
        )
        raise OperandoError(msg)
    return statuses[-1] if statuses else "abort"


def _settings_of(cell: Cell) -> WorldSettings:
    from operando_sim import demo_settings, static_settings

    settings = demo_settings() if cell.is_reacting else static_settings()
    reaction = settings.reaction
    if cell.is_reacting:
        reaction = replace(reaction, elapsed_s=cell.elapsed_s)
    return replace(
        settings,
        start_time_s=cell.started_s,
        sample=replace(settings.sample, material=cell.material, field_um=_FIELD_UM),
        reaction=reaction,
    )


def _extent_of(cell: Cell) -> Extent:
    from operando_sim import Extent

    settings = _settings_of(cell)
    images = cell.cycles * len(cell.energies_ev)
    line_s = 1e-3 * (settings.timing.line_overhead_ms + cell.pixels * cell.dwell_ms)
    return Extent(
        duration_s=images * (settings.timing.energy_move_s + cell.pixels * line_s),
        lines=images * cell.pixels,
        pixels=cell.pixels,
        energies=len(cell.energies_ev),
        saturation=settings.detector.saturation,
        i0_key=f"STXMLineFlyer_{_I0_CHANNEL}",
    )
