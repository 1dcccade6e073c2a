"""What a startup file of a profile needs: an engine that records, and plans that know microscope and profile.

Beside the devices a startup file has two lines of its own, `session = open_session(...)` and the names that
IPython or a queue is to know: `RE`, `operando_series`, `energy_stack`.
"""

# Plans and bluesky are imported when a session is opened: a monitor needs none of them.
# ruff: noqa: PLC0415

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operando.app.fingerprint import fingerprint
from operando.app.open_source import advice_of as advice_beside
from operando.app.queue_plans import Acquisition, energy_stack_of, estimate_of, operando_series_of
from operando.app.work import Options, work_of
from operando.errors import ConfigurationError
from operando.live.recorder import Recorder
from operando.settings import AcquisitionSettings, load_profile

if TYPE_CHECKING:
    from bluesky import RunEngine

    from operando_plans import STXM, Estimate

__all__ = ["Session", "open_session"]

_log = logging.getLogger(__name__)

_CONNECTION_S = 10.0
_LAST = 0
"""Of the priorities at the end of a process."""


@dataclass(frozen=True, slots=True)
class Session:
    """An acquisition that is set up.

    Attributes
    ----------
    engine
        Runs plans; what it emits is recorded.
    recorder
        Writes the log.
    log
        Where the log is.
    operando_series, energy_stack
        Plans whose arguments are numbers and words, as a queue gives them; what is left out is the profile's.
    estimate
        Says what a series will take, in the same words; nothing moves.
    """

    engine: RunEngine
    recorder: Recorder
    log: Path
    operando_series: Callable[..., Generator[Any, Any, Any]]
    energy_stack: Callable[..., Generator[Any, Any, Any]]
    estimate: Callable[..., Estimate]


def open_session(profile: Path, stxm: STXM) -> Session:
    """Set up an acquisition with a microscope, as a profile says.

    Parts that cannot be reached are said, and refused by every plan until they can be.

    Parameters
    ----------
    profile
        A `profile.toml` with a block `[acquisition]`.
    stxm
        The microscope.

    Raises
    ------
    ConfigurationError
        The profile or its references are missing or wrong.
    DamagedFileError
        There is something else than a run log where it is to be.
    """
    from bluesky import RunEngine

    settings = load_profile(profile).acquisition
    if settings is None:
        msg = f"{profile} has no block [acquisition]; say there what to scan and where to record"
        raise ConfigurationError(msg)
    library = work_of(Options(profile=profile)).library
    try:
        stxm.wait_for_connection(timeout=_CONNECTION_S)
    except TimeoutError as error:
        _log.warning("%s; until then every plan refuses to begin", error)
    log = profile.parent / settings.log
    recorder = Recorder(log)
    # A queue's worker is a process that ends without running exit handlers.
    Finalize(None, recorder.close, exitpriority=_LAST)
    engine = RunEngine({**settings.metadata, "references_sha256": fingerprint(library)})
    engine.subscribe(recorder)
    _suspend_without_beam(engine, stxm, settings)
    known = Acquisition(stxm, settings, library, advice_beside(str(log)))
    return Session(
        engine=engine,
        recorder=recorder,
        log=log,
        operando_series=operando_series_of(known),
        energy_stack=energy_stack_of(known),
        estimate=estimate_of(known),
    )


def _suspend_without_beam(engine: RunEngine, stxm: STXM, settings: AcquisitionSettings) -> None:
    """Pause at once when the beam is lost, where the ring current can be watched.

    The plans look at the ring current themselves, but only between lines; a suspender breaks off a frame.
    """
    from bluesky.suspenders import SuspendFloor
    from ophyd import Signal

    beam, ring_current = settings.beam, stxm.parts.ring_current
    if beam is not None and isinstance(ring_current, Signal):
        engine.install_suspender(
            SuspendFloor(ring_current, beam.floor_ma, resume_thresh=beam.resume_ma or beam.floor_ma)
        )
