"""The state of the run in words and shapes: what the strip at the top says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from operando.types import Snapshot
from operando.view.words import UNKNOWN, count, duration, general, plain

__all__ = ["CATCHING_UP_FROM", "Field", "State", "Status", "present_status"]

CATCHING_UP_FROM = 20
"""Documents behind from which the screen says so: less than a second's worth is no news."""


class State(Enum):
    """What is going on: a shape and a word, so that no colour is needed to tell."""

    WAITING = ("○", "WAITING")
    LIVE = ("●", "LIVE")
    CATCHING_UP = ("▲", "CATCHING UP")
    STALE = ("◆", "STALE")
    LOST = ("✕", "SOURCE LOST")
    FINISHED = ("■", "FINISHED")
    ABORTED = ("✖", "ABORTED")
    INCOMPLETE = ("◧", "INCOMPLETE")

    @property
    def shape(self) -> str:
        """The sign that stands for it."""
        return self.value[0]

    @property
    def word(self) -> str:
        """Its name on the screen."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Field:
    """One value of the strip: a caption, what it is now, and what it means."""

    caption: str
    value: str
    meaning: str
    is_alarming: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """All words of the strip; every text in it is plain and for plain-text widgets.

    Attributes
    ----------
    state
        What is going on.
    detail
        One line that explains the state; may be empty.
    sample, run, source
        Which sample; short uid of the run, its plan and its source; where the documents come from.
    fields
        The values beside it, in order.
    """

    state: State
    detail: str
    sample: str
    run: str
    source: str
    fields: tuple[Field, ...]


def _state(snapshot: Snapshot, age_s: float, stale_after_s: float) -> tuple[State, str]:
    progress, delivery = snapshot.progress, snapshot.delivery
    # The first that holds counts: an end is an end however old, and silence outweighs a backlog.
    candidates = (
        (
            progress.is_closed and progress.exit_status == "success",
            State.FINISHED,
            f"{count(progress.lines_seen)} lines",
        ),
        (bool(delivery.failure), State.LOST, plain(delivery.failure, 90)),
        (progress.is_closed, State.ABORTED, f"exit status “{plain(progress.exit_status, 16)}”"),
        (delivery.is_finished, State.INCOMPLETE, "source ended, run did not"),
        (age_s > stale_after_s, State.STALE, f"for {duration(age_s)}"),
        (delivery.behind >= CATCHING_UP_FROM, State.CATCHING_UP, f"{count(delivery.behind)} documents to go"),
        (progress.lines_seen == 0, State.WAITING, "for the first line"),
    )
    return next(
        ((state, detail) for holds, state, detail in candidates if holds), (State.LIVE, _map_state(snapshot))
    )


def _map_state(snapshot: Snapshot) -> str:
    if snapshot.map is None:
        return "no map yet"
    return "map provisional" if snapshot.map.is_provisional else f"map of cycle {snapshot.map.cycle + 1}"


def _progress_fields(snapshot: Snapshot) -> tuple[Field, ...]:
    plan, progress = snapshot.plan, snapshot.progress
    energies, ny, _ = plan.stack_shape
    cycles = "" if plan.cycles is None else f" of {plan.cycles}"
    if progress.lines_seen == 0:
        cycle, energy, row = f"{UNKNOWN}{cycles}", UNKNOWN, f"{UNKNOWN} of {ny}"
    else:
        cycle = f"{progress.cycle + 1}{cycles}"
        energy = f"{plan.energies_ev[progress.energy]:.2f} eV"
        row = f"{progress.row + 1} of {ny}"
    return (
        Field("Cycle", cycle, f"A cycle visits all {energies} energies once"),
        Field("Energy", energy, f"Photon energy now; {energies} energies in a cycle"),
        Field("Row", row, "Row of the image now arriving"),
    )


def _time_fields(snapshot: Snapshot, age_s: float) -> tuple[Field, ...]:
    progress, delivery = snapshot.progress, snapshot.delivery
    over = progress.is_closed or delivery.is_finished
    return (
        Field(
            "Cycle ends in",
            UNKNOWN if over else duration(progress.cycle_remaining_s),
            "Estimated from the pace so far, in acquisition time",
        ),
        Field(
            "Run ends in",
            UNKNOWN if over else duration(progress.run_remaining_s),
            "Estimated from the pace so far, in acquisition time",
        ),
        Field("Data age", duration(age_s), "Wall time since something new came to this screen"),
        Field(
            "Lag",
            f"{lag(delivery.lag_s)} · {count(delivery.behind)}",
            "Wall time between recording and reading of the newest document · documents not read yet",
            is_alarming=delivery.behind >= CATCHING_UP_FROM,
        ),
    )


def _loss_fields(snapshot: Snapshot) -> tuple[Field, ...]:
    delivery, missing = snapshot.delivery, snapshot.rows_missing
    return (
        Field(
            "Lost · again · refused",
            f"{count(delivery.lost)} · {count(delivery.repeated)} · {count(delivery.rejected)}",
            "Documents missing from their sequence, delivered again, and refused",
            is_alarming=delivery.lost > 0 or delivery.rejected > 0,
        ),
        Field(
            "Gaps",
            UNKNOWN if missing is None else f"{count(missing)} rows",
            "Rows that have not come though later ones have",
            is_alarming=bool(missing),
        ),
    )


def _beam_fields(snapshot: Snapshot) -> tuple[Field, ...]:
    vitals = snapshot.vitals
    return (
        Field(
            "I0 now",
            general(snapshot.i0_now),
            f"Incident counts of the newest image, from the {snapshot.i0_mode}",
        ),
        Field("Ring", _with_unit(snapshot.ring_now_ma, "mA"), "Current of the storage ring"),
        Field("Drift", _with_unit(vitals.drift_nm_per_min, "nm/min"), "Of the sample under the beam"),
        Field("Dose", _with_unit(vitals.dose_mgy, "MGy"), "Of the run so far"),
        Field("Disk", duration(3600.0 * vitals.disk_h), "Until it is full at the present pace"),
    )


def _with_unit(value: float, unit: str) -> str:
    return f"{general(value)} {unit}" if math.isfinite(value) else UNKNOWN


def lag(seconds: float) -> str:
    """Write a lag: milliseconds matter below a second, tenths below ten."""
    if not math.isfinite(seconds):
        return UNKNOWN
    if seconds < 1:
        return f"{1000 * max(seconds, 0.0):.0f} ms"
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def present_status(snapshot: Snapshot | None, age_s: float, stale_after_s: float) -> Status:
    """Return the words of the strip.

    Parameters
    ----------
    snapshot
        The newest, or None before the first.
    age_s
        Wall time since it came.
    stale_after_s
        Age from which an open run counts as stale.
    """
    if snapshot is None:
        return Status(State.WAITING, "for a run", "", "", "", ())
    state, detail = _state(snapshot, age_s, stale_after_s)
    plan, delivery = snapshot.plan, snapshot.delivery
    source = plain(delivery.source, 120)
    return Status(
        state=state,
        detail=detail,
        sample=plain(plan.sample, 60) or "unnamed sample",
        run=" · ".join(filter(None, (plain(plan.run)[:8], plain(plan.plan_name, 40), source))),
        source=source,
        fields=(
            *_progress_fields(snapshot),
            *_time_fields(snapshot, age_s),
            *_loss_fields(snapshot),
            *_beam_fields(snapshot),
        ),
    )
